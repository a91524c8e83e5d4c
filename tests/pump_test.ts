import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Command,
  type Consumer,
  ContextValues,
  type Delivery,
  type DispatchOptions,
  type Draining,
  type HandlerContext,
  MemoryQueue,
  type MemoryQueueOptions,
  MessageRouter,
  type NackOptions,
  Pipe,
  Pump,
  retry,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { untyped } from "./support/logging_bus.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

/** A queue that holds messages already, and takes any number more. */
function queueOf<T>(messages: readonly T[], options: MemoryQueueOptions<T> = {}): MemoryQueue<T> {
  const queue = new MemoryQueue<T>({ maxSize: Infinity, ...options });
  for (const message of messages) queue.send(message);
  return queue;
}

/** The same, with nothing to come. */
function closedQueueOf<T>(messages: readonly T[], options: MemoryQueueOptions<T> = {}): MemoryQueue<T> {
  const queue = queueOf(messages, options);
  queue.close();
  return queue;
}

/** A consumer with given deliveries whose answers are noted, and which can fail. */
function scripted(
  messages: readonly string[],
  { log = [], failing = {} }: { log?: unknown[]; failing?: Partial<Record<"ack" | "nack" | "next" | "return", Error>> },
): Consumer<string> {
  const rest = [...messages];
  const run = (step: "ack" | "nack" | "next" | "return", ...details: unknown[]): Promise<void> => {
    log.push([step, ...details]);
    return failing[step] === undefined ? Promise.resolve() : Promise.reject(failing[step]);
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const message = rest.shift();
        if (message === undefined) {
          return failing.next === undefined
            ? Promise.resolve({ done: true, value: undefined })
            : Promise.reject(failing.next);
        }
        return Promise.resolve({
          done: false,
          value: {
            message,
            attempt: 1,
            ack: () => run("ack", message),
            nack: (options?: NackOptions) => run("nack", message, options?.reason),
          },
        });
      },
      return: async () => {
        await run("return");
        return { done: true, value: undefined };
      },
    }),
  };
}

/** A consumer of one message whose answers take their time, and are noted. */
function answeredLater(log: string[] = []): Record<"ack" | "nack", PromiseWithResolvers<void>> & Consumer<string> {
  const answer = (name: string, { promise }: PromiseWithResolvers<void>) => () => {
    log.push(name);
    return promise;
  };
  const gates = { ack: Promise.withResolvers<void>(), nack: Promise.withResolvers<void>() };
  return {
    ...gates,
    async *[Symbol.asyncIterator]() {
      yield { message: "a", attempt: 1, ack: answer("ack", gates.ack), nack: answer("nack", gates.nack) };
    },
  };
}

/** A handler that notes its messages, and holds each until its gate is opened. */
function gatedHandler(): {
  handle: (message: string) => Promise<void>;
  started: string[];
  open: (message: string) => void;
  fail: (message: string, error: unknown) => void;
} {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const started: string[] = [];
  return {
    handle: (message) => {
      started.push(message);
      const gate = Promise.withResolvers<void>();
      gates.set(message, gate);
      return gate.promise;
    },
    started,
    open: (message) => gates.get(message)!.resolve(),
    fail: (message, error) => gates.get(message)!.reject(error),
  };
}

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

/** Tells at any time what has become of a promise. */
function watch(promise: Promise<unknown>): { state: "waiting" | "resolved" | "rejected"; error?: unknown } {
  const watched: ReturnType<typeof watch> = { state: "waiting" };
  promise.then(() => watched.state = "resolved", (error) => Object.assign(watched, { state: "rejected", error }));
  return watched;
}

for (const concurrency of [0, -1, 1.5, NaN, Infinity]) {
  Deno.test(`Pump refuses a concurrency of ${concurrency}`, () => {
    const error = assertThrows(() => new Pump(new MemoryQueue(), () => {}, { concurrency }), RangeError);
    assertEquals(error.message, `Cannot pump with a concurrency of ${concurrency}: it is a whole number from 1`);
  });
}

