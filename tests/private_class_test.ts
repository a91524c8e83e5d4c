import { assertEquals } from "@std/assert";
import {
  Command,
  Container,
  ContextValues,
  Event,
  inject,
  InjectionToken,
  type MessageOf,
  MessageRouter,
  type MessageType,
  Pipe,
  Query,
} from "@cq/core";

class CreateUser extends Command<number> {
  readonly name: string;

  private constructor(name: string) {
    super();
    this.name = name;
  }

  static of(name: string): CreateUser {
    return new CreateUser(name.trim());
  }
}

class FindUser extends Query<string> {
  protected constructor() {
    super();
  }

  static byId(): FindUser {
    return new FindUser();
  }
}

class UserCreated extends Event {
  private constructor() {
    super();
  }

  static now(): UserCreated {
    return new UserCreated();
  }
}

class Repository {
  readonly name = "users";

  private constructor() {}

  static open(): Repository {
    return new Repository();
  }
}

class Generic<T> {
  readonly value: T;

  constructor(value: T) {
    this.value = value;
  }
}

/** Holds types against each other, and is not called. */
function compiled(_code: () => unknown): void {}

// Looked at: private and protected constructors, of messages, handlers, contexts and dependencies, everywhere that a class
// is taken; lists; classes with type parameters, for which the compiler must not fall back to `any`; functions.
Deno.test("a message, and a dependency, may have a private constructor", async () => {
  const container = new Container().bind(Repository, () => Repository.open());
  const router = new MessageRouter(container);
  const log: unknown[] = [];
  const [commands, queries, events] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];

  @router.commandHandler(CreateUser)
  class CreateUserHandler {
    readonly users = inject(Repository);

    handle({ name }: CreateUser): number {
      log.push(`${this.users.name} ${name}`);
      return name.length;
    }
  }
  queries.subscribe(FindUser, () => "Ada");
  events.subscribe(UserCreated, (event) => log.push(event instanceof UserCreated));

  const length: number = await commands.dispatch(CreateUser.of(" Ada "));
  await events.dispatch(UserCreated.now());
  const find = new Pipe(CreateUser, commands).step((_length: number) => FindUser.byId(), { dispatcher: queries });
  const name: string = await find.dispatch(CreateUser.of("Ada"));
  const values = new ContextValues().with(Repository, Repository.open());
  const repository: Repository | undefined = values.get(Repository);
  assertEquals([length, name, log, repository?.name], [3, "Ada", ["users Ada", true, "users Ada"], "users"]);
  assertEquals(router.commandTypes, [CreateUser]);
  assertEquals(CreateUserHandler.name, "CreateUserHandler");
});

Deno.test("a class with a private constructor is checked as any other", () => {
  const router = new MessageRouter();
  const commands = router.newCommandBus();
  compiled((): MessageOf<typeof CreateUser> => CreateUser.of("Ada"));
  compiled((): MessageType<CreateUser> => CreateUser);
  compiled(() => commands.subscribe(CreateUser, ({ name }) => name.length));
  class RightHandler {
    handle({ name }: CreateUser): number {
      return name.length;
    }
  }
  class WrongHandler {
    handle({ name }: CreateUser): string {
      return name;
    }
  }
  compiled(() => router.commandHandler([CreateUser])(RightHandler));
  // @ts-expect-error the result of the command is a number
  compiled(() => router.commandHandler(CreateUser)(WrongHandler));
  // @ts-expect-error the result of the command is a number
  compiled(() => commands.subscribe(CreateUser, ({ name }) => name));
  // @ts-expect-error an event
  compiled(() => commands.subscribe(UserCreated, () => {}));
  // @ts-expect-error another class
  compiled((): MessageType<CreateUser> => FindUser);
  // @ts-expect-error another class
  compiled(() => new Container().bind(Repository, () => FindUser.byId()));
  // @ts-expect-error a function is not a class
  compiled(() => new Container().get(() => 42));
  // @ts-expect-error an object is not a class
  compiled(() => new Container().get({ name: "x", prototype: {} }));
  // A class with a type parameter is of what is not known.
  compiled((): number => {
    const { value } = new Container().get(Generic);
    // @ts-expect-error unknown
    return value;
  });
  compiled((): number => new Container().get(new InjectionToken<number>("count")));
});
