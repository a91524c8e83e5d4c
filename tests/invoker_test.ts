import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import {
  type AnyMiddleware,
  Command,
  CommandBus,
  type Constructor,
  type DefaultBus,
  type DIAdapter,
  type DispatchOptions,
  Event,
  EventBus,
  EventDispatchError,
  type HandlerContext,
  MessageRouter,
  Query,
  QueryBus,
  retry,
  timeout,
} from "@cq/core";

class CreateUser extends Command<number> {}
class RenameUser extends Command<number> {}
class DeleteUser extends Command {}
class FindName extends Query<string> {}
class UserCreated extends Event {}

type Kind = "command" | "query" | "event";
const KINDS: readonly Kind[] = ["command", "query", "event"];
const NAMES = { command: "a command", query: "a query", event: "an event" };

/** The two ways in which a scope can be disposed. */
const DISPOSALS = ["dispose", "asyncDispose"] as const;

type Handle = (message: object, context: HandlerContext) => unknown;

/** A foreign container: what it lacks, a test hands over. */
function adapterWith<Scope>(parts: Partial<DIAdapter<Scope>> = {}): DIAdapter<Scope> {
  return {
    wire: (type) => () => new type(),
    lazy: () => () => {
      throw new Error("Nothing is bound");
    },
    ...parts,
  };
}

