import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  captureError,
  MessageRouter,
  type Middleware,
  MiddlewareError,
  type QueryBus,
  retry,
  type StreamProgress,
  StreamQuery,
  timeout,
  using,
} from "@cq/core";
import { correlate, deduplicate, MessageValidationError, transaction, validate } from "@cq/core/middlewares";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { Count, countingBus, defer, isSettled, readAll, turn } from "./support/stream_parts.ts";
import { FakeDatabase, TX } from "./support/fake_database.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

const DONE = { done: true, value: undefined } as const;

/** A bus whose handler fails before the given item, as often as it is told to. */
function failingBus({ at, times = 1 }: { at: number; times?: number }): { attempts: () => number; queries: QueryBus } {
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().subscribe(Count, async function* ({ to }) {
    const isFailing = ++attempts <= times;
    for (let item = 1; item <= to; item++) {
      if (isFailing && item === at) throw new Error(`Torn ${attempts}`);
      yield item;
    }
  });
  return { attempts: () => attempts, queries };
}

// Every form

const FORMS: Record<string, (log: unknown[]) => Middleware> = {
  classic: (log) => async (_message, next) => {
    log.push("before");
    try {
      const end = await next();
      log.push(end);
      return end;
    } catch (error) {
      log.push((error as Error).message);
      throw error;
    } finally {
      log.push("after");
    }
  },
  "async generator": (log) =>
    async function* () {
      log.push("before");
      try {
        log.push(yield);
      } catch (error) {
        log.push((error as Error).message);
        throw error;
      } finally {
        log.push("after");
      }
    },
  "sync generator": (log) =>
    function* () {
      log.push("before");
      try {
        log.push(yield);
      } catch (error) {
        log.push((error as Error).message);
        throw error;
      } finally {
        log.push("after");
      }
    },
};

for (const [form, make] of Object.entries(FORMS)) {
  Deno.test(`A middleware that is a ${form} lasts as long as the stream, and sees how it ends`, async () => {
    const log: unknown[] = [];
    const queries = countingBus(log as string[]).use(make(log));

    assertEquals(await readAll(queries.stream(new Count(2))), [1, 2]);
    const life = ["before", "start", "make 1", "make 2", "close"];
    assertEquals(log.splice(0), [...life, { items: 2, complete: true }, "after"]);

    for await (const item of queries.stream(new Count())) if (item === 2) break;
    assertEquals(log.splice(0), [...life, { items: 2, complete: false }, "after"]);

    const failing = failingBus({ at: 2 }).queries.use(make(log));
    await assertRejects(() => readAll(failing.stream(new Count())), Error, "Torn 1");
    assertEquals(log, ["before", "Torn 1", "after"]);
  });
}

Deno.test("All middlewares together: each lasts as long as the stream", async () => {
  const log: unknown[] = [];
  const queries = countingBus(log as string[]).use(
    correlate({ createId: () => "m1" }),
    captureError((error) => log.push(error)),
    validate(),
    using(() => ({ [Symbol.asyncDispose]: () => Promise.resolve(void log.push("disposed")) })),
    timeout(1_000),
    retry({ attempts: 2 }),
    deduplicate({ key: () => undefined, ttlMs: 1_000 }),
    ...Object.values(FORMS).map((make) => make([])),
  );

  assertEquals(await readAll(queries.stream(new Count(2))), [1, 2]);
  assertEquals(log, ["start", "make 1", "make 2", "close", "disposed"]);
  log.splice(0);
  for await (const _item of queries.stream(new Count(2))) break;
  assertEquals(log, ["start", "make 1", "close", "disposed"]);
});

Deno.test("A middleware sees the progress of a stream, and none of other messages", async () => {
  class FindName {}
  const progress: (StreamProgress | undefined)[] = [];
  const queries = countingBus().subscribe(FindName, () => "Ada").use((_message, next, { stream }) => {
    progress.push(stream);
    return next();
  });
  await readAll(queries.stream(new Count(2)));
  await queries.dispatch(new FindName());

  assertEquals(progress.map((stream) => stream?.items), [2, undefined]);
});

