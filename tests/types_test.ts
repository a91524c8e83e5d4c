// Compiling this file is the test: where an assertion on types does not hold, or where the compiler accepts what it
// should refuse, `deno test` fails before anything runs. What would register nonsense is compiled and never called.

import { assertEquals } from "@std/assert";
import {
  type AnyMiddleware,
  Command,
  type CommandBus,
  type CommandContext,
  commandHandler,
  Container,
  defer,
  type DIAdapter,
  type Dispatcher,
  dispatchSequentially,
  Event,
  type EventBus,
  eventHandler,
  type Handler,
  type HandlerContext,
  type HandlerFunction,
  type HandlerSource,
  inject,
  InjectionToken,
  type Listener,
  type MessageKind,
  type MessageOf,
  MessageRouter,
  type MessageType,
  type Metadata,
  type Middleware,
  type MiddlewareObject,
  type OneOrMore,
  Query,
  type QueryBus,
  queryHandler,
  RelatedEvents,
  type ResultOf,
  type Scope,
  type Token,
} from "../mod.ts";

/** Whether two types are the same, which is more than that each is assignable to the other. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles where the type is `true`. */
function holds<T extends true>(this: T | void): void {}

/** A class with one method, which does not exist at run time. */
declare function having<F>(handle: F): new () => { handle: F };

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const router: MessageRouter;
declare const container: Container;

class CreateUser extends Command<number> {
  readonly name = "Ada";
}
class CreateAdmin extends CreateUser {
  readonly rights = ["all"];
}
class CountUsers extends Command<number> {
  readonly since = 0;
}
class NameUser extends Command<string> {
  readonly id = 1;
}
class Forget extends Command {}
class ForgetAll extends Command<undefined> {}
class Check extends Command<boolean> {}
class Choose extends Command<"left" | "right"> {}
class Try extends Command<number | undefined> {}
class Save<T> extends Command<T> {
  readonly value: T;
  constructor(value: T) {
    super();
    this.value = value;
  }
}

class FindName extends Query<string | undefined> {
  readonly id = 1;
}
class FindCount extends Query<number> {}
class FindAny<T> extends Query<readonly T[]> {
  readonly parse: (text: string) => T;
  constructor(parse: (text: string) => T) {
    super();
    this.parse = parse;
  }
}

class Created extends Event {
  readonly id = 1;
}
class Deleted extends Event {
  readonly at = 0;
}

class Plain {
  readonly text = "plain";
}
class User {
  readonly name = "Ada";
}

Deno.test("Equal tells types apart that are assignable to each other", () => {
  holds<Equal<string, string>>();
  holds<Equal<Equal<string, "text">, false>>();
  holds<Equal<Equal<unknown, number>, false>>();
  // deno-lint-ignore no-explicit-any -- the type that is assignable to everything
  holds<Equal<Equal<any, number>, false>>();
  holds<Equal<Equal<void, undefined>, false>>();
  holds<Equal<Equal<[number], readonly [number]>, false>>();
});

Deno.test("CommandBus.dispatch() resolves to exactly the result of the command", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);
  const result = await bus.dispatch(new CreateUser());
  holds<Equal<typeof result, number>>();
  assertEquals(result, 42);

  compiled(async () => {
    holds<Equal<ReturnType<typeof of<CreateUser>>, Promise<number>>>();
    const inherited = await commands.dispatch(new CreateAdmin());
    holds<Equal<typeof inherited, number>>();
    const nothing = await commands.dispatch(new Forget());
    holds<Equal<typeof nothing, void>>();
    const absent = await commands.dispatch(new ForgetAll());
    holds<Equal<typeof absent, undefined>>();
    const yes = await commands.dispatch(new Check());
    holds<Equal<typeof yes, boolean>>();
    const side = await commands.dispatch(new Choose());
    holds<Equal<typeof side, "left" | "right">>();
    const perhaps = await commands.dispatch(new Try());
    holds<Equal<typeof perhaps, number | undefined>>();

    function of<M extends Command<unknown>>(message: M): Promise<ResultOf<M>> {
      return commands.dispatch(message) as Promise<ResultOf<M>>;
    }
  });
});

Deno.test("QueryBus.dispatch() resolves to exactly the result of the query", async () => {
  const bus = new MessageRouter().newQueryBus().subscribe(FindName, () => undefined);
  const result = await bus.dispatch(new FindName());
  holds<Equal<typeof result, string | undefined>>();
  assertEquals(result, undefined);

  compiled(async () => {
    const count = await queries.dispatch(new FindCount());
    holds<Equal<typeof count, number>>();
  });
});

Deno.test("EventBus.dispatch() resolves to nothing", async () => {
  const bus = new MessageRouter().newEventBus().subscribe(Created, () => 42);
  const result = await bus.dispatch(new Created());
  holds<Equal<typeof result, void>>();
  assertEquals(result, undefined);

  compiled(() => holds<Equal<ReturnType<EventBus["dispatch"]>, Promise<void>>>());
});

Deno.test("Bus.dispatch() resolves to the result of a generic message as it was made", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(Save, ({ value }) => value);
  const date = await bus.dispatch(new Save(new Date(0)));
  holds<Equal<typeof date, Date>>();
  assertEquals(date, new Date(0));

  compiled(async () => {
    const numbers = await queries.dispatch(new FindAny(Number));
    holds<Equal<typeof numbers, readonly number[]>>();
    const either = await commands.dispatch(new Save<string | null>(null));
    holds<Equal<typeof either, string | null>>();
  });
});

Deno.test("Bus.dispatch() resolves to the union of the results of a union of messages", () => {
  compiled(async () => {
    const either = await commands.dispatch({} as CreateUser | NameUser);
    holds<Equal<typeof either, number | string>>();
    const one = await commands.dispatch({} as CreateUser | Forget);
    holds<Equal<typeof one, number | void>>();
    const found = await queries.dispatch({} as FindName | FindCount);
    holds<Equal<typeof found, string | number | undefined>>();
    const mixed = await commands.dispatch({} as CreateUser | Plain);
    holds<Equal<typeof mixed, unknown>>();
  });
});

