import { Injectable } from "@nestjs/common";

export interface User {
  readonly id: number;
  readonly name: string;
  readonly tenant: string;
}

export abstract class UserRepository {
  abstract add(user: Omit<User, "id">): Promise<User>;
  abstract find(id: number, signal?: AbortSignal): Promise<User | undefined>;
}

@Injectable()
export class MemoryUserRepository extends UserRepository {
  readonly #users: User[] = [];

  add({ name, tenant }: Omit<User, "id">): Promise<User> {
    const user = { id: this.#users.length + 1, name, tenant };
    this.#users.push(user);
    return Promise.resolve(user);
  }

  find(id: number): Promise<User | undefined> {
    return Promise.resolve(this.#users[id - 1]);
  }
}
