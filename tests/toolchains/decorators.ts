/**
 * Uses the syntax of decorators, for the toolchains that compile it, and prints what came of it.
 *
 * @module
 */

import { Command, Event, inject, MessageRouter, Query, RelatedEvents } from "@cq/core";

class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

class FindUserName extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

class CountUsers extends Query<number> {}

class UserCreated extends Event {}

const log: unknown[] = [];
const router = new MessageRouter();

/** What a mixin extends has to take any arguments. */
// deno-lint-ignore no-explicit-any -- the compiler demands it
type Extensible = new (...args: any[]) => { handle(query: FindUserName): string };

/** Replaces the class, as decorators may. */
function traced<T extends Extensible>(type: T, _context: ClassDecoratorContext): T {
  return class extends type {
    override handle(query: FindUserName): string {
      return `traced ${super.handle(query)}`;
    }
  };
}

@router.commandHandler(CreateUser)
class CreateUserHandler {
  readonly events: RelatedEvents = inject(RelatedEvents);

  handle({ name }: CreateUser): number {
    log.push(`create ${name}`);
    this.events.add(new UserCreated());
    return name.length;
  }
}

@router.queryHandler(FindUserName)
@traced
class FindUserNameHandler {
  handle({ id }: FindUserName): string {
    return `user ${id}`;
  }
}

@router.queryHandler(CountUsers, { failSilently: false })
class CountUsersHandler {
  static readonly total = 7;

  handle(_query: CountUsers): number {
    return CountUsersHandler.total;
  }
}

@router.eventHandler([UserCreated])
class UserCreatedHandler {
  handle(_event: UserCreated): void {
    log.push("event");
  }
}

const signUp = router.commandPipeline(CreateUser);

class SignUp {
  userId = 0;
  name = "";

  @signUp.queryStep
  created(id: number): FindUserName {
    this.userId = id;
    return new FindUserName(id);
  }

  @signUp.queryStep
  async found(name: string): Promise<CountUsers> {
    await Promise.resolve();
    this.name = name;
    return new CountUsers();
  }

  @signUp.step
  counted(total: number): void {
    log.push(`${this.name} of ${total}`);
  }
}

const { userId } = await signUp.run(SignUp, new CreateUser("Ada"));

console.log(JSON.stringify({
  userId,
  log,
  handlers: [CreateUserHandler, CountUsersHandler, UserCreatedHandler].map(({ name }) => name),
  isReplaced: FindUserNameHandler.name !== "FindUserNameHandler",
}));