/** A router with one handler of the kind, a class or a function; returns what dispatches a message to it. */
function setUp<Scope>(
  kind: Kind,
  { adapter, handler, handle = () => {}, middlewares = [] }: {
    adapter: DIAdapter<Scope>;
    handler?: Constructor<{ handle: Handle }>;
    handle?: Handle;
    middlewares?: readonly AnyMiddleware[];
  },
): (options?: DispatchOptions) => Promise<unknown> {
  const router = new MessageRouter(adapter);
  class Message {}
  switch (kind) {
    case "command": {
      const bus = router.newCommandBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.commandHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "query": {
      const bus = router.newQueryBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.queryHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
    case "event": {
      const bus = router.newEventBus().use(...middlewares);
      if (handler === undefined) bus.subscribe(Message, handle);
      else router.eventHandler(Message)(handler);
      return (options) => bus.dispatch(new Message(), options);
    }
  }
}

/** A scope that notes its disposal. */
function noting(log: string[], name = "disposed"): Disposable {
  return { [Symbol.dispose]: () => void log.push(name) };
}

/** Expects a dispatch to fail, and gives the error of the handler: an event's comes wrapped. */
async function errorOf(kind: Kind, dispatched: Promise<unknown>): Promise<unknown> {
  const error = await assertRejects(() => dispatched);
  if (kind !== "event") return error;
  assertInstanceOf(error, EventDispatchError);
  assertEquals(error.errors.length, 1);
  return error.errors[0];
}

/** Resolves when everything has run that waits for nothing but promises which have settled. */
function idle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

// wire

for (const kind of KINDS) {
  Deno.test(`An adapter with wire and lazy alone builds the handler of ${NAMES[kind]}, without a scope`, async () => {
    const factory = spy((_scope: unknown) => {});
    const handled: unknown[] = [];
    class Handler {
      handle(): void {
        handled.push(this);
      }
    }
    const adapter = adapterWith({
      wire: (type) => (scope) => {
        factory(scope);
        return new type();
      },
    });

    await setUp(kind, { adapter, handler: Handler })();

    assertSpyCalls(factory, 1);
    assertEquals(factory.calls[0]!.args, [undefined]);
    assertInstanceOf(handled[0], Handler);
  });

  Deno.test(`DIAdapter.wire() may build the handler of ${NAMES[kind]} by promise`, async () => {
    const handle = spy((_message: object) => {});
    class Handler {
      handle = handle;
    }
    const adapter = adapterWith({
      wire: (type) => async () => {
        await idle();
        return new type();
      },
    });

    await setUp(kind, { adapter, handler: Handler })();

    assertSpyCalls(handle, 1);
  });
}

Deno.test("DIAdapter.wire() may return any thenable, the handler's result comes out all the same", async () => {
  // deno-lint-ignore no-explicit-any -- does what an await needs, and nothing that it does not
  const thenable = <T>(value: T): any => ({ then: (resolve: (value: T) => void) => resolve(value) });
  class Handler {
    handle(): number {
      return 42;
    }
  }
  const adapter = adapterWith({ wire: (type) => () => thenable(new type()), createScope: () => thenable({}) });

  assertEquals(await setUp("command", { adapter, handler: Handler })(), 42);
});

Deno.test("DIAdapter.wire() is called once for a handler class of several messages, on several buses", async () => {
  const factory = spy((_scope: unknown) => {});
  const wire = spy((type: Constructor) => (scope: unknown) => {
    factory(scope);
    return new type();
  });
  const router = new MessageRouter(adapterWith({ wire: wire as DIAdapter["wire"] }));

  @router.eventHandler(UserCreated)
  @router.commandHandler([CreateUser, RenameUser])
  class Handler {
    handle(): number {
      return 42;
    }
  }

  for (const bus of [router.newCommandBus(), router.newCommandBus().use((_message, next) => next())]) {
    assertEquals(await bus.dispatch(new CreateUser()), 42);
    assertEquals(await bus.dispatch(new RenameUser()), 42);
    assertEquals(await bus.dispatch(new RenameUser()), 42);
  }
  await router.newEventBus().dispatch(new UserCreated());

  assertSpyCalls(wire, 1);
  assertStrictEquals(wire.calls[0]!.args[0], Handler);
  assertSpyCalls(factory, 7);
});

Deno.test("DIAdapter.wire() is not called again where a handler is registered or a middleware added", async () => {
  const wire = spy((type: Constructor) => () => new type());
  const router = new MessageRouter(adapterWith({ wire: wire as DIAdapter["wire"] }));

  @router.commandHandler(CreateUser)
  class _Handler {
    handle(): number {
      return 42;
    }
  }

  const commands = router.newCommandBus();
  await commands.dispatch(new CreateUser());
  commands.use((_message, next) => next()).listen(() => {}).subscribe(DeleteUser, () => {});
  await commands.dispatch(new CreateUser());

  assertSpyCalls(wire, 1);
});

Deno.test("DIAdapter.wire() is not called for a handler function", async () => {
  const wire = spy((type: Constructor) => () => new type());

  await setUp("command", { adapter: adapterWith({ wire: wire as DIAdapter["wire"] }), handle: () => 42 })();

  assertSpyCalls(wire, 0);
});

Deno.test("DIAdapter.wire() that throws rejects the dispatch with its error, and is called again for the next", async () => {
  const error = new Error("Nothing is bound");
  let isBound = false;
  class Handler {
    handle(): number {
      return 42;
    }
  }
  const adapter = adapterWith({
    wire: (type) => {
      if (!isBound) throw error;
      return () => new type();
    },
  });
  const dispatch = setUp("command", { adapter, handler: Handler });
  assertStrictEquals(await assertRejects(() => dispatch()), error);

  isBound = true;

  assertEquals(await dispatch(), 42);
});

for (const kind of KINDS) {
  Deno.test(`A factory that throws rejects the dispatch of ${NAMES[kind]} with its error, and the scope is disposed`, async () => {
    const error = new Error("Nothing is bound");
    const log: string[] = [];
    class Handler {
      handle(): void {
        log.push("handled");
      }
    }
    const adapter = adapterWith({
      wire: () => () => {
        throw error;
      },
      createScope: () => noting(log),
    });

    assertStrictEquals(await errorOf(kind, setUp(kind, { adapter, handler: Handler })()), error);
    assertEquals(log, ["disposed"]);
  });
}

for (const [how, factory] of [["plainly", () => undefined], ["by promise", () => Promise.resolve({})]] as const) {
  Deno.test(`A factory that builds no handler, ${how}, is a TypeError that says so`, async () => {
    class Handler {
      handle(): void {}
    }
    const adapter = adapterWith({ wire: () => factory as () => never });

    const error = await assertRejects(() => setUp("command", { adapter, handler: Handler })(), TypeError);

    assertEquals(error.message, 'Cannot use "Handler" as a handler: it has no method "handle"');
  });
}

// lazy

Deno.test("DIAdapter.lazy() may resolve the event bus by promise", async () => {
  const published: unknown[] = [];
  const router: MessageRouter = new MessageRouter(adapterWith({
    lazy: <T>() => async () => {
      await idle();
      return events as T;
    },
  }));
  const events = router.newEventBus().subscribe(UserCreated, (event) => published.push(event));
  const commands = router.newCommandBus()
    .subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated(), new UserCreated()).size);

  assertEquals(await commands.dispatch(new CreateUser()), 2);

  assertEquals(published, [new UserCreated(), new UserCreated()]);
});

