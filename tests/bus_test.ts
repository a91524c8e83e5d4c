import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { assertSpyCall, assertSpyCalls, spy } from "@std/testing/mock";
import {
  Command,
  type CommandContext,
  ContextValues,
  type DispatchContext,
  Event,
  type HandlerContext,
  HandlerNotFoundError,
  MessageRouter,
  type Metadata,
  Query,
} from "@cq/core";
import { PreparedQuery } from "./support/prepared_query.ts";

class CreateUser extends Command<number> {}
class DeleteUser extends Command {}
class FindName extends Query<string> {}
class FindNickname extends Query<string | undefined> {}
class UserCreated extends Event {}

/** Acts as a promise and is none, and counts how often somebody waits for it. */
class Thenable<T> implements PromiseLike<T> {
  calls = 0;
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  // deno-lint-ignore no-explicit-any -- the signature of PromiseLike, cut down to what an await needs
  then(resolve?: any): any {
    this.calls++;
    resolve?.(this.#value);
  }
}

// Results

Deno.test("CommandBus.dispatch() resolves to what the handler returns plainly", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);

  assertEquals(await commands.dispatch(new CreateUser()), 42);
});

Deno.test("CommandBus.dispatch() resolves to what the handler returns by promise", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => Promise.resolve(42));

  assertEquals(await commands.dispatch(new CreateUser()), 42);
});

Deno.test("QueryBus.dispatch() resolves to what the handler returns plainly", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, () => "Ada");

  assertEquals(await queries.dispatch(new FindName()), "Ada");
});

Deno.test("QueryBus.dispatch() returns the promise of a handler function itself where no middleware stands between", () => {
  const promise = Promise.resolve("Ada");
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, () => promise);

  assertStrictEquals(queries.dispatch(new FindName()), promise);
});

Deno.test("QueryBus.dispatch() returns the promise of a handler class itself where no middleware stands between", () => {
  const promise = Promise.resolve("Ada");
  const router = new MessageRouter();

  @router.queryHandler(FindName)
  class _Handler {
    handle(_query: FindName): Promise<string> {
      return promise;
    }
  }

  assertStrictEquals(router.newQueryBus().dispatch(new FindName()), promise);
});

Deno.test("CommandBus.dispatch() hands the handler the message itself", async () => {
  const handle = spy((_command: CreateUser) => 42);
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, handle);
  const command = new CreateUser();

  await commands.dispatch(command);

  assertStrictEquals(handle.calls[0]!.args[0], command);
});

Deno.test("CommandBus.dispatch() waits for a result that is thenable and no Promise, once", async () => {
  const result = new Thenable(42);
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => result);

  assertEquals(await commands.dispatch(new CreateUser()), 42);
  assertEquals(result.calls, 1);
});

Deno.test("QueryBus.dispatch() waits for a result that is thenable and no Promise, once", async () => {
  const result = new Thenable("Ada");
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, () => result);

  assertEquals(await queries.dispatch(new FindName()), "Ada");
  assertEquals(result.calls, 1);
});

Deno.test("QueryBus.dispatch() starts what a handler has only prepared, once, though nobody waits for the result yet", async () => {
  const result = new PreparedQuery("Ada");
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, () => result);

  const dispatched = queries.dispatch(new FindName());
  await Promise.resolve();

  assertEquals(result.runs, 1);
  assertEquals(await dispatched, "Ada");
  assertEquals(result.runs, 1);
});

Deno.test("QueryBus.dispatch() waits for a thenable result once behind middlewares, listeners and failSilently too", async () => {
  const result = new Thenable("Ada");
  const queries = new MessageRouter().newQueryBus()
    .listen(() => {})
    .use(async (_message, next) => await next(), function* () {
      yield;
    })
    .subscribe(FindNickname, () => result, { failSilently: true });

  assertEquals(await queries.dispatch(new FindNickname()), "Ada");
  assertEquals(result.calls, 1);
});

// Errors

Deno.test("CommandBus.dispatch() rejects with what the handler throws synchronously, as it is", async () => {
  const error = new Error("The disk is full");
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => {
    throw error;
  });

  assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), error);
});