Deno.test("context.stream tells how long the consumer has been waiting for one item, without its own time", async () => {
  using time = new FakeTime();
  const items = [defer<number>(), defer<number>(), defer<number>()];
  let progress: StreamProgress | undefined;
  const queries = new MessageRouter().newQueryBus().subscribe(Count, async function* (_query, { stream }) {
    progress = stream;
    for (const item of items) yield await item.promise;
  });
  const stream = queries.stream(new Count());
  const first = stream.next();
  await turn();
  await time.tickAsync(30);
  assertEquals(progress!.waitingMs, 30);
  items[0]!.resolve(1);
  await first;
  await time.tickAsync(500);
  assertEquals([progress!.waitingMs, progress!.items], [0, 1]);
  const [second, third] = [stream.next(), stream.next()];
  await time.tickAsync(20);
  assertEquals(progress!.waitingMs, 20);
  items[1]!.resolve(2);
  await second;
  await time.tickAsync(10);
  assertEquals(progress!.waitingMs, 10);
  items[2]!.resolve(3);
  await third;
  assertEquals(progress!.waitingMs, 0);
  await stream.return();
});

Deno.test("A middleware may replace the metadata and the signal of a stream, or take the signal away", async () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const seen: unknown[] = [];
  const bus = () =>
    new MessageRouter().newQueryBus().subscribe(Count, async function* (_query, { signal, metadata }) {
      seen.push(signal instanceof AbortSignal, metadata.tenant);
      yield 1;
      yield 2;
    });
  const taking = bus().use((_message, next) => next(undefined, { signal: undefined, metadata: { tenant: "acme" } }));
  assertEquals([await readAll(taking.stream(new Count())), seen.splice(0)], [[1, 2], [true, "acme"]]);

  const replacing = bus().use((_message, next) => next(undefined, { signal: controller.signal }));
  await readAll(replacing.stream(new Count()));
  assertEquals(listeners(), 0);
  const stream = replacing.stream(new Count());
  await stream.next();
  controller.abort(new Error("Stop"));
  await assertRejects(() => stream.next(), Error, "Stop");
});

Deno.test("return() closes what a middleware runs with a signal of its own", async () => {
  const item = defer<number>();
  const queries = new MessageRouter().newQueryBus().use((_message, next) =>
    next(undefined, { signal: new AbortController().signal })
  ).subscribe(Count, async function* () {
    yield await item.promise;
  });
  const stream = queries.stream(new Count());
  const asked = stream.next();
  await turn();
  const left = stream.return();
  item.resolve(1);

  assertEquals([await left, await asked], [DONE, DONE]);
});

// Failures and results

for (const rethrow of [true, false]) {
  Deno.test(`captureError({ rethrow: ${rethrow} }) reports a failure after the first item, and it comes out`, async () => {
    const reported: string[] = [];
    const { queries } = failingBus({ at: 3 });
    queries.use(captureError((error) => reported.push((error as Error).message), { rethrow }));
    const stream = queries.stream(new Count());

    assertEquals([(await stream.next()).value, (await stream.next()).value], [1, 2]);
    await assertRejects(() => stream.next(), Error, "Torn 1");
    assertEquals([reported, await stream.next()], [["Torn 1"], DONE]);
  });
}

Deno.test("captureError({ rethrow: false }) makes an empty stream of a failure before the first item", async () => {
  const { queries } = failingBus({ at: 1 });
  queries.use(captureError(() => {}, { rethrow: false }));

  assertEquals(await readAll(queries.stream(new Count())), []);
});

Deno.test("A generator that swallows the failure after the first item does not make the stream complete", async () => {
  const { queries } = failingBus({ at: 2 });
  queries.use(function* () {
    try {
      yield;
    } catch {
      // The dispatch would resolve to undefined.
    }
  });

  await assertRejects(() => readAll(queries.stream(new Count())), Error, "Torn 1");
});