Deno.test("DIAdapter.lazy() is asked for the class of the event bus, once for each command bus", () => {
  const lazy = spy((_type: unknown) => () => {
    throw new Error("Nothing is bound");
  });
  const router = new MessageRouter(adapterWith({ lazy: lazy as DIAdapter["lazy"] }));

  router.newCommandBus();

  assertSpyCalls(lazy, 1);
  assertStrictEquals(lazy.calls[0]!.args[0], EventBus);
});

// registerDefaults

Deno.test("DIAdapter.registerDefaults() is offered the three buses of the router by their classes", async () => {
  const registerDefaults = spy((_buses: readonly DefaultBus[]) => {});
  const router = new MessageRouter(adapterWith({ registerDefaults }));
  router.newCommandBus().subscribe(CreateUser, () => 42);

  assertSpyCalls(registerDefaults, 1);
  const [buses] = registerDefaults.calls[0]!.args;
  assertEquals(buses.map(({ token }) => token.name), ["CommandBus", "QueryBus", "EventBus"]);
  for (const [index, type] of [CommandBus, QueryBus, EventBus].entries()) {
    assertStrictEquals<unknown>(buses[index]!.token, type);
    assertInstanceOf(buses[index]!.create(), type);
  }
  assertEquals(await (buses[0]!.create() as CommandBus).dispatch(new CreateUser()), 42);
});

Deno.test("The methods of an adapter are called with the adapter as this", async () => {
  class Adapter implements DIAdapter<object> {
    readonly #calls: string[] = [];

    get calls(): readonly string[] {
      return this.#calls;
    }

    wire<T extends object>(type: Constructor<T>): () => T {
      this.#calls.push("wire");
      return () => new type();
    }

    lazy(): () => never {
      this.#calls.push("lazy");
      return () => {
        throw new Error("Nothing is bound");
      };
    }

    createScope(): object {
      this.#calls.push("createScope");
      return {};
    }

    registerDefaults(): void {
      this.#calls.push("registerDefaults");
    }
  }
  class Handler {
    handle(): number {
      return 42;
    }
  }
  const adapter = new Adapter();

  assertEquals(await setUp("command", { adapter, handler: Handler })(), 42);

  assertEquals(adapter.calls, ["registerDefaults", "lazy", "wire", "createScope"]);
});

// createScope

for (const kind of KINDS) {
  Deno.test(`DIAdapter.createScope() is called with the context that the handler of ${NAMES[kind]} receives`, async () => {
    const received: HandlerContext[] = [];
    const createScope = spy((_context: HandlerContext) => ({}));
    const { signal } = new AbortController();
    const handle: Handle = (_message, context) => void received.push(context);

    await setUp(kind, { adapter: adapterWith({ createScope }), handle })({ signal });

    assertSpyCalls(createScope, 1);
    const [context] = createScope.calls[0]!.args;
    assertStrictEquals(context, received[0]);
    assertEquals(context.kind, kind);
    assertStrictEquals(context.signal, signal);
  });

  Deno.test(`DIAdapter.createScope() gives the factory of the handler of ${NAMES[kind]} its scope`, async () => {
    const opened: object[] = [];
    const passed: object[] = [];
    class Handler {
      handle(): void {}
    }
    const adapter = adapterWith<object>({
      wire: (type) => (scope) => {
        passed.push(scope);
        return new type();
      },
      createScope: () => {
        const scope = {};
        opened.push(scope);
        return scope;
      },
    });
    const dispatch = setUp(kind, { adapter, handler: Handler });

    await dispatch();
    await dispatch();

    assertEquals(opened.length, 2);
    assert(opened[0] !== opened[1]);
    assertStrictEquals(passed[0], opened[0]);
    assertStrictEquals(passed[1], opened[1]);
  });

  Deno.test(`DIAdapter.createScope() may open the scope of ${NAMES[kind]} by promise`, async () => {
    const log: string[] = [];
    class Handler {
      handle(): void {
        log.push("handled");
      }
    }
    const adapter = adapterWith<Disposable>({
      wire: (type) => (scope) => {
        assertInstanceOf(scope[Symbol.dispose], Function);
        log.push("built");
        return new type();
      },
      createScope: async () => {
        await idle();
        log.push("opened");
        return noting(log);
      },
    });

    await setUp(kind, { adapter, handler: Handler })();

    assertEquals(log, ["opened", "built", "handled", "disposed"]);
  });

  Deno.test(`DIAdapter.createScope() that rejects keeps the handler of ${NAMES[kind]} from being built`, async () => {
    const error = new Error("No connection");
    const handle = spy(() => {});
    const adapter = adapterWith({ createScope: () => Promise.reject(error) });

    assertStrictEquals(await errorOf(kind, setUp(kind, { adapter, handle })()), error);
    assertSpyCalls(handle, 0);
  });

  Deno.test(`DIAdapter.createScope() that throws keeps the handler of ${NAMES[kind]} from being built`, async () => {
    const error = new Error("No connection");
    const handle = spy(() => {});
    const adapter = adapterWith({
      createScope: () => {
        throw error;
      },
    });

    assertStrictEquals(await errorOf(kind, setUp(kind, { adapter, handle })()), error);
    assertSpyCalls(handle, 0);
  });

  Deno.test(`DIAdapter.createScope() is called once for each attempt of a retry of ${NAMES[kind]}`, async () => {
    const log: string[] = [];
    let attempts = 0;
    const adapter = adapterWith({
      createScope: () => {
        const name = `scope ${++attempts}`;
        log.push(`${name} opened`);
        return noting(log, `${name} disposed`);
      },
    });
    const dispatch = setUp(kind, {
      adapter,
      middlewares: [retry({ attempts: 3 })],
      handle: () => {
        log.push("handled");
        if (attempts < 3) throw new Error("The disk is full");
      },
    });

    await dispatch();

    assertEquals(log, [
      "scope 1 opened",
      "handled",
      "scope 1 disposed",
      "scope 2 opened",
      "handled",
      "scope 2 disposed",
      "scope 3 opened",
      "handled",
      "scope 3 disposed",
    ]);
  });
}