Deno.test("CommandBus.dispatch() rejects with what the handler's promise rejects with, as it is", async () => {
  const error = new Error("The disk is full");
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => Promise.reject(error));

  assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), error);
});

Deno.test("QueryBus.dispatch() rejects with what the handler throws synchronously, as it is", async () => {
  const error = new Error("The disk is full");
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, () => {
    throw error;
  });

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindName())), error);
});

for (const thrown of [undefined, "The disk is full"]) {
  Deno.test(`CommandBus.dispatch() rejects with ${JSON.stringify(thrown)} where the handler throws that`, async () => {
    const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => {
      throw thrown;
    });

    assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), thrown);
  });

  Deno.test(`QueryBus.dispatch() rejects with ${JSON.stringify(thrown)} where the handler throws that`, async () => {
    const queries = new MessageRouter().newQueryBus()
      .use(async (_message, next) => await next())
      .subscribe(FindName, () => {
        throw thrown;
      });

    assertStrictEquals(await assertRejects(() => queries.dispatch(new FindName())), thrown);
  });
}

Deno.test("CommandBus.dispatch() rejects with HandlerNotFoundError where no handler is registered", async () => {
  const commands = new MessageRouter().newCommandBus();

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "CreateUser": no command handler is registered. Register one with @commandHandler(CreateUser), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
  assertStrictEquals(error.messageType, CreateUser);
  assertEquals(error.kind, "command");
});

Deno.test("QueryBus.dispatch() rejects with HandlerNotFoundError where no handler is registered", async () => {
  const queries = new MessageRouter().newQueryBus();

  const error = await assertRejects(() => queries.dispatch(new FindName()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "FindName": no query handler is registered. Register one with @queryHandler(FindName), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
  assertStrictEquals(error.messageType, FindName);
  assertEquals(error.kind, "query");
});

Deno.test("CommandBus.dispatch() says so where a different class of the same name has a handler", async () => {
  const commands = new MessageRouter().newCommandBus();
  const loadedAgain = (() => {
    class CreateUser extends Command<number> {}
    return CreateUser;
  })();
  commands.subscribe(loadedAgain, () => 42);

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "CreateUser": no command handler is registered. Register one with @commandHandler(CreateUser), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so. A different class named " +
      '"CreateUser" has a handler: the module that defines it may be loaded twice',
  );
});

Deno.test("CommandBus.dispatch() rejects, and does not throw, where the message has no class", async () => {
  const commands = new MessageRouter().newCommandBus();

  const errors = await Promise.all(
    [null, undefined, Object.create(null)].map((message) =>
      assertRejects(() => commands.dispatch(message as unknown as CreateUser), TypeError)
    ),
  );

  assertEquals(errors.map(({ message }) => message), [
    "Cannot dispatch null: a message is an instance of a class",
    "Cannot dispatch undefined: a message is an instance of a class",
    "Cannot dispatch an object with a null prototype: a message is an instance of a class",
  ]);
});

// Handlers

Deno.test("CommandBus.dispatch() builds a new handler for each dispatch", async () => {
  const handlers: unknown[] = [];
  const router = new MessageRouter();

  @router.commandHandler(CreateUser)
  class _Handler {
    handle(_command: CreateUser): number {
      return handlers.push(this);
    }
  }

  const commands = router.newCommandBus();
  await commands.dispatch(new CreateUser());
  await commands.dispatch(new CreateUser());

  assertEquals(handlers.length, 2);
  assertNotStrictEquals(handlers[0], handlers[1]);
});

Deno.test("CommandBus.dispatch() builds the handler inside the chain of middlewares", async () => {
  const log: string[] = [];
  const router = new MessageRouter();

  @router.commandHandler(CreateUser)
  class _Handler {
    constructor() {
      log.push("built");
    }

    handle(_command: CreateUser): number {
      return log.push("handled");
    }
  }

  const commands = router.newCommandBus().use(async (_message, next) => {
    log.push("before");
    const result = await next();
    log.push("after");
    return result;
  });
  await commands.dispatch(new CreateUser());

  assertEquals(log, ["before", "built", "handled", "after"]);
});

Deno.test("QueryBus.dispatch() builds the handler inside the chain of middlewares", async () => {
  const log: string[] = [];
  const router = new MessageRouter();

  @router.queryHandler(FindName)
  class _Handler {
    constructor() {
      log.push("built");
    }

    handle(_query: FindName): string {
      return "Ada";
    }
  }

  const queries = router.newQueryBus().use(function* () {
    log.push("before");
    yield;
    log.push("after");
  });
  await queries.dispatch(new FindName());

  assertEquals(log, ["before", "built", "after"]);
});

Deno.test("CommandBus.dispatch() calls the handler with its kind, signal, metadata, source and events", async () => {
  const contexts: CommandContext[] = [];
  const handle = (_command: CreateUser, context: CommandContext) => contexts.push(context);
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, handle);
  const { signal } = new AbortController();
  const metadata = { tenant: "acme" };

  await commands.dispatch(new CreateUser(), { signal, metadata });

  const [context] = contexts;
  assertEquals(context!.kind, "command");
  assertStrictEquals(context!.signal, signal);
  assertStrictEquals<Metadata>(context!.metadata, metadata);
  assertStrictEquals(context!.handler, handle);
  assertEquals(context!.events.size, 0);
});