Deno.test("Bus.dispatch() resolves to unknown for a plain message, unless the caller names the result", async () => {
  const bus = new MessageRouter().newQueryBus().subscribe(Plain, () => new User());
  const unnamed = await bus.dispatch(new Plain());
  holds<Equal<typeof unnamed, unknown>>();
  const named = await bus.dispatch<User>(new Plain());
  holds<Equal<typeof named, User>>();
  assertEquals(named.name, "Ada");

  compiled(async () => {
    const command = await commands.dispatch(new Plain());
    holds<Equal<typeof command, unknown>>();
    const user = await commands.dispatch<User>(new Plain());
    holds<Equal<typeof user, User>>();
    const perhaps = await commands.dispatch<User | undefined>(new Plain());
    holds<Equal<typeof perhaps, User | undefined>>();
    const nothing = await commands.dispatch<void>(new Plain());
    holds<Equal<typeof nothing, void>>();
    const length = await queries.dispatch<number>("a primitive");
    holds<Equal<typeof length, number>>();
    const unknown = await queries.dispatch<unknown>(new Plain());
    holds<Equal<typeof unknown, unknown>>();
  });
});

Deno.test("Bus.dispatch() never infers a result from where the value goes", () => {
  compiled(() => {
    // @ts-expect-error the result of a plain command is unknown
    const promise: Promise<User> = commands.dispatch(new Plain());
    return promise;
  });
  compiled(async () => {
    // @ts-expect-error the result of a plain query is unknown
    const user: User = await queries.dispatch(new Plain());
    return user;
  });
  // @ts-expect-error the result of a plain query is unknown
  compiled(async (): Promise<User> => await queries.dispatch(new Plain()));
  compiled(() => {
    const takeUser = (_user: Promise<User>) => {};
    // @ts-expect-error the result of a plain query is unknown
    takeUser(queries.dispatch(new Plain()));
  });
  compiled(async () => {
    // @ts-expect-error the command promises a number
    const text: string = await commands.dispatch(new CreateUser());
    return text;
  });
});

Deno.test("Bus.dispatch() refuses to name the result of a message that promises one", () => {
  // @ts-expect-error the command promises a number
  compiled(() => commands.dispatch<string>(new CreateUser()));
  // @ts-expect-error even the result that the command promises is not the caller's to name
  compiled(() => commands.dispatch<number>(new CreateUser()));
  // @ts-expect-error the query promises a number
  compiled(() => queries.dispatch<string>(new FindCount()));
});

Deno.test("the command bus refuses queries and events", () => {
  compiled(() => commands.dispatch(new CreateUser()));
  // @ts-expect-error a query
  compiled(() => commands.dispatch(new FindName()));
  // @ts-expect-error an event
  compiled(() => commands.dispatch(new Created()));
  // @ts-expect-error one of the two is a query
  compiled(() => commands.dispatch({} as CreateUser | FindName));
  // @ts-expect-error a query
  compiled(() => commands.canHandle(new FindName()));
  // @ts-expect-error a query
  compiled(() => commands.subscribe(FindName, () => undefined));
  // @ts-expect-error an event
  compiled(() => commands.subscribe(Created, () => {}));
});

Deno.test("the query bus refuses commands and events", () => {
  compiled(() => queries.dispatch(new FindName()));
  // @ts-expect-error a command
  compiled(() => queries.dispatch(new CreateUser()));
  // @ts-expect-error a command without a field and a result
  compiled(() => queries.dispatch(new Forget()));
  // @ts-expect-error an event
  compiled(() => queries.dispatch(new Created()));
  // @ts-expect-error an event
  compiled(() => queries.canHandle(new Created()));
  // @ts-expect-error a command
  compiled(() => queries.subscribe(CreateUser, () => 42));
});

Deno.test("the event bus refuses commands and queries", () => {
  compiled(() => events.dispatch(new Created()));
  // @ts-expect-error a command
  compiled(() => events.dispatch(new CreateUser()));
  // @ts-expect-error a command without a field and a result
  compiled(() => events.dispatch(new Forget()));
  // @ts-expect-error a query
  compiled(() => events.dispatch(new FindName()));
  // @ts-expect-error a command
  compiled(() => events.canHandle(new Forget()));
  // @ts-expect-error a query
  compiled(() => events.subscribe(FindName, () => undefined));
  // @ts-expect-error the result of an event is nobody's to name
  compiled(() => events.dispatch<User>(new Plain()));
});

Deno.test("the decorators refuse messages of another kind", () => {
  compiled(() => [commandHandler(CreateUser), queryHandler(FindName), eventHandler(Created)]);
  // @ts-expect-error a query
  compiled(() => commandHandler(FindName));
  // @ts-expect-error an event
  compiled(() => commandHandler(Created));
  // @ts-expect-error a command
  compiled(() => queryHandler(CreateUser));
  // @ts-expect-error an event
  compiled(() => queryHandler(Created));
  // @ts-expect-error a command
  compiled(() => eventHandler(Forget));
  // @ts-expect-error a query
  compiled(() => eventHandler(FindName));
  // @ts-expect-error one of them is a query
  compiled(() => commandHandler([CreateUser, FindName]));
  // @ts-expect-error a command, on a router of one's own too
  compiled(() => router.queryHandler(CreateUser));
});

Deno.test("related events refuse commands and queries", () => {
  compiled(() => new RelatedEvents().add(new Created(), new Plain()));
  // @ts-expect-error a command
  compiled(() => new RelatedEvents().add(new CreateUser()));
  // @ts-expect-error a query
  compiled(() => new RelatedEvents().add(new FindName()));
});

Deno.test("the buses refuse what has no class", () => {
  compiled(() => [queries.dispatch("text"), queries.dispatch(1n), queries.dispatch(Symbol()), queries.dispatch({})]);
  // @ts-expect-error null
  compiled(() => commands.dispatch(null));
  // @ts-expect-error undefined
  compiled(() => queries.dispatch(undefined));
  // @ts-expect-error perhaps undefined
  compiled(() => events.dispatch({} as Created | undefined));
  // @ts-expect-error no message at all
  compiled(() => commands.dispatch());
});