Deno.test("A middleware may replace the failure of a stream by another one", async () => {
  const { queries } = failingBus({ at: 2 });
  queries.use((_message, next) => next().catch((cause) => Promise.reject(new Error("Replaced", { cause }))));

  await assertRejects(() => readAll(queries.stream(new Count())), Error, "Replaced");
});

Deno.test("A failure of a middleware after the last item comes out of the last next()", async () => {
  const queries = countingBus().use(async (_message, next) => {
    await next();
    throw new Error("Cannot commit");
  });
  const stream = queries.stream(new Count(1));

  assertEquals(await stream.next(), { done: false, value: 1 });
  await assertRejects(() => stream.next(), Error, "Cannot commit");
});

Deno.test("A failure of a middleware after a break comes out of the break", async () => {
  const queries = countingBus().use(async (_message, next) => {
    await next();
    throw new Error("Cannot commit");
  });

  await assertRejects(
    async () => {
      for await (const _item of queries.stream(new Count())) break;
    },
    Error,
    "Cannot commit",
  );
});

Deno.test("A middleware that does not call next() and returns undefined makes an empty stream", async () => {
  const log: string[] = [];
  assertEquals(await readAll(countingBus(log).use(() => Promise.resolve()).stream(new Count())), []);
  assertEquals(log, []);
});

const OTHER_RESULT = 'Cannot stream "Count": a middleware returned something else than what next() gave. ' +
  "Return that, or nothing";

Deno.test("A middleware whose result is neither undefined nor its end of the stream breaks the stream", async () => {
  const results: [name: string, Middleware][] = [
    ["a list", () => Promise.resolve([1, 2, 3])],
    ["null", () => Promise.resolve(null)],
    ["a copy of the end", async (_message, next) => ({ ...await next() as object })],
  ];
  for (const [name, middleware] of results) {
    const error = await assertRejects(
      () => readAll(countingBus().use(middleware).stream(new Count())),
      MiddlewareError,
    );
    assertEquals(error.message, OTHER_RESULT, name);
  }
});

Deno.test("A cache of results breaks a stream loudly, and does not make it empty", async () => {
  const cache = new Map<string, unknown>();
  const queries = countingBus().use(async (_message, next) => {
    if (!cache.has("count")) cache.set("count", await next());
    return cache.get("count");
  });

  assertEquals(await readAll(queries.stream(new Count())), [1, 2, 3]);
  await assertRejects(() => readAll(queries.stream(new Count())), MiddlewareError, OTHER_RESULT);
});

const TOO_EARLY = 'Cannot stream "Count": a middleware has settled before its next(). Await next(), or return it';

Deno.test("A middleware that does not wait for next() breaks the stream, which is closed first", async () => {
  for (const delay of [0, 20]) {
    const log: string[] = [];
    const queries = countingBus(log).use(async (_message, next) => {
      next();
      for (let i = 0; i < delay; i++) await Promise.resolve();
    });
    const rejections = await unhandledRejections(async () => {
      const error = await assertRejects(() => readAll(queries.stream(new Count(100_000))), MiddlewareError);
      assertEquals(error.message, TOO_EARLY);
    });
    assertEquals([rejections, log.at(-1) ?? "close"], [[], "close"]);
  }
});