Deno.test("QueryBus.dispatch() calls the handler with its kind, signal, metadata and source", async () => {
  const contexts: HandlerContext[] = [];
  const handle = (_query: FindName, context: HandlerContext) => {
    contexts.push(context);
    return "Ada";
  };
  const queries = new MessageRouter().newQueryBus().subscribe(FindName, handle);
  const { signal } = new AbortController();
  const metadata = { tenant: "acme" };

  await queries.dispatch(new FindName(), { signal, metadata });

  const [context] = contexts;
  assertEquals(Object.keys(context!).sort(), ["handler", "kind", "metadata", "signal", "values"]);
  assertEquals(context!.kind, "query");
  assertStrictEquals(context!.signal, signal);
  assertStrictEquals<Metadata>(context!.metadata, metadata);
  assertStrictEquals(context!.handler, handle);
});

Deno.test("CommandBus.dispatch() names the handler class in the context of handlers and middlewares", async () => {
  const sources: unknown[] = [];
  const router = new MessageRouter();

  @router.commandHandler(CreateUser)
  class Handler {
    handle(_command: CreateUser, context: CommandContext): number {
      return sources.push(context.handler);
    }
  }

  const commands = router.newCommandBus().use((_message, next, context) => {
    sources.push(context.handler);
    return next();
  });
  await commands.dispatch(new CreateUser());

  assertEquals(sources.length, 2);
  assertStrictEquals(sources[0], Handler);
  assertStrictEquals(sources[1], Handler);
});

Deno.test("CommandBus.dispatch() calls middlewares with the kind, the signal, the metadata, the values, the handler and the events", async () => {
  const contexts: HandlerContext[] = [];
  const commands = new MessageRouter().newCommandBus()
    .use((_message, next, context) => {
      contexts.push(context);
      return next();
    })
    .subscribe(CreateUser, () => 42);
  const { signal } = new AbortController();
  const metadata = { tenant: "acme" };

  await commands.dispatch(new CreateUser(), { signal, metadata });

  const [context] = contexts;
  assertEquals(Object.keys(context!).sort(), ["events", "handler", "kind", "metadata", "signal", "values"]);
  assertEquals(context!.kind, "command");
  assertStrictEquals(context!.signal, signal);
  assertStrictEquals<Metadata>(context!.metadata, metadata);
});

Deno.test("Bus.dispatch() hands over empty frozen metadata and no signal where the caller gave none", async () => {
  const contexts: HandlerContext[] = [];
  const router = new MessageRouter();
  const commands = router.newCommandBus().subscribe(CreateUser, (_command, context) => contexts.push(context));
  const queries = router.newQueryBus().subscribe(FindName, (_query, context) => `${contexts.push(context)}`);
  const events = router.newEventBus().subscribe(UserCreated, (_event, context) => contexts.push(context));

  await commands.dispatch(new CreateUser());
  await queries.dispatch(new FindName(), {});
  await events.dispatch(new UserCreated(), { signal: undefined, metadata: undefined });

  assertEquals(contexts.map(({ kind }) => kind), ["command", "query", "event"]);
  for (const { signal, metadata } of contexts) {
    assertStrictEquals(signal, undefined);
    assertEquals(metadata, {});
    assert(Object.isFrozen(metadata));
  }
});

