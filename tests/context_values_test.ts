import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type AnyMiddleware,
  Command,
  CommandBus,
  type Constructor,
  Container,
  ContextPipeline,
  ContextValues,
  defer,
  type DIAdapter,
  type DispatchContext,
  type DispatchOptions,
  dispatchSequentially,
  Event,
  EventBus,
  HANDLER_CONTEXT,
  type HandlerContext,
  inject,
  InjectionToken,
  MessageRouter,
  type Metadata,
  MethodPipeline,
  Pipe,
  ProviderNotFoundError,
  Query,
  QueryBus,
  RelatedEvents,
  type Scope,
} from "@cq/core";

class User {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

interface Transaction {
  readonly id: number;
}

const TX = new InjectionToken<Transaction>("TX");
const ADA = new ContextValues().with(User, new User("Ada"));

class CreateUser extends Command<unknown> {}
class RenameUser extends Command<unknown> {}
class FindUser extends Query<unknown> {}
class UserCreated extends Event {}

const KINDS = ["command", "query", "event"] as const;
type Kind = typeof KINDS[number];

/** What stands in a chain and changes nothing. */
const passThrough: AnyMiddleware = (_message, next) => next();

/** A handler class whose `handle` is made after it was built, with `inject` at work. */
function handlerClass(build: () => (message: object, context: HandlerContext) => unknown) {
  return class {
    readonly #handle = build();

    handle(message: object, context: HandlerContext): unknown {
      return this.#handle(message, context);
    }
  };
}

/** A bus of the kind with one handler; returns what dispatches a message to it. */
function setUp<S>(
  kind: Kind,
  handler: Constructor<{ handle(message: object, context: HandlerContext): unknown }>,
  { adapter, middlewares = [], listeners = [] }: {
    adapter?: DIAdapter<S>;
    middlewares?: readonly AnyMiddleware[];
    listeners?: readonly ((message: object, context: DispatchContext) => unknown)[];
  } = {},
): (options?: DispatchOptions) => Promise<unknown> {
  const router = new MessageRouter(adapter);
  class Message {}
  switch (kind) {
    case "command": {
      router.commandHandler(Message)(handler);
      const bus = router.newCommandBus().use(...middlewares).listen(...listeners);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "query": {
      router.queryHandler(Message)(handler);
      const bus = router.newQueryBus().use(...middlewares).listen(...listeners);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "event": {
      router.eventHandler(Message)(handler);
      const bus = router.newEventBus().use(...middlewares).listen(...listeners);
      return (options) => bus.dispatch(new Message(), options);
    }
  }
}

/** The reason why a dispatch fails; an event's comes wrapped. */
async function reasonOf(dispatched: Promise<unknown>): Promise<unknown> {
  const error = await assertRejects(() => dispatched);
  return error instanceof AggregateError ? error.errors[0] : error;
}

// The values

Deno.test("ContextValues.with() gives new values and leaves the former as they are", () => {
  const none = new ContextValues();
  const ada = none.with(User, new User("Ada"));
  const both = ada.with(TX, { id: 1 });
  const bob = both.with(User, new User("Bob"));

  assertEquals([none, ada, both, bob].map((values) => values.get(User)?.name), [undefined, "Ada", "Ada", "Bob"]);
  assertEquals([none, ada, both, bob].map((values) => values.get(TX)?.id), [undefined, undefined, 1, 1]);
});

Deno.test("ContextValues.with() makes branches that do not see each other", () => {
  const ada = ADA.with(TX, { id: 1 });
  const other = ADA.with(TX, { id: 2 });

  assertEquals([ADA.get(TX), ada.get(TX), other.get(TX)], [undefined, { id: 1 }, { id: 2 }]);
});

Deno.test("ContextValues.get() finds a value by the token itself, not by its name", () => {
  const namesake = new InjectionToken<Transaction>("TX");
  const values = new ContextValues().with(TX, { id: 1 });

  assertEquals([values.get(namesake), values.has(namesake)], [undefined, false]);
  assertStrictEquals(new ContextValues().get(User), undefined);
});

Deno.test("ContextValues.has() tells a value that is undefined from none", () => {
  const MAYBE = new InjectionToken<string | undefined>("MAYBE");
  const values = new ContextValues().with(MAYBE, undefined);

  assertEquals([values.has(MAYBE), values.get(MAYBE)], [true, undefined]);
  assertEquals([new ContextValues().has(MAYBE), values.has(TX)], [false, false]);
});

Deno.test("ContextValues has nothing for a token that is undefined, as one is in a circle of imports", () => {
  const missing = undefined as unknown as InjectionToken<string>;

  for (const values of [new ContextValues(), ADA]) {
    assertEquals([values.has(missing), values.get(missing)], [false, undefined]);
  }
});

Deno.test("ContextValues goes through its tokens with their values, each once", () => {
  const ada = new User("Ada");
  const values = new ContextValues().with(TX, { id: 1 }).with(User, ada).with(TX, { id: 2 });

  assertEquals([...values], [[TX, { id: 2 }], [User, ada]]);
  assertEquals([...new ContextValues()], []);
});

Deno.test("ContextValues can be replaced as often as there are messages", () => {
  const COUNT = new InjectionToken<number>("COUNT");
  let values = ADA;
  for (let count = 0; count < 50_000; count++) values = values.with(COUNT, count);

  assertEquals([values.get(COUNT), values.get(User)?.name, values.has(TX)], [49_999, "Ada", false]);
});

Deno.test("ContextValues.with() refuses what is not a token", () => {
  const messages = [undefined, null, "TX", {}].map((token) =>
    assertThrows(() => new ContextValues().with(token as never, 1 as never), TypeError).message
  );

  assertEquals(messages, [
    "Cannot give a value to a token: the token is undefined. The usual cause is a circular import: move the class to a " +
    "module of its own",
    'Cannot give a value to "null": it is neither a class nor an InjectionToken',
    'Cannot give a value to "TX": it is neither a class nor an InjectionToken',
    'Cannot give a value to an instance of "Object": it is neither a class nor an InjectionToken',
  ]);
});

Deno.test("ContextValues is typed by its tokens", () => {
  const values = new ContextValues().with(User, new User("Ada")).with(TX, { id: 1 });
  const user: User | undefined = values.get(User);
  const transaction: Transaction | undefined = values.get(TX);
  assertEquals([user?.name, transaction?.id], ["Ada", 1]);

  // @ts-expect-error -- a value of another type
  values.with(TX, { id: "1" });
  // @ts-expect-error -- the type of the token counts, and not what the value would make of it
  values.with(TX, undefined);
  // @ts-expect-error -- there may be none
  const _certain: User = values.get(User);
  // @ts-expect-error -- plain objects are not values
  const _options: DispatchOptions = { values: { user } };
  const absent: DispatchOptions = { values: undefined };
  assertEquals(absent, { values: undefined });
  // @ts-expect-error -- a context is read
  ((_context: HandlerContext) => void (_context.values = values));
});

// Who receives them

for (const kind of KINDS) {
  Deno.test(`The values of a dispatch reach the middlewares and the handler of the ${kind} bus as they are`, async () => {
    const seen: unknown[] = [];
    const see: AnyMiddleware = (_message, next, context) => {
      seen.push(context.values);
      return next();
    };
    const generator: AnyMiddleware = function* (_message, _next, context) {
      seen.push(context.values);
      yield;
    };
    const handler = handlerClass(() => (_message, { values }) => seen.push(values));

    await setUp(kind, handler, { middlewares: [see, generator] })({ values: ADA });

    assertEquals(seen.length, 3);
    for (const values of seen) assertStrictEquals(values, ADA);
  });

  Deno.test(`The values of a dispatch on the ${kind} bus are empty where the caller gave none`, async () => {
    const seen: ContextValues[] = [];
    const handler = handlerClass(() => (_message, { values }) => void seen.push(values));
    const dispatch = setUp(kind, handler);

    await dispatch();
    await dispatch({});
    await dispatch({ values: undefined });

    assertEquals(seen.map((values) => [...values]), [[], [], []]);
  });

  Deno.test(`next() replaces the values on the ${kind} bus for the rest of the chain, and nothing else`, async () => {
    const { signal } = new AbortController();
    const metadata = { tenant: "acme" };
    const contexts: HandlerContext[] = [];
    const begin: AnyMiddleware = async (_message, next, context) => {
      contexts.push(context);
      const result = await next(undefined, { values: context.values.with(TX, { id: 1 }) });
      contexts.push(context);
      return result;
    };
    const handler = handlerClass(() => (_message, context) => void contexts.push(context));

    await setUp(kind, handler, { middlewares: [begin] })({ signal, metadata, values: ADA });

    assertEquals(contexts.map(({ values }) => values.get(TX)?.id), [undefined, 1, undefined]);
    assertEquals(contexts.map(({ values }) => values.get(User)?.name), ["Ada", "Ada", "Ada"]);
    for (const context of contexts) {
      assertStrictEquals(context.signal, signal);
      assertStrictEquals<Metadata>(context.metadata, metadata);
      assertEquals(context.kind, kind);
      assertStrictEquals(context.handler as unknown, handler);
    }
  });

  Deno.test(`next() leaves the values on the ${kind} bus where it replaces others, or is given undefined`, async () => {
    const seen: ContextValues[] = [];
    const middlewares: AnyMiddleware[] = [
      (_message, next) => next(undefined, { metadata: { tenant: "acme" } }),
      (_message, next) => next(undefined, { signal: new AbortController().signal }),
      (_message, next) => next(undefined, { values: undefined }),
    ];
    const handler = handlerClass(() => (_message, { values }) => void seen.push(values));

    await setUp(kind, handler, { middlewares })({ values: ADA });

    assertStrictEquals(seen[0], ADA);
  });

  Deno.test(`next() begins with the values of its own middleware each time on the ${kind} bus`, async () => {
    const seen: unknown[] = [];
    let attempts = 0;
    const begin: AnyMiddleware = (_message, next, { values }) =>
      next(undefined, { values: values.with(TX, { id: ++attempts }) });
    const twice: AnyMiddleware = async (_message, next) => {
      await next();
      return await next();
    };
    const handler = handlerClass(() => (_message, { values }) => void seen.push(values.get(TX)?.id));

    await setUp(kind, handler, { middlewares: [twice, begin] })({ values: ADA });

    assertEquals(seen, [1, 2]);
  });

  Deno.test(`The values of a dispatch reach the listeners of the ${kind} bus without those of middlewares`, async () => {
    const heard: DispatchContext[] = [];
    const middlewares: AnyMiddleware[] = [
      (_message, next, { values }) => next(undefined, { values: values.with(TX, { id: 1 }) }),
    ];
    const listeners = [(_message: object, context: DispatchContext) => heard.push(context)];

    await setUp(kind, handlerClass(() => () => {}), { middlewares, listeners })({ values: ADA });

    assertEquals(heard.map(({ kind }) => kind), [kind]);
    assertStrictEquals(heard[0]!.values, ADA);
  });

  Deno.test(`A dispatch with the context of a handler on the ${kind} bus inherits its values, metadata and signal`, async () => {
    const { signal } = new AbortController();
    const metadata = { tenant: "acme" };
    const contexts: HandlerContext[] = [];
    const container = new Container();
    const begin: AnyMiddleware = (_message, next, { values }) =>
      next(undefined, { values: values.with(TX, { id: 1 }) });
    const handler = handlerClass(() => {
      const buses = [inject(CommandBus), inject(QueryBus), inject(EventBus)] as const;
      return async (_message, context) => {
        await buses[0].dispatch(new CreateUser(), context);
        await buses[1].dispatch(new FindUser(), context);
        await buses[2].dispatch(new UserCreated(), context);
      };
    });
    const dispatch = setUp(kind, handler, { adapter: container, middlewares: [begin] });
    const note = (_message: object, context: HandlerContext) => void contexts.push(context);
    container.get(CommandBus).subscribe(CreateUser, note);
    container.get(QueryBus).subscribe(FindUser, note);
    container.get(EventBus).subscribe(UserCreated, note);

    await dispatch({ signal, metadata, values: ADA });

    assertEquals(contexts.map(({ kind }) => kind), ["command", "query", "event"]);
    for (const { values, ...context } of contexts) {
      assertEquals([values.get(User)?.name, values.get(TX)?.id], ["Ada", 1]);
      assertStrictEquals(context.signal, signal);
      assertStrictEquals<Metadata>(context.metadata, metadata);
    }
  });
}

for (const order of ["concurrent", "sequential"] as const) {
  Deno.test(`The values of a dispatch reach all the handlers and listeners of an event, ${order}`, async () => {
    const seen: unknown[] = [];
    const events = new MessageRouter().newEventBus({ order }).listen((_event, { values }) => seen.push(values));
    for (let count = 0; count < 3; count++) events.subscribe(UserCreated, (_event, { values }) => seen.push(values));

    await events.dispatch(new UserCreated(), { values: ADA });

    assertEquals(seen.length, 4);
    for (const values of seen) assertStrictEquals(values, ADA);
  });
}

// Related events

for (const [way, middlewares] of [["without middlewares", []], ["with middlewares", [passThrough]]] as const) {
  Deno.test(`Related events, ${way}, receive the values of the command's caller`, async () => {
    const container = new Container();
    new MessageRouter(container);
    const seen: ContextValues[] = [];
    container.get(EventBus).subscribe(UserCreated, (_event, { values }) => void seen.push(values));
    container.get(CommandBus).use(...middlewares)
      .subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated()))
      .subscribe(RenameUser, (_command, { events }) => void events.add(new UserCreated(), new UserCreated()));

    await container.get(CommandBus).dispatch(new CreateUser(), { values: ADA });
    await container.get(CommandBus).dispatch(new RenameUser(), { values: ADA });

    assertEquals(seen.length, 3);
    for (const values of seen) assertStrictEquals(values, ADA);
  });
}

Deno.test("Related events receive no value that a middleware has added or replaced", async () => {
  const container = new Container();
  new MessageRouter(container);
  const seen: ContextValues[] = [];
  container.get(EventBus).subscribe(UserCreated, (_event, { values }) => void seen.push(values));
  const commands = container.get(CommandBus).use((_message, next, { values }) =>
    next(undefined, { values: values.with(TX, { id: 1 }).with(User, new User("Bob")) })
  );
  commands.subscribe(CreateUser, (_command, { events, values }) => {
    assertEquals([values.get(User)?.name, values.get(TX)?.id], ["Bob", 1]);
    events.add(new UserCreated());
  });

  await commands.dispatch(new CreateUser(), { values: ADA });
  await commands.dispatch(new CreateUser());

  assertStrictEquals(seen[0], ADA);
  assertEquals([...seen[1]!], []);
});

Deno.test("Related events of a child command receive the values that its parent's handler had", async () => {
  const container = new Container();
  new MessageRouter(container);
  const seen: unknown[] = [];
  container.get(EventBus).subscribe(UserCreated, (_event, { values }) => void seen.push(values.get(TX)?.id));
  let transactions = 0;
  const commands = container.get(CommandBus).use((_message, next, { values }) =>
    next(undefined, { values: values.with(TX, { id: ++transactions }) })
  );
  commands
    .subscribe(CreateUser, (_command, context) => commands.dispatch(new RenameUser(), context))
    .subscribe(RenameUser, (_command, { events }) => void events.add(new UserCreated()));

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [1]);
});

