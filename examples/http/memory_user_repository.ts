import { EmailTakenError, type User, UserRepository } from "./user.ts";

export class MemoryUserRepository extends UserRepository {
  readonly #users: User[] = [];

  // deno-lint-ignore require-await -- what is thrown has to come out as a rejection
  async add({ name, email }: Omit<User, "id">): Promise<User> {
    if (this.#users.some((user) => user.email === email)) throw new EmailTakenError(email);
    const user = { id: this.#users.length + 1, name, email };
    this.#users.push(user);
    return user;
  }

  find(id: number): Promise<User | undefined> {
    return Promise.resolve(this.#users[id - 1]);
  }

  list(limit: number): Promise<readonly User[]> {
    return Promise.resolve(this.#users.slice(0, limit));
  }
}
