// Compiling this file is the test, as with types_test.ts.

import {
  type CommandBus,
  type CommandContext,
  commandHandler,
  type Event,
  type EventBus,
  eventHandler,
  type Handler,
  type HandlerContext,
  type HandlerFunction,
  type HandlerSource,
  type MessageRouter,
  type MessageType,
  type Metadata,
  type OneOrMore,
  Query,
  type QueryBus,
  queryHandler,
  type RelatedEvents,
} from "@cq/core";
import {
  Check,
  Choose,
  compiled,
  CountUsers,
  CreateAdmin,
  Created,
  CreateUser,
  Deleted,
  type Equal,
  FindCount,
  FindName,
  Forget,
  ForgetAll,
  having,
  holds,
  NameUser,
  Plain,
  Save,
  Try,
  type User,
} from "./support/typed_messages.ts";

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const router: MessageRouter;

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
  compiled(() => router.eventHandler(Created)(having((_: Created) => "not used")));
  compiled(() => router.queryHandler(Plain)(having((_: Plain) => Promise.resolve(42))));
});

Deno.test("a handler class with another result than the message's is refused", () => {
  compiled(() => {
    // @ts-expect-error a string is not a number
    @router.commandHandler(CreateUser)
    class Plainly {
      handle(_command: CreateUser): string {
        return "";
      }
    }
    // @ts-expect-error a string is not a number, by promise either
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
    // @ts-expect-error a subclass, by a method, whose parameters the compiler would compare in both directions
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

Deno.test("a decorator refuses a value that is not a class that can be built", () => {
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
  // @ts-expect-error a string is not a number
  compiled(() => commands.subscribe(CreateUser, () => ""));
  // @ts-expect-error a string is not a number, by promise either
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

Deno.test("a handler of a list takes all of its messages and returns what all of them promise", () => {
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

Deno.test("failSilently is accepted if the result may be undefined", () => {
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

Deno.test("failSilently is refused if the result cannot be undefined", () => {
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

Deno.test("only a command handler may ask for the context of a command", () => {
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

Deno.test("a context can be passed on, and has known types", () => {
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
  // @ts-expect-error a controller is not a signal
  compiled(() => commands.dispatch(new Forget(), { signal: new AbortController() }));
  // @ts-expect-error there is no such option
  compiled(() => commands.dispatch(new Forget(), { timeout: 1 }));
  compiled(() =>
    queries.subscribe(FindCount, (_query, context) => {
      // @ts-expect-error a handler cannot change the context
      context.signal = undefined;
      return 42;
    })
  );
});

Deno.test("Handler and HandlerFunction take the result from the message, unless it is named", () => {
  compiled(() => {
    holds<Equal<ReturnType<Handler<CreateUser>["handle"]>, number | Promise<number> | PromiseLike<number>>>();
    holds<Equal<ReturnType<Handler<Plain>["handle"]>, unknown>>();
    holds<Equal<ReturnType<Handler<Plain, User>["handle"]>, User | Promise<User> | PromiseLike<User>>>();
    holds<Equal<Parameters<HandlerFunction<FindName>>, [message: FindName, context: HandlerContext]>>();
    type Name = string | undefined;
    holds<Equal<ReturnType<HandlerFunction<FindName>>, Name | Promise<Name> | PromiseLike<Name>>>();
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
      // @ts-expect-error a string is not a number
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
  // @ts-expect-error a string is not a number
  compiled((): HandlerFunction<CreateUser> => () => "");
});