Deno.test("A middleware that does not wait for next() breaks a stream that waits for an item, and its signal fires", async () => {
  const gate = defer();
  const queries = new MessageRouter().newQueryBus().use(async (_message, next) => {
    next();
    await gate.promise;
  }).subscribe(Count, async function* (_query, { signal }) {
    yield 1;
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const rejections = await unhandledRejections(async () => {
    const stream = queries.stream(new Count());
    await stream.next();
    const asked = stream.next();
    await turn();
    gate.resolve();
    await assertRejects(() => asked, MiddlewareError, TOO_EARLY);
  });
  assertEquals(rejections, []);
});

Deno.test("A middleware that does not wait for next() breaks the stream once its handler has ended", async () => {
  const [gate, item] = [defer(), defer<number>()];
  const queries = new MessageRouter().newQueryBus().use((_message, next) => {
    next();
    return gate.promise;
  }).subscribe(Count, async function* () {
    yield await item.promise;
  });
  const asked = queries.stream(new Count()).next();
  await turn();
  gate.resolve();
  assertEquals(await isSettled(asked), false);
  item.resolve(1);

  await assertRejects(() => asked, MiddlewareError, TOO_EARLY);
});

Deno.test("A middleware that gives up a stream that rests ends it: its error comes out of the next next()", async () => {
  const log: string[] = [];
  const gate = defer();
  const queries = countingBus(log).use((_message, next) => Promise.race([next(), gate.promise]));
  const stream = queries.stream(new Count());
  await stream.next();
  gate.reject(new Error("It takes too long"));
  await turn();

  assertEquals(log, ["start", "make 1", "close"]);
  await assertRejects(() => stream.next(), Error, "It takes too long");
});

// Retry

Deno.test("retry() starts a stream again before its first item, with a scope and a handler of its own", async () => {
  const { attempts, queries } = failingBus({ at: 1, times: 2 });
  queries.use(retry({ attempts: 3 }));

  assertEquals([await readAll(queries.stream(new Count())), attempts()], [[1, 2, 3], 3]);
});

Deno.test("retry() does not start a stream again after its first item", async () => {
  const { attempts, queries } = failingBus({ at: 2 });
  const waits: number[] = [];
  queries.use(retry({ attempts: 3, delay: 10, retryAfter: () => void waits.push(1) }));

  await assertRejects(() => readAll(queries.stream(new Count())), Error, "Torn 1");
  assertEquals([attempts(), waits], [1, []]);
});

Deno.test("A generator that yields again starts a stream again before its first item, and not after it", async () => {
  const again: Middleware = function* () {
    for (let attempt = 1;; attempt++) {
      try {
        return yield;
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  };
  const before = failingBus({ at: 1 });
  assertEquals(await readAll(before.queries.use(again).stream(new Count())), [1, 2, 3]);

  const after = failingBus({ at: 2 });
  await assertRejects(() => readAll(after.queries.use(again).stream(new Count())), Error, "Torn 1");
  assertEquals([before.attempts(), after.attempts()], [2, 1]);
});

Deno.test("A middleware that calls next() again after a complete stream is refused", async () => {
  const queries = countingBus().use(async (_message, next) => {
    await next();
    return await next();
  });
  const stream = queries.stream(new Count(1));
  await stream.next();

  await assertRejects(
    () => stream.next(),
    MiddlewareError,
    'Cannot stream "Count": it has given items already, and cannot start again',
  );
});

Deno.test("A middleware that calls next() again while the first attempt is at work gets the items of the second", async () => {
  const first = defer<number>();
  const log: string[] = [];
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(async (_message, next) => {
    const left = next();
    await turn();
    const end = await next();
    await left;
    return end;
  }).subscribe(Count, async function* () {
    const attempt = ++attempts;
    try {
      yield attempt === 1 ? await first.promise : 7;
    } finally {
      log.push(`close ${attempt}`);
    }
  });
  const stream = queries.stream(new Count());

  assertEquals(await stream.next(), { done: false, value: 7 });
  const asked = stream.next();
  assertEquals(await isSettled(asked), false);
  first.resolve(1);
  assertEquals([await asked, log], [DONE, ["close 2", "close 1"]]);
});

Deno.test("A source that comes after another attempt has started is closed", async () => {
  const late = defer<ReadableStream<number>>();
  const log: string[] = [];
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(async (_message, next) => {
    const left = next();
    await turn();
    const end = await next();
    await left;
    return end;
  }).subscribe(Count, () => ++attempts === 1 ? late.promise : [7]);
  const stream = queries.stream(new Count());
  assertEquals((await stream.next()).value, 7);
  late.resolve(new ReadableStream({ cancel: () => void log.push("cancel") }));
  await turn();
  assertEquals(log, ["cancel"]);

  assertEquals(await stream.next(), DONE);
});

// Timeout

Deno.test("timeout() is the longest wait for one item, not for the stream, and not the time of the consumer", async () => {
  using time = new FakeTime();
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(Count, async function* ({ to }) {
    for (let item = 1; item <= to; item++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      yield item;
    }
  });
  const stream = queries.stream(new Count(5));
  for (let item = 1; item <= 5; item++) {
    const asked = stream.next();
    await time.tickAsync(60);
    assertEquals(await asked, { done: false, value: item });
    await time.tickAsync(1_000);
  }
  assertEquals(await stream.next(), DONE);
});

Deno.test("timeout() ends a stream whose item takes longer, exactly then, and drops the late item", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const late = defer<number>();
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(
    Count,
    async function* (_query, { signal }) {
      try {
        yield 1;
        signal.addEventListener("abort", () => log.push(signal.reason.name));
        yield await late.promise;
        log.push("went on");
      } finally {
        log.push("close");
      }
    },
  );
  const stream = queries.stream(new Count());
  await stream.next();
  await time.tickAsync(1_230);
  const asked = stream.next();
  asked.catch(() => {});
  await time.tickAsync(99);
  assertEquals([await isSettled(asked), log], [false, []]);
  await time.tickAsync(1);
  const error = await assertRejects(() => asked, DOMException, 'Cannot handle "Count" within 100 ms');
  assertEquals([error.name, log], ["TimeoutError", ["TimeoutError"]]);
  late.resolve(2);
  await turn();
  assertEquals([await stream.next(), log], [DONE, ["TimeoutError", "close"]]);
});

Deno.test("timeout() below retry() gives each attempt its own time, and only the last one gives items", async () => {
  using time = new FakeTime();
  const late: ((item: number) => void)[] = [];
  const queries = new MessageRouter().newQueryBus().use(retry({ attempts: 2 }), timeout(100)).subscribe(
    Count,
    async function* () {
      yield await new Promise<number>((resolve) => late.push(resolve));
    },
  );
  const stream = queries.stream(new Count());
  const asked = stream.next();
  await time.tickAsync(100);
  await time.tickAsync(90);
  assertEquals([late.length, await isSettled(asked)], [2, false]);
  late[0]!(1);
  await turn();
  assertEquals(await isSettled(asked), false);
  late[1]!(2);

  assertEquals([await asked, await stream.next()], [{ done: false, value: 2 }, DONE]);
});

Deno.test("AbortSignal.timeout() of the caller bounds the whole stream", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("All of it", "TimeoutError")), 100);
  const queries = countingBus().use(timeout(1_000));
  const stream = queries.stream(new Count(), { signal: controller.signal });
  await stream.next();
  await time.tickAsync(100);

  await assertRejects(() => stream.next(), DOMException, "All of it");
});

