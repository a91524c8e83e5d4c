import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { type AnyDisposable, Command, Event, MessageRouter, retry, using } from "@cq/core";
import { FindUser, loggingBus } from "./support/logging_bus.ts";

/** A resource that logs its disposal. */
function noting(log: string[], name = "resource"): Disposable {
  log.push(`${name} opened`);
  return { [Symbol.dispose]: () => void log.push(`${name} disposed`) };
}

/** Fails to be disposed. */
function stuck(error: unknown): AnyDisposable {
  return { [Symbol.asyncDispose]: () => Promise.reject(error) };
}

Deno.test("using() opens a disposable before the handler, and disposes it after a success", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(using(() => noting(log)));

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log, ["resource opened", "handler", "resource disposed"]);
});

Deno.test("using() disposes after a failure, and lets the error out as the same object", async () => {
  const log: string[] = [];
  const failure = new RangeError("failure");
  const queries = new MessageRouter().newQueryBus()
    .use(using(() => noting(log)))
    .subscribe(FindUser, () => Promise.reject(failure));

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindUser())), failure);
  assertEquals(log, ["resource opened", "resource disposed"]);
});

Deno.test("using() disposes after a handler that throws synchronously", async () => {
  const log: string[] = [];
  const queries = loggingBus(log, { failures: 1 }).use(using(() => noting(log)));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  assertEquals(log, ["resource opened", "handler", "resource disposed"]);
});

for (const failures of [0, 1]) {
  Deno.test(`using() waits for an async disposal after a ${failures === 0 ? "success" : "failure"}`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const queries = loggingBus(log, { failures }).use(using(() => ({
      async [Symbol.asyncDispose](): Promise<void> {
        await gate.promise;
        log.push("disposed");
      },
    })));

    const dispatched = queries.dispatch(new FindUser()).finally(() => log.push("settled")).catch(() => {});
    gate.resolve();
    await dispatched;

    assertEquals(log, ["handler", "disposed", "settled"]);
  });
}

Deno.test("using() waits for an asynchronous opening", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queries = loggingBus(log).use(using(async () => {
    await gate.promise;
    return noting(log);
  }));

  const dispatched = queries.dispatch(new FindUser());
  assertEquals(log, []);
  gate.resolve();
  await dispatched;

  assertEquals(log, ["resource opened", "handler", "resource disposed"]);
});

Deno.test("using() prefers the async disposal of a resource that has both", async () => {
  const log: string[] = [];
  const queries = loggingBus([]).use(using(() => ({
    [Symbol.dispose]: () => void log.push("sync"),
    [Symbol.asyncDispose]: () => Promise.resolve(void log.push("async")),
  })));

  await queries.dispatch(new FindUser());

  assertEquals(log, ["async"]);
});

Deno.test("using() disposes with the resource as this", async () => {
  class Lock {
    isOpen = true;
    [Symbol.dispose](): void {
      this.isOpen = false;
    }
  }
  const lock = new Lock();

  await loggingBus([]).use(using(() => lock)).dispatch(new FindUser());

  assertEquals(lock.isOpen, false);
});

Deno.test("using() gives the message and the context to the function that opens", async () => {
  const seen: unknown[] = [];
  const message = new FindUser();
  const queries = loggingBus([]).use(using((message, { kind, metadata }) => {
    seen.push(message, kind, metadata);
    return noting([]);
  }));

  await queries.dispatch(message, { metadata: { requestId: 7 } });

  assertEquals(seen, [message, "query", { requestId: 7 }]);
});

Deno.test("using() opens one for each dispatch", async () => {
  const log: string[] = [];
  let opened = 0;
  const queries = loggingBus(log).use(using(() => noting(log, `resource ${++opened}`)));

  await queries.dispatch(new FindUser());
  await queries.dispatch(new FindUser());

  assertEquals(log, [
    "resource 1 opened",
    "handler",
    "resource 1 disposed",
    "resource 2 opened",
    "handler",
    "resource 2 disposed",
  ]);
});

