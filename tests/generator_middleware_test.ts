import { assertEquals, assertRejects } from "@std/assert";
import {
  Command,
  Event,
  type HandlerContext,
  MessageRouter,
  type Middleware,
  MiddlewareError,
  type Next,
} from "@cq/core";
import { retryOnce, retryOnceAsync } from "./support/compiled_generators.js";
import { FindUser, loggingBus } from "./support/logging_bus.ts";

class RenameUser extends Command<string> {}

class UserRenamed extends Event {}

// Whatever a sync generator does, an async one does as well

type SyncMiddleware = (message: object, next: Next, context: HandlerContext) => Generator<void, unknown, unknown>;

const FORMS: readonly (readonly [string, (middleware: SyncMiddleware) => Middleware])[] = [
  ["A sync generator", (middleware) => middleware],
  ["An async generator", (middleware) =>
    async function* (message, next, context) {
      return yield* middleware(message, next, context);
    }],
];

for (const [form, as] of FORMS) {
  Deno.test(`${form} runs around the handler`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log).use(as(function* () {
      log.push("before");
      yield;
      log.push("after");
    }));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
    assertEquals(log, ["before", "handler", "after"]);
  });

  Deno.test(`${form} sees the result at its yield`, async () => {
    let seen: unknown;
    const queries = loggingBus([]).use(as(function* () {
      seen = yield;
    }));

    await queries.dispatch(new FindUser());

    assertEquals(seen, "user Ada");
  });

  Deno.test(`${form} cannot replace the result`, async () => {
    const queries = loggingBus([]).use(as(function* () {
      yield;
      return "replaced";
    }));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  });

  Deno.test(`${form} receives the message and the context`, async () => {
    const seen: unknown[] = [];
    const message = new FindUser();
    const queries = loggingBus([]).use(as(function* (message, _next, { kind, metadata }) {
      seen.push(message, kind, metadata);
      yield;
    }));

    await queries.dispatch(message, { metadata: { requestId: 7 } });

    assertEquals(seen, [message, "query", { requestId: 7 }]);
  });

  Deno.test(`${form} has the error of the handler thrown at its yield, and may let it pass`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 1 }).use(as(function* () {
      try {
        yield;
      } catch (error) {
        log.push((error as Error).message);
        throw error;
      }
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
    assertEquals(log, ["handler", "failure 1"]);
  });

  Deno.test(`${form} that catches nothing lets the error pass`, async () => {
    const queries = loggingBus([], { failures: 1 }).use(as(function* () {
      yield;
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  });

  Deno.test(`${form} may replace the error`, async () => {
    const queries = loggingBus([], { failures: 1 }).use(as(function* () {
      try {
        yield;
      } catch (cause) {
        throw new RangeError("replaced", { cause });
      }
    }));

    const error = await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "replaced");
    assertEquals(String(error.cause), "Error: failure 1");
  });

  Deno.test(`${form} that yields again after a failure has the message handled again`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 1 }).use(as(function* () {
      try {
        yield;
      } catch (error) {
        log.push((error as Error).message);
        log.push(`saw ${yield}`);
      }
    }));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
    assertEquals(log, ["handler", "failure 1", "handler", "saw user Ada"]);
  });

  Deno.test(`${form} may yield again after each of many failures`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 4 }).use(as(function* () {
      while (true) {
        try {
          yield;
          return;
        } catch (error) {
          log.push((error as Error).message);
        }
      }
    }));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
    assertEquals(log, [
      "handler",
      "failure 1",
      "handler",
      "failure 2",
      "handler",
      "failure 3",
      "handler",
      "failure 4",
      "handler",
    ]);
  });

  Deno.test(`${form} that yields again has the middlewares inside run again`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 1 }).use(
      as(function* () {
        try {
          yield;
        } catch {
          yield;
        }
      }),
      as(function* () {
        log.push("inside");
        yield;
      }),
    );

    await queries.dispatch(new FindUser());

    assertEquals(log, ["inside", "handler", "inside", "handler"]);
  });

  Deno.test(`${form} whose second yield fails too has that error thrown there`, async () => {
    const queries = loggingBus([], { failures: 2 }).use(as(function* () {
      try {
        yield;
      } catch {
        yield;
      }
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 2");
  });

  Deno.test(`${form} that swallows the error makes the dispatch resolve to undefined`, async () => {
    const queries = loggingBus([], { failures: 1 }).use(as(function* () {
      try {
        yield;
      } catch {
        return "not the result either";
      }
      return "nor this";
    }));

    assertEquals<unknown>(await queries.dispatch(new FindUser()), undefined);
  });

  Deno.test(`${form} that yields again after a success is refused with a MiddlewareError, and closed`, async () => {
    const log: string[] = [];
    const twice = as(function* () {
      try {
        yield;
        yield;
        log.push("not reached");
      } finally {
        log.push("closed");
      }
    });
    Object.defineProperty(twice, "name", { value: "twice" });
    const queries = loggingBus(log).use(twice);

    const error = await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);

    assertEquals(
      error.message,
      'Cannot run "twice" any further: it yielded again after the handler had succeeded. ' +
        "Only a failure may be followed by another yield",
    );
    assertEquals(log, ["handler", "closed"]);
  });

  Deno.test(`${form} that yields once more after a retry has succeeded is refused as well`, async () => {
    const queries = loggingBus([], { failures: 1 }).use(as(function* () {
      try {
        yield;
      } catch {
        yield;
      }
      yield;
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);
  });

  Deno.test(`${form} that returns before its first yield keeps the handler from being built`, async () => {
    const router = new MessageRouter();
    let built = 0;
    @router.queryHandler(FindUser)
    class _FindUserHandler {
      constructor() {
        built++;
      }
      handle(_query: FindUser): string {
        return "Ada";
      }
    }
    const queries = router.newQueryBus().use(as(function* ({ constructor }) {
      if (constructor === FindUser) return "not the result";
      yield;
      return "nor this";
    }));

    assertEquals<unknown>(await queries.dispatch(new FindUser()), undefined);
    assertEquals(built, 0);
  });

  Deno.test(`${form} that throws before its first yield keeps the handler from running`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log).use(as(function* ({ constructor }) {
      if (constructor === FindUser) throw new RangeError("not today");
      yield;
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "not today");
    assertEquals(log, []);
  });

  Deno.test(`${form} that throws after its yield makes the dispatch fail`, async () => {
    const queries = loggingBus([]).use(as(function* () {
      yield;
      throw new RangeError("too late");
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "too late");
  });

  Deno.test(`${form} cleans up in finally when the handler throws`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 1 }).use(as(function* () {
      try {
        yield;
      } finally {
        log.push("cleaned up");
      }
    }));

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
    assertEquals(log, ["handler", "cleaned up"]);
  });

  Deno.test(`${form} cleans up in finally when the signal fires in the handler`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const queries = new MessageRouter().newQueryBus()
      .subscribe(FindUser, (_query, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        }))
      .use(as(function* () {
        try {
          yield;
        } finally {
          log.push("cleaned up");
        }
      }));

    const dispatched = queries.dispatch(new FindUser(), { signal: controller.signal });
    controller.abort(new RangeError("hung up"));

    await assertRejects(() => dispatched, RangeError, "hung up");
    assertEquals(log, ["cleaned up"]);
  });

  Deno.test(`${form} cleans up in finally when the signal fires before the handler, which then never runs`, async () => {
    const log: string[] = [];
    const controller = new AbortController();
    const queries = loggingBus(log).use(as(function* () {
      try {
        controller.abort(new RangeError("hung up"));
        yield;
      } finally {
        log.push("cleaned up");
      }
    }));

    await assertRejects(
      () => queries.dispatch(new FindUser(), { signal: controller.signal }),
      RangeError,
      "hung up",
    );
    assertEquals(log, ["cleaned up"]);
  });

  Deno.test(`${form} starts afresh for each dispatch, also for two at the same time`, async () => {
    const results: unknown[] = [];
    const queries = new MessageRouter().newQueryBus()
      .subscribe(FindUser, ({ name }) => Promise.resolve(name))
      .use(as(function* () {
        results.push(yield);
      }));

    await Promise.all([queries.dispatch(new FindUser("Ada")), queries.dispatch(new FindUser("Bob"))]);

    assertEquals(results, ["Ada", "Bob"]);
  });

  Deno.test(`${form} works as the method invoke, which keeps its object`, async () => {
    class Audit {
      readonly seen: unknown[] = [];
      readonly #inner = as(function* (this: void) {
        yield;
      });
      invoke(message: object, next: Next, context: HandlerContext): ReturnType<Middleware> {
        this.seen.push(message);
        return this.#inner(message, next, context);
      }
    }
    const audit = new Audit();

    assertEquals(await loggingBus([]).use(audit).dispatch(new FindUser()), "user Ada");
    assertEquals(audit.seen, [new FindUser()]);
  });

  Deno.test(`${form} works on the command bus and on the event bus`, async () => {
    const log: unknown[] = [];
    const router = new MessageRouter();
    const middleware = as(function* () {
      log.push(yield);
    });
    const commands = router.newCommandBus().use(middleware).subscribe(RenameUser, () => "renamed");
    const events = router.newEventBus().use(middleware).subscribe(UserRenamed, () => "heard");

    await commands.dispatch(new RenameUser());
    await events.dispatch(new UserRenamed());

    assertEquals(log, ["renamed", "heard"]);
  });
}

