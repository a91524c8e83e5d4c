import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Consumer, type Delivery, type Draining, MemoryQueue, Pump, QueueClosedError } from "@cq/core";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { consoleErrors } from "./support/console_errors.ts";
import { closedQueueOf, gatedHandler, idle, queueOf, scripted, settledLater, watch } from "./support/pump_parts.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

Deno.test("Draining.stop() receives no more messages, and waits for those in flight", async () => {
  const { handle, started, open } = gatedHandler();
  const queue = queueOf(["a", "b", "c"]);
  const draining = new Pump(queue, handle, { concurrency: 2 }).draining();
  await idle();
  const stopped = watch(draining.stop());
  await idle();
  open("a");
  await idle();
  assertEquals([started, stopped.state], [["a", "b"], "waiting"]);
  open("b");
  await idle();
  assertEquals([started, stopped.state, queue.size, queue.pending], [["a", "b"], "resolved", 1, 0]);
});

Deno.test("Draining.stop() does not fire the signal of a message that it waits for", async () => {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const draining = new Pump(queueOf(["a"]), (_message, options) => {
    signals.push(options!.signal!);
    return gate.promise;
  }).draining();
  await idle();
  const stopped = draining.stop();
  gate.resolve();
  await stopped;
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
});

Deno.test("Draining.stop() ends a pump that waits for messages, and loses none", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  const draining = new Pump(queue, () => assert(false), { concurrency: 3 }).draining();
  await idle();
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
    await idle();
  };
  const left = watch(scope());
  await idle();
  assertEquals(left.state, "waiting");
  open("a");
  await idle();
  assertEquals([left.state, queue.size], ["resolved", 1]);
});

Deno.test("Draining keeps its error until it is awaited, without an unhandled rejection", async () => {
  const failure = new Error("no");
  let draining: Draining | undefined;
  await consoleErrors(async () => {
    const unhandled = await unhandledRejections(async () => {
      draining = new Pump(queueOf(["a"]), () => Promise.reject(failure)).draining();
      await idle();
    });
    assertEquals(unhandled, []);
  });
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
      await idle();
    });
    assertEquals(unhandled, []);
    assertStrictEquals(await assertRejects(() => drained!), failure);
  }
});

Deno.test("Draining throws its error at the end of an await using", async () => {
  const failure = new Error("no");
  await consoleErrors(async () => {
    const error = await assertRejects(async () => {
      await using _draining = new Pump(queueOf(["a"]), () => Promise.reject(failure)).draining();
      await idle();
    });
    assertStrictEquals(error, failure);
  });
});

Deno.test("Draining.stop() that is not graceful fires the signal, and gives the messages back at once", async () => {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const queue = queueOf(["a", "b", "c"], { onDead: () => assert(false) });
  const draining = new Pump(queue, (_message, options) => {
    signals.push(options!.signal!);
    return gate.promise;
  }, { concurrency: 2 }).draining({ graceful: false });
  await idle();
  await draining.stop();

  const reason = signals[0]!.reason;
  assertInstanceOf(reason, DOMException);
  assertEquals(
    [reason.name, reason.message],
    ["AbortError", "Cannot go on handling the message: the pump was stopped"],
  );
  assertEquals([queue.size, queue.pending], [3, 0]);

  const unhandled = await unhandledRejections(async () => {
    gate.reject(new Error("too late"));
    await idle();
  });
  assertEquals(unhandled, []);
});

Deno.test("Draining.stop() that is not graceful ignores a late ack", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const pump = new Pump(scripted(["a", "b"], { log }), handle).use((_message, next) => next());
  const draining = pump.draining({ graceful: false });
  await idle();
  await draining.stop();
  open("a");
  await idle();
  assertEquals(log.map((entry) => (entry as unknown[])[0]), ["return", "nack"]);
});

Deno.test("Draining.stop() that is not graceful does not nack a message that is being acked", async () => {
  const log: string[] = [];
  const consumer = settledLater(log);
  const draining = new Pump(consumer, () => {}).draining({ graceful: false });
  await idle();
  const stopped = watch(draining.stop());
  await idle();
  assertEquals(stopped.state, "waiting");
  consumer.ack.resolve();
  await idle();
  assertEquals([log, stopped.state], [["ack"], "resolved"]);
});

