import { type HandlerContext, RelatedEvents } from "@cq/core";
import { CommandHandler, EventsHandler, QueryHandler } from "../cqrs.ts";
import { Mailbox } from "./mailbox.ts";
import { CreateUser, FindUser, UserCreated } from "./messages.ts";
import { Tenant } from "./tenant.ts";
import { type User, UserRepository } from "./user_repository.ts";

/** Built for each command: it needs the tenant and the events of that command. */
@CommandHandler(CreateUser)
export class CreateUserHandler {
  constructor(
    private readonly users: UserRepository,
    private readonly tenant: Tenant,
    private readonly events: RelatedEvents,
  ) {}

  async execute({ name }: CreateUser): Promise<number> {
    const user = await this.users.add({ name, tenant: this.tenant.name });
    this.events.add(new UserCreated(user));
    return user.id;
  }
}

@QueryHandler(FindUser)
export class FindUserHandler {
  constructor(private readonly users: UserRepository) {}

  async execute({ id }: FindUser, { signal }: HandlerContext): Promise<User | undefined> {
    return await this.users.find(id, signal);
  }
}

@EventsHandler(UserCreated)
export class SendWelcomeMail {
  constructor(private readonly mailbox: Mailbox) {}

  async handle({ user }: UserCreated): Promise<void> {
    await this.mailbox.send(`Welcome to ${user.tenant}, ${user.name}`);
  }
}