Deno.test("An async generator may await before and after the handler", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(async function* () {
    log.push(await Promise.resolve("before"));
    yield;
    log.push(await Promise.resolve("after"));
  });

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log, ["before", "handler", "after"]);
});

Deno.test("An async generator that awaits in finally is waited for", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queries = loggingBus(log, { failures: 1 }).use(async function* () {
    try {
      yield;
    } finally {
      await gate.promise;
      log.push("cleaned up");
    }
  });

  const dispatched = queries.dispatch(new FindUser()).catch(() => log.push("rejected"));
  gate.resolve();
  await dispatched;

  assertEquals(log, ["handler", "cleaned up", "rejected"]);
});

Deno.test("An async generator that is refused is closed before the dispatch rejects", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queries = loggingBus(log).use(async function* () {
    try {
      yield;
      yield;
    } finally {
      await gate.promise;
      log.push("closed");
    }
  });

  const dispatched = queries.dispatch(new FindUser()).catch(() => log.push("rejected"));
  gate.resolve();
  await dispatched;

  assertEquals(log, ["handler", "closed", "rejected"]);
});

// What is told apart by what the call returns

for (
  const [name, middleware] of [["A compiled generator", retryOnce], [
    "A compiled async generator",
    retryOnceAsync,
  ]] as const
) {
  Deno.test(`${name} sees the result`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log).use(() => middleware(log));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
    assertEquals(log, ["before", "handler", "saw user Ada", "closed"]);
  });

  Deno.test(`${name} may yield again after a failure`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 1 }).use(() => middleware(log));

    assertEquals(await queries.dispatch(new FindUser()), "user Ada");
    assertEquals(log, ["before", "handler", "caught failure 1", "handler", "saw user Ada", "closed"]);
  });

  Deno.test(`${name} has the last error thrown, and is closed`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 2 }).use(() => middleware(log));

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 2");
    assertEquals(log, ["before", "handler", "caught failure 1", "handler", "closed"]);
  });
}

