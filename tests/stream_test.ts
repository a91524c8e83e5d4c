import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Container,
  ContextValues,
  HandlerNotFoundError,
  inject,
  InjectionToken,
  type ItemStream,
  MessageRouter,
  Query,
  type QueryBus,
  type StreamContext,
  StreamQuery,
} from "@cq/core";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { Count, counting, countingBus, defer, isSettled, readAll, turn } from "./support/stream_parts.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class FindName extends Query<string> {}

function newBus(): QueryBus {
  return new MessageRouter().newQueryBus();
}

const DONE = { done: true, value: undefined } as const;

// Reading

Deno.test("QueryBus.stream() gives the items of an async generator in their order", async () => {
  assertEquals(await readAll(countingBus().stream(new Count(5))), [1, 2, 3, 4, 5]);
});

Deno.test("QueryBus.stream() takes a handler class, which is built for each stream", async () => {
  const router = new MessageRouter();
  let built = 0;
  router.queryHandler(Count)(
    class {
      readonly number = ++built;
      async *handle({ to }: Count) {
        for (let item = 1; item <= to; item++) yield item * 10 + this.number;
      }
    },
  );
  const queries = router.newQueryBus();

  assertEquals(await readAll(queries.stream(new Count(2))), [11, 21]);
  assertEquals(await readAll(queries.stream(new Count(2))), [12, 22]);
});

Deno.test("QueryBus.stream() takes every kind of source, and a promise of it", async () => {
  function* generate() {
    yield 1;
    yield 2;
  }
  const sources: Record<string, () => AsyncIterable<number> | Iterable<number> & object | ReadableStream<number>> = {
    array: () => [1, 2],
    set: () => new Set([1, 2]),
    generator: generate,
    readable: () => ReadableStream.from([1, 2]) as ReadableStream<number>,
    iterable: () => ({
      [Symbol.asyncIterator]() {
        let item = 0;
        return {
          next: () => Promise.resolve(item < 2 ? { value: ++item } : { done: true, value: undefined as never }),
        };
      },
    }),
  };
  for (const [name, source] of Object.entries(sources)) {
    assertEquals(await readAll(newBus().subscribe(Count, source).stream(new Count())), [1, 2], name);
    assertEquals(
      await readAll(newBus().subscribe(Count, () => Promise.resolve(source())).stream(new Count())),
      [1, 2],
      `promise of ${name}`,
    );
  }
});

Deno.test("QueryBus.stream() gives an empty stream for a source without items", async () => {
  assertEquals(await readAll(newBus().subscribe(Count, () => []).stream(new Count())), []);
});

for (
  const [source, text] of [["abc", '"abc"'], [7, '"7"'], [undefined, '"undefined"'], [{}, 'an instance of "Object"']]
) {
  Deno.test(`QueryBus.stream() refuses ${text} as a source`, async () => {
    const queries = newBus().subscribe(Count, function count() {
      return source as never;
    });

    await assertRejects(
      () => queries.stream(new Count()).next(),
      TypeError,
      `Cannot stream "Count": its handler "count" returned ${text}. Return an async iterable, an iterable object or a ` +
        "ReadableStream, as async *handle() does",
    );
  });
}

Deno.test("QueryBus.stream() fails where a source gives a step that is not an object", async () => {
  const source = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(undefined) }) };
  const queries = newBus().subscribe(Count, () => source as never);

  await assertRejects(() => queries.stream(new Count()).next(), TypeError);
});

Deno.test("QueryBus.stream() fails where next() of a source throws, or its iterator cannot be made", async () => {
  const throwing = {
    [Symbol.iterator]: () => ({
      next(): never {
        throw new Error("Torn");
      },
    }),
  };
  await assertRejects(() => newBus().subscribe(Count, () => throwing).stream(new Count()).next(), Error, "Torn");

  const readable = new ReadableStream<number>();
  readable.getReader();
  await assertRejects(() => newBus().subscribe(Count, () => readable).stream(new Count()).next(), TypeError, "locked");
});

Deno.test("ItemStream.next() makes no item before it is asked for", async () => {
  const log: string[] = [];
  const stream = countingBus(log).stream(new Count());

  await turn();
  assertEquals(log, []);
  assertEquals(await stream.next(), { done: false, value: 1 });
  await turn();
  assertEquals(log, ["start", "make 1"]);
  assertEquals(await stream.next(), { done: false, value: 2 });
  await turn();
  assertEquals(log, ["start", "make 1", "make 2"]);
  await stream.return();
});