Deno.test("DIAdapter.createScope() is called once for each handler of an event", async () => {
  const createScope = spy((_context: HandlerContext) => ({}));
  const router = new MessageRouter(adapterWith({ createScope }));

  @router.eventHandler(UserCreated)
  class Handler {
    handle(): void {}
  }

  const subscribed = () => {};
  await router.newEventBus().subscribe(UserCreated, subscribed).dispatch(new UserCreated());

  assertEquals(createScope.calls.map(({ args: [context] }) => context.handler), [Handler, subscribed]);
});

Deno.test("DIAdapter.createScope() can open a scope for commands alone", async () => {
  const log: string[] = [];
  const adapter = adapterWith({
    createScope: ({ kind }: HandlerContext) => kind === "command" ? noting(log, `${kind} disposed`) : undefined,
  });

  for (const kind of KINDS) await setUp(kind, { adapter, handle: () => log.push(`${kind} handled`) })();

  assertEquals(log, ["command handled", "command disposed", "query handled", "event handled"]);
});

Deno.test("DIAdapter.createScope() is not called where the handler does not start", async () => {
  const createScope = spy(() => ({}));
  const controller = new AbortController();
  const dispatch = setUp("command", {
    adapter: adapterWith({ createScope }),
    middlewares: [(_message, next) => {
      controller.abort("The user hung up");
      return next();
    }],
  });

  assertEquals(await assertRejects(() => dispatch({ signal: controller.signal })), "The user hung up");
  assertSpyCalls(createScope, 0);
});

Deno.test("DIAdapter.createScope() is called inside the middlewares", async () => {
  const log: string[] = [];
  const adapter = adapterWith({ createScope: () => log.push("opened") });
  const dispatch = setUp("query", {
    adapter,
    middlewares: [function* () {
      log.push("before");
      yield;
    }],
  });

  await dispatch();

  assertEquals(log, ["before", "opened"]);
});

// Disposal