Deno.test("A bound generator function is a generator middleware", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(
    function* (this: string[]) {
      this.push("before");
      yield;
      this.push("after");
    }.bind(log),
    async function* (this: string[]) {
      this.push("async before");
      yield;
      this.push("async after");
    }.bind(log),
  );

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log, ["before", "async before", "handler", "async after", "after"]);
});

Deno.test("A plain function that returns a generator is a generator middleware", async () => {
  const log: string[] = [];
  function* around() {
    log.push("before");
    yield;
    log.push("after");
  }

  await loggingBus(log).use(() => around()).dispatch(new FindUser());

  assertEquals(log, ["before", "handler", "after"]);
});

Deno.test("An object with a generator invoke keeps its this", async () => {
  class Audit {
    readonly log: unknown[] = [];
    *invoke(): Generator<void, void, unknown> {
      this.log.push(yield);
    }
  }
  class AsyncAudit {
    readonly log: unknown[] = [];
    async *invoke(): AsyncGenerator<void, void, unknown> {
      this.log.push(yield);
    }
  }
  const audit = new Audit();
  const asyncAudit = new AsyncAudit();

  await loggingBus([]).use(audit, asyncAudit).dispatch(new FindUser());

  assertEquals(audit.log, ["user Ada"]);
  assertEquals(asyncAudit.log, ["user Ada"]);
});