// What hands them on

Deno.test("The values of a Pipe reach its middlewares and the dispatch of every step", async () => {
  const seen: unknown[] = [];
  const queries = new MessageRouter().newQueryBus().subscribe(FindUser, (_query, { values }) => seen.push(values));
  const pipe = new Pipe(FindUser, queries).use((_message, next, { values, kind }) => {
    seen.push(values, kind);
    return next();
  }).step(() => new FindUser()).step(() => new FindUser());

  await pipe.dispatch(new FindUser(), { values: ADA });

  assertEquals([seen.length, seen[1]], [5, "pipeline"]);
  for (const values of seen.toSpliced(1, 1)) assertStrictEquals(values, ADA);
});

Deno.test("The values of a ContextPipeline reach the dispatch of commands and queries, those of its middlewares too", async () => {
  class Registration {}
  const seen: unknown[] = [];
  const router = new MessageRouter();
  const note = (_message: object, { values }: HandlerContext) =>
    void seen.push([values.get(User)?.name, values.get(TX)?.id]);
  const commands = router.newCommandBus().subscribe(CreateUser, note);
  const queries = router.newQueryBus().subscribe(FindUser, note);
  const pipeline = new ContextPipeline({ message: CreateUser, context: Registration }, {
    dispatcher: commands,
    queryDispatcher: queries,
  }).use((_message, next, { values }) => next(undefined, { values: values.with(TX, { id: 1 }) }))
    .query(() => new FindUser()).step(() => new CreateUser());

  await pipeline.dispatch(new CreateUser(), { values: ADA });

  assertEquals(seen, [["Ada", 1], ["Ada", 1], ["Ada", 1]]);
});