Deno.test("the buses refuse what is no class to subscribe to", () => {
  // @ts-expect-error a name
  compiled(() => commands.subscribe("CreateUser", () => 42));
  // @ts-expect-error a message
  compiled(() => commands.subscribe(new CreateUser(), () => 42));
  // @ts-expect-error a name
  compiled(() => commandHandler("CreateUser"));
});

Deno.test("a handler class may return its result plainly or by promise", () => {
  compiled(() => {
    @router.commandHandler(CreateUser)
    class Plainly {
      handle(_command: CreateUser): number {
        return 42;
      }
    }
    @router.commandHandler(CreateUser)
    class ByPromise {
      handle(_command: CreateUser): Promise<number> {
        return Promise.resolve(42);
      }
    }
    @router.commandHandler(CreateUser)
    class ByEither {
      handle(_command: CreateUser): number | PromiseLike<number> {
        return 42;
      }
    }
    return [Plainly, ByPromise, ByEither];
  });
  compiled(() => router.commandHandler(Forget)(having((_: Forget): void => {})));
  compiled(() => router.commandHandler(Forget)(having(async (_: Forget): Promise<void> => {})));
  compiled(() => router.commandHandler(ForgetAll)(having((_: ForgetAll): undefined => {})));
  compiled(() => router.commandHandler(Check)(having((_: Check) => true)));
  compiled(() => router.commandHandler(Choose)(having((_: Choose) => "left" as const)));
  compiled(() => router.commandHandler(Try)(having((_: Try) => 1)));
  compiled(() => router.queryHandler(FindName)(having((_: FindName) => Promise.resolve("Ada"))));
  compiled(() => router.eventHandler(Created)(having((_: Created) => "nobody reads it")));
  compiled(() => router.queryHandler(Plain)(having((_: Plain) => Promise.resolve(42))));
});

Deno.test("a handler class with another result than the message's is refused", () => {
  compiled(() => {
    // @ts-expect-error a string is no number
    @router.commandHandler(CreateUser)
    class Plainly {
      handle(_command: CreateUser): string {
        return "";
      }
    }
    // @ts-expect-error a string is no number, by promise either
    @router.commandHandler(CreateUser)
    class ByPromise {
      handle(_command: CreateUser): Promise<string> {
        return Promise.resolve("");
      }
    }
    return [Plainly, ByPromise];
  });
  // @ts-expect-error a string, in the default router too
  compiled(() => commandHandler(CreateUser)(having((_: CreateUser) => "")));
  // @ts-expect-error nothing, where a number is promised
  compiled(() => router.commandHandler(CreateUser)(having((_: CreateUser): void => {})));
  // @ts-expect-error a value, where none is promised
  compiled(() => router.commandHandler(Forget)(having((_: Forget) => 42)));
  // @ts-expect-error perhaps undefined
  compiled(() => router.commandHandler(CreateUser)(having((_: CreateUser) => undefined as number | undefined)));
  // @ts-expect-error any string, where two are promised
  compiled(() => router.commandHandler(Choose)(having((_: Choose) => "up")));
  // @ts-expect-error null, where undefined is promised
  compiled(() => router.queryHandler(FindName)(having((_: FindName) => null)));
  // @ts-expect-error unknown
  compiled(() => router.queryHandler(FindCount)(having((_: FindCount): unknown => 42)));
  // @ts-expect-error a function that would return it
  compiled(() => router.queryHandler(FindCount)(having((_: FindCount) => () => 42)));
});

Deno.test("a handler class for another message is refused", () => {
  compiled(() => {
    // @ts-expect-error another command
    @router.commandHandler(CreateUser)
    class Handles {
      handle(_command: NameUser): number {
        return 42;
      }
    }
    return Handles;
  });
  // @ts-expect-error another query
  compiled(() => router.queryHandler(FindCount)(having((_: FindName) => 42)));
  // @ts-expect-error another event
  compiled(() => router.eventHandler(Created)(having((_: Deleted): void => {})));
  // @ts-expect-error a field that the message does not have
  compiled(() => router.queryHandler(FindCount)(having((_: { other: string }) => 42)));
});

Deno.test("a handler class whose parameter is wider than the message is accepted, and a narrower one refused", () => {
  compiled(() => router.commandHandler(CreateAdmin)(having((_: CreateUser) => 42)));
  compiled(() => router.commandHandler(CreateUser)(having((_: { name: string }): number => 42)));
  compiled(() => router.commandHandler(CreateUser)(having((_: unknown): number => 42)));
  compiled(() => router.commandHandler(CreateUser)(having((): number => 42)));
  compiled(() => {
    // @ts-expect-error a subclass, by a method, whose parameters the compiler would compare both ways
    @router.commandHandler(CreateUser)
    class Narrower {
      handle(_command: CreateAdmin): number {
        return 42;
      }
    }
    return Narrower;
  });
  // @ts-expect-error a subclass, by a field
  compiled(() => router.commandHandler(CreateUser)(having((_: CreateAdmin) => 42)));
  // @ts-expect-error more than the event has
  compiled(() => router.eventHandler(Created)(having((_: Created & { more: true }): void => {})));
});

Deno.test("a class without a method handle is refused", () => {
  compiled(() => {
    // @ts-expect-error it has no method
    @router.commandHandler(Forget)
    class Useless {}
    return Useless;
  });
  class Named {
    execute = (_: FindCount): number => 42;
  }
  // @ts-expect-error the method has another name
  compiled(() => router.queryHandler(FindCount)(Named));
  class Static {
    static handle = (_: FindCount): number => 42;
  }
  // @ts-expect-error the method is static
  compiled(() => router.queryHandler(FindCount)(Static));
  class Private {
    private handle(_: FindCount): number {
      return 42;
    }
  }
  // @ts-expect-error the method is private
  compiled(() => router.queryHandler(FindCount)(Private));
  class Optional {
    handle?: (query: FindCount) => number;
  }
  // @ts-expect-error the method may be missing
  compiled(() => router.queryHandler(FindCount)(Optional));
  // @ts-expect-error it needs more than a message and a context
  compiled(() => router.eventHandler(Created)(having((_: Created, __: HandlerContext, _more: number): void => {})));
});