// Listeners

Deno.test("Bus.listen() tells listeners of the message and the dispatch", async () => {
  const listener = spy((_message: object, _context: DispatchContext) => {});
  const commands = new MessageRouter().newCommandBus().listen(listener).subscribe(CreateUser, () => 42);
  const { signal } = new AbortController();
  const command = new CreateUser();

  assertEquals(await commands.dispatch(command, { signal, metadata: { tenant: "acme" } }), 42);

  assertSpyCalls(listener, 1);
  assertStrictEquals(listener.calls[0]!.args[0], command);
  assertEquals(listener.calls[0]!.args[1], {
    kind: "command",
    signal,
    metadata: { tenant: "acme" },
    values: new ContextValues(),
  });
});

Deno.test("Bus.listen() tells listeners of queries with the kind of the query bus", async () => {
  const listener = spy((_message: object, _context: DispatchContext) => {});
  const queries = new MessageRouter().newQueryBus().listen(listener).subscribe(FindName, () => "Ada");

  assertEquals(await queries.dispatch(new FindName()), "Ada");

  assertSpyCall(listener, 0, {
    args: [new FindName(), { kind: "query", signal: undefined, metadata: {}, values: new ContextValues() }],
  });
});

for (const kind of ["command", "query"] as const) {
  Deno.test(`Bus.listen() lets all listeners of a ${kind} settle before its handler starts`, async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const router = new MessageRouter();
    const listeners = [
      async () => {
        await slow.promise;
        log.push("slow listener settled");
      },
      () => {
        log.push("fast listener settled");
        // Nothing but the first listener is waited for from here on.
        setTimeout(slow.resolve);
      },
    ];
    const dispatched = kind === "command"
      ? router.newCommandBus().listen(...listeners).subscribe(DeleteUser, () => void log.push("handled"))
        .dispatch(new DeleteUser())
      : router.newQueryBus().listen(...listeners).subscribe(FindName, () => `${log.push("handled")}`)
        .dispatch(new FindName());

    await dispatched;

    assertEquals(log, ["fast listener settled", "slow listener settled", "handled"]);
  });

  Deno.test(`Bus.listen() runs the listeners of a ${kind} concurrently`, async () => {
    const secondStarted = Promise.withResolvers<void>();
    const listeners = [() => secondStarted.promise, () => secondStarted.resolve()];
    const router = new MessageRouter();

    // The first listener would wait for ever if the second did not start before it has settled.
    await (kind === "command"
      ? router.newCommandBus().listen(...listeners).subscribe(DeleteUser, () => {}).dispatch(new DeleteUser())
      : router.newQueryBus().listen(...listeners).subscribe(FindName, () => "Ada").dispatch(new FindName()));
  });

  Deno.test(`Bus.listen() keeps a ${kind} from its handler and middlewares where listeners fail, and lets the others settle`, async () => {
    const log: string[] = [];
    const sync = new Error("sync");
    const async = new Error("async");
    const failed = Promise.withResolvers<void>();
    const listeners = [
      () => {
        throw sync;
      },
      () => {
        setTimeout(failed.resolve);
        return Promise.reject(async);
      },
      async () => {
        await failed.promise;
        log.push("last listener settled");
      },
    ];
    const middleware = () => Promise.resolve(log.push("middleware"));
    const router = new MessageRouter();

    const error = await assertRejects(
      () =>
        kind === "command"
          ? router.newCommandBus().listen(...listeners).use(middleware)
            .subscribe(DeleteUser, () => void log.push("handled")).dispatch(new DeleteUser())
          : router.newQueryBus().listen(...listeners).use(middleware)
            .subscribe(FindName, () => `${log.push("handled")}`).dispatch(new FindName()),
      AggregateError,
    );

    const name = kind === "command" ? "DeleteUser" : "FindName";
    assertEquals(error.message, `Cannot dispatch "${name}": its listeners failed: ${sync.message}; ${async.message}`);
    assertEquals(error.errors.length, 2);
    assertStrictEquals(error.errors[0], sync);
    assertStrictEquals(error.errors[1], async);
    assertEquals(log, ["last listener settled"]);
  });
}

