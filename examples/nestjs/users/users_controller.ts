import { Body, Controller, Get, Headers, NotFoundException, Param, ParseIntPipe, Post } from "@nestjs/common";
import { CommandBus, QueryBus } from "@cq/core";
import { ClientSignal } from "./client_signal.ts";
import { CreateUser, FindUser } from "./messages.ts";
import type { User } from "./user_repository.ts";

@Controller("users")
export class UsersController {
  constructor(private readonly commands: CommandBus, private readonly queries: QueryBus) {}

  @Post()
  async create(@Body("name") name: string, @Headers("x-tenant") tenant: string): Promise<{ id: number }> {
    return { id: await this.commands.dispatch(new CreateUser(name), { metadata: { tenant } }) };
  }

  @Get(":id")
  async find(@Param("id", ParseIntPipe) id: number, @ClientSignal() signal: AbortSignal): Promise<User> {
    const user = await this.queries.dispatch(new FindUser(id), { signal });
    if (user === undefined) throw new NotFoundException(`There is no user ${id}`);
    return user;
  }
}