Deno.test("a decorator refuses what is no class that can be built", () => {
  abstract class Abstract {
    abstract handle(query: FindCount): number;
  }
  compiled(() =>
    router.queryHandler(FindCount)(
      class extends Abstract {
        handle = () => 42;
      },
    )
  );
  // @ts-expect-error an abstract class
  compiled(() => router.queryHandler(FindCount)(Abstract));
  // @ts-expect-error a function, which subscribe takes
  compiled(() => router.queryHandler(FindCount)((_: FindCount) => 42));
  // @ts-expect-error an instance
  compiled(() => router.queryHandler(FindCount)({ handle: (_: FindCount) => 42 }));
  compiled(() => {
    class Decorated {
      // @ts-expect-error a method
      @router.queryHandler(FindCount)
      handle(_query: FindCount): number {
        return 42;
      }
    }
    return Decorated;
  });
});

Deno.test("a handler class may have a constructor with parameters", () => {
  compiled(() => {
    @router.queryHandler(FindCount)
    class FindCountHandler {
      readonly #users: readonly User[];

      constructor(users: readonly User[]) {
        this.#users = users;
      }

      handle(_query: FindCount): number {
        return this.#users.length;
      }
    }
    return FindCountHandler;
  });
});

Deno.test("subscribe() infers the message, and checks the result", () => {
  compiled(() =>
    commands.subscribe(CreateUser, (command, context) => {
      holds<Equal<typeof command, CreateUser>>();
      holds<Equal<typeof context, CommandContext>>();
      return command.name.length;
    })
  );
  compiled(() =>
    queries.subscribe(FindName, (query, context) => {
      holds<Equal<typeof query, FindName>>();
      holds<Equal<typeof context, HandlerContext>>();
      return Promise.resolve(undefined);
    })
  );
  compiled(() =>
    events.subscribe(Created, (event, context) => {
      holds<Equal<typeof event, Created>>();
      holds<Equal<typeof context, HandlerContext>>();
      return event.id;
    })
  );
  compiled(() => queries.subscribe(Plain, (message) => message.text));
  compiled(() => commands.subscribe(Save, ({ value }) => holds<Equal<typeof value, unknown>>()));
  compiled(() => commands.subscribe(Forget, () => {}).subscribe(Check, () => false));
  // @ts-expect-error a string is no number
  compiled(() => commands.subscribe(CreateUser, () => ""));
  // @ts-expect-error a string is no number, by promise either
  compiled(() => commands.subscribe(CreateUser, () => Promise.resolve("")));
  // @ts-expect-error nothing, where a number is promised
  compiled(() => commands.subscribe(CreateUser, () => {}));
  // @ts-expect-error a value, where none is promised
  compiled(() => commands.subscribe(Forget, () => Promise.resolve(42)));
  // @ts-expect-error another command
  compiled(() => commands.subscribe(CreateUser, (_: NameUser) => 42));
  // @ts-expect-error a subclass of the command
  compiled(() => commands.subscribe(CreateUser, (_: CreateAdmin) => 42));
  // @ts-expect-error a handler class, which a decorator takes
  compiled(() => commands.subscribe(CreateUser, having((_: CreateUser) => 42)));
  // @ts-expect-error a handler object
  compiled(() => commands.subscribe(CreateUser, { handle: () => 42 }));
});

Deno.test("subscribe() takes a literal for a result that is a union of literals", () => {
  class Shape extends Query<{ kind: "circle" | "square"; corners: [number, number][] }> {}
  compiled(() => commands.subscribe(Choose, () => "left"));
  compiled(() => commands.subscribe(Choose, (_command) => "left"));
  compiled(() => commands.subscribe(ForgetAll, () => {}));
  compiled(() => queries.subscribe(Shape, () => ({ kind: "circle", corners: [[0, 1]] })));
  compiled(() => queries.subscribe(Shape, async () => await { kind: "circle", corners: [[0, 1]] }));
  // @ts-expect-error another literal
  compiled(() => commands.subscribe(Choose, () => "up"));
  // @ts-expect-error another literal in the object
  compiled(() => queries.subscribe(Shape, () => ({ kind: "triangle", corners: [] })));
});

Deno.test("a handler of a list takes what all of its messages are and returns what all of them promise", () => {
  compiled(() => router.commandHandler([CreateUser, CountUsers])(having((_: CreateUser | CountUsers) => 42)));
  compiled(() => router.eventHandler([Created, Deleted])(having((_: Created | Deleted): void => {})));
  compiled(() => router.commandHandler([CreateUser, Try])(having((_: CreateUser | Try) => 42)));
  compiled(() => {
    const types: [typeof CreateUser, typeof CountUsers] = [CreateUser, CountUsers];
    router.commandHandler(types)(having((_: CreateUser | CountUsers) => 42));
  });
  // @ts-expect-error the first alone
  compiled(() => router.commandHandler([CreateUser, CountUsers])(having((_: CreateUser) => 42)));
  // @ts-expect-error the second alone
  compiled(() => router.eventHandler([Created, Deleted])(having((_: Deleted): void => {})));
  // @ts-expect-error no value is both a number and a string
  compiled(() => router.commandHandler([CreateUser, NameUser])(having((): number | string => 42)));
  // @ts-expect-error undefined, which the second admits and the first does not
  compiled(() => router.commandHandler([CreateUser, Try])(having((): number | undefined => 42)));
});

Deno.test("a list of messages has at least one", () => {
  compiled(() => [commandHandler([Forget]), queryHandler([FindName]), eventHandler([Created, Deleted])]);
  // @ts-expect-error an empty list
  compiled(() => commandHandler([]));
  // @ts-expect-error an empty list
  compiled(() => router.queryHandler([]));
  // @ts-expect-error an empty list
  compiled(() => router.eventHandler([]));
  // @ts-expect-error a list that may be empty
  compiled(() => router.eventHandler([] as MessageType<Event>[]));
  // @ts-expect-error an empty list
  compiled((): OneOrMore<Event> => []);
});