for (const kind of KINDS) {
  for (const method of DISPOSALS) {
    for (const outcome of ["succeeded", "thrown", "rejected"] as const) {
      Deno.test(`Symbol.${method} of the scope is called after the handler of ${NAMES[kind]} has ${outcome}`, async () => {
        const log: string[] = [];
        const error = new Error("The disk is full");
        const scope = {
          name: "disposed",
          [Symbol[method]](this: { name: string }): void {
            log.push(this.name);
          },
        };
        const handled = async () => {
          await idle();
          log.push("handled");
          if (outcome === "rejected") throw error;
        };
        const dispatch = setUp(kind, {
          adapter: adapterWith({ createScope: () => scope }),
          handle: () => {
            if (outcome !== "thrown") return handled();
            log.push("handled");
            throw error;
          },
        });

        if (outcome === "succeeded") await dispatch();
        else assertStrictEquals(await errorOf(kind, dispatch()), error);

        assertEquals(log, ["handled", "disposed"]);
      });
    }

    Deno.test(`Symbol.${method} that throws rejects the dispatch of ${NAMES[kind]} with its error`, async () => {
      const error = new Error("Cannot commit");
      const scope = {
        [Symbol[method]](): void {
          throw error;
        },
      };
      const dispatch = setUp(kind, { adapter: adapterWith({ createScope: () => scope }) });

      assertStrictEquals(await errorOf(kind, dispatch()), error);
    });

    Deno.test(`Symbol.${method} that throws after the handler of ${NAMES[kind]} has failed makes one error of both`, async () => {
      const disposalError = new Error("Cannot roll back");
      const handlerError = new Error("The disk is full");
      const scope = {
        [Symbol[method]](): void {
          throw disposalError;
        },
      };
      const dispatch = setUp(kind, {
        adapter: adapterWith({ createScope: () => scope }),
        handle: () => Promise.reject(handlerError),
      });

      const error = await errorOf(kind, dispatch());

      assertInstanceOf(error, AggregateError);
      assertEquals(error.message, "Cannot dispose the scope of a handler that has failed too");
      assertEquals(error.errors.length, 2);
      assertStrictEquals(error.errors[0], handlerError);
      assertStrictEquals(error.errors[1], disposalError);
      assertStrictEquals(error.cause, handlerError);
    });
  }

  Deno.test(`Symbol.asyncDispose of the scope is awaited before ${NAMES[kind]} settles`, async () => {
    const log: string[] = [];
    const scope = {
      async [Symbol.asyncDispose](): Promise<void> {
        await idle();
        log.push("disposed");
      },
    };

    await setUp(kind, { adapter: adapterWith({ createScope: () => scope }) })();

    assertEquals(log, ["disposed"]);
  });

  Deno.test(`Symbol.asyncDispose of the scope of ${NAMES[kind]} goes before Symbol.dispose`, async () => {
    const log: string[] = [];
    const scope = {
      [Symbol.dispose]: () => log.push("dispose"),
      [Symbol.asyncDispose]: () => log.push("asyncDispose"),
    };

    await setUp(kind, { adapter: adapterWith({ createScope: () => scope }) })();

    assertEquals(log, ["asyncDispose"]);
  });

  Deno.test(`A scope of ${NAMES[kind]} that cannot be disposed needs no disposal`, async () => {
    for (const scope of [undefined, null, 1, "scope", {}]) {
      await setUp(kind, { adapter: adapterWith({ createScope: () => scope }) })();
      await setUp(kind, { adapter: adapterWith({ createScope: () => Promise.resolve(scope) }) })();
    }
  });
}

for (const kind of ["query", "event"] as const) {
  Deno.test(`The scope of ${NAMES[kind]} is disposed inside the middlewares`, async () => {
    const log: string[] = [];
    const dispatch = setUp(kind, {
      adapter: adapterWith({ createScope: () => noting(log) }),
      middlewares: [async (_message, next) => {
        const result = await next();
        log.push("middleware");
        return result;
      }],
    });

    await dispatch();

    assertEquals(log, ["disposed", "middleware"]);
  });
}

/** A command bus whose handler adds an event, and an event bus without scopes that handles it. */
function setUpRelated(
  { createScope, handleEvent, middlewares = [] }: {
    createScope: (context: HandlerContext) => unknown;
    handleEvent: () => unknown;
    middlewares?: readonly AnyMiddleware[];
  },
): CommandBus {
  const router: MessageRouter = new MessageRouter(adapterWith({
    lazy: <T>() => () => events as T,
    createScope: (context) => context.kind === "command" ? createScope(context) : undefined,
  }));
  const events = router.newEventBus().subscribe(UserCreated, handleEvent);
  return router.newCommandBus().use(...middlewares).subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return 42;
  });
}