Deno.test("Draining.stop() that is not graceful nacks once a message whose ack has failed", async () => {
  const log: string[] = [];
  const consumer = settledLater(log);
  const failure = new Error("the broker is gone");
  // The middleware fails while the ack is on its way, and the pump is stopped too. Both wait for the ack, to nack then.
  const pump = new Pump(consumer, () => {}, { failSilently: true }).use((_message, next) => {
    next().catch(() => {});
    return Promise.reject(new Error("no"));
  });
  const draining = pump.draining({ graceful: false });
  await idle();
  const stopped = draining.stop();
  consumer.ack.reject(failure);
  consumer.nack.resolve();
  await stopped;
  assertEquals(log, ["ack", "nack"]);
});

Deno.test("Draining.stop() that is not graceful reports once a nack that fails on its way", async () => {
  const consumer = settledLater();
  const failure = new Error("the broker is gone");
  const pump = new Pump(consumer, () => Promise.reject(new Error("no")), { failSilently: true });
  const draining = pump.draining({ graceful: false });
  await idle();
  const stopped = draining.stop();
  consumer.nack.reject(failure);
  assertStrictEquals(await assertRejects(() => stopped), failure);
});

Deno.test("Draining.stop() that is not graceful ignores an ack after a nack that has failed", async () => {
  const { handle, open } = gatedHandler();
  const log: unknown[] = [];
  const failure = new Error("the broker is gone");
  const pump = new Pump(scripted(["a"], { log, failing: { nack: failure } }), handle).use(async (_message, next) => {
    await next().catch(() => {});
    await next();
  });
  const draining = pump.draining({ graceful: false });
  await idle();
  await assertRejects(() => draining.stop());
  for (let round = 0; round < 2; round++) {
    open("a");
    await idle();
  }
  assertEquals(log.map((entry) => (entry as unknown[])[0]), ["return", "nack"]);
});

Deno.test("Draining.stop() that is not graceful reports a nack that fails", async () => {
  const failure = new Error("the broker is gone");
  const pump = new Pump(scripted(["a"], { failing: { nack: failure } }), () => new Promise(() => {}));
  const draining = pump.draining({ graceful: false });
  await idle();
  assertStrictEquals(await assertRejects(() => draining.stop()), failure);
});

Deno.test("Draining.stop() within its limit fires no signal and leaves no timer", async () => {
  using time = new FakeTime();
  const { handle, open } = gatedHandler();
  const queue = queueOf(["a"]);
  const draining = new Pump(queue, handle).draining({ graceful: { timeoutMs: 1000 } });
  await idle();
  const stopped = watch(draining.stop());
  draining.stop();
  await time.tickAsync(999);
  assertEquals(stopped.state, "waiting");
  open("a");
  await idle();
  assertEquals([stopped.state, queue.pending, queue.size, time.next()], ["resolved", 0, 0, false]);
});

Deno.test("Draining.stop() of an idle pump leaves no timer", async () => {
  using time = new FakeTime();
  const draining = new Pump(new MemoryQueue<string>(), () => {}).draining({ graceful: { timeoutMs: 1000 } });
  await draining.stop();
  assertEquals(time.next(), false);
});

Deno.test("Draining.stop() fires the signal at its limit, and gives back the messages in flight", async () => {
  using time = new FakeTime();
  const queue = queueOf(["a", "b", "c"], { maxAttempts: 2 });
  const aborted: string[] = [];
  const draining = new Pump(queue, (message, options) => {
    options!.signal!.addEventListener("abort", () => aborted.push(message));
    return message === "a" ? undefined : new Promise(() => {});
  }, { concurrency: 2 }).draining({ graceful: { timeoutMs: 1000 } });
  await idle();
  const stopped = watch(draining.stop());
  await time.tickAsync(999);
  await idle();
  assertEquals([aborted, stopped.state, queue.pending], [[], "waiting", 2]);
  await time.tickAsync(1);
  await idle();
  assertEquals([aborted, stopped.state, queue.size, queue.pending], [["a", "b", "c"], "resolved", 2, 0]);
});