Deno.test("using() inside retry() opens and disposes one for each attempt", async () => {
  const log: string[] = [];
  let opened = 0;
  const queries = loggingBus(log, { failures: 1 })
    .use(retry({ attempts: 2 }), using(() => noting(log, `resource ${++opened}`)));

  await queries.dispatch(new FindUser());

  assertEquals(log, [
    "resource 1 opened",
    "handler",
    "resource 1 disposed",
    "resource 2 opened",
    "handler",
    "resource 2 disposed",
  ]);
});

Deno.test("using() on the event bus opens one around each handler", async () => {
  class UserCreated extends Event {}
  const log: string[] = [];
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserCreated, () => log.push("first"))
    .subscribe(UserCreated, () => log.push("second"))
    .use(using(() => noting(log)));

  await events.dispatch(new UserCreated());

  assertEquals(log, [
    "resource opened",
    "first",
    "resource disposed",
    "resource opened",
    "second",
    "resource disposed",
  ]);
});

Deno.test("using() disposes its resource before the related events of a command are published", async () => {
  class CreateUser extends Command {}
  class UserCreated extends Event {}
  const log: string[] = [];
  const router = new MessageRouter();
  router.newEventBus().subscribe(UserCreated, () => log.push("published"));
  const commands = router.newCommandBus()
    .use(using(() => noting(log)))
    .subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated()));

  await commands.dispatch(new CreateUser());

  assertEquals(log, ["resource opened", "resource disposed", "published"]);
});

// What goes wrong

Deno.test("using() keeps the handler from running if the opening fails", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(using(() => {
    throw new RangeError("locked");
  }));

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "locked");
  assertEquals(log, []);
});

Deno.test("using() makes the dispatch fail if the disposal fails after a success", async () => {
  const failure = new RangeError("stuck");
  const queries = loggingBus([]).use(using(() => stuck(failure)));

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindUser())), failure);
});

Deno.test("using() makes the dispatch fail if a sync disposal throws", async () => {
  const queries = loggingBus([]).use(using(() => ({
    [Symbol.dispose]: () => {
      throw new RangeError("stuck");
    },
  })));

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "stuck");
});

Deno.test("using() rejects with both errors, the call's first, if the call and the disposal fail", async () => {
  const queries = loggingBus([], { failures: 1 }).use(using(() => stuck(new RangeError("stuck"))));

  const error = await assertRejects(() => queries.dispatch(new FindUser()), AggregateError);

  assertEquals(error.message, "Cannot dispose what was opened for a call that has failed too");
  assertEquals(error.errors.map(String), ["Error: failure 1", "RangeError: stuck"]);
  assertStrictEquals(error.cause, error.errors[0]);
});

Deno.test("using() keeps both errors even if the call failed with undefined", async () => {
  const queries = new MessageRouter().newQueryBus()
    .use(using(() => stuck(new RangeError("stuck"))))
    .subscribe(FindUser, () => Promise.reject(undefined));

  const error = await assertRejects(() => queries.dispatch(new FindUser()), AggregateError);

  assertEquals(error.errors.map(String), ["undefined", "RangeError: stuck"]);
});

for (const [name, value] of [["an object", {}], ["undefined", undefined], ["null", null], ["a number", 7]] as const) {
  Deno.test(`using() refuses ${name}, which cannot be disposed, and keeps the handler from running`, async () => {
    const log: string[] = [];
    const queries = loggingBus(log).use(using(() => value as unknown as AnyDisposable));

    const error = await assertRejects(() => queries.dispatch(new FindUser()), TypeError);

    assertEquals(
      error.message,
      'Cannot handle "FindUser" with what was opened for it: it has neither Symbol.asyncDispose nor Symbol.dispose',
    );
    assertEquals(log, []);
  });
}

Deno.test("using() names the class of a message that has its own data named constructor", async () => {
  class ParseText {
    constructor(data: object) {
      Object.assign(this, data);
    }
  }
  const queries = new MessageRouter().newQueryBus()
    .use(using(() => ({}) as AnyDisposable))
    .subscribe(ParseText, () => "parsed");

  const error = await assertRejects(() => queries.dispatch(new ParseText({ constructor: "data" })), TypeError);

  assertEquals(
    error.message,
    'Cannot handle "ParseText" with what was opened for it: it has neither Symbol.asyncDispose nor Symbol.dispose',
  );
});