for (const way of ["without middlewares", "with middlewares"]) {
  const middlewares: AnyMiddleware[] = way === "with middlewares" ? [(_message, next) => next()] : [];

  Deno.test(`The scope of a command is disposed after its related events have been handled, ${way}`, async () => {
    const log: string[] = [];
    const commands = setUpRelated({
      createScope: () => noting(log),
      middlewares,
      handleEvent: async () => {
        await idle();
        log.push("event handled");
      },
    });

    assertEquals(await commands.dispatch(new CreateUser()), 42);

    assertEquals(log, ["event handled", "disposed"]);
  });

  Deno.test(`The scope of a command is disposed where its related events have failed, ${way}`, async () => {
    const log: string[] = [];
    const commands = setUpRelated({
      createScope: () => noting(log),
      middlewares,
      handleEvent: async () => {
        await idle();
        log.push("event failed");
        throw new Error("The mail server is down");
      },
    });

    const error = await assertRejects(() => commands.dispatch(new CreateUser()), EventDispatchError);

    assertEquals(error.result, 42);
    assertEquals(log, ["event failed", "disposed"]);
  });

  Deno.test(`The scope of a command that cannot be disposed after its related events have failed makes one error of both, ${way}`, async () => {
    const disposalError = new Error("Cannot roll back");
    const commands = setUpRelated({
      createScope: () => ({ [Symbol.asyncDispose]: () => Promise.reject(disposalError) }),
      middlewares,
      handleEvent: () => Promise.reject(new Error("The mail server is down")),
    });

    const error = await assertRejects(() => commands.dispatch(new CreateUser()), AggregateError);

    assertEquals(error.message, "Cannot dispose the scopes of a command that has failed too");
    assertEquals(error.errors.length, 2);
    assertInstanceOf(error.errors[0], EventDispatchError);
    assertEquals(error.errors[0].result, 42);
    assertStrictEquals(error.errors[1], disposalError);
  });

  Deno.test(`The scope of a command that adds no event is disposed once, ${way}`, async () => {
    const log: string[] = [];
    const dispatch = setUp("command", { adapter: adapterWith({ createScope: () => noting(log) }), middlewares });

    await dispatch();
    await idle();

    assertEquals(log, ["disposed"]);
  });
}

Deno.test("The scope of a command is disposed after the middlewares", async () => {
  const log: string[] = [];
  const commands = setUpRelated({
    createScope: () => noting(log),
    handleEvent: () => log.push("event handled"),
    middlewares: [async (_message, next) => {
      const result = await next();
      await idle();
      log.push("middleware");
      return result;
    }],
  });

  await commands.dispatch(new CreateUser());

  assertEquals(log, ["middleware", "event handled", "disposed"]);
});

Deno.test("The scope of a command is disposed where a middleware fails after the handler has succeeded", async () => {
  const log: string[] = [];
  const error = new Error("Cannot commit");
  const commands = setUpRelated({
    createScope: () => noting(log),
    handleEvent: () => log.push("event handled"),
    middlewares: [async (_message, next) => {
      await next();
      log.push("middleware");
      throw error;
    }],
  });

  assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), error);

  assertEquals(log, ["middleware", "disposed"]);
});

Deno.test("The scope of a command that cannot be disposed after a middleware has failed makes one error of both", async () => {
  const disposalError = new Error("Cannot roll back");
  const middlewareError = new Error("Cannot commit");
  const commands = setUpRelated({
    createScope: () => ({ [Symbol.asyncDispose]: () => Promise.reject(disposalError) }),
    handleEvent: () => {},
    middlewares: [async (_message, next) => {
      await next();
      throw middlewareError;
    }],
  });

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), AggregateError);

  assertEquals(error.message, "Cannot dispose the scopes of a command that has failed too");
  assertEquals(error.errors.length, 2);
  assertStrictEquals(error.errors[0], middlewareError);
  assertStrictEquals(error.errors[1], disposalError);
});

Deno.test("The scope of a command whose handler has failed is disposed before the middlewares see the error", async () => {
  const log: string[] = [];
  const dispatch = setUp("command", {
    adapter: adapterWith({ createScope: () => noting(log) }),
    handle: () => Promise.reject(new Error("The disk is full")),
    middlewares: [async (_message, next) => {
      try {
        return await next();
      } catch (error) {
        log.push("middleware");
        throw error;
      }
    }],
  });

  await assertRejects(() => dispatch(), Error, "The disk is full");

  assertEquals(log, ["disposed", "middleware"]);
});