Deno.test("failSilently is accepted where the result admits undefined", () => {
  const options = { failSilently: true } as const;
  compiled(() => commandHandler(Forget, options));
  compiled(() => commandHandler(ForgetAll, options));
  compiled(() => commandHandler(Try, options));
  compiled(() => commandHandler(Plain, options));
  compiled(() => commandHandler(Save, options));
  compiled(() => commandHandler([Forget, ForgetAll], options));
  compiled(() => queryHandler(FindName, options));
  compiled(() => router.queryHandler(FindName, { failSilently: Math.random() > 0.5 }));
  compiled(() => eventHandler([Created, Deleted], options));
  compiled(() => commands.subscribe(Forget, () => {}, options));
  compiled(() => queries.subscribe(FindName, () => "Ada", options));
  compiled(() => events.subscribe(Created, () => 42, options));
  compiled(() => commandHandler(CreateUser, { failSilently: false }));
  compiled(() => commands.subscribe(CreateUser, () => 42, {}));
});

Deno.test("failSilently is refused where the result does not admit undefined", () => {
  // @ts-expect-error a number is promised
  compiled(() => commandHandler(CreateUser, { failSilently: true }));
  // @ts-expect-error a number is promised
  compiled(() => router.commandHandler(CreateUser, { failSilently: true }));
  // @ts-expect-error perhaps silently
  compiled(() => router.commandHandler(CreateUser, { failSilently: Math.random() > 0.5 }));
  // @ts-expect-error a boolean is promised
  compiled(() => commandHandler(Check, { failSilently: true }));
  // @ts-expect-error one of them promises a number
  compiled(() => commandHandler([Try, CreateUser], { failSilently: true }));
  // @ts-expect-error a number is promised
  compiled(() => queryHandler(FindCount, { failSilently: true }));
  // @ts-expect-error a number is promised
  compiled(() => commands.subscribe(CreateUser, () => 42, { failSilently: true }));
  // @ts-expect-error a number is promised
  compiled(() => queries.subscribe(FindCount, () => 42, { failSilently: true }));
  // @ts-expect-error there is no such option
  compiled(() => commands.subscribe(Forget, () => {}, { silent: true }));
});

Deno.test("a command handler alone may ask for the context of a command", () => {
  compiled(() => router.commandHandler(Forget)(having((_: Forget, __: CommandContext): void => {})));
  compiled(() => router.commandHandler(Forget)(having((_: Forget, __: HandlerContext): void => {})));
  compiled(() => router.queryHandler(Plain)(having((_: Plain, __: HandlerContext): void => {})));
  compiled(() => router.eventHandler(Created)(having((_: Created, __: HandlerContext): void => {})));
  compiled(() => commands.subscribe(Forget, (_, { events }) => void events.add(new Created())));
  // @ts-expect-error a query has no related events
  compiled(() => router.queryHandler(Plain)(having((_: Plain, __: CommandContext): void => {})));
  // @ts-expect-error an event has no related events
  compiled(() => router.eventHandler(Created)(having((_: Created, __: CommandContext): void => {})));
  // @ts-expect-error a query has no related events
  compiled(() => queries.subscribe(FindCount, (_, { events }) => events.add(new Created()).size));
  // @ts-expect-error an event has no related events
  compiled(() => events.subscribe(Created, (_: Created, __: CommandContext) => {}));
});

Deno.test("a context can be passed on, and says what is in it", () => {
  compiled(() =>
    commands.subscribe(Forget, async (_command, context) => {
      holds<Equal<typeof context.kind, "command">>();
      holds<Equal<typeof context.signal, AbortSignal | undefined>>();
      holds<Equal<typeof context.metadata, Metadata>>();
      holds<Equal<typeof context.handler, HandlerSource>>();
      holds<Equal<typeof context.events, RelatedEvents>>();
      await queries.dispatch(new FindCount(), context);
      await events.dispatch(new Created(), { ...context, signal: undefined });
    })
  );
  compiled(() => commands.dispatch(new Forget(), { signal: AbortSignal.timeout(1), metadata: { tenant: 1 } }));
  // @ts-expect-error a controller is no signal
  compiled(() => commands.dispatch(new Forget(), { signal: new AbortController() }));
  // @ts-expect-error there is no such option
  compiled(() => commands.dispatch(new Forget(), { timeout: 1 }));
  compiled(() =>
    queries.subscribe(FindCount, (_query, context) => {
      // @ts-expect-error the context is not the handler's to change
      context.signal = undefined;
      return 42;
    })
  );
});

Deno.test("Handler and HandlerFunction take the result from the message, unless it is named", () => {
  compiled(() => {
    holds<Equal<ReturnType<Handler<CreateUser>["handle"]>, number | PromiseLike<number>>>();
    holds<Equal<ReturnType<Handler<Plain>["handle"]>, unknown>>();
    holds<Equal<ReturnType<Handler<Plain, User>["handle"]>, User | PromiseLike<User>>>();
    holds<Equal<Parameters<HandlerFunction<FindName>>, [message: FindName, context: HandlerContext]>>();
    holds<Equal<ReturnType<HandlerFunction<FindName>>, string | undefined | PromiseLike<string | undefined>>>();
  });
  compiled(() =>
    class implements Handler<CreateUser> {
      handle(command: CreateUser, _context: HandlerContext): Promise<number> {
        return Promise.resolve(command.name.length);
      }
    }
  );
  compiled(() =>
    class implements Handler<CreateUser> {
      // @ts-expect-error a string is no number
      handle(_command: CreateUser): string {
        return "";
      }
    }
  );
  compiled(() =>
    class implements Handler<CreateUser> {
      // @ts-expect-error a subclass of the message
      handle(_command: CreateAdmin): number {
        return 42;
      }
    }
  );
  // @ts-expect-error a string is no number
  compiled((): HandlerFunction<CreateUser> => () => "");
});