Deno.test("ItemStream.next() answers concurrent calls in turn", async () => {
  const stream = countingBus().stream(new Count(2));
  const answers: unknown[] = [];
  const asked = Array.from({ length: 4 }, async () => answers.push(await stream.next()));
  await Promise.all(asked);

  assertEquals(answers, [{ done: false, value: 1 }, { done: false, value: 2 }, DONE, DONE]);
});

Deno.test("ItemStream.next() answers 100,000 concurrent calls, on sync sources too", async () => {
  const items = Array.from({ length: 100_000 }, (_, index) => index);
  const stream = newBus().subscribe(Count, () => items).stream(new Count());
  const steps = await Promise.all(items.map(() => stream.next()));

  assertEquals(steps.every(({ value }, index) => value === index), true);
  assertEquals(await stream.next(), DONE);
});

Deno.test("ItemStream.next() resolves the last time when the source is closed and the scope disposed", async () => {
  const { log, queries } = scopedBus();
  const stream = queries.stream(new Count(1));

  await stream.next();
  assertEquals(log, ["open", "start", "make 1"]);
  assertEquals(await stream.next(), DONE);
  assertEquals(log, ["open", "start", "make 1", "close", "dispose"]);
  assertEquals(await stream.next(), DONE);
});

Deno.test("An ItemStream is its own iterator: two consumers share its items, the first to leave ends it", async () => {
  const stream = countingBus().stream(new Count(5));

  assertStrictEquals(stream[Symbol.asyncIterator](), stream);
  assertEquals(await stream.next(), { done: false, value: 1 });
  for await (const item of stream) {
    assertEquals(item, 2);
    break;
  }
  assertEquals(await stream.next(), DONE);
});

// Starting

Deno.test("QueryBus.stream() starts nothing: not the listeners, the middlewares, the scope or the handler", async () => {
  const { log, queries } = scopedBus();
  queries.listen(() => void log.push("listen")).use((_message, next) => {
    log.push("middleware");
    return next();
  });
  const signal = new AbortController().signal;
  const listeners = countAbortListeners(signal);
  const stream = queries.stream(new Count(), { signal });

  await turn();
  assertEquals([log, listeners()], [[], 0]);
  await stream.next();
  assertEquals(log, ["listen", "middleware", "open", "start", "make 1"]);
  await stream.return();
  assertEquals(listeners(), 0);
});

Deno.test("ItemStream.return() of a stream that has not started starts nothing and ends it", async () => {
  const log: string[] = [];
  const stream = countingBus(log).stream(new Count());

  assertEquals(await stream.return(), DONE);
  assertEquals(await stream.next(), DONE);
  assertEquals(log, []);
});

Deno.test("QueryBus.stream() never throws: every refusal comes out of the first next()", async () => {
  const aborted = AbortSignal.abort(new Error("Gone"));
  const failing = countingBus().listen(() => {
    throw new Error("Not today");
  });
  const streams: [ItemStream<unknown>, string][] = [
    [newBus().stream(new Count()), 'Cannot dispatch "Count": no query handler is registered'],
    [countingBus().stream(new Count(), { signal: aborted }), "Gone"],
    [failing.stream(new Count()), 'Cannot dispatch "Count": its listeners failed: Not today'],
    [
      newBus().stream(new FindName() as never),
      'Cannot stream an instance of "FindName": it does not extend StreamQuery. Call dispatch() instead',
    ],
    [newBus().stream(undefined as never), 'Cannot stream "undefined": it does not extend StreamQuery'],
  ];
  for (const [stream, message] of streams) {
    await assertRejects(() => stream.next(), Error, message);
    assertEquals(await stream.next(), DONE);
  }
  await assertRejects(() => newBus().stream(new Count()).next(), HandlerNotFoundError);
});

Deno.test("QueryBus.stream() of what is not a stream query can be left and disposed", async () => {
  const stream = newBus().stream(new FindName() as never);

  assertStrictEquals(stream[Symbol.asyncIterator](), stream);
  await stream[Symbol.asyncDispose]();
  assertEquals(await stream.next(), DONE);
});