Deno.test("The values of a MethodPipeline reach the dispatch of every step, and are empty unless given", async () => {
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus()
    .subscribe(CreateUser, (_command, { values }) => void seen.push(values.get(User)?.name));
  const pipeline = new MethodPipeline<CreateUser, CreateUser, FindUser>({ dispatcher: commands });
  class Registration {
    @pipeline.step
    again(): CreateUser {
      return new CreateUser();
    }
  }

  await pipeline.run(Registration, new CreateUser(), { values: ADA });
  await pipeline.run(Registration, new CreateUser());

  assertEquals(seen, ["Ada", "Ada", undefined, undefined]);
});

Deno.test("The values of a handler reach its pipeline with its context", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  class Registration {}
  const pipeline = router.commandPipeline(RenameUser, Registration).step(() => new RenameUser());
  const seen: unknown[] = [];
  const commands = container.get(CommandBus)
    .subscribe(CreateUser, (_command, context) => pipeline.dispatch(new RenameUser(), context))
    .subscribe(RenameUser, (_command, { values }) => void seen.push(values));

  await commands.dispatch(new CreateUser(), { values: ADA });

  assertEquals(seen.length, 2);
  for (const values of seen) assertStrictEquals(values, ADA);
});

Deno.test("dispatchSequentially() inherits values through a function that passes the context on", async () => {
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus();
  commands
    .subscribe(CreateUser, (_command, context) =>
      dispatchSequentially(
        (message: RenameUser) => commands.dispatch(message, context),
        new RenameUser(),
        new RenameUser(),
      ))
    .subscribe(RenameUser, (_command, { values }) => void seen.push(values));

  await commands.dispatch(new CreateUser(), { values: ADA });

  assertEquals(seen.length, 2);
  for (const values of seen) assertStrictEquals(values, ADA);
});