Deno.test("ResultOf, MessageOf and MessageType say what a message class says", () => {
  compiled(() => {
    holds<Equal<ResultOf<CreateUser>, number>>();
    holds<Equal<ResultOf<CreateAdmin>, number>>();
    holds<Equal<ResultOf<Forget>, void>>();
    holds<Equal<ResultOf<ForgetAll>, undefined>>();
    holds<Equal<ResultOf<Check>, boolean>>();
    holds<Equal<ResultOf<Save<Date>>, Date>>();
    holds<Equal<ResultOf<FindName>, string | undefined>>();
    holds<Equal<ResultOf<Created>, void>>();
    holds<Equal<ResultOf<Plain>, unknown>>();
    holds<Equal<ResultOf<string>, unknown>>();
    holds<Equal<ResultOf<CreateUser | NameUser>, number | string>>();
    holds<Equal<ResultOf<never>, never>>();
    holds<Equal<MessageOf<typeof CreateUser>, CreateUser>>();
    holds<Equal<MessageOf<readonly [typeof CreateUser, typeof NameUser]>, CreateUser | NameUser>>();
    holds<Equal<MessageKind, "command" | "query" | "event">>();
  });
  compiled((): MessageType<CreateUser>[] => [CreateUser, CreateAdmin]);
  compiled((): MessageType<Command<unknown>>[] => [Command, CreateUser, Save]);
  // @ts-expect-error another class
  compiled((): MessageType<CreateUser> => NameUser);
  // @ts-expect-error no class
  compiled((): MessageType => () => 42);
});

Deno.test("the bases cannot be made, and none stands for another, even without a field", () => {
  class EmptyCommand extends Command {}
  class EmptyQuery extends Query<void> {}
  class EmptyEvent extends Event {}
  class Empty {}
  // @ts-expect-error abstract
  compiled(() => new Command());
  // @ts-expect-error abstract
  compiled(() => new Query<number>());
  // @ts-expect-error abstract
  compiled(() => new Event());
  // @ts-expect-error a query names its result
  compiled(() => class extends Query {});
  // @ts-expect-error a query is no command
  compiled((): Command => new EmptyQuery());
  // @ts-expect-error an event is no command
  compiled((): Command => new EmptyEvent());
  // @ts-expect-error a command is no event
  compiled((): Event => new EmptyCommand());
  // @ts-expect-error an empty class is no command
  compiled((): Command => new Empty());
  // @ts-expect-error a command with another result
  compiled((): Command<string> => new CreateUser());
  compiled((): Command<number | string> => new CreateUser());
});

Deno.test("dispatchSequentially() resolves to a tuple of exactly the results", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42).subscribe(NameUser, () => "Ada");
  const results = await dispatchSequentially(bus, new CreateUser(), new NameUser(), new CreateUser());
  holds<Equal<typeof results, [number, string, number]>>();
  assertEquals(results, [42, "Ada", 42]);

  compiled(async () => {
    const kinds = await dispatchSequentially(commands, new Forget(), new Check(), new Try(), new Plain());
    holds<Equal<typeof kinds, [void, boolean, number | undefined, unknown]>>();
    const found = await dispatchSequentially(queries, new FindName(), new FindCount());
    holds<Equal<typeof found, [string | undefined, number]>>();
    const published = await dispatchSequentially(events, new Created(), new Deleted());
    holds<Equal<typeof published, [void, void]>>();
    const none = await dispatchSequentially(commands);
    holds<Equal<typeof none, []>>();
    const spread = await dispatchSequentially(commands, ...[] as CreateUser[]);
    holds<Equal<typeof spread, number[]>>();
    const either = await dispatchSequentially(commands, {} as CreateUser | NameUser);
    holds<Equal<typeof either, [number | string]>>();
    const [date, user] = await dispatchSequentially(commands, new Save(new Date()), new Save(new User()));
    holds<Equal<[typeof date, typeof user], [Date, User]>>();
    const through = await dispatchSequentially(
      (message: CreateUser | NameUser) => commands.dispatch(message, { metadata: {} }),
      new CreateUser(),
      new NameUser(),
    );
    holds<Equal<typeof through, [number, string]>>();
    const inferred = await dispatchSequentially((message) => commands.dispatch(message), new CreateUser());
    holds<Equal<typeof inferred, [number]>>();
  });
});

Deno.test("dispatchSequentially() refuses a message that the dispatcher does not take", () => {
  // @ts-expect-error a query among commands
  compiled(() => dispatchSequentially(commands, new CreateUser(), new FindName()));
  // @ts-expect-error an event among commands
  compiled(() => dispatchSequentially(commands, new Created()));
  // @ts-expect-error a command among queries
  compiled(() => dispatchSequentially(queries, new FindName(), new Forget()));
  // @ts-expect-error a command among events
  compiled(() => dispatchSequentially(events, new Created(), new Forget()));
  // @ts-expect-error a message that the function does not take
  compiled(() => dispatchSequentially((_: CreateUser) => {}, new CreateUser(), new NameUser()));
  // @ts-expect-error null
  compiled(() => dispatchSequentially(commands, null));
  // @ts-expect-error a router is no dispatcher
  compiled(() => dispatchSequentially(router, new CreateUser()));
});

Deno.test("a dispatcher is a bus, an object or a function, for the messages that it takes", () => {
  compiled((): Dispatcher<CreateUser>[] => [commands, { dispatch: (_: CreateUser) => 42 }, (_: CreateUser) => 42]);
  compiled((): Dispatcher<CreateUser> => (_: Command<unknown>) => Promise.resolve());
  compiled((): Dispatcher<CreateUser> => (_, options) => commands.dispatch(_, options));
  // @ts-expect-error a command bus takes no queries
  compiled((): Dispatcher<FindName> => commands);
  // @ts-expect-error a query bus takes no commands
  compiled((): Dispatcher<CreateUser> => queries);
  // @ts-expect-error an event bus takes no commands
  compiled((): Dispatcher<CreateUser> => events);
  // @ts-expect-error a method for a subclass, whose parameters the compiler would compare both ways
  compiled((): Dispatcher<CreateUser> => ({ dispatch(_: CreateAdmin) {} }));
});

