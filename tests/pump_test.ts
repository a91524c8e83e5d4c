import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  type Consumer,
  ContextValues,
  DELIVERY,
  type Delivery,
  type DispatchOptions,
  type HandlerContext,
  MemoryQueue,
  MessageRouter,
  Pipe,
  Pump,
  retry,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { untyped } from "./support/logging_bus.ts";
import { closedQueueOf, gatedHandler, idle, nextTurn, queueOf, scripted, watch } from "./support/pump_parts.ts";

for (const concurrency of [0, -1, 1.5, NaN, Infinity]) {
  Deno.test(`Pump refuses a concurrency of ${concurrency}`, () => {
    const error = assertThrows(() => new Pump(new MemoryQueue(), () => {}, { concurrency }), RangeError);
    assertEquals(error.message, `Cannot pump with a concurrency of ${concurrency}: it must be a whole number from 1`);
  });
}

Deno.test("Pump refuses a value that is not a dispatcher", () => {
  const error = assertThrows(() => new Pump(new MemoryQueue(), {} as never), TypeError);
  assertEquals(
    error.message,
    'Cannot dispatch to an instance of "Object": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("Pump.draining() refuses a limit that is not a number from 0", () => {
  const pump = new Pump(new MemoryQueue(), () => {});
  for (const timeoutMs of [-1, NaN]) {
    const error = assertThrows(() => pump.draining({ graceful: { timeoutMs } }), RangeError);
    assertEquals(error.message, `Cannot stop within ${timeoutMs} ms: timeoutMs must be a number from 0`);
  }
});

Deno.test("Pump.drain() resolves when the queue has ended and all is handled", async () => {
  const { handle, started, open } = gatedHandler();
  const queue = closedQueueOf(["a", "b"]);
  const drained = watch(new Pump(queue, handle, { concurrency: 2 }).drain());
  await idle();
  assertEquals([started, drained.state], [["a", "b"], "waiting"]);
  open("b");
  await idle();
  assertEquals(drained.state, "waiting");
  open("a");
  await idle();
  assertEquals([drained.state, queue.size, queue.pending], ["resolved", 0, 0]);
});

Deno.test("Pump gives each dispatch, and its middlewares, the delivery under DELIVERY", async () => {
  for (const hasMiddleware of [false, true]) {
    const deliveries: Delivery<string>[] = [];
    const seen: unknown[] = [];
    const consumer: Consumer<string> = {
      async *[Symbol.asyncIterator]() {
        for await (const delivery of closedQueueOf(["a", "b"])) {
          deliveries.push(delivery);
          yield delivery;
        }
      },
    };
    const pump = new Pump(consumer, (_message, options) => void seen.push(options?.values?.get(DELIVERY)));
    if (hasMiddleware) {
      pump.use((_message, next, { values }) => {
        assertStrictEquals(values.get(DELIVERY), deliveries.at(-1));
        return next();
      });
    }
    await pump.drain();
    assertEquals(deliveries.map(({ message }) => message), ["a", "b"]);
    assertStrictEquals(seen[0], deliveries[0]);
    assertStrictEquals(seen[1], deliveries[1]);
  }
});

Deno.test("Pump acks after the dispatch has succeeded and not before", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const drained = new Pump(scripted(["a"], { log }), handle).drain();
  await idle();
  assertEquals(log, []);
  open("a");
  await drained;
  assertEquals(log, [["ack", "a"]]);
});

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`Pump nacks with the error as the reason when the dispatch ${kind}`, async () => {
    const failure = new Error("no");
    const log: unknown[] = [];
    const pump = new Pump(scripted(["a"], { log }), () => {
      if (kind === "throws") throw failure;
      return Promise.reject(failure);
    });
    assertStrictEquals(await assertRejects(() => pump.drain()), failure);
    assertEquals(log, [["nack", "a", failure], ["return"]]);
  });
}

Deno.test("Pump waits for an ack before it receives the next message", async () => {
  const gate = Promise.withResolvers<void>();
  const log: unknown[] = [];
  const consumer: Consumer<string> = {
    async *[Symbol.asyncIterator]() {
      for (const message of ["a", "b"]) {
        log.push(`received ${message}`);
        yield { message, attempt: 1, ack: () => gate.promise, nack: () => Promise.resolve() };
      }
    },
  };
  const drained = new Pump(consumer, () => {}).drain();
  await idle();
  assertEquals(log, ["received a"]);
  gate.resolve();
  await drained;
  assertEquals(log, ["received a", "received b"]);
});