Deno.test("QueryBus.dispatch() refuses a stream query", async () => {
  const heard: unknown[] = [];
  const queries = countingBus().listen((message) => void heard.push(message));

  await assertRejects(
    () => queries.dispatch(new Count() as never),
    TypeError,
    'Cannot dispatch "Count": it is a stream query. Read its items from stream()',
  );
  assertEquals(heard, []);
});

Deno.test("QueryBus.canHandle() knows stream queries", () => {
  assertEquals([countingBus().canHandle(new Count()), newBus().canHandle(new Count())], [true, false]);
});

Deno.test("QueryBus.stream() finds the handler of a base class, and one that is registered later", async () => {
  class CountMore extends Count {}
  const queries = countingBus();
  assertEquals(await readAll(queries.stream(new CountMore(1))), [1]);

  queries.subscribe(CountMore, () => [7]);
  assertEquals(await readAll(queries.stream(new CountMore(1))), [7]);
});

Deno.test("A router refuses a handler of a stream query whose errors would be dropped", () => {
  const message = 'Cannot register "count" for "Count" with failSilently: a stream that breaks off has to fail';
  function count(): number[] {
    return [];
  }
  class CountHandler {
    handle = count;
  }
  const router = new MessageRouter();

  assertThrows(
    () => router.newQueryBus().subscribe(Count, count, { failSilently: true as never }),
    TypeError,
    message,
  );
  assertThrows(
    () => router.queryHandler(Count, { failSilently: true as never })(CountHandler),
    TypeError,
    message.replace("count", "CountHandler"),
  );
  assertEquals(router.queryTypes, []);
});

// Leaving

Deno.test("A break closes the generator, the middlewares and the scope, in this order and before the loop goes on", async () => {
  const { log, queries } = scopedBus();
  queries.use(async (_message, next) => {
    log.push(`end ${JSON.stringify(await next())}`);
  });

  for await (const item of queries.stream(new Count())) if (item === 2) break;

  assertEquals(log.slice(-3), ["close", "dispose", 'end {"items":2,"complete":false}']);
});

Deno.test("An error of the consumer comes out of its loop, and closes the stream", async () => {
  const log: string[] = [];
  await assertRejects(
    async () => {
      for await (const _item of countingBus(log).stream(new Count())) throw new Error("Enough");
    },
    Error,
    "Enough",
  );
  assertEquals(log, ["start", "make 1", "close"]);
});

Deno.test("ItemStream[Symbol.asyncDispose]() leaves the stream", async () => {
  const log: string[] = [];
  {
    await using stream = countingBus(log).stream(new Count());
    await stream.next();
  }
  assertEquals(log, ["start", "make 1", "close"]);
});

Deno.test("A break between two items does not fire the signal: a finally may dispatch with the context", async () => {
  const log: unknown[] = [];
  const queries = newBus().subscribe(FindName, () => "Ada");
  queries.subscribe(Count, async function* (_query, context) {
    try {
      yield 1;
    } finally {
      log.push(context.signal.aborted, await queries.dispatch(new FindName(), context));
    }
  });

  for await (const _item of queries.stream(new Count())) break;

  assertEquals(log, [false, "Ada"]);
});

Deno.test("What a finally throws comes out of the break", async () => {
  const queries = newBus().subscribe(Count, async function* () {
    try {
      yield 1;
    } finally {
      await Promise.reject(new Error("The file is stuck"));
    }
  });

  await assertRejects(
    async () => {
      for await (const _item of queries.stream(new Count())) break;
    },
    Error,
    "The file is stuck",
  );
});

Deno.test("A second return() resolves, even if the first rejected", async () => {
  const queries = newBus().subscribe(Count, async function* () {
    try {
      yield 1;
    } finally {
      await Promise.reject(new Error("Stuck"));
    }
  });
  const stream = queries.stream(new Count());
  await stream.next();

  await assertRejects(() => stream.return(), Error, "Stuck");
  assertEquals(await stream.return(), DONE);
});