Deno.test("defer() takes what its dispatcher takes, and returns nothing", () => {
  compiled(() => {
    const deferred = defer<CreateUser>(commands, (work) => holds<Equal<typeof work, Promise<void>>>(), {
      onError: (error, message) => {
        holds<Equal<typeof error, unknown>>();
        holds<Equal<typeof message, CreateUser>>();
      },
    });
    const returned = deferred.dispatch(new CreateUser(), { metadata: {} });
    holds<Equal<typeof returned, void>>();
    // @ts-expect-error another command than the one it takes
    deferred.dispatch(new NameUser());
  });
  compiled(() => defer((_: CreateUser) => {}, () => {}).dispatch(new CreateUser()));
  // @ts-expect-error a command bus takes no queries
  compiled(() => defer<FindName>(commands, () => {}));
  // @ts-expect-error a message that the function does not take
  compiled(() => defer((_: CreateUser) => {}, () => {}).dispatch(new NameUser()));
});

Deno.test("defer() takes a bus, and refuses what the bus does not take", () => {
  compiled(() => defer(commands, () => {}).dispatch(new CreateUser()));
  compiled(() => defer(events, () => {}).dispatch(new Created()));
  // @ts-expect-error a query on the command bus
  compiled(() => defer(commands, () => {}).dispatch(new FindName()));
  // @ts-expect-error a command on the event bus
  compiled(() => defer(events, () => {}).dispatch(new CreateUser()));
});

Deno.test("use() types a middleware by its place", () => {
  compiled(() =>
    commands.use(async (message, next, context) => {
      holds<Equal<typeof message, object>>();
      holds<Equal<typeof context, HandlerContext>>();
      const result = await next();
      holds<Equal<typeof result, unknown>>();
      return result;
    })
  );
  compiled(() =>
    queries.use(async function* (message) {
      holds<Equal<typeof message, object>>();
      await Promise.resolve();
      const result = yield;
      holds<Equal<typeof result, unknown>>();
    })
  );
  compiled(() =>
    events.use(function* (message, _next, context) {
      holds<Equal<typeof message, object>>();
      holds<Equal<typeof context.kind, HandlerContext["kind"]>>();
      const result = yield;
      holds<Equal<typeof result, unknown>>();
    })
  );
  compiled(() =>
    commands.use({
      invoke: (message, next) => {
        holds<Equal<typeof message, object>>();
        return next(message);
      },
    })
  );
  compiled(() => {
    class Timer {
      started = 0;
      async invoke(_message: object, next: () => Promise<unknown>): Promise<unknown> {
        this.started++;
        return await next();
      }
    }
    class Log {
      async *invoke(_message: object): AsyncGenerator<void, void, unknown> {
        yield;
      }
    }
    return commands.use(new Timer(), new Log()).use().listen();
  });
  compiled(() => commands.use((_message, next) => next()));
  compiled(() => commands.use((_message, next) => next(new CreateUser(), { metadata: {} })));
  compiled(() => commands.use(() => Promise.reject(new Error("refused"))));
});

Deno.test("use() refuses what is no middleware", () => {
  // @ts-expect-error a value that is no promise
  compiled(() => commands.use(() => 42));
  // @ts-expect-error nothing, the mistake of a next that is not returned
  compiled(() => commands.use((_message, next) => void next()));
  // @ts-expect-error no middleware
  compiled(() => commands.use("log"));
  // @ts-expect-error undefined
  compiled(() => commands.use(undefined));
  // @ts-expect-error an object without the method
  compiled(() => commands.use({ handle: () => Promise.resolve() }));
  // @ts-expect-error a method that returns a value plainly
  compiled(() => commands.use({ invoke: () => 42 }));
  // @ts-expect-error a middleware of one command, where every command passes
  compiled(() => commands.use((_: CreateUser, next) => next()));
  function* yieldsNumbers(): Generator<number, void, unknown> {
    yield 42;
  }
  // @ts-expect-error a generator that yields values
  compiled(() => commands.use(yieldsNumbers));
  async function* yieldsLater(): AsyncGenerator<number, void, unknown> {
    yield await Promise.resolve(42);
  }
  // @ts-expect-error an async generator that yields values
  compiled(() => commands.use(yieldsLater));
  // @ts-expect-error an array of middlewares
  compiled(() => commands.use([]));
});

Deno.test("Middleware can be told the message and the result", () => {
  compiled((): Middleware<CreateUser, number> => async (command, next) => command.name.length + await next());
  compiled((): Middleware<CreateUser, number> =>
    async function* (command) {
      holds<Equal<typeof command, CreateUser>>();
      const result = yield;
      holds<Equal<typeof result, number>>();
      return result;
    }
  );
  compiled((): Middleware => async (message, next) => await next(message));
  compiled((): MiddlewareObject => ({ invoke: (_message, next) => next() }));
  compiled((): AnyMiddleware[] => [(_message, next) => next(), { invoke: (_message, next) => next() }]);
  // @ts-expect-error another result than the middleware was told
  compiled((): Middleware<CreateUser, number> => () => Promise.resolve(""));
});

Deno.test("listen() hands a listener what the bus takes", () => {
  compiled(() =>
    commands.listen((message, context) => {
      holds<Equal<typeof context.kind, HandlerContext["kind"]>>();
      if (message instanceof CreateUser) return message.name;
      return undefined;
    }, async () => {})
  );
  compiled(() => events.listen(async (event) => await Promise.resolve(event)));
  compiled((): Listener => (message) => holds<Equal<typeof message, object>>());
  compiled((): Listener<CreateUser> => (message) => message.name);
  // @ts-expect-error a listener of one command, where every command passes
  compiled(() => commands.listen((_: CreateUser) => {}));
  // @ts-expect-error a listener of queries, where commands pass
  compiled(() => commands.listen((_: Query<unknown>) => {}));
  // @ts-expect-error no function
  compiled(() => commands.listen({ listen: () => {} }));
  // @ts-expect-error a listener knows no handler
  compiled(() => events.listen((_message, context) => context.handler));
});