Deno.test("Pump dispatches the message with a signal and its metadata", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  const metadata = { requestId: "42" };
  await queue.send("a", { metadata });
  await queue.send("b");
  queue.close();
  const calls: [string, DispatchOptions | undefined][] = [];
  await new Pump(queue, (message, options) => void calls.push([message, options])).drain();

  assertEquals(calls.map(([message]) => message), ["a", "b"]);
  const keys = ["signal", "metadata", "values"];
  assertEquals(calls.map(([, options]) => Object.keys(options!)), [keys, keys]);
  assertStrictEquals(calls[0]![1]!.metadata, metadata);
  assertEquals(calls[1]![1]!.metadata, {});
  assertStrictEquals(calls[0]![1]!.signal, calls[1]![1]!.signal);
});

class Add extends Command<number> {
  readonly amount: number;

  constructor(amount: number) {
    super();
    this.amount = amount;
  }
}

Deno.test("Pump dispatches to a bus", async () => {
  const bus = recordingBus(new MessageRouter().newCommandBus()).answer(Add, ({ amount }) => amount);
  await new Pump(closedQueueOf([new Add(1), new Add(2)]), bus).drain();
  assertEquals(bus.messages(Add), [new Add(1), new Add(2)]);
});

Deno.test("Pump dispatches to a pipeline", async () => {
  const bus = recordingBus(new MessageRouter().newCommandBus()).answer(Add, ({ amount }) => amount * 10);
  const pipe = new Pipe(Add, bus).step((amount) => new Add(amount + 1));
  await new Pump(closedQueueOf([new Add(1)]), pipe).drain();
  assertEquals(bus.messages(Add), [new Add(1), new Add(11)]);
});

Deno.test("Pump handles one message after another by default, in their order", async () => {
  const { handle, started, open } = gatedHandler();
  const drained = new Pump(closedQueueOf(["a", "b", "c"]), handle).drain();
  for (const message of ["a", "b", "c"]) {
    await idle();
    assertEquals(started.at(-1), message);
    open(message);
  }
  await drained;
  assertEquals(started, ["a", "b", "c"]);
});

Deno.test("Pump reaches its concurrency and never exceeds it", async () => {
  const { handle, started, open } = gatedHandler();
  const messages = ["a", "b", "c", "d", "e", "f", "g"];
  const drained = new Pump(closedQueueOf(messages), handle, { concurrency: 3 }).drain();
  await idle();
  assertEquals(started, ["a", "b", "c"]);
  open("b");
  await idle();
  assertEquals(started, ["a", "b", "c", "d"]);
  open("a");
  open("d");
  await idle();
  assertEquals(started, ["a", "b", "c", "d", "e", "f"]);
  for (const message of ["c", "e", "f"]) open(message);
  await idle();
  open("g");
  await drained;
  assertEquals(started, messages);
});

Deno.test("Pump handles messages that a handler sends to the same queue", async () => {
  const queue = queueOf([3]);
  const handled: number[] = [];
  await new Pump(queue, async (message) => {
    handled.push(message);
    if (message > 0) await queue.send(message - 1);
    else queue.close();
  }).drain();
  assertEquals(handled, [3, 2, 1, 0]);
});

Deno.test("Pump stops at an error, waits for the other messages in flight, and rejects with the error", async () => {
  const { handle, started, open, fail } = gatedHandler();
  const queue = queueOf(["a", "b", "c", "d"]);
  const failure = new Error("no");
  const drained = watch(new Pump(queue, handle, { concurrency: 3 }).drain());
  await idle();
  fail("a", failure);
  await idle();
  open("b");
  await idle();
  assertEquals([started, drained.state], [["a", "b", "c"], "waiting"]);
  open("c");
  await idle();
  assertEquals([started, drained.state], [["a", "b", "c"], "rejected"]);
  assertStrictEquals(drained.error, failure);
  assertEquals([queue.size, queue.pending], [1, 0], "the message that was not received is still there");
});

Deno.test("Pump releases its idle workers at an error", async () => {
  const queue = queueOf(["a"], { maxAttempts: 2 });
  const failure = new Error("no");
  const handled: string[] = [];
  const pump = new Pump(queue, (message) => {
    handled.push(message);
    throw failure;
  }, { concurrency: 4 });
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  await nextTurn();
  assertEquals([handled, queue.size, queue.pending], [["a"], 1, 0], "no other worker has received the message again");
});

Deno.test("Pump reports several errors as one AggregateError", async () => {
  const { handle, fail } = gatedHandler();
  const drained = new Pump(queueOf(["a", "b"]), handle, { concurrency: 2 }).drain();
  await idle();
  const failures = [new Error("b"), new Error("a")];
  fail("b", failures[0]);
  fail("a", failures[1]);
  const error = await assertRejects(() => drained, AggregateError);
  assertEquals(error.message, "Cannot go on draining: 2 failures");
  assertEquals(error.errors, failures);
  assertStrictEquals(error.cause, failures[0]);
});