Deno.test("return() while an item is being made fires the signal, drops the item and waits for the handler", async () => {
  const item = defer<number>();
  const log: unknown[] = [];
  const queries = newBus().subscribe(Count, async function* (_query, { signal }) {
    signal.addEventListener("abort", () => log.push(signal.reason.name));
    try {
      yield await item.promise;
    } finally {
      log.push("close");
    }
  });
  const stream = queries.stream(new Count());
  const asked = stream.next();
  await turn();
  const left = stream.return();

  assertEquals([log, await isSettled(left), await isSettled(asked)], [["AbortError"], false, false]);
  item.resolve(1);
  assertEquals([await asked, await left, log], [DONE, DONE, ["AbortError", "close"]]);
});

Deno.test("return() while an item is being made takes the abort of a handler that heeds it for no failure", async () => {
  for (const error of [undefined, new DOMException("Called off", "AbortError")]) {
    const ends: unknown[] = [];
    const queries = newBus().use(async (_message, next) => void ends.push(await next()));
    queries.subscribe(Count, async function* (_query, { signal }) {
      yield 1;
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(error ?? signal.reason));
      });
    });
    const stream = queries.stream(new Count());
    await stream.next();
    const asked = stream.next();
    await turn();

    assertEquals([await stream.return(), await asked], [DONE, DONE]);
    assertEquals(ends, [{ items: 1, complete: false }]);
  }
});