// The others

Deno.test("using() disposes what it has opened after the generator was closed, once for each attempt", async () => {
  const log: string[] = [];
  const queries = countingBus(log).use(using(() => {
    log.push("open");
    return { [Symbol.dispose]: () => void log.push("dispose") };
  }));
  for await (const _item of queries.stream(new Count())) break;

  assertEquals(log, ["open", "start", "make 1", "close", "dispose"]);
});

Deno.test("validate() refuses a stream query at the first next()", async () => {
  class Tail extends StreamQuery<number> {
    static readonly schema = {
      "~standard": { version: 1 as const, vendor: "tests", validate: () => ({ issues: [{ message: "Too long" }] }) },
    };
  }
  const log: string[] = [];
  const queries = new MessageRouter().newQueryBus().use(validate()).subscribe(Tail, () => {
    log.push("handled");
    return [];
  });

  await assertRejects(() => queries.stream(new Tail()).next(), MessageValidationError);
  assertEquals(log, []);
});

Deno.test("correlate() gives the ids to the handler of a stream", async () => {
  const seen: unknown[] = [];
  const queries = new MessageRouter().newQueryBus().use(correlate({ createId: () => "m1" }));
  queries.subscribe(Count, async function* (_query, { metadata }) {
    yield 1;
    seen.push(metadata);
  });
  await readAll(queries.stream(new Count()));

  assertEquals(seen, [{ messageId: "m1", correlationId: "m1" }]);
});

