// Compiling this file is the test, as with types_test.ts.

import { assertEquals } from "@std/assert";
import {
  type AnyMiddleware,
  type Command,
  type CommandBus,
  Container,
  defer,
  type DIAdapter,
  type Dispatcher,
  dispatchSequentially,
  type EventBus,
  type Handler,
  type HandlerContext,
  inject,
  InjectionToken,
  type Listener,
  MessageRouter,
  type Middleware,
  type MiddlewareObject,
  type Query,
  type QueryBus,
  type Scope,
  type Token,
} from "@cq/core";
import {
  Check,
  compiled,
  type CreateAdmin,
  Created,
  CreateUser,
  Deleted,
  type Equal,
  FindCount,
  FindName,
  Forget,
  holds,
  NameUser,
  Plain,
  Save,
  Try,
  User,
} from "./support/typed_messages.ts";

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const router: MessageRouter;
declare const container: Container;

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
  // @ts-expect-error a router is not a dispatcher
  compiled(() => dispatchSequentially(router, new CreateUser()));
});

Deno.test("a dispatcher is a bus, an object or a function, for the messages that it takes", () => {
  compiled((): Dispatcher<CreateUser>[] => [commands, { dispatch: (_: CreateUser) => 42 }, (_: CreateUser) => 42]);
  compiled((): Dispatcher<CreateUser> => (_: Command<unknown>) => Promise.resolve());
  compiled((): Dispatcher<CreateUser> => (_, options) => commands.dispatch(_, options));
  // @ts-expect-error a command bus does not take queries
  compiled((): Dispatcher<FindName> => commands);
  // @ts-expect-error a query bus does not take commands
  compiled((): Dispatcher<CreateUser> => queries);
  // @ts-expect-error an event bus does not take commands
  compiled((): Dispatcher<CreateUser> => events);
  // @ts-expect-error a method for a subclass, whose parameters the compiler would compare in both directions
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
  // @ts-expect-error a command bus does not take queries
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

Deno.test("use() infers the types of a middleware", () => {
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

Deno.test("use() refuses a value that is not a middleware", () => {
  // @ts-expect-error a value that is not a promise
  compiled(() => commands.use(() => 42));
  // @ts-expect-error nothing, the mistake of a next that is not returned
  compiled(() => commands.use((_message, next) => void next()));
  // @ts-expect-error not a middleware
  compiled(() => commands.use("log"));
  // @ts-expect-error undefined
  compiled(() => commands.use(undefined));
  // @ts-expect-error an object without the method
  compiled(() => commands.use({ handle: () => Promise.resolve() }));
  // @ts-expect-error a method that returns a value plainly
  compiled(() => commands.use({ invoke: () => 42 }));
  // @ts-expect-error a middleware of one command, on a bus of all commands
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

Deno.test("Middleware can name the message and the result", () => {
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
  // @ts-expect-error another result than the type of the middleware names
  compiled((): Middleware<CreateUser, number> => () => Promise.resolve(""));
});

Deno.test("listen() passes a listener what the bus takes", () => {
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
  // @ts-expect-error a listener of one command, on a bus of all commands
  compiled(() => commands.listen((_: CreateUser) => {}));
  // @ts-expect-error a listener of queries, on a bus of commands
  compiled(() => commands.listen((_: Query<unknown>) => {}));
  // @ts-expect-error not a function
  compiled(() => commands.listen({ listen: () => {} }));
  // @ts-expect-error a listener does not know the handler
  compiled(() => events.listen((_message, context) => context.handler));
});

Deno.test("use(), listen() and subscribe() return the bus with its own type", () => {
  compiled(() => {
    const bus = new MessageRouter().newCommandBus().use().listen().subscribe(Forget, () => {});
    holds<Equal<typeof bus, CommandBus>>();
  });
  const made = new MessageRouter().newEventBus({ order: "sequential" }).use().listen().subscribe(Created, () => {});
  holds<Equal<typeof made, EventBus>>();
  // @ts-expect-error there is no such order
  compiled(() => router.newEventBus({ order: "random" }));
});

Deno.test("a bus of one kind is not a bus of another kind", () => {
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

Deno.test("inject() and get() return exactly the type of the token", () => {
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
  // @ts-expect-error a name is not a token
  compiled(() => container.get("url"));
  // @ts-expect-error a name is not a token
  compiled(() => inject("url"));
  // @ts-expect-error an interface has no token
  compiled(() => inject<Handler<CreateUser>>(Repository));
});

Deno.test("bind() takes a factory of the type of the token", () => {
  compiled(() => container.bind(Repository, () => ({ save: (user) => user.name.length })));
  compiled(() => container.bind(Repository, () => inject(Repository), { lifetime: "scoped" }));
  compiled(() => container.bind(URL_TOKEN, () => "sqlite:").bind(USER_TOKEN, async () => await new User()));
  compiled(() => container.bind(new InjectionToken<number | undefined>("port"), () => undefined));
  // @ts-expect-error something else than the class
  compiled(() => container.bind(Repository, () => new User()));
  // @ts-expect-error a number is not a string
  compiled(() => container.bind(URL_TOKEN, () => 42));
  // @ts-expect-error a promise, which the container would not await
  compiled(() => container.bind(URL_TOKEN, () => Promise.resolve("sqlite:")));
  // @ts-expect-error a promise of the class
  compiled(() => container.bind(Repository, () => Promise.resolve({} as Repository)));
  // @ts-expect-error a value, not a factory
  compiled(() => container.bind(URL_TOKEN, "sqlite:"));
  // @ts-expect-error a class, not a factory
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
