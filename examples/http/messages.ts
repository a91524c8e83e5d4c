import { z } from "zod";
import { Command, Event, Query } from "@cq/core";
import type { SchemaFor } from "@cq/core/middlewares";
import type { User } from "./user.ts";

// The schemas are checked on the buses, before any handler is built. Until then a message holds whatever the client sent.

export class CreateUser extends Command<number> {
  static readonly schema = z.object({
    name: z.string().trim().min(1).max(100),
    email: z.email().toLowerCase(),
  }) satisfies SchemaFor<CreateUser>;

  readonly name: string;
  readonly email: string;

  constructor({ name, email }: { name: string; email: string }) {
    super();
    this.name = name;
    this.email = email;
  }
}

export class GetUser extends Query<User> {
  static readonly schema = z.object({ id: z.int().positive() }) satisfies SchemaFor<GetUser>;

  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

export class ListUsers extends Query<readonly User[]> {
  static readonly schema = z.object({ limit: z.int().min(1).max(100) }) satisfies SchemaFor<ListUsers>;

  readonly limit: number;

  constructor(limit: number) {
    super();
    this.limit = limit;
  }
}

export class UserCreated extends Event {
  readonly user: User;

  constructor(user: User) {
    super();
    this.user = user;
  }
}
