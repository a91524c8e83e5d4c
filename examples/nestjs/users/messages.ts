import { Command, Event, Query } from "@cq/core";
import type { User } from "./user_repository.ts";

export class CreateUser extends Command<number> {
  constructor(readonly name: string) {
    super();
  }
}

export class FindUser extends Query<User | undefined> {
  constructor(readonly id: number) {
    super();
  }
}

export class UserCreated extends Event {
  constructor(readonly user: User) {
    super();
  }
}