Deno.test("Bus.listen() makes one failing listener an AggregateError too", async () => {
  const commands = new MessageRouter().newCommandBus()
    .listen(() => Promise.reject("no"))
    .subscribe(CreateUser, () => 42);

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), AggregateError);

  assertEquals(error.message, 'Cannot dispatch "CreateUser": its listeners failed: no');
  assertEquals(error.errors, ["no"]);
});

Deno.test("Bus.listen() ignores what a listener returns", async () => {
  const commands = new MessageRouter().newCommandBus().listen(() => 1, () => Promise.resolve(2))
    .subscribe(CreateUser, () => 42);

  assertEquals(await commands.dispatch(new CreateUser()), 42);
});

Deno.test("Bus.listen() tells a listener once of a message that is handled several times", async () => {
  const listener = spy(() => {});
  const handle = spy(() => 42);
  const commands = new MessageRouter().newCommandBus()
    .listen(listener)
    .use(async (_message, next) => {
      await next();
      return await next();
    })
    .subscribe(CreateUser, handle);

  await commands.dispatch(new CreateUser());

  assertSpyCalls(handle, 2);
  assertSpyCalls(listener, 1);
});

Deno.test("Bus.listen() reaches messages that the bus has dispatched before", async () => {
  const listener = spy(() => {});
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);
  await commands.dispatch(new CreateUser());

  commands.listen(listener);
  await commands.dispatch(new CreateUser());

  assertSpyCalls(listener, 1);
});

Deno.test("Bus.listen() refuses what is no function, and adds none of the listeners then", async () => {
  const listener = spy(() => {});
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);

  const errors = [undefined, null, "log", { listen: () => {} }].map((value) =>
    assertThrows(() => commands.listen(listener, value as unknown as () => void), TypeError).message
  );
  await commands.dispatch(new CreateUser());

  assertEquals(errors, [
    'Cannot use "undefined" as a listener: it is not a function',
    'Cannot use "null" as a listener: it is not a function',
    'Cannot use "log" as a listener: it is not a function',
    'Cannot use an instance of "Object" as a listener: it is not a function',
  ]);
  assertSpyCalls(listener, 0);
});

// failSilently

Deno.test("failSilently drops what a command handler throws, and the dispatch resolves to undefined", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(DeleteUser, () => {
    throw new Error("The disk is full");
  }, { failSilently: true });

  assertStrictEquals(await commands.dispatch(new DeleteUser()), undefined);
});

Deno.test("failSilently drops what a query handler throws synchronously, and the dispatch resolves to undefined", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(FindNickname, () => {
    throw new Error("The disk is full");
  }, { failSilently: true });

  assertStrictEquals(await queries.dispatch(new FindNickname()), undefined);
});

Deno.test("failSilently drops the rejection of a query handler, and the dispatch resolves to undefined", async () => {
  const queries = new MessageRouter().newQueryBus()
    .subscribe(FindNickname, () => Promise.reject(new Error("The disk is full")), { failSilently: true });

  assertStrictEquals(await queries.dispatch(new FindNickname()), undefined);
});

Deno.test("failSilently drops a command handler's error after the middlewares have seen it", async () => {
  const error = new Error("The disk is full");
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus()
    .use(async (_message, next) => {
      try {
        return await next();
      } catch (error) {
        seen.push(error);
        throw error;
      }
    })
    .subscribe(DeleteUser, () => {
      throw error;
    }, { failSilently: true });

  assertStrictEquals(await commands.dispatch(new DeleteUser()), undefined);
  assertEquals(seen.length, 1);
  assertStrictEquals(seen[0], error);
});

Deno.test("failSilently drops a query handler's error after the middlewares have seen it", async () => {
  const error = new Error("The disk is full");
  const seen: unknown[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(function* () {
      try {
        yield;
      } catch (error) {
        seen.push(error);
        throw error;
      }
    })
    .subscribe(FindNickname, () => Promise.reject(error), { failSilently: true });

  assertStrictEquals(await queries.dispatch(new FindNickname()), undefined);
  assertEquals(seen.length, 1);
  assertStrictEquals(seen[0], error);
});

Deno.test("failSilently lets the result of a handler that succeeds through", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(FindNickname, () => "Ada", { failSilently: true });

  assertEquals(await queries.dispatch(new FindNickname()), "Ada");
});