Deno.test("The scopes of a command that a middleware has handled several times are all disposed, last one first", async () => {
  const log: string[] = [];
  let scopes = 0;
  const commands = setUpRelated({
    createScope: () => noting(log, `scope ${++scopes} disposed`),
    handleEvent: () => log.push("event handled"),
    middlewares: [async (_message, next) => {
      await next();
      return await next();
    }],
  });

  assertEquals(await commands.dispatch(new CreateUser()), 42);

  assertEquals(log, ["event handled", "scope 2 disposed", "scope 1 disposed"]);
});

Deno.test("The scope of a command that fails silently is disposed", async () => {
  const log: string[] = [];
  const commands = new MessageRouter(adapterWith({ createScope: () => noting(log) })).newCommandBus()
    .subscribe(DeleteUser, () => {
      log.push("failed");
      throw new Error("The disk is full");
    }, { failSilently: true });

  assertStrictEquals(await commands.dispatch(new DeleteUser()), undefined);

  assertEquals(log, ["failed", "disposed"]);
});

for (const kind of KINDS) {
  for (const outcome of ["succeeds", "fails"]) {
    Deno.test(`The scope of ${NAMES[kind]} that a timeout has left behind is disposed when its handler ${outcome}`, async () => {
      using time = new FakeTime();
      const log: string[] = [];
      const stuck = Promise.withResolvers<void>();
      const dispatch = setUp(kind, {
        adapter: adapterWith({ createScope: () => noting(log) }),
        middlewares: [timeout(10)],
        handle: () => stuck.promise,
      });

      const dispatched = errorOf(kind, dispatch());
      await time.tickAsync(10);
      await time.tickAsync(0);
      assertInstanceOf(await dispatched, DOMException);
      assertEquals(log, []);
      if (outcome === "succeeds") stuck.resolve();
      else stuck.reject(new Error("The disk is full"));
      await time.runMicrotasks();

      assertEquals(log, ["disposed"]);
    });
  }
}

Deno.test("The scopes of two dispatches at the same time are two", async () => {
  const log: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let scopes = 0;
  let runs = 0;
  const router = new MessageRouter(adapterWith({ createScope: () => noting(log, `scope ${scopes++} disposed`) }));
  const queries = router.newQueryBus().subscribe(FindName, async () => {
    await gates[runs++]!.promise;
    return "Ada";
  });

  const first = queries.dispatch(new FindName());
  const second = queries.dispatch(new FindName());
  gates[1]!.resolve();
  await second;
  gates[0]!.resolve();
  await first;

  assertEquals(log, ["scope 1 disposed", "scope 0 disposed"]);
});

Deno.test("The scope of an attempt that was left behind is disposed, though it succeeds while that of another is being disposed", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const stuck = Promise.withResolvers<void>();
  const disposal = Promise.withResolvers<void>();
  let scopes = 0;
  let attempts = 0;
  const createScope = () => {
    const number = ++scopes;
    return {
      async [Symbol.asyncDispose](): Promise<void> {
        if (number === 2) await disposal.promise;
        log.push(`scope ${number} disposed`);
      },
    };
  };
  const error = new Error("Cannot commit");
  const dispatch = setUp("command", {
    adapter: adapterWith({ createScope }),
    middlewares: [
      async (_message, next) => {
        await next();
        throw error;
      },
      retry({ attempts: 2 }),
      timeout(10),
    ],
    handle: () => ++attempts === 1 ? stuck.promise : undefined,
  });

  const dispatched = assertRejects(() => dispatch());
  await time.tickAsync(10);
  await time.tickAsync(0);
  await time.runMicrotasks();
  assertEquals(attempts, 2);
  stuck.resolve();
  await time.runMicrotasks();
  disposal.resolve();

  assertStrictEquals(await dispatched, error);
  assertEquals(log.sort(), ["scope 1 disposed", "scope 2 disposed"]);
});

for (const kind of KINDS) {
  const outcome = kind === "event" ? "starts its handler all the same" : "keeps its handler from starting";
  Deno.test(`A signal that fires while the scope of ${NAMES[kind]} is opened ${outcome}`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const adapter = adapterWith({
      createScope: async () => {
        await idle();
        controller.abort("hung up");
        return noting(log);
      },
    });
    const handle = () => void log.push("handled");

    const dispatched = setUp(kind, { adapter, handle })({ signal: controller.signal }).then(() => "done", String);

    assertEquals(await dispatched, kind === "event" ? "done" : "hung up");
    assertEquals(log, kind === "event" ? ["handled", "disposed"] : ["disposed"]);
  });
}
