import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import {
  Command,
  CommandBus,
  type Constructor,
  type DefaultBus,
  type DIAdapter,
  Event,
  EventBus,
  type HandlerContext,
  MessageRouter,
  QueryBus,
  retry,
} from "@cq/core";
import { adapterWith, errorOf, type Handle, idle, KINDS, NAMES, noting, setUp } from "./support/adapters.ts";

class CreateUser extends Command<number> {}
class RenameUser extends Command<number> {}
class DeleteUser extends Command {}
class UserCreated extends Event {}

// wire

for (const kind of KINDS) {
  Deno.test(`An adapter with only wire and lazy builds the handler of ${NAMES[kind]}, without a scope`, async () => {
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

Deno.test("DIAdapter.wire() may return any thenable", async () => {
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

Deno.test("DIAdapter.wire() is not called again when a handler is registered or a middleware added", async () => {
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
  Deno.test(`A factory that returns something other than a handler, ${how}, is a TypeError`, async () => {
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

Deno.test("DIAdapter.createScope() can open a scope only for commands", async () => {
  const log: string[] = [];
  const adapter = adapterWith({
    createScope: ({ kind }: HandlerContext) => kind === "command" ? noting(log, `${kind} disposed`) : undefined,
  });

  for (const kind of KINDS) await setUp(kind, { adapter, handle: () => log.push(`${kind} handled`) })();

  assertEquals(log, ["command handled", "command disposed", "query handled", "event handled"]);
});

Deno.test("DIAdapter.createScope() is not called if the handler does not start", async () => {
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