Deno.test("Pump keeps an error that is undefined", async () => {
  const drained = watch(new Pump(queueOf(["a"]), () => Promise.reject(undefined)).drain());
  await idle();
  assertEquals(drained, { state: "rejected", error: undefined });
});

Deno.test("Pump continues after an error with failSilently, and nacks the message", async () => {
  const dead: unknown[] = [];
  const queue = closedQueueOf(["a", "b", "c"], { onDead: ({ message }, reason) => dead.push([message, reason]) });
  const handled: string[] = [];
  await new Pump(queue, (message) => {
    if (message === "b") throw "no";
    handled.push(message);
  }, { failSilently: true }).drain();
  assertEquals([handled, dead], [["a", "c"], [["b", "no"]]]);
});

Deno.test("Pump with failSilently handles a message as often as its queue delivers it", async () => {
  const attempts: string[] = [];
  await new Pump(closedQueueOf(["a", "b"], { maxAttempts: 3 }), (message) => {
    attempts.push(message);
    if (message === "a") throw new Error("no");
  }, { failSilently: true }).drain();
  assertEquals(attempts, ["a", "b", "a", "a"]);
});

for (const step of ["next", "nack"] as const) {
  Deno.test(`Pump stops when a ${step} of the queue fails, even with failSilently`, async () => {
    const failure = new Error("the broker is gone");
    const messages = step === "next" ? [] : ["a", "b"];
    const pump = new Pump(scripted(messages, { failing: { [step]: failure } }), () => Promise.reject(new Error("no")), {
      failSilently: true,
    });
    assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  });
}

Deno.test("Pump nacks a message whose ack has failed, and rejects with the error of the ack", async () => {
  const failure = new Error("the broker is gone");
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a", "b"], { log, failing: { ack: failure } }), () => {});
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals(log, [["ack", "a"], ["nack", "a", failure], ["return"]]);
});

Deno.test("Pump reports that a consumer could not be released after an error", async () => {
  const [failure, other] = [new Error("no"), new Error("the broker is gone")];
  const pump = new Pump(scripted(["a"], { failing: { return: other } }), () => Promise.reject(failure));
  const error = await assertRejects(() => pump.drain(), AggregateError);
  assertEquals(error.errors, [failure, other]);
});

Deno.test("Pump reports once that the consumer cannot be iterated", async () => {
  const failure = new Error("no connection");
  const consumer: Consumer<string> = {
    [Symbol.asyncIterator]() {
      throw failure;
    },
  };
  assertStrictEquals(await assertRejects(() => new Pump(consumer, () => {}, { concurrency: 3 }).drain()), failure);
});

Deno.test("Pump does not call return() of an iterator that has ended", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log }), () => {}).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump reports that the dead letters have failed, and the queue keeps the message", async () => {
  const [failure, other] = [new Error("no"), new Error("the dead letters are out of order")];
  const queue = queueOf(["a"], { onDead: () => Promise.reject(other) });
  const error = await assertRejects(() => new Pump(queue, () => Promise.reject(failure)).drain(), AggregateError);
  assertEquals(error.errors, [failure, other]);
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("Pump reports that the dead letters have failed even with failSilently", async () => {
  const failure = new Error("the dead letters are out of order");
  const queue = queueOf(["a", "b"], { onDead: () => Promise.reject(failure) });
  const pump = new Pump(queue, () => Promise.reject(new Error("no")), { failSilently: true });
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals([queue.size, queue.pending], [2, 0]);
});

Deno.test("Pump.use() puts middlewares around dispatch and ack, the first one outermost", async () => {
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a"], { log }), () => void log.push("dispatch"));
  for (const name of ["outer", "inner"]) {
    const returned = pump.use(async (_message, next) => {
      log.push(`${name} before`);
      await next();
      log.push(`${name} after`);
    });
    assertStrictEquals(returned, pump);
  }
  await pump.drain();
  assertEquals(log, ["outer before", "inner before", "dispatch", ["ack", "a"], "inner after", "outer after"]);
});

Deno.test("Pump gives middlewares the context of a queue", async () => {
  const queue = new MemoryQueue<Add>({ maxSize: 1 });
  const metadata = { requestId: "42" };
  await queue.send(new Add(1), { metadata });
  queue.close();
  const bus = new MessageRouter().newCommandBus().subscribe(Add, () => 1);
  const contexts: HandlerContext[] = [];
  const signals: unknown[] = [];
  await new Pump(queue, bus).use((_message, next, context) => {
    contexts.push(context);
    signals.push(context.signal);
    return next();
  }).drain();
  const signal = contexts[0]!.signal;
  assertInstanceOf(signal, AbortSignal);
  assertEquals(contexts, [{
    kind: "queue",
    signal,
    metadata,
    values: contexts[0]!.values,
    handler: bus.constructor as never,
  }]);
});