Deno.test("failSilently holds for a decorated handler class", async () => {
  const router = new MessageRouter();

  @router.queryHandler(FindNickname, { failSilently: true })
  class _Handler {
    handle(_query: FindNickname): Promise<string | undefined> {
      return Promise.reject(new Error("The disk is full"));
    }
  }

  assertStrictEquals(await router.newQueryBus().dispatch(new FindNickname()), undefined);
});

Deno.test("failSilently does not cover the listeners, whose failure is none of the handler", async () => {
  const commands = new MessageRouter().newCommandBus()
    .listen(() => Promise.reject(new Error("no")))
    .subscribe(DeleteUser, () => {}, { failSilently: true });

  const error = await assertRejects(() => commands.dispatch(new DeleteUser()), AggregateError);

  assertEquals(error.message, 'Cannot dispatch "DeleteUser": its listeners failed: no');
});

// Registration

Deno.test("Bus.subscribe() registers a handler with every bus of the router", async () => {
  const router = new MessageRouter();
  const first = router.newCommandBus();
  const second = router.newCommandBus();

  first.subscribe(CreateUser, () => 42);

  assertEquals(await second.dispatch(new CreateUser()), 42);
  assertEquals(await router.newCommandBus().dispatch(new CreateUser()), 42);
});

Deno.test("Bus.subscribe() refuses what is no function, and says how a class is registered", () => {
  const router = new MessageRouter();
  const handler = { handle: () => 42 };

  const error = assertThrows(
    () => router.newCommandBus().subscribe(CreateUser, handler as unknown as () => number),
    TypeError,
  );

  assertEquals(
    error.message,
    'Cannot subscribe an instance of "Object" to "CreateUser": it is not a function. ' +
      "A handler class is registered with @commandHandler(CreateUser)",
  );
  assertEquals(router.commandTypes, []);
});

Deno.test("Bus.dispatch() finds a handler that was registered after a dispatch had found none", async () => {
  const commands = new MessageRouter().newCommandBus();
  await assertRejects(() => commands.dispatch(new CreateUser()), HandlerNotFoundError);

  commands.subscribe(CreateUser, () => 42);

  assertEquals(await commands.dispatch(new CreateUser()), 42);
});

Deno.test("Bus.dispatch() turns to a nearer handler that was registered after the base's had handled the message", async () => {
  class CreateAdmin extends CreateUser {}
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 1);
  assertEquals(await commands.dispatch(new CreateAdmin()), 1);

  commands.subscribe(CreateAdmin, () => 2);

  assertEquals(await commands.dispatch(new CreateAdmin()), 2);
  assertEquals(await commands.dispatch(new CreateUser()), 1);
});

Deno.test("Bus.dispatch() keeps to the handler of a message while others are registered", async () => {
  class CreateAdmin extends CreateUser {}
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 1);
  assertEquals(await commands.dispatch(new CreateUser()), 1);

  commands.subscribe(CreateAdmin, () => 2).subscribe(DeleteUser, () => {});

  assertEquals(await commands.dispatch(new CreateUser()), 1);
  assertEquals(await commands.dispatch(new CreateUser()), 1);
});

Deno.test("Bus.dispatch() is not misled by a message's own data named constructor", async () => {
  class Imported extends Command<string> {
    constructor(data: object) {
      super();
      Object.assign(this, data);
    }
  }
  const commands = new MessageRouter().newCommandBus().subscribe(Imported, () => "imported");

  for (
    const data of ['{ "constructor": "Ford" }', '{ "constructor": null }', '{ "constructor": { "name": "Ford" } }']
  ) {
    assertEquals(await commands.dispatch(new Imported(JSON.parse(data))), "imported");
  }
});

