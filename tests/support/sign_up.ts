// Messages that lead from one to the next, for the tests of pipelines.

import { Command, MessageRouter, Query } from "@cq/core";

export class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

export class WelcomeUser extends Command<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

export class FindUser extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

/** Makes a router whose handlers note what they are given. */
export function setUp(log: unknown[] = []): MessageRouter {
  const router = new MessageRouter();
  router.newCommandBus()
    .subscribe(CreateUser, (command) => {
      log.push(command);
      return 42;
    })
    .subscribe(WelcomeUser, (command) => {
      log.push(command);
      return `Hello ${command.id}`;
    });
  router.newQueryBus().subscribe(FindUser, (query) => {
    log.push(query);
    return `User ${query.id}`;
  });
  return router;
}