Deno.test("Pump gives middlewares a dispatching function as the handler", async () => {
  const dispatch = () => {};
  const handlers: unknown[] = [];
  await new Pump(closedQueueOf(["a"]), dispatch).use((_message, next, { handler }) => {
    handlers.push(handler);
    return next();
  }).drain();
  assertEquals(handlers, [dispatch]);
});

Deno.test("Pump acks a message when a middleware swallows its error", async () => {
  const log: unknown[] = [];
  const swallow = async (_message: object, next: () => Promise<unknown>) => {
    await next().catch(() => {});
  };
  await new Pump(scripted(["a"], { log }), () => Promise.reject(new Error("no"))).use(swallow).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump acks a message when a generator middleware swallows its error", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log }), () => Promise.reject(new Error("no"))).use(function* () {
    try {
      yield;
    } catch { /* swallowed */ }
  }).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump acks a message that a middleware does not pass on", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log }), () => assert(false)).use(() => Promise.resolve()).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump dispatches again without a nack when a middleware retries", async () => {
  const log: unknown[] = [];
  let attempt = 0;
  await new Pump(scripted(["a"], { log }), () => {
    log.push(`attempt ${++attempt}`);
    if (attempt < 3) throw new Error("no");
  }).use(retry({ attempts: 3 })).drain();
  assertEquals(log, ["attempt 1", "attempt 2", "attempt 3", ["ack", "a"]]);
});

Deno.test("Pump acks once when a middleware calls next() again after a success", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log }), () => void log.push("dispatch")).use(async (_message, next) => {
    await next();
    await next();
  }).drain();
  assertEquals(log, ["dispatch", ["ack", "a"], "dispatch"]);
});

Deno.test("Pump lets a middleware catch the error of an ack, and try again", async () => {
  const failing: { ack?: Error } = { ack: new Error("the broker is gone") };
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log, failing }), () => void log.push("dispatch")).use(async (_message, next) => {
    const error = await assertRejects(() => next());
    assertEquals(error, failing.ack);
    delete failing.ack;
    await next();
  }).drain();
  assertEquals(log, ["dispatch", ["ack", "a"], "dispatch", ["ack", "a"]]);
});

Deno.test("Pump nacks when a middleware throws before the dispatch", async () => {
  const failure = new Error("no");
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a"], { log }), () => assert(false)).use(() => Promise.reject(failure));
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals(log, [["nack", "a", failure], ["return"]]);
});

Deno.test("Pump rejects with the error of a middleware after the ack, and does not nack", async () => {
  const failure = new Error("no");
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a"], { log }), () => {}).use(async (_message, next) => {
    await next();
    throw failure;
  });
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals(log, [["ack", "a"], ["return"]]);
});

Deno.test("Pump continues with failSilently when its middlewares fail", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a", "b"], { log }), () => {}, { failSilently: true })
    .use(() => {
      throw "no";
    }).drain();
  assertEquals(log, [["nack", "a", "no"], ["nack", "b", "no"]]);
});

Deno.test("Pump dispatches the message, signal, metadata and values that a middleware passes to next()", async () => {
  const { signal } = new AbortController();
  const values = new ContextValues();
  const calls: unknown[] = [];
  await new Pump(closedQueueOf<object>([{ a: 1 }]), (message, options) => void calls.push(message, options))
    .use((_message, next) => next({ b: 2 }, { signal, metadata: { tenant: "t" }, values }))
    .drain();
  assertEquals(calls, [{ b: 2 }, { signal, metadata: { tenant: "t" }, values }]);
  assertStrictEquals((calls[1] as DispatchOptions).values, values);
});

Deno.test("Pump.use() refuses a value that is not a middleware", () => {
  const pump = new Pump(new MemoryQueue(), () => {});
  const error = assertThrows(() => pump.use(untyped(42)), TypeError);
  assertEquals(
    error.message,
    'Cannot use "42" as a middleware: it is neither a function nor an object with a method "invoke"',
  );
});

Deno.test("Pump.use() changes nothing for a draining that has started", async () => {
  const queue = queueOf(["a"]);
  const handled: string[] = [];
  const pump = new Pump(queue, (message) => void handled.push(message));
  const draining = pump.draining();
  pump.use(() => Promise.resolve());
  queue.close();
  await draining.finished;
  assertEquals(handled, ["a"]);
});

Deno.test("Pump.draining() starts at once", async () => {
  const queue = new MemoryQueue<string>();
  const handled: string[] = [];
  await using _draining = new Pump(queue, (message) => void handled.push(message)).draining();
  await queue.send("a");
  await idle();
  assertEquals(handled, ["a"]);
});