Deno.test("use(), listen() and subscribe() return the bus as what it is", () => {
  compiled(() => {
    const bus = new MessageRouter().newCommandBus().use().listen().subscribe(Forget, () => {});
    holds<Equal<typeof bus, CommandBus>>();
  });
  const made = new MessageRouter().newEventBus({ order: "sequential" }).use().listen().subscribe(Created, () => {});
  holds<Equal<typeof made, EventBus>>();
  // @ts-expect-error there is no such order
  compiled(() => router.newEventBus({ order: "random" }));
});

Deno.test("a bus of one kind is none of another", () => {
  // @ts-expect-error a query bus
  compiled((): CommandBus => queries);
  // @ts-expect-error a command bus
  compiled((): QueryBus => commands);
  // @ts-expect-error an event bus
  compiled((): CommandBus => events);
});

abstract class Repository {
  abstract save(user: User): number;
}
const URL_TOKEN = new InjectionToken<string>("url");
const USER_TOKEN = new InjectionToken<Promise<User>>("user");

Deno.test("inject() and get() give exactly what the token stands for", () => {
  const box = new Container().bind(URL_TOKEN, () => "sqlite:");
  const url = box.get(URL_TOKEN);
  holds<Equal<typeof url, string>>();
  assertEquals(url, "sqlite:");

  compiled(async () => {
    const repository = inject(Repository);
    holds<Equal<typeof repository, Repository>>();
    const text = inject(URL_TOKEN);
    holds<Equal<typeof text, string>>();
    const user = await container.get(USER_TOKEN);
    holds<Equal<typeof user, User>>();
    const scoped = container.createScope().get(Repository);
    holds<Equal<typeof scoped, Repository>>();
    const bus = container.get({} as typeof CommandBus);
    holds<Equal<typeof bus, CommandBus>>();
  });
  compiled((): Token<string> => URL_TOKEN);
  compiled((): Token<Repository> => Repository);
  // @ts-expect-error a token of another type
  compiled((): Token<number> => URL_TOKEN);
  // @ts-expect-error a name is no token
  compiled(() => container.get("url"));
  // @ts-expect-error a name is no token
  compiled(() => inject("url"));
  // @ts-expect-error an interface has no token
  compiled(() => inject<Handler<CreateUser>>(Repository));
});

Deno.test("bind() takes a factory of what the token stands for", () => {
  compiled(() => container.bind(Repository, () => ({ save: (user) => user.name.length })));
  compiled(() => container.bind(Repository, () => inject(Repository), { lifetime: "scoped" }));
  compiled(() => container.bind(URL_TOKEN, () => "sqlite:").bind(USER_TOKEN, async () => await new User()));
  compiled(() => container.bind(new InjectionToken<number | undefined>("port"), () => undefined));
  // @ts-expect-error something else than the class
  compiled(() => container.bind(Repository, () => new User()));
  // @ts-expect-error a number is no string
  compiled(() => container.bind(URL_TOKEN, () => 42));
  // @ts-expect-error a promise, where nothing is awaited in secret
  compiled(() => container.bind(URL_TOKEN, () => Promise.resolve("sqlite:")));
  // @ts-expect-error a promise of the class
  compiled(() => container.bind(Repository, () => Promise.resolve({} as Repository)));
  // @ts-expect-error a value and no factory
  compiled(() => container.bind(URL_TOKEN, "sqlite:"));
  // @ts-expect-error a class and no factory
  compiled(() => container.bind(User, User));
  // @ts-expect-error there is no such lifetime
  compiled(() => container.bind(URL_TOKEN, () => "sqlite:", { lifetime: "request" }));
});

Deno.test("a DIAdapter hands its own scope to its factories, and the router knows it", () => {
  interface Unit {
    readonly id: number;
    create<T>(type: new () => T): T;
  }
  compiled(() => {
    const adapter: DIAdapter<Unit> = {
      wire: (type) => (unit) => {
        holds<Equal<typeof unit, Unit>>();
        return unit.create(type);
      },
      lazy: (type) => () => container.get(type),
      createScope: ({ kind }) => Promise.resolve({ id: kind.length, create: (type) => new type() }),
      registerDefaults: (buses) => {
        for (const { token, create } of buses) container.bind(token, create);
      },
    };
    const own = new MessageRouter(adapter);
    holds<Equal<typeof own, MessageRouter<Unit>>>();
    const builtIn = new MessageRouter(new Container());
    holds<Equal<typeof builtIn, MessageRouter<Scope | HandlerContext>>>();
  });
  compiled((): DIAdapter => ({ wire: (type) => () => new type(), lazy: (type) => () => container.get(type) }));
  // @ts-expect-error it cannot build a handler
  compiled((): DIAdapter => ({ lazy: (type) => () => container.get(type) }));
  // @ts-expect-error it cannot resolve a bus
  compiled((): DIAdapter => ({ wire: (type) => () => new type() }));
  compiled((): DIAdapter<Unit> => ({
    wire: (type) => (unit) => unit.create(type),
    lazy: (type) => () => container.get(type),
    // @ts-expect-error a scope of another type
    createScope: () => ({ id: "one", create: (type) => new type() }),
  }));
  compiled((): DIAdapter<Unit> => ({
    // @ts-expect-error what the scope does not have
    wire: (type) => (unit) => unit.build(type),
    lazy: (type) => () => container.get(type),
  }));
});

Deno.test("a class is no message, and neither is a promise", () => {
  // @ts-expect-error new is missing
  compiled(() => events.dispatch(Created));
  // @ts-expect-error await is missing
  compiled(() => events.dispatch(Promise.resolve(new Created())));
  // @ts-expect-error new is missing
  compiled(() => commands.dispatch(CreateUser));
  // @ts-expect-error new is missing
  compiled(() => new RelatedEvents().add(Created));
});