Deno.test("Bus.dispatch() is not misled by data named constructor on the prototype of a message", async () => {
  class Imported {}
  const commands = new MessageRouter().newCommandBus().subscribe(Imported, () => "imported");
  const derived = Object.create(Object.assign(new Imported(), { constructor: "Ford" }));

  assertEquals(await commands.dispatch(derived), "imported");
  await assertRejects(() => commands.dispatch({}), TypeError);
});

Deno.test("Bus.use() reaches messages that the bus has dispatched before", async () => {
  const middleware = spy((_message: object, next: () => Promise<unknown>) => next());
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);
  await commands.dispatch(new CreateUser());

  commands.use(middleware);
  await commands.dispatch(new CreateUser());

  assertSpyCalls(middleware, 1);
});

Deno.test("Bus.use() refuses what is no middleware, and adds none of the middlewares then", async () => {
  const middleware = spy((_message: object, next: () => Promise<unknown>) => next());
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);

  const errors = [undefined, null, "log", new CreateUser()].map((value) =>
    assertThrows(() => commands.use(middleware, value as unknown as typeof middleware), TypeError).message
  );
  await commands.dispatch(new CreateUser());

  assertEquals(errors, [
    'Cannot use "undefined" as a middleware: it is neither a function nor an object with a method "invoke"',
    'Cannot use "null" as a middleware: it is neither a function nor an object with a method "invoke"',
    'Cannot use "log" as a middleware: it is neither a function nor an object with a method "invoke"',
    'Cannot use an instance of "CreateUser" as a middleware: it is neither a function nor an object with a method "invoke"',
  ]);
  assertSpyCalls(middleware, 0);
});

Deno.test("Bus.use(), Bus.listen() and Bus.subscribe() return the bus", () => {
  const commands = new MessageRouter().newCommandBus();

  assertStrictEquals(commands.use((_message, next) => next()), commands);
  assertStrictEquals(commands.listen(() => {}), commands);
  assertStrictEquals(commands.subscribe(CreateUser, () => 42), commands);
});

Deno.test("Bus.use() and Bus.listen() leave the other buses of the router alone", async () => {
  const router = new MessageRouter();
  const middleware = spy((_message: object, next: () => Promise<unknown>) => next());
  const listener = spy(() => {});
  router.newCommandBus().use(middleware).listen(listener);

  await router.newCommandBus().subscribe(CreateUser, () => 42).dispatch(new CreateUser());

  assertSpyCalls(middleware, 0);
  assertSpyCalls(listener, 0);
});

// canHandle

Deno.test("Bus.canHandle() tells whether a handler is registered for the message's class or a base of it", () => {
  class CreateAdmin extends CreateUser {}
  const commands = new MessageRouter().newCommandBus();
  assertFalse(commands.canHandle(new CreateAdmin()));

  commands.subscribe(CreateUser, () => 42);

  assert(commands.canHandle(new CreateUser()));
  assert(commands.canHandle(new CreateAdmin()));
  assertFalse(commands.canHandle(new DeleteUser()));
});

Deno.test("Bus.canHandle() does not take the handler of a subclass for one of the base", () => {
  class CreateAdmin extends CreateUser {}
  const commands = new MessageRouter().newCommandBus().subscribe(CreateAdmin, () => 42);

  assertFalse(commands.canHandle(new CreateUser()));
});

Deno.test("Bus.canHandle() tells whether an event has any handler", () => {
  const events = new MessageRouter().newEventBus();
  assertFalse(events.canHandle(new UserCreated()));

  events.subscribe(UserCreated, () => {});

  assert(events.canHandle(new UserCreated()));
});

Deno.test("Bus.canHandle() knows the handlers of its own kind alone", () => {
  class Ping {}
  const router = new MessageRouter();
  router.newCommandBus().subscribe(Ping, () => "pong");

  assert(router.newCommandBus().canHandle(new Ping()));
  assertFalse(router.newQueryBus().canHandle(new Ping()));
  assertFalse(router.newEventBus().canHandle(new Ping()));
});

Deno.test("Bus.canHandle() throws where the message has no class", () => {
  const commands = new MessageRouter().newCommandBus();

  const error = assertThrows(() => commands.canHandle(null as unknown as CreateUser));

  assertInstanceOf(error, TypeError);
  assertEquals(error.message, "Cannot dispatch null: a message is an instance of a class");
});