Deno.test("deduplicate() refuses a stream query that it has a key for, and lets the others through", async () => {
  const log: string[] = [];
  const queries = countingBus(log).use(deduplicate({ key: (message) => `${(message as Count).to}`, ttlMs: 1_000 }));
  await assertRejects(
    () => queries.stream(new Count()).next(),
    TypeError,
    'Cannot deduplicate "Count": it is a stream query. Return undefined as its key',
  );
  assertEquals(log, []);

  const open = countingBus().use(deduplicate({ key: () => undefined, ttlMs: 1_000 }));
  assertEquals(await readAll(open.stream(new Count())), [1, 2, 3]);
});

Deno.test("A middleware of an application may skip stream queries, or act on them alone", async () => {
  const seen: string[] = [];
  const queries = countingBus().use((message, next, { stream }) => {
    if (stream !== undefined) seen.push(message.constructor.name);
    return next();
  });
  await readAll(queries.stream(new Count(1)));

  assertEquals(seen, ["Count"]);
});

// Transactions

/** A bus whose handler writes each item that it gives, in a transaction. */
function transactedBus({ fails = false } = {}): { database: FakeDatabase; queries: QueryBus } {
  const database = new FakeDatabase();
  const queries = new MessageRouter().newQueryBus().use(transaction(TX, database.begin)).subscribe(
    Count,
    async function* ({ to }, { values, signal }) {
      for (let item = 1; item <= to; item++) {
        await values.get(TX)!.write(`${item}`);
        if (fails && item === 2) throw new Error("Torn");
        if (item === 100) {
          await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        }
        yield item;
      }
    },
  );
  return { database, queries };
}

Deno.test("transaction() commits after the last item, before the last next() resolves", async () => {
  const { database, queries } = transactedBus();
  const stream = queries.stream(new Count(2));
  await stream.next();
  await stream.next();
  assertEquals(database.rows, []);
  assertEquals([await stream.next(), database.rows], [DONE, ["1", "2"]]);
});

Deno.test("transaction() commits a stream whose consumer leaves between two items", async () => {
  const { database, queries } = transactedBus();
  for await (const item of queries.stream(new Count())) if (item === 2) break;

  assertEquals(database.rows, ["1", "2"]);
});

Deno.test("transaction() rolls a stream back that fails", async () => {
  const { database, queries } = transactedBus({ fails: true });
  await assertRejects(() => readAll(queries.stream(new Count())), Error, "Torn");

  assertEquals([database.rows, database.log.at(-1)], [[], "rollback"]);
});

Deno.test("transaction() rolls a stream back whose signal has fired, also while nobody reads", async () => {
  const { database, queries } = transactedBus();
  const controller = new AbortController();
  const stream = queries.stream(new Count(), { signal: controller.signal });
  await stream.next();
  controller.abort(new Error("Stop"));
  await turn();

  assertEquals([database.rows, database.log.at(-1)], [[], "rollback"]);
  await assertRejects(() => stream.next(), Error, "Stop");
});

Deno.test("transaction() rolls a stream back whose consumer leaves while an item is being made", async () => {
  const { database, queries } = transactedBus();
  const stream = queries.stream(new Count(100));
  for (let item = 1; item < 100; item++) await stream.next();
  const asked = stream.next();
  await turn();

  assertEquals([await stream.return(), await asked], [DONE, DONE]);
  assertEquals([database.rows, database.log.at(-1)], [[], "rollback"]);
});
