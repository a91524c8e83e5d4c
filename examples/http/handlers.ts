import { type CommandContext, type HandlerContext, inject } from "@cq/core";
import { NotFoundError } from "./errors.ts";
import { Mailer } from "./mailer.ts";
import { type CreateUser, type GetUser, type ListUsers, UserCreated } from "./messages.ts";
import { type User, UserRepository } from "./user.ts";

export class CreateUserHandler {
  readonly #users: UserRepository;

  constructor(users = inject(UserRepository)) {
    this.#users = users;
  }

  async handle({ name, email }: CreateUser, { signal, events }: CommandContext): Promise<number> {
    const user = await this.#users.add({ name, email }, signal);
    events.add(new UserCreated(user));
    return user.id;
  }
}

export class GetUserHandler {
  readonly #users: UserRepository;

  constructor(users = inject(UserRepository)) {
    this.#users = users;
  }

  async handle({ id }: GetUser, { signal }: HandlerContext): Promise<User> {
    const user = await this.#users.find(id, signal);
    if (user === undefined) throw new NotFoundError(`There is no user ${id}`);
    return user;
  }
}

export class ListUsersHandler {
  readonly #users: UserRepository;

  constructor(users = inject(UserRepository)) {
    this.#users = users;
  }

  async handle({ limit }: ListUsers, { signal }: HandlerContext): Promise<readonly User[]> {
    return await this.#users.list(limit, signal);
  }
}

export class SendWelcomeMail {
  readonly #mailer: Mailer;

  constructor(mailer = inject(Mailer)) {
    this.#mailer = mailer;
  }

  async handle({ user }: UserCreated): Promise<void> {
    await this.#mailer.send({ to: user.email, subject: `Welcome, ${user.name}` });
  }
}