Deno.test("defer() hands the values on", async () => {
  const seen: unknown[] = [];
  const pending: Promise<void>[] = [];
  const events = new MessageRouter().newEventBus().subscribe(UserCreated, (_event, { values }) => seen.push(values));
  const deferred = defer(events, (work) => pending.push(work));

  deferred.dispatch(new UserCreated(), { values: ADA });
  await Promise.all(pending);

  assertStrictEquals(seen[0], ADA);
});

// inject()

/** The containers to inject from: where something is bound for a scope, every handler has one. */
const CONTAINERS = {
  "without scoped bindings": () => new Container(),
  "with scoped bindings": () => new Container().bind(Date, () => new Date(), { lifetime: "scoped" }),
};

for (const [sort, newContainer] of Object.entries(CONTAINERS)) {
  for (const kind of KINDS) {
    Deno.test(`inject() finds a value for the handler of ${kind === "event" ? "an" : "a"} ${kind}, ${sort}, in a field and in a constructor default`, async () => {
      const seen: unknown[] = [];
      class InField {
        readonly transaction = inject(TX);

        handle(): void {
          seen.push(this.transaction.id);
        }
      }
      class InDefault {
        readonly #user: User;

        constructor(user = inject(User)) {
          this.#user = user;
        }

        handle(): void {
          seen.push(this.#user.name);
        }
      }
      const values = ADA.with(TX, { id: 1 });

      await setUp(kind, InField, { adapter: newContainer() })({ values });
      await setUp(kind, InDefault, { adapter: newContainer(), middlewares: [passThrough] })({ values });

      assertEquals(seen, [1, "Ada"]);
    });

    Deno.test(`inject(HANDLER_CONTEXT) gives the context itself to the handler of ${kind === "event" ? "an" : "a"} ${kind}, ${sort}`, async () => {
      const metadata = { tenant: "acme" };
      const pairs: [HandlerContext, HandlerContext][] = [];
      const handler = handlerClass(() => {
        const injected = inject(HANDLER_CONTEXT);
        return (_message, context) => void pairs.push([injected, context]);
      });

      await setUp(kind, handler, { adapter: newContainer() })({ metadata, values: ADA });
      await setUp(kind, handler, { adapter: newContainer(), middlewares: [passThrough] })({ metadata, values: ADA });

      assertEquals(pairs.length, 2);
      for (const [injected, context] of pairs) {
        assertStrictEquals(injected, context);
        assertEquals([injected.kind, injected.metadata, injected.values.get(User)?.name], [kind, metadata, "Ada"]);
        assertEquals(injected.events instanceof RelatedEvents, kind === "command");
      }
    });
  }

  Deno.test(`inject() finds a value at every depth, ${sort}, in bound factories and in what is transient`, async () => {
    class Connection {
      readonly transaction = inject(TX);
    }
    class Repository {
      readonly connection = inject(Connection);
      readonly context = inject(HANDLER_CONTEXT);
    }
    const container = newContainer()
      .bind(Connection, () => new Connection(), { lifetime: "transient" })
      .bind(Repository, () => Object.assign(new Repository(), { user: inject(User) }), { lifetime: "transient" });
    const handler = handlerClass(() => {
      const repository = inject(Repository) as Repository & { user: User };
      return (_message, context) => {
        assertStrictEquals(repository.context, context);
        return [repository.connection.transaction.id, repository.user.name];
      };
    });
    const dispatch = setUp("query", handler, { adapter: container });

    assertEquals(await dispatch({ values: ADA.with(TX, { id: 1 }) }), [1, "Ada"]);
    assertEquals(await dispatch({ values: ADA.with(TX, { id: 2 }) }), [2, "Ada"]);
  });

  Deno.test(`inject() prefers a value to what the container has bound, ${sort}`, async () => {
    for (const lifetime of ["singleton", "transient", "scoped"] as const) {
      const container = newContainer().bind(User, () => new User("the container's"), { lifetime });
      const dispatch = setUp(
        "query",
        handlerClass(() => {
          const { name } = inject(User);
          return () => name;
        }),
        { adapter: container },
      );

      assertEquals(await dispatch(), "the container's");
      assertEquals(await dispatch({ values: ADA }), "Ada");
      assertEquals(await dispatch(), "the container's");
    }
  });

  Deno.test(`inject() finds a value that is undefined, ${sort}`, async () => {
    const MAYBE = new InjectionToken<string | undefined>("MAYBE");
    const container = newContainer().bind(MAYBE, () => "bound");
    const dispatch = setUp(
      "query",
      handlerClass(() => {
        const value = inject(MAYBE);
        return () => value;
      }),
      { adapter: container },
    );

    assertStrictEquals(await dispatch({ values: new ContextValues().with(MAYBE, undefined) }), undefined);
  });

  Deno.test(`inject() of a token that is undefined finds no value, ${sort}`, async () => {
    const dispatch = setUp("query", handlerClass(() => inject(undefined as never)), { adapter: newContainer() });

    await assertRejects(() => dispatch({ values: ADA }), TypeError, "the token of a dependency is undefined");
  });

  Deno.test(`inject() gives a singleton what the container has bound, ${sort}, and never a value`, async () => {
    class Mailer {
      readonly sender = inject(User);
    }
    class Office {
      readonly mailer = inject(Mailer);
    }
    const container = newContainer()
      .bind(User, () => new User("the container's"))
      .bind(Mailer, () => new Mailer(), { lifetime: "transient" })
      .bind(Office, () => new Office());
    const dispatch = setUp(
      "query",
      handlerClass(() => {
        const [user, mailer, office] = [inject(User), inject(Mailer), inject(Office)];
        return () => [user.name, mailer.sender.name, office.mailer.sender.name];
      }),
      { adapter: container },
    );

    assertEquals(await dispatch({ values: ADA }), ["Ada", "Ada", "the container's"]);
    assertEquals(container.get(User).name, "the container's");
  });

  Deno.test(`inject() refuses a value for a singleton, ${sort}, where the container has bound none, and names both`, async () => {
    class Mailer {
      readonly sender = inject(User);
    }
    class Office {
      readonly mailer = inject(Mailer);
    }
    const container = newContainer()
      .bind(Mailer, () => new Mailer(), { lifetime: "transient" })
      .bind(Office, () => new Office());
    class GreetHandler {
      readonly office = inject(Office);

      handle(): void {}
    }
    const dispatch = setUp("command", GreetHandler, { adapter: container });

    const error = await assertRejects(() => dispatch({ values: ADA }), TypeError);
    assertEquals(
      error.message,
      'Cannot resolve "User" for "Office": the first belongs to one dispatch and the second is a singleton, which ' +
        "would outlive it (GreetHandler → Office → Mailer → User)",
    );
    assertEquals(
      (await assertRejects(() => dispatch(), ProviderNotFoundError)).path,
      ["GreetHandler", "Office", "Mailer", "User"],
    );
  });

  Deno.test(`inject(HANDLER_CONTEXT) refuses a singleton, ${sort}, and names both`, async () => {
    class Office {
      readonly context = inject(HANDLER_CONTEXT);
    }
    const container = newContainer().bind(Office, () => new Office());
    class GreetHandler {
      readonly office = inject(Office);

      handle(): void {}
    }

    for (const values of [undefined, ADA]) {
      for (const kind of KINDS) {
        const error = await reasonOf(setUp(kind, GreetHandler, { adapter: forked(container) })({ values }));
        assertEquals(
          (error as Error).message,
          'Cannot resolve "HANDLER_CONTEXT" for "Office": the first lives in a scope and the second is a singleton, ' +
            "which would outlive it (GreetHandler → Office → HANDLER_CONTEXT)",
        );
      }
    }
  });
}

/** The same container for several routers: none of them binds its buses. */
function forked(container: Container): DIAdapter<Scope | HandlerContext> {
  return {
    wire: (type) => container.wire(type),
    lazy: (type) => container.lazy(type),
    createScope: (context) => container.createScope(context),
  };
}

Deno.test("inject() shares a scoped instance that holds a value within one dispatch, and not beyond", async () => {
  class Repository {
    readonly transaction = inject(TX);
  }
  const container = new Container().bind(Repository, () => new Repository(), { lifetime: "scoped" });
  const dispatch = setUp(
    "query",
    handlerClass(() => {
      const [first, second] = [inject(Repository), inject(Repository)];
      return () => [first === second, first.transaction.id];
    }),
    { adapter: container },
  );

  const results = await Promise.all([1, 2].map((id) => dispatch({ values: new ContextValues().with(TX, { id }) })));

  assertEquals(results, [[true, 1], [true, 2]]);
});

Deno.test("inject() finds the values that a middleware has added, each attempt its own", async () => {
  let attempts = 0;
  const seen: unknown[] = [];
  const begin: AnyMiddleware = (_message, next, { values }) =>
    next(undefined, { values: values.with(TX, { id: ++attempts }) });
  const twice: AnyMiddleware = async (_message, next) => {
    await next();
    return await next();
  };
  for (const kind of KINDS) {
    const handler = handlerClass(() => {
      const { id } = inject(TX);
      return () => void seen.push(id);
    });
    await setUp(kind, handler, { middlewares: [twice, begin] })({ values: ADA });
  }

  assertEquals(seen, [1, 2, 3, 4, 5, 6]);
});

Deno.test("inject() finds a value in a handler that is bound itself, and in one that is built asynchronously", async () => {
  class BoundHandler {
    readonly #name: string;

    constructor(name: string) {
      this.#name = name;
    }

    handle(): string {
      return this.#name;
    }
  }
  const container = new Container().bind(BoundHandler, () => new BoundHandler(inject(User).name), {
    lifetime: "transient",
  });
  assertEquals(await setUp("query", BoundHandler, { adapter: container })({ values: ADA }), "Ada");

  const promising = new Container();
  promising.bind(
    BoundHandler,
    (async () => {
      const { name } = inject(User);
      await Promise.resolve();
      return new BoundHandler(name);
    }) as never,
    { lifetime: "transient" },
  );
  assertEquals(await setUp("query", BoundHandler, { adapter: promising })({ values: ADA }), "Ada");
});

Deno.test("inject() finds no value outside of a handler", () => {
  const container = new Container().bind(Date, () => new Date(inject(TX).id), { lifetime: "scoped" });

  assertThrows(() => container.get(TX), ProviderNotFoundError);
  assertThrows(() => container.createScope().get(Date), ProviderNotFoundError);
  const { message } = assertThrows(() => container.createScope().get(HANDLER_CONTEXT), ProviderNotFoundError);
  assertEquals(message.includes("A container has it only while it builds a handler"), true);
});

// Foreign containers

Deno.test("DIAdapter.createScope() finds the values in the context, those of middlewares too", async () => {
  for (const kind of KINDS) {
    const seen: unknown[] = [];
    const adapter: DIAdapter<object> = {
      wire: (type) => (scope) => new type(scope),
      lazy: () => () => {
        throw new Error("Nothing is bound");
      },
      createScope: ({ values }) => ({ user: values.get(User), transaction: values.get(TX) }),
    };
    class Handler {
      readonly #scope: unknown;

      constructor(...scopes: unknown[]) {
        this.#scope = scopes[0];
      }

      handle(): void {
        seen.push(this.#scope);
      }
    }
    const begin: AnyMiddleware = (_message, next, { values }) =>
      next(undefined, { values: values.with(TX, { id: 1 }) });

    await setUp(kind, Handler, { adapter, middlewares: [begin] })({ values: ADA });

    assertEquals(seen, [{ user: new User("Ada"), transaction: { id: 1 } }]);
  }
});
