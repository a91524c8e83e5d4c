import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type AnyMiddleware,
  Command,
  type CommandBus,
  Container,
  Event,
  EventDispatchError,
  type HandlerContext,
  InjectionToken,
  MessageRouter,
  Query,
  retry,
  timeout,
} from "@cq/core";
import { adapterWith, DISPOSALS, errorOf, idle, KINDS, NAMES, noting, setUp } from "./support/adapters.ts";

class CreateUser extends Command<number> {}
class DeleteUser extends Command {}
class FindName extends Query<string> {}
class UserCreated extends Event {}

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

  Deno.test(`The scope of a command is disposed if its related events have failed, ${way}`, async () => {
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

Deno.test("The scope of a command is disposed if a middleware fails after the handler has succeeded", async () => {
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

Deno.test("Two dispatches at the same time have two scopes", async () => {
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

Deno.test("The scope of an attempt that was left behind is disposed, although it succeeds while another scope is being disposed", async () => {
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
  const outcome = kind === "event" ? "still starts its handler" : "keeps its handler from starting";
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

// While the handler is built, by an adapter that builds by promise. Looked at: with and without a scope, with and without a
// middleware, all kinds.
for (const kind of KINDS) {
  const outcome = kind === "event" ? "still starts its handler" : "keeps its handler from starting";
  for (const withScope of [false, true]) {
    for (const middlewares of [[], [((_message, next) => next()) as AnyMiddleware]]) {
      const where = `${withScope ? "in a scope" : "without a scope"}, behind ${middlewares.length} middlewares`;
      Deno.test(`A signal that fires while ${NAMES[kind]} has its handler built ${where} ${outcome}`, async () => {
        const log: string[] = [];
        const controller = new AbortController();
        class Handler {
          handle(): void {
            log.push("handled");
          }
        }
        const adapter = adapterWith({
          wire: (type) => async () => {
            await idle();
            controller.abort("hung up");
            return new type();
          },
          ...(withScope ? { createScope: () => noting(log) } : {}),
        });

        const dispatch = setUp(kind, { adapter, handler: Handler, middlewares });
        const dispatched = dispatch({ signal: controller.signal }).then(() => "done", String);

        assertEquals(await dispatched, kind === "event" ? "done" : "hung up");
        const handled = kind === "event" ? ["handled"] : [];
        assertEquals(log, withScope ? [...handled, "disposed"] : handled);
      });
    }
  }
}

Deno.test("The scopes of a command are disposed where only some attempts have one", async () => {
  const log: string[] = [];
  let attempts = 0;
  const adapter = adapterWith({
    createScope: (context) => ++attempts === 2 ? context : noting(log, `disposed ${attempts}`),
  });
  const twice: AnyMiddleware = async (_message, next) => {
    await next();
    await next();
    return await next();
  };

  await setUp("command", { adapter, middlewares: [twice] })();

  assertEquals(log, ["disposed 3", "disposed 1"]);
});

Deno.test("A scoped promise of something that cannot be disposed needs no disposal", async () => {
  const token = new InjectionToken<Promise<number>>("NUMBER");
  const container = new Container().bind(token, () => Promise.resolve(7), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(token);

  assertEquals(await scope[Symbol.asyncDispose](), undefined);
});