Deno.test("Pump refuses what is no dispatcher", () => {
  const error = assertThrows(() => new Pump(new MemoryQueue(), {} as never), TypeError);
  assertEquals(
    error.message,
    'Cannot dispatch to an instance of "Object": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("Pump.draining() refuses a limit that is no number from 0", () => {
  const pump = new Pump(new MemoryQueue(), () => {});
  for (const timeoutMs of [-1, NaN]) {
    const error = assertThrows(() => pump.draining({ graceful: { timeoutMs } }), RangeError);
    assertEquals(error.message, `Cannot stop within ${timeoutMs} ms: it is a number from 0`);
  }
});

Deno.test("Pump.drain() resolves when the queue has ended and all is handled", async () => {
  const { handle, started, open } = gatedHandler();
  const queue = closedQueueOf(["a", "b"]);
  const drained = watch(new Pump(queue, handle, { concurrency: 2 }).drain());
  await settle();
  assertEquals([started, drained.state], [["a", "b"], "waiting"]);
  open("b");
  await settle();
  assertEquals(drained.state, "waiting");
  open("a");
  await settle();
  assertEquals([drained.state, queue.size, queue.pending], ["resolved", 0, 0]);
});

Deno.test("Pump acks after the dispatch has succeeded and not before", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const drained = new Pump(scripted(["a"], { log }), handle).drain();
  await settle();
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
  await settle();
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
  assertEquals(calls.map(([, options]) => Object.keys(options!)), [["signal", "metadata"], ["signal", "metadata"]]);
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

Deno.test("Pump handles one message after another by default, first come first served", async () => {
  const { handle, started, open } = gatedHandler();
  const drained = new Pump(closedQueueOf(["a", "b", "c"]), handle).drain();
  for (const message of ["a", "b", "c"]) {
    await settle();
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
  await settle();
  assertEquals(started, ["a", "b", "c"]);
  open("b");
  await settle();
  assertEquals(started, ["a", "b", "c", "d"]);
  open("a");
  open("d");
  await settle();
  assertEquals(started, ["a", "b", "c", "d", "e", "f"]);
  for (const message of ["c", "e", "f"]) open(message);
  await settle();
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

Deno.test("Pump stops at an error, after the others in flight have settled, and the error comes out", async () => {
  const { handle, started, open, fail } = gatedHandler();
  const queue = queueOf(["a", "b", "c", "d"]);
  const failure = new Error("no");
  const drained = watch(new Pump(queue, handle, { concurrency: 3 }).drain());
  await settle();
  fail("a", failure);
  await settle();
  open("b");
  await settle();
  assertEquals([started, drained.state], [["a", "b", "c"], "waiting"]);
  open("c");
  await settle();
  assertEquals([started, drained.state], [["a", "b", "c"], "rejected"]);
  assertStrictEquals(drained.error, failure);
  assertEquals([queue.size, queue.pending], [1, 0], "what was not received is still there");
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
  assertEquals([handled, queue.size, queue.pending], [["a"], 1, 0], "no other worker has received it again");
});

Deno.test("Pump reports several errors as one AggregateError", async () => {
  const { handle, fail } = gatedHandler();
  const drained = new Pump(queueOf(["a", "b"]), handle, { concurrency: 2 }).drain();
  await settle();
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
  await settle();
  assertEquals(drained, { state: "rejected", error: undefined });
});

Deno.test("Pump goes on after an error with failSilently, and nacks all the same", async () => {
  const dead: unknown[] = [];
  const queue = closedQueueOf(["a", "b", "c"], { onDead: ({ message }, reason) => dead.push([message, reason]) });
  const handled: string[] = [];
  await new Pump(queue, (message) => {
    if (message === "b") throw "no";
    handled.push(message);
  }, { failSilently: true }).drain();
  assertEquals([handled, dead], [["a", "c"], [["b", "no"]]]);
});

Deno.test("Pump retries a message by the attempts of its queue with failSilently", async () => {
  const attempts: string[] = [];
  await new Pump(closedQueueOf(["a", "b"], { maxAttempts: 3 }), (message) => {
    attempts.push(message);
    if (message === "a") throw new Error("no");
  }, { failSilently: true }).drain();
  assertEquals(attempts, ["a", "b", "a", "a"]);
});

for (const step of ["next", "nack"] as const) {
  Deno.test(`Pump stops when a ${step} of the queue fails, failSilently or not`, async () => {
    const failure = new Error("the broker is gone");
    const messages = step === "next" ? [] : ["a", "b"];
    const pump = new Pump(scripted(messages, { failing: { [step]: failure } }), () => Promise.reject(new Error("no")), {
      failSilently: true,
    });
    assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  });
}

Deno.test("Pump nacks a message whose ack has failed, and reports that", async () => {
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

Deno.test("Pump does not call return() of a consumer that has ended by itself", async () => {
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

Deno.test("Pump reports that the dead letters have failed with failSilently too", async () => {
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
    values: new ContextValues(),
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

Deno.test("Pump acks what a middleware swallows", async () => {
  const log: unknown[] = [];
  const swallow = async (_message: object, next: () => Promise<unknown>) => {
    await next().catch(() => {});
  };
  await new Pump(scripted(["a"], { log }), () => Promise.reject(new Error("no"))).use(swallow).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump acks what a generator middleware swallows", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a"], { log }), () => Promise.reject(new Error("no"))).use(function* () {
    try {
      yield;
    } catch { /* swallowed */ }
  }).drain();
  assertEquals(log, [["ack", "a"]]);
});

Deno.test("Pump acks what a middleware does not pass on", async () => {
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

Deno.test("Pump lets a middleware see that an ack has failed, and try it again", async () => {
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

Deno.test("Pump reports what a middleware throws after the ack, which stays final", async () => {
  const failure = new Error("no");
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a"], { log }), () => {}).use(async (_message, next) => {
    await next();
    throw failure;
  });
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals(log, [["ack", "a"], ["return"]]);
});

Deno.test("Pump goes on with failSilently when its middlewares fail", async () => {
  const log: unknown[] = [];
  await new Pump(scripted(["a", "b"], { log }), () => {}, { failSilently: true })
    .use(() => {
      throw "no";
    }).drain();
  assertEquals(log, [["nack", "a", "no"], ["nack", "b", "no"]]);
});

Deno.test("Pump passes on what a middleware puts in the place of message, signal and metadata", async () => {
  const { signal } = new AbortController();
  const calls: unknown[] = [];
  await new Pump(closedQueueOf<object>([{ a: 1 }]), (message, options) => void calls.push(message, options))
    .use((_message, next) => next({ b: 2 }, { signal, metadata: { tenant: "t" } }))
    .drain();
  assertEquals(calls, [{ b: 2 }, { signal, metadata: { tenant: "t" } }]);
});

Deno.test("Pump.use() refuses what is no middleware", () => {
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
  await settle();
  assertEquals(handled, ["a"]);
});

Deno.test("Draining.stop() takes no further message and waits for what is in flight", async () => {
  const { handle, started, open } = gatedHandler();
  const queue = queueOf(["a", "b", "c"]);
  const draining = new Pump(queue, handle, { concurrency: 2 }).draining();
  await settle();
  const stopped = watch(draining.stop());
  await settle();
  open("a");
  await settle();
  assertEquals([started, stopped.state], [["a", "b"], "waiting"]);
  open("b");
  await settle();
  assertEquals([started, stopped.state, queue.size, queue.pending], [["a", "b"], "resolved", 1, 0]);
});

Deno.test("Draining.stop() does not fire the signal of a message that it waits for", async () => {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const draining = new Pump(queueOf(["a"]), (_message, options) => {
    signals.push(options!.signal!);
    return gate.promise;
  }).draining();
  await settle();
  const stopped = draining.stop();
  gate.resolve();
  await stopped;
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
});

Deno.test("Draining.stop() ends a pump that waits for messages, and swallows none", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  const draining = new Pump(queue, () => assert(false), { concurrency: 3 }).draining();
  await settle();
  await draining.stop();
  await queue.send("a");
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("Draining.stop() gives back a message that was sent in the same tick", async () => {
  const queue = new MemoryQueue<string>();
  const draining = new Pump(queue, () => assert(false)).draining();
  queue.send("a");
  await draining.stop();
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("Draining.stop() can be called again, by the disposal too", async () => {
  const draining = new Pump(new MemoryQueue<string>(), () => {}).draining();
  await Promise.all([draining.stop(), draining.stop(), draining[Symbol.asyncDispose]()]);
  await draining.stop();
});

Deno.test("Draining.stop() after the queue has ended changes nothing", async () => {
  const queue = closedQueueOf(["a"]);
  const draining = new Pump(queue, () => {}).draining({ graceful: { timeoutMs: 1000 } });
  await draining.finished;
  await draining.stop();
});

Deno.test("Draining.stop() after the queue has ended fires no signal", async () => {
  let signal: AbortSignal | undefined;
  const pump = new Pump(closedQueueOf(["a"]), (_message, options) => void (signal = options?.signal));
  const draining = pump.draining({ graceful: false });
  await draining.finished;
  await draining.stop();
  assertEquals(signal?.aborted, false);
});

Deno.test("Draining is stopped at the end of an await using", async () => {
  const { handle, open } = gatedHandler();
  const queue = queueOf(["a", "b"]);
  const scope = async () => {
    await using _draining = new Pump(queue, handle).draining();
    await settle();
  };
  const left = watch(scope());
  await settle();
  assertEquals(left.state, "waiting");
  open("a");
  await settle();
  assertEquals([left.state, queue.size], ["resolved", 1]);
});

Deno.test("Draining keeps an error for whoever asks, and it is never unhandled", async () => {
  const failure = new Error("no");
  let draining: Draining | undefined;
  const unhandled = await unhandledRejections(async () => {
    draining = new Pump(queueOf(["a"]), () => Promise.reject(failure)).draining();
    await settle();
  });
  assertEquals(unhandled, []);
  assertStrictEquals(await assertRejects(() => draining!.finished), failure);
  assertStrictEquals(await assertRejects(() => draining!.stop()), failure);
  assertStrictEquals(await assertRejects(() => draining![Symbol.asyncDispose]()), failure);
});

Deno.test("Pump.drain() keeps an error until it is awaited", async () => {
  const failure = new Error("no");
  for (const options of [{}, { signal: new AbortController().signal }]) {
    let drained: Promise<void> | undefined;
    const unhandled = await unhandledRejections(async () => {
      drained = new Pump(queueOf(["a"]), () => Promise.reject(failure)).drain(options);
      await settle();
    });
    assertEquals(unhandled, []);
    assertStrictEquals(await assertRejects(() => drained!), failure);
  }
});

Deno.test("Draining throws its error at the end of an await using", async () => {
  const failure = new Error("no");
  const error = await assertRejects(async () => {
    await using _draining = new Pump(queueOf(["a"]), () => Promise.reject(failure)).draining();
    await settle();
  });
  assertStrictEquals(error, failure);
});

Deno.test("Draining.stop() that is not graceful fires the signal and nacks at once", async () => {
  const nacked: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const queue = queueOf(["a", "b", "c"], { onDead: ({ message }, reason) => nacked.push([message, reason]) });
  const draining = new Pump(queue, (_message, options) => {
    signals.push(options!.signal!);
    return gate.promise;
  }, { concurrency: 2 }).draining({ graceful: false });
  await settle();
  await draining.stop();

  const reason = signals[0]!.reason;
  assertInstanceOf(reason, DOMException);
  assertEquals(
    [reason.name, reason.message],
    ["AbortError", "Cannot go on handling the message: the pump was stopped"],
  );
  assertEquals(nacked, [["a", reason], ["b", reason]]);
  assertEquals([queue.size, queue.pending], [1, 0]);

  const unhandled = await unhandledRejections(async () => {
    gate.reject(new Error("too late"));
    await settle();
  });
  assertEquals(unhandled, []);
});

Deno.test("Draining.stop() that is not graceful takes no late ack", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a", "b"], { log }), handle).use((_message, next) => next());
  const draining = pump.draining({ graceful: false });
  await settle();
  await draining.stop();
  open("a");
  await settle();
  assertEquals(log.map((entry) => (entry as unknown[])[0]), ["nack", "return"]);
});

Deno.test("Draining.stop() that is not graceful does not nack what is being acked", async () => {
  const log: string[] = [];
  const consumer = answeredLater(log);
  const draining = new Pump(consumer, () => {}).draining({ graceful: false });
  await settle();
  const stopped = watch(draining.stop());
  await settle();
  assertEquals(stopped.state, "waiting");
  consumer.ack.resolve();
  await settle();
  assertEquals([log, stopped.state], [["ack"], "resolved"]);
});

Deno.test("Draining.stop() that is not graceful nacks once what could not be acked", async () => {
  const log: string[] = [];
  const consumer = answeredLater(log);
  const failure = new Error("the broker is gone");
  // The pump fails while the ack is on its way, and is stopped as well: both wait to nack.
  const pump = new Pump(consumer, () => {}, { failSilently: true }).use((_message, next) => {
    next().catch(() => {});
    return Promise.reject(new Error("no"));
  });
  const draining = pump.draining({ graceful: false });
  await settle();
  const stopped = draining.stop();
  consumer.ack.reject(failure);
  consumer.nack.resolve();
  await stopped;
  assertEquals(log, ["ack", "nack"]);
});

Deno.test("Draining.stop() that is not graceful reports once a nack that fails on its way", async () => {
  const consumer = answeredLater();
  const failure = new Error("the broker is gone");
  const pump = new Pump(consumer, () => Promise.reject(new Error("no")), { failSilently: true });
  const draining = pump.draining({ graceful: false });
  await settle();
  const stopped = draining.stop();
  consumer.nack.reject(failure);
  assertStrictEquals(await assertRejects(() => stopped), failure);
});

Deno.test("Draining.stop() that is not graceful takes no ack after a nack that has failed", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const failure = new Error("the broker is gone");
  const pump = new Pump(scripted(["a"], { log, failing: { nack: failure } }), handle).use(async (_message, next) => {
    await next().catch(() => {});
    await next();
  });
  const draining = pump.draining({ graceful: false });
  await settle();
  await assertRejects(() => draining.stop());
  for (let round = 0; round < 2; round++) {
    open("a");
    await settle();
  }
  assertEquals(log.map((entry) => (entry as unknown[])[0]), ["nack", "return"]);
});

Deno.test("Draining.stop() that is not graceful reports a nack that fails", async () => {
  const failure = new Error("the broker is gone");
  const pump = new Pump(scripted(["a"], { failing: { nack: failure } }), () => new Promise(() => {}));
  const draining = pump.draining({ graceful: false });
  await settle();
  assertStrictEquals(await assertRejects(() => draining.stop()), failure);
});

Deno.test("Draining.stop() within its limit fires no signal and leaves no timer", async () => {
  using time = new FakeTime();
  const { handle, open } = gatedHandler();
  const queue = queueOf(["a"]);
  const draining = new Pump(queue, handle).draining({ graceful: { timeoutMs: 1000 } });
  await settle();
  const stopped = watch(draining.stop());
  draining.stop();
  await time.tickAsync(999);
  assertEquals(stopped.state, "waiting");
  open("a");
  await settle();
  assertEquals([stopped.state, queue.pending, queue.size, time.next()], ["resolved", 0, 0, false]);
});

Deno.test("Draining.stop() of an idle pump leaves no timer", async () => {
  using time = new FakeTime();
  const draining = new Pump(new MemoryQueue<string>(), () => {}).draining({ graceful: { timeoutMs: 1000 } });
  await draining.stop();
  assertEquals(time.next(), false);
});

Deno.test("Draining.stop() fires the signal at its limit and nacks what is in flight", async () => {
  using time = new FakeTime();
  const queue = queueOf(["a", "b", "c"], { maxAttempts: 2 });
  const aborted: string[] = [];
  const draining = new Pump(queue, (message, options) => {
    options!.signal!.addEventListener("abort", () => aborted.push(message));
    return message === "a" ? undefined : new Promise(() => {});
  }, { concurrency: 2 }).draining({ graceful: { timeoutMs: 1000 } });
  await settle();
  const stopped = watch(draining.stop());
  await time.tickAsync(999);
  await settle();
  assertEquals([aborted, stopped.state, queue.pending], [[], "waiting", 2]);
  await time.tickAsync(1);
  await settle();
  assertEquals([aborted, stopped.state, queue.size, queue.pending], [["a", "b", "c"], "resolved", 2, 0]);
});

Deno.test("Draining.stop() tells a consumer once to return, though its limit comes too", async () => {
  using time = new FakeTime();
  const { handle } = gatedHandler();
  let returns = 0;
  const iterators: AsyncIterator<Delivery<string>>[] = [
    scripted(["a"], {})[Symbol.asyncIterator](),
    {
      next: () => new Promise(() => {}),
      return: () => {
        returns++;
        return new Promise(() => {});
      },
    },
  ];
  const consumer: Consumer<string> = { [Symbol.asyncIterator]: () => iterators.shift()! };
  const draining = new Pump(consumer, handle, { concurrency: 2 }).draining({ graceful: { timeoutMs: 1000 } });
  await settle();
  const stopped = draining.stop();
  await time.tickAsync(1000);
  await stopped;
  assertEquals(returns, 1);
});

Deno.test("Draining.stop() waits for ever with an infinite limit", async () => {
  using time = new FakeTime();
  const { handle, open } = gatedHandler();
  const draining = new Pump(queueOf(["a"]), handle).draining({ graceful: { timeoutMs: Infinity } });
  await settle();
  const stopped = watch(draining.stop());
  assertEquals(time.next(), false);
  open("a");
  await settle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Draining.stop() takes a limit longer than a timer can be", async () => {
  using time = new FakeTime();
  const draining = new Pump(queueOf(["a"], { maxAttempts: 2 }), () => new Promise(() => {})).draining({
    graceful: { timeoutMs: 2 ** 40 },
  });
  await settle();
  const stopped = watch(draining.stop());
  await time.tickAsync(2 ** 31 - 2);
  await settle();
  assertEquals(stopped.state, "waiting");
  await time.tickAsync(1);
  await settle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Pump.drain() rejects with the reason of a signal that has fired, and starts nothing", async () => {
  const reason = new Error("gone");
  const queue = closedQueueOf(["a"]);
  const pump = new Pump(queue, () => assert(false));
  assertStrictEquals(await assertRejects(() => pump.drain({ signal: AbortSignal.abort(reason) })), reason);
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("Pump.drain() hands its signal on, nacks what is in flight and rejects with the reason", async () => {
  const controller = new AbortController();
  const reason = new Error("gone");
  const reasons: unknown[] = [];
  const queue = queueOf(["a", "b"], { maxAttempts: 2 });
  const drained = new Pump(queue, (_message, options) =>
    new Promise((_resolve, reject) => {
      const { signal } = options!;
      signal!.addEventListener("abort", () => {
        reasons.push(signal!.reason);
        reject(signal!.reason);
      });
    })).drain({ signal: controller.signal });
  await settle();
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => drained), reason);
  assertEquals([reasons, queue.size, queue.pending], [[reason], 2, 0]);
});

Deno.test("Pump.drain() leaves no listener on its signal", async () => {
  for (const end of ["closed", "failed", "aborted"]) {
    const controller = new AbortController();
    const count = countAbortListeners(controller.signal);
    const queue = new MemoryQueue<string>();
    const drained = watch(
      new Pump(queue, () => Promise.reject(new Error("no"))).drain({ signal: controller.signal }),
    );
    assertEquals(count(), 1);
    if (end === "closed") queue.close();
    if (end === "failed") await queue.send("a");
    if (end === "aborted") controller.abort();
    await settle();
    assertEquals([drained.state, count()], [end === "closed" ? "resolved" : "rejected", 0]);
  }
});

Deno.test("Draining.stop() leaves an async generator behind that waits, and nacks what it still yields", async () => {
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const consumer: Consumer<string> = {
    async *[Symbol.asyncIterator](): AsyncGenerator<Delivery<string>, undefined> {
      try {
        await gate.promise;
        yield {
          message: "a",
          attempt: 1,
          ack: () => Promise.resolve(void log.push("ack")),
          nack: () => Promise.resolve(void log.push("nack")),
        };
      } finally {
        log.push("closed");
      }
    },
  };
  const draining = new Pump(consumer, () => assert(false)).draining();
  await settle();
  await draining.stop();
  assertEquals(log, []);
  gate.resolve();
  await settle();
  assertEquals(log.sort(), ["closed", "nack"]);
});

Deno.test("Draining.stop() leaves no unhandled rejection of a consumer that it has left behind", async () => {
  const gate = Promise.withResolvers<IteratorResult<Delivery<string>>>();
  const consumer: Consumer<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => gate.promise,
      return: () => Promise.reject(new Error("cannot return")),
    }),
  };
  const unhandled = await unhandledRejections(async () => {
    const draining = new Pump(consumer, () => {}).draining();
    await draining.stop();
    gate.reject(new Error("too late"));
    await settle();
  });
  assertEquals(unhandled, []);
});

Deno.test("Draining.stop() is not concerned with a consumer that fails because it was told to go", async () => {
  const { handle, open } = gatedHandler();
  const gate = Promise.withResolvers<IteratorResult<Delivery<string>>>();
  const iterators = [
    scripted(["a"], {})[Symbol.asyncIterator](),
    {
      next: () => gate.promise,
      return: () => {
        gate.reject(new Error("aborted"));
        return Promise.resolve({ done: true as const, value: undefined });
      },
    },
  ];
  const consumer: Consumer<string> = { [Symbol.asyncIterator]: () => iterators.shift()! };
  const draining = new Pump(consumer, handle, { concurrency: 2 }).draining();
  await settle();
  const stopped = draining.stop();
  await settle();
  open("a");
  await stopped;
});

Deno.test("Draining.stop() stops a consumer without a return()", async () => {
  const consumer: Consumer<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  };
  const draining = new Pump(consumer, () => {}).draining();
  await draining.stop();
});

Deno.test("Pump.draining() with closes closes the queue at a stop, and handles what is left", async () => {
  const queue = queueOf(["a", "b"]);
  const handled: string[] = [];
  const draining = new Pump(queue, async (message) => {
    await undefined;
    handled.push(message);
  }).draining({ closes: queue });
  await draining.stop();
  assertEquals([handled, queue.closed], [["a", "b"], true]);
});

Deno.test("Pump.draining() with closes closes the queue when the pump fails", async () => {
  const queue = queueOf(["a", "b"]);
  const draining = new Pump(queue, () => Promise.reject(new Error("no"))).draining({ closes: queue });
  await assertRejects(() => draining.finished, Error, "no");
  assertEquals([queue.closed, queue.size], [true, 1]);
});

Deno.test("Pump.draining() with closes that is not graceful leaves the rest in the closed queue", async () => {
  const queue = queueOf(["a", "b"], { maxAttempts: 2 });
  const draining = new Pump(queue, () => new Promise(() => {})).draining({ closes: queue, graceful: false });
  await settle();
  await draining.stop();
  assertEquals([queue.closed, queue.size, queue.pending], [true, 2, 0]);
});

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`Pump.draining() reports that a queue ${kind} when it is closed, and ends all the same`, async () => {
    const failure = new Error("cannot close");
    const closes = {
      close: () => {
        if (kind === "throws") throw failure;
        return Promise.reject(failure);
      },
    };
    const draining = new Pump(new MemoryQueue<string>(), () => {}).draining({ closes });
    assertStrictEquals(await assertRejects(() => draining.stop()), failure);
  });
}

Deno.test("Pump.draining() waits for a queue that takes its time to close", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = queueOf<string>([]);
  const closes = {
    close: () => {
      queue.close();
      return gate.promise;
    },
  };
  const draining = new Pump(queue, () => {}).draining({ closes });
  const stopped = watch(draining.stop());
  await settle();
  assertEquals([queue.closed, stopped.state], [true, "waiting"]);
  gate.resolve();
  await settle();
  assertEquals(stopped.state, "resolved");
});