Deno.test("Draining.stop() calls return() of an iterator once, even if its limit comes too", async () => {
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
  await idle();
  const stopped = draining.stop();
  await time.tickAsync(5000);
  await stopped;
  assertEquals(returns, 1);
});

Deno.test("Draining.stop() with an infinite limit waits until the messages in flight are handled", async () => {
  using time = new FakeTime();
  const { handle, open } = gatedHandler();
  const draining = new Pump(queueOf(["a"]), handle).draining({ graceful: { timeoutMs: Infinity } });
  await idle();
  const stopped = watch(draining.stop());
  assertEquals(time.next(), false);
  open("a");
  await idle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Draining.stop() accepts a limit that is longer than the longest timer", async () => {
  using time = new FakeTime();
  const draining = new Pump(queueOf(["a"], { maxAttempts: 2 }), () => new Promise(() => {})).draining({
    graceful: { timeoutMs: 2 ** 40 },
  });
  await idle();
  const stopped = watch(draining.stop());
  await time.tickAsync(2 ** 31 - 2);
  await idle();
  assertEquals(stopped.state, "waiting");
  await time.tickAsync(1);
  await idle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Pump.drain() rejects with the reason of a signal that has fired, and starts nothing", async () => {
  const reason = new Error("gone");
  const queue = closedQueueOf(["a"]);
  const pump = new Pump(queue, () => assert(false));
  assertStrictEquals(await assertRejects(() => pump.drain({ signal: AbortSignal.abort(reason) })), reason);
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("Pump.drain() with a signal that fires passes it on, gives back the messages in flight and rejects with the reason", async () => {
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
  await idle();
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
    await idle();
    assertEquals([drained.state, count()], [end === "closed" ? "resolved" : "rejected", 0]);
  }
});

Deno.test("Draining.stop() does not wait for an async generator, and nacks the message that it still yields", async () => {
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
  await idle();
  const stopped = watch(draining.stop());
  await idle();
  assertEquals([stopped.state, log], ["resolved", []]);
  gate.resolve();
  await idle();
  assertEquals(log.sort(), ["closed", "nack"]);
});

Deno.test("Draining.stop() reports that a consumer could not be released, and ignores what its next() does later", async () => {
  const gate = Promise.withResolvers<IteratorResult<Delivery<string>>>();
  const failure = new Error("cannot return");
  const consumer: Consumer<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => gate.promise, return: () => Promise.reject(failure) }),
  };
  const unhandled = await unhandledRejections(async () => {
    const draining = new Pump(consumer, () => {}).draining();
    assertStrictEquals(await assertRejects(() => draining.stop()), failure);
    gate.reject(new Error("too late"));
    await idle();
  });
  assertEquals(unhandled, []);
});

Deno.test("Draining.stop() ignores the error of an iterator that fails because of return()", async () => {
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
  await idle();
  const stopped = draining.stop();
  await idle();
  open("a");
  await stopped;
});

Deno.test("Draining.stop() ends a pump whose iterator has no return()", async () => {
  const consumer: Consumer<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  };
  const draining = new Pump(consumer, () => {}).draining();
  await draining.stop();
});

Deno.test("Pump.draining() with closes closes the queue at a stop, and handles the messages that are left", async () => {
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

Deno.test("Pump.draining() with closes that is not graceful leaves the other messages in the closed queue", async () => {
  const queue = queueOf(["a", "b"], { maxAttempts: 2 });
  const draining = new Pump(queue, () => new Promise(() => {})).draining({ closes: queue, graceful: false });
  await idle();
  await draining.stop();
  assertEquals([queue.closed, queue.size, queue.pending], [true, 2, 0]);
});

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`Pump.draining() with closes ends, with the error, when close() of the queue ${kind}`, async () => {
    const failure = new Error("cannot close");
    class Unclosable extends MemoryQueue<string> {
      override close(): void {
        if (kind === "throws") throw failure;
        return Promise.reject(failure) as unknown as void;
      }
    }
    const closes = new Unclosable();
    const draining = new Pump(closes, () => {}).draining({ closes });
    assertStrictEquals(await assertRejects(() => draining.stop()), failure);
  });
}