Deno.test("return() while an item is being made lets out what else the handler throws", async () => {
  const queries = newBus().subscribe(Count, async function* (_query, { signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    yield 1;
    throw new Error("Unreachable");
  });
  const failing = newBus().subscribe(Count, async function* (_query, { signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    if (signal.aborted) throw new Error("The lock is lost");
    yield 1;
  });
  for (const [bus, message] of [[queries, undefined], [failing, "The lock is lost"]] as const) {
    const stream = bus.stream(new Count());
    const asked = stream.next();
    await turn();
    if (message === undefined) assertEquals(await stream.return(), DONE);
    else await assertRejects(() => stream.return(), Error, message);
    assertEquals(await asked, DONE);
  }
});

Deno.test("return() ends a ReadableStream at once that waits for its next item", async () => {
  const log: string[] = [];
  const source = new ReadableStream<number>({ cancel: () => void log.push("cancel") }, { highWaterMark: 0 });
  const stream = newBus().subscribe(Count, () => source).stream(new Count());
  const asked = stream.next();
  await turn();

  assertEquals([await stream.return(), await asked, log, source.locked], [DONE, DONE, ["cancel"], false]);
});

Deno.test("return() before the handler has returned its source closes the source", async () => {
  const source = defer<ReadableStream<number>>();
  const log: string[] = [];
  const stream = newBus().subscribe(Count, () => source.promise).stream(new Count());
  const asked = stream.next();
  await turn();
  const left = stream.return();
  source.resolve(new ReadableStream({ cancel: () => void log.push("cancel") }));

  assertEquals([await left, await asked, log], [DONE, DONE, ["cancel"]]);
});

Deno.test("return() while a listener or a middleware is at work runs no handler", async () => {
  for (const place of ["listener", "middleware", "middleware with a signal of its own"]) {
    const gate = defer();
    const own = new AbortController().signal;
    const log: string[] = [];
    const queries = countingBus(log);
    if (place === "listener") queries.listen(() => gate.promise);
    else if (place === "middleware") queries.use((_message, next) => gate.promise.then(() => next()));
    else queries.use((_message, next) => gate.promise.then(() => next(undefined, { signal: own })));
    const stream = queries.stream(new Count());
    const asked = stream.next();
    await turn();
    const left = stream.return();
    gate.resolve();

    assertEquals([await left, await asked, log], [DONE, DONE, []], place);
  }
});

Deno.test("return() closes an iterator that has no return(), once its item is made", async () => {
  const item = defer<IteratorResult<number>>();
  const source = { [Symbol.asyncIterator]: () => ({ next: () => item.promise }) };
  const queries = newBus().subscribe(Count, () => source);

  const resting = queries.stream(new Count());
  const first = resting.next();
  await turn();
  const left = resting.return();
  assertEquals(await isSettled(left), false);
  item.resolve({ value: 1 });
  assertEquals([await left, await first], [DONE, DONE]);

  const stream = queries.stream(new Count());
  assertEquals(await stream.next(), { value: 1 });
  assertEquals(await stream.return(), DONE);
});

Deno.test("return() waits for return() of an iterator, whatever becomes of the item that is being made", async () => {
  for (const outcome of ["given", "failed"]) {
    const [item, closed] = [defer<IteratorResult<number>>(), defer<IteratorResult<number>>()];
    const source = { [Symbol.asyncIterator]: () => ({ next: () => item.promise, return: () => closed.promise }) };
    const stream = newBus().subscribe(Count, () => source).stream(new Count());
    const asked = stream.next();
    await turn();
    const left = stream.return();
    if (outcome === "given") item.resolve({ value: 1 });
    else item.reject(new Error("Torn"));
    assertEquals(await isSettled(left), false, outcome);
    closed.resolve({ done: true, value: undefined });

    if (outcome === "given") assertEquals(await left, DONE);
    else await assertRejects(() => left, Error, "Torn");
    assertEquals(await asked, DONE);
  }
});

Deno.test("return() lets out the failure of an iterator that has no return()", async () => {
  const item = defer<IteratorResult<number>>();
  const source = { [Symbol.asyncIterator]: () => ({ next: () => item.promise }) };
  const stream = newBus().subscribe(Count, () => source).stream(new Count());
  const asked = stream.next();
  await turn();
  const left = stream.return();
  item.reject(new Error("Torn"));

  await assertRejects(() => left, Error, "Torn");
  assertEquals(await asked, DONE);
});

Deno.test("return() lets out what return() of an iterator throws", async () => {
  const source = {
    [Symbol.iterator]: () => ({
      next: () => ({ value: 1 }),
      return(): never {
        throw new Error("Jammed");
      },
    }),
  };
  const stream = newBus().subscribe(Count, () => source).stream(new Count());
  await stream.next();

  await assertRejects(() => stream.return(), Error, "Jammed");
});

// Signals

Deno.test("A handler of a stream always has a signal, which fires with the reason of the caller's", async () => {
  const signals: AbortSignal[] = [];
  const queries = newBus().subscribe(Count, async function* (_query, { signal }) {
    signals.push(signal);
    yield 1;
  });
  await readAll(queries.stream(new Count()));
  assertEquals(signals[0]!.aborted, false);

  const controller = new AbortController();
  const stream = queries.stream(new Count(), { signal: controller.signal });
  await stream.next();
  controller.abort("stop");
  assertEquals(signals[1]!.reason, "stop");
  await assertRejects(() => stream.next().catch((reason) => Promise.reject(new Error(reason))), Error, "stop");
});

Deno.test("The caller's signal ends a stream that is not being read", async () => {
  const { log, queries } = scopedBus();
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const stream = queries.stream(new Count(), { signal: controller.signal });
  await stream.next();

  const rejections = await unhandledRejections(async () => {
    controller.abort(new Error("The client has gone"));
    await turn();
  });
  assertEquals([rejections, log.slice(-2), listeners()], [[], ["close", "dispose"], 0]);
  await assertRejects(() => stream.next(), Error, "The client has gone");
  assertEquals(await stream.next(), DONE);
});

Deno.test("return() after the caller's signal has fired resolves", async () => {
  const controller = new AbortController();
  const stream = countingBus().stream(new Count(), { signal: controller.signal });
  await stream.next();
  controller.abort(new Error("The client has gone"));
  await turn();

  assertEquals(await stream.return(), DONE);
});

Deno.test("The caller's signal does not interrupt a handler that does not heed it, and its item is dropped", async () => {
  const item = defer<number>();
  const controller = new AbortController();
  const queries = newBus().subscribe(Count, async function* () {
    yield await item.promise;
  });
  const asked = queries.stream(new Count(), { signal: controller.signal }).next();
  await turn();
  controller.abort(new Error("Stop"));

  assertEquals(await isSettled(asked), false);
  item.resolve(1);
  await assertRejects(() => asked, Error, "Stop");
});

Deno.test("A handler that ends because its signal has fired does not make the stream complete", async () => {
  const controller = new AbortController();
  const queries = newBus().subscribe(Count, async function* (_query, { signal }) {
    for (let item = 0; !signal.aborted; item++) {
      yield item;
      if (item === 1) controller.abort(new Error("Stop"));
    }
  });

  await assertRejects(
    () => readAll(queries.stream(new Count(), { signal: controller.signal })),
    Error,
    "Stop",
  );
});

Deno.test("A signal that fires while a promise of the source is awaited closes the source", async () => {
  const source = defer<Iterable<number> & object>();
  const controller = new AbortController();
  const stream = newBus().subscribe(Count, () => source.promise).stream(new Count(), { signal: controller.signal });
  const asked = stream.next();
  await turn();
  controller.abort(new Error("Stop"));
  source.resolve([1]);

  await assertRejects(() => asked, Error, "Stop");
});

Deno.test("A stream that is dropped is closed by the caller's signal", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  await countingBus(log).stream(new Count(), { signal: controller.signal }).next();
  assertEquals(log, ["start", "make 1"]);
  controller.abort();
  await turn();

  assertEquals(log, ["start", "make 1", "close"]);
});

// Failures

Deno.test("A failure comes out of next() once, whenever it happens", async () => {
  for (const before of [0, 2]) {
    const queries = newBus().subscribe(Count, async function* () {
      for (let item = 1; item <= before; item++) yield item;
      throw new Error("Torn");
    });
    const stream = queries.stream(new Count());
    for (let item = 1; item <= before; item++) assertEquals(await stream.next(), { done: false, value: item });

    await assertRejects(() => stream.next(), Error, "Torn");
    assertEquals([await stream.next(), await stream.return()], [DONE, DONE]);
  }
});

Deno.test("A failure goes to the first of several calls that wait; the others are told of the end", async () => {
  const queries = newBus().subscribe(Count, async function* () {
    yield 1;
    throw new Error("Torn");
  });
  const stream = queries.stream(new Count());
  const outcomes = await Promise.allSettled([stream.next(), stream.next(), stream.next()]);

  assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals((outcomes[2] as PromiseFulfilledResult<unknown>).value, DONE);
});

Deno.test("A stream that is dropped leaves no unhandled rejection behind", async () => {
  const controller = new AbortController();
  const rejections = await unhandledRejections(async () => {
    await countingBus().stream(new Count(), { signal: controller.signal }).next();
    controller.abort(new Error("Gone"));
  });

  assertEquals(rejections, []);
});

// Context, scope

Deno.test("The handler of a stream receives the metadata, the values, the progress and itself", async () => {
  const USER = new InjectionToken<string>("USER");
  const seen: unknown[] = [];
  const queries = newBus().subscribe(Count, async function* count(_query, context: StreamContext) {
    const { kind, metadata, values, handler, stream } = context;
    seen.push(kind, metadata, values.get(USER), [...values].length, (handler as { name: string }).name, stream.items);
    yield 1;
    seen.push(stream.items);
  });
  const values = new ContextValues().with(USER, "Ada");
  await readAll(queries.stream(new Count(), { metadata: { tenant: "acme" }, values }));

  assertEquals(seen, ["query", { tenant: "acme" }, "Ada", 1, "count", 0, 1]);
});

Deno.test("Listeners of a stream query are told of it once, with its signal and the caller's values", async () => {
  const seen: unknown[] = [];
  const values = new ContextValues();
  const queries = countingBus().listen((message, context) => {
    seen.push(message, context.values === values, context.signal?.aborted);
  });
  const query = new Count();
  await readAll(queries.stream(query, { values }));

  assertEquals(seen, [query, true, false]);
});

Deno.test("A context of a stream has no stream of another: a nested dispatch has none", async () => {
  const seen: unknown[] = [];
  const queries = newBus().subscribe(FindName, (_query, { stream }) => {
    seen.push(stream);
    return "Ada";
  });
  queries.subscribe(Count, async function* (_query, context) {
    yield (await queries.dispatch(new FindName(), context)).length;
  });

  assertEquals([await readAll(queries.stream(new Count())), seen], [[3], [undefined]]);
});

/** A bus whose handler has a dependency in a scope that logs its life. */
function scopedBus(): { log: string[]; queries: QueryBus } {
  const log: string[] = [];
  class Connection {
    constructor() {
      log.push("open");
    }
    [Symbol.dispose]() {
      log.push("dispose");
    }
  }
  const container = new Container();
  container.bind(Connection, () => new Connection(), { lifetime: "scoped" });
  const router = new MessageRouter(container);
  router.queryHandler(Count)(
    class {
      readonly connection = inject(Connection);
      handle = counting(log);
    },
  );
  return { log, queries: router.newQueryBus() };
}

Deno.test("The scope of a stream is disposed once, after the generator was closed", async () => {
  const { log, queries } = scopedBus();
  await readAll(queries.stream(new Count(1)));
  assertEquals(log, ["open", "start", "make 1", "close", "dispose"]);
});

Deno.test("A failure of the scope comes out with that of the stream", async () => {
  const container = {
    wire: <T>(type: new () => T) => () => new type(),
    lazy: () => () => undefined as never,
    createScope: () => ({
      [Symbol.dispose]() {
        throw new Error("Stuck");
      },
    }),
  };
  const queries = new MessageRouter(container).newQueryBus().subscribe(Count, async function* () {
    yield 1;
    throw new Error("Torn");
  });
  const stream = queries.stream(new Count());
  await stream.next();

  const error = await assertRejects(() => stream.next(), AggregateError);
  assertEquals(error.message, "Cannot dispose the scope of a stream that has failed too");
  assertEquals(error.errors.map(({ message }) => message), ["Torn", "Stuck"]);
});

Deno.test("QueryBus.dispatch() refuses a generator whose scope has something to dispose", async () => {
  class ListNames extends Query<Iterable<string>> {}
  const disposed: string[] = [];
  const container = {
    wire: <T>(type: new () => T) => () => new type(),
    lazy: () => () => undefined as never,
    createScope: () => ({ [Symbol.dispose]: () => void disposed.push("scope") }),
  };
  const scoped = new MessageRouter(container).newQueryBus().subscribe(ListNames, function* list() {
    yield "Ada";
  });

  await assertRejects(
    () => scoped.dispatch(new ListNames()),
    TypeError,
    'Cannot return a generator from "list": its scope is disposed before its first item is made. ' +
      "Let the query extend StreamQuery",
  );
  assertEquals(disposed, ["scope"]);

  const plain = newBus().subscribe(ListNames, function* () {
    yield "Ada";
  });
  assertEquals([...await plain.dispatch(new ListNames())], ["Ada"]);
});

// Nested streams

class Outer extends StreamQuery<number> {}

Deno.test("Nested streams close from the inside out, by a loop and by yield*", async () => {
  for (const isDelegated of [false, true]) {
    const log: string[] = [];
    const queries = countingBus(log);
    queries.subscribe(Outer, async function* (_query, context) {
      try {
        if (isDelegated) yield* queries.stream(new Count(), context);
        else for await (const item of queries.stream(new Count(), context)) yield item;
      } finally {
        log.push("close outer");
      }
    });
    for await (const item of queries.stream(new Outer())) if (item === 2) break;

    assertEquals(log, ["start", "make 1", "make 2", "close", "close outer"]);
  }
});

Deno.test("A nested stream is aborted with the outer one", async () => {
  const log: string[] = [];
  const controller = new AbortController();
  const queries = newBus();
  queries.subscribe(Count, async function* (_query, { signal }) {
    try {
      yield 1;
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    } finally {
      log.push("close inner");
    }
  });
  queries.subscribe(Outer, async function* (_query, context) {
    try {
      yield* queries.stream(new Count(), context);
    } finally {
      log.push("close outer");
    }
  });
  const stream = queries.stream(new Outer(), { signal: controller.signal });
  await stream.next();
  const asked = stream.next();
  await turn();
  controller.abort(new Error("Stop"));

  await assertRejects(() => asked, Error, "Stop");
  assertEquals(log, ["close inner", "close outer"]);
});

// Two copies of the library

// Where the sources are bundled there is no module to load once more.
const isFromSources = import.meta.url.endsWith("/tests/stream_test.ts");

Deno.test("A bus knows a stream query of another copy of the library", { ignore: !isFromSources }, async () => {
  const path = "../src/stream/stream_query.ts";
  const other: typeof import("../src/stream/stream_query.ts") = await import(`${import.meta.resolve(path)}?copy`);
  class CountElsewhere extends other.StreamQuery<number> {}
  const queries = newBus().subscribe(CountElsewhere, () => [1, 2]);

  assert(!(new CountElsewhere() instanceof StreamQuery));
  assertEquals(await readAll(queries.stream(new CountElsewhere(), { values: new ContextValues() })), [1, 2]);
});