Deno.test("Pump.draining() with closes waits until the queue is closed", async () => {
  const gate = Promise.withResolvers<void>();
  class ClosesLater extends MemoryQueue<string> {
    override close(): void {
      super.close();
      return gate.promise as unknown as void;
    }
  }
  const queue = new ClosesLater();
  const draining = new Pump(queue, () => {}).draining({ closes: queue });
  const stopped = watch(draining.stop());
  await idle();
  assertEquals([queue.closed, stopped.state], [true, "waiting"]);
  gate.resolve();
  await idle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Pump.draining() with closes closes the queue at the end of its scope and waits for the last message", async () => {
  const handled: number[] = [];
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  {
    await using _draining = new Pump(queue, async (message) => {
      await undefined;
      handled.push(message);
    }, { concurrency: 2 }).draining({ closes: queue });
    for (let message = 0; message < 10; message++) await queue.send(message);
  }
  assertEquals(handled, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals([queue.closed, queue.size, queue.pending], [true, 0, 0]);
});

Deno.test("Pump.draining() with closes rejects the senders that wait when the pump fails", async () => {
  const queue = new MemoryQueue<string>();
  const failure = new Error("no");
  const draining = new Pump(queue, () => {
    throw failure;
  }).draining({ closes: queue });
  await queue.send("a");
  const error = await assertRejects(() => queue.send("b"), QueueClosedError);
  assertEquals(error.unsent, "b");
  assertStrictEquals(await assertRejects(() => draining.stop()), failure);
});

Deno.test("Pump.draining() with closes applies the limit to the messages that are left", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 2, maxAttempts: 2 });
  await queue.send("a");
  await queue.send("b");
  const draining = new Pump(queue, () => new Promise(() => {})).draining({
    closes: queue,
    graceful: { timeoutMs: 100 },
  });
  const stopped = draining.stop();
  await time.tickAsync(100);
  await stopped;
  assertEquals([queue.closed, queue.size, queue.pending], [true, 2, 0]);
});

// A nack that fails while a stop gives the message back. Looked at: a stop at once, a stop at its limit, the signal of
// drain(), a key that the message would block.
for (const way of ["graceful: false", "timeoutMs", "signal"] as const) {
  Deno.test(`A message whose nack fails while a stop gives it back, by ${way}, goes back to the queue with its key`, async () => {
    using time = new FakeTime();
    const gate = Promise.withResolvers<void>();
    const failure = new Error("the dead letters are full");
    const queue = new MemoryQueue<string>({
      maxSize: 10,
      maxAttempts: 1,
      onDead: async () => {
        await gate.promise;
        throw failure;
      },
    });
    await queue.send("first", { key: "k" });
    await queue.send("second", { key: "k" });
    const controller = new AbortController();
    const pump = new Pump(queue, () => Promise.reject(new Error("no")), { failSilently: true });

    let ended: Promise<unknown>;
    if (way === "signal") {
      ended = pump.drain({ signal: controller.signal }).catch(() => {});
      await time.tickAsync(10);
      controller.abort(new Error("enough"));
    } else {
      const draining = pump.draining({ graceful: way === "timeoutMs" ? { timeoutMs: 5 } : false });
      await time.tickAsync(10);
      ended = draining.stop().catch(() => {});
      await time.tickAsync(10);
    }
    gate.resolve();
    await time.tickAsync(10);
    await ended;

    const received: string[] = [];
    const again = new Pump(queue, (message) => void received.push(message)).draining();
    await time.tickAsync(10);
    await again.stop();
    assertEquals(received, ["first", "second"]);
  });
}

Deno.test("A failed ack stops the pump though failSilently is set and a middleware wraps its error", async () => {
  let received = 0;
  const failure = new Error("the table does not exist");
  const consumer = {
    async *[Symbol.asyncIterator]() {
      for (let id = 0; id < 3; id++) {
        received++;
        yield await Promise.resolve({
          message: id,
          attempt: 1,
          ack: () => Promise.reject(failure),
          nack: () => Promise.resolve(),
        });
      }
    },
  };
  const pump = new Pump(consumer, () => {}, { failSilently: true }).use(async (_message, next) => {
    try {
      return await next();
    } catch (cause) {
      throw new Error("wrapped", { cause });
    }
  });

  const error = await assertRejects(() => pump.drain(), Error, "wrapped");
  assertEquals([error.cause, received], [failure, 1]);
});
