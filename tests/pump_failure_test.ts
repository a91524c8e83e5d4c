// What a pump does with failures, and what it knows of its deliveries.

import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type Consumer,
  DELIVERY,
  type Delivery,
  Event,
  EventDispatchError,
  inject,
  MemoryQueue,
  MessageRouter,
  type NackOptions,
  NonRetryableError,
  Pump,
  type PumpOptions,
} from "@cq/core";
import { MessageValidationError } from "@cq/core/middlewares";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { consoleErrors } from "./support/console_errors.ts";
import { closedQueueOf, idle, queueOf, scripted, settledLater, watch } from "./support/pump_parts.ts";

/** A consumer of deliveries that a test makes. It ends after them. */
function delivering(...deliveries: Partial<Delivery<string>>[]): Consumer<string> & { readonly log: unknown[] } {
  const log: unknown[] = [];
  return {
    log,
    async *[Symbol.asyncIterator]() {
      for (const delivery of deliveries) {
        const { message = "a" } = delivery;
        yield {
          message,
          attempt: 1,
          ack: () => Promise.resolve(void log.push(["ack", message])),
          nack: (options: NackOptions = {}) => Promise.resolve(void log.push(["nack", message, options])),
          ...delivery,
        };
      }
    },
  };
}

const failure = new Error("no");
const fail = () => Promise.reject(failure);

for (const withMiddleware of [false, true]) {
  const how = withMiddleware ? "through middlewares" : "directly";

  Deno.test(`Pump gives the delivery to what it dispatches ${how}, as a value`, async () => {
    const queue = new MemoryQueue<string>({ maxSize: 1 });
    await queue.send("a", { key: "k" });
    queue.close();
    const seen: unknown[] = [];
    const pump = new Pump(queue, (_message, options) => void seen.push(options?.values?.get(DELIVERY)));
    if (withMiddleware) {
      pump.use((_message, next, { values }) => {
        seen.push(values.get(DELIVERY));
        return next();
      });
    }
    await pump.drain();
    const delivery = seen[0] as Delivery<string>;
    assertEquals([delivery.message, delivery.key], ["a", "k"]);
    for (const other of seen) assertStrictEquals(other, delivery);
  });

  Deno.test(`Pump joins the delivery's signal with its own ${how}, and does not settle a lost delivery`, async () => {
    for (const outcome of ["succeeds", "fails"]) {
      const lost = new AbortController();
      const count = countAbortListeners(lost.signal);
      const reason = new Error("the lease has run out");
      const errors: unknown[] = [];
      const gate = Promise.withResolvers<void>();
      const consumer = delivering({ signal: lost.signal });
      let signal: AbortSignal | undefined;
      const pump = new Pump(consumer, (_message, options) => {
        signal = options!.signal;
        return gate.promise;
      }, { onError: (error, { message }, { willRetry }) => void errors.push([error, message, willRetry]) });
      if (withMiddleware) pump.use((_message, next) => next());
      const drained = pump.drain();
      await idle();
      assertEquals([signal!.aborted, count()], [false, 1]);
      lost.abort(reason);
      assertStrictEquals(signal!.reason, reason);
      if (outcome === "succeeds") gate.resolve();
      else gate.reject(failure);
      await drained;
      assertEquals([consumer.log, count()], [[], 0]);
      assertEquals(errors, outcome === "succeeds" ? [] : [[failure, "a", true]]);
    }
  });
}

Deno.test("Pump has the delivery injected into a handler, through a bus", async () => {
  class Shipped extends Event {}
  const attempts: number[] = [];
  class Handler {
    readonly #delivery = inject(DELIVERY);

    handle(_event: Shipped): void {
      attempts.push(this.#delivery.attempt);
    }
  }
  const router = new MessageRouter();
  router.eventHandler(Shipped)(Handler);
  await new Pump(closedQueueOf([new Shipped()]), router.newEventBus()).drain();
  assertEquals(attempts, [1]);
});

Deno.test("Pump does not handle a delivery that is lost when it comes", async () => {
  const consumer = delivering({ message: "lost", signal: AbortSignal.abort() }, { message: "b" });
  const handled: string[] = [];
  await new Pump(consumer, (message) => void handled.push(message)).drain();
  assertEquals([handled, consumer.log], [["b"], [["ack", "b"]]]);
});

Deno.test("Pump fires the signal of a delivery that has one when it is stopped, and leaves no listener", async () => {
  const { signal: lease } = new AbortController();
  const count = countAbortListeners(lease);
  let signal: AbortSignal | undefined;
  const gate = Promise.withResolvers<void>();
  const draining = new Pump(delivering({ signal: lease }), (_message, options) => {
    signal = options!.signal;
    return gate.promise;
  }).draining({ graceful: false });
  await idle();
  await draining.stop();
  assertEquals([signal!.aborted, lease.aborted], [true, false]);
  gate.resolve();
  await idle();
  assertEquals(count(), 0);
});

Deno.test("Pump.onError hears of each failed dispatch with its delivery, and the pump continues", async () => {
  const heard: unknown[] = [];
  const queue = closedQueueOf(["a", "b"], { maxAttempts: 2 });
  await new Pump(queue, (message) => {
    if (message === "a") throw failure;
  }, {
    onError: (error, { message, attempt }, outcome) => void heard.push([error, message, attempt, outcome]),
  }).drain();
  assertEquals(heard, [[failure, "a", 1, { willRetry: true }], [failure, "a", 2, { willRetry: false }]]);
  assertEquals([queue.size, queue.pending], [0, 0]);
});

Deno.test("Pump.onError hears of the failures of middlewares, and that a message was acked before", async () => {
  const heard: unknown[] = [];
  const consumer = delivering({ message: "a" }, { message: "b" });
  await new Pump(consumer, () => {}, { onError: (error, _delivery, outcome) => void heard.push(error, outcome) })
    .use(async (message, next) => {
      if (message as unknown === "a") throw "before";
      await next();
      throw "after";
    }).drain();
  assertEquals(heard, ["before", { willRetry: true }, "after", { willRetry: false }]);
  assertEquals(consumer.log, [["nack", "a", { reason: "before" }], ["ack", "b"]]);
});

Deno.test("Pump.onError hears of failures with failSilently too", async () => {
  const heard: unknown[] = [];
  await new Pump(closedQueueOf(["a"]), fail, { failSilently: true, onError: (error) => heard.push(error) }).drain();
  assertEquals(heard, [failure]);
});

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`Pump stops with the error of onError, which ${kind}, and nacks the message`, async () => {
    const other = new Error("the log is full");
    const onError = () => {
      if (kind === "throws") throw other;
      return Promise.reject(other);
    };
    const consumer = delivering({}, { message: "b" });
    assertStrictEquals(await assertRejects(() => new Pump(consumer, fail, { onError }).drain()), other);
    assertEquals(consumer.log, [["nack", "a", { reason: failure }]]);
  });
}

Deno.test("Pump nacks before an async onError has settled, and waits for it", async () => {
  const gate = Promise.withResolvers<void>();
  const consumer = delivering({}, { message: "b" });
  const handled: string[] = [];
  const drained = watch(
    new Pump(consumer, (message) => {
      handled.push(message);
      throw failure;
    }, { onError: () => gate.promise }).drain(),
  );
  await idle();
  assertEquals([consumer.log, handled, drained.state], [[["nack", "a", { reason: failure }]], ["a"], "waiting"]);
  gate.resolve();
  await idle();
  assertEquals([handled, drained.state], [["a", "b"], "resolved"]);
});

for (const step of ["ack", "nack"] as const) {
  for (const options of [{ failSilently: true }, { onError: () => {} }] as const) {
    Deno.test(`Pump stops when an ${step} of the queue fails, with ${Object.keys(options)[0]} too`, async () => {
      const gone = new Error("the broker is gone");
      for (const withMiddleware of [false, true]) {
        const pump = new Pump(
          scripted(["a", "b"], { failing: { [step]: gone } }),
          () => step === "nack" ? Promise.reject(failure) : undefined,
          options,
        );
        if (withMiddleware) pump.use((_message, next) => next());
        assertStrictEquals(await assertRejects(() => pump.drain()), gone);
      }
    });
  }
}

Deno.test("Pump refuses an onError that is not a function", () => {
  const options = { onError: "console" } as unknown as PumpOptions;
  const error = assertThrows(() => new Pump(new MemoryQueue(), () => {}, options), TypeError);
  assertEquals(error.message, 'Cannot report errors to "console": it is not a function');
});

Deno.test("Pump.backoff decides on the delay of each nack", async () => {
  const consumer = delivering(...[1, 2, 3, 9].map((attempt) => ({ attempt })));
  await new Pump(consumer, fail, { failSilently: true, backoff: { delay: 100, factor: 2, maxDelay: 1_000 } }).drain();
  const delays = consumer.log.map((entry) => (entry as [string, string, NackOptions])[2].delay);
  assertEquals(delays, [100, 200, 400, 1_000]);
});

Deno.test("Pump.backoff gives its function the error and the attempt, and draws a part of the delay with jitter", async () => {
  const calls: unknown[] = [];
  const consumer = delivering({ attempt: 3 });
  const delay = (error: unknown, attempt: number) => {
    calls.push([error, attempt]);
    return 100;
  };
  await new Pump(consumer, fail, { failSilently: true, backoff: { delay, jitter: true } }).drain();
  const [[, , options]] = consumer.log as [[string, string, NackOptions]];
  assertEquals(calls, [[failure, 3]]);
  assert(options.delay! >= 0 && options.delay! < 100);
});

Deno.test("Pump leaves the delay of a nack to the queue without backoff", async () => {
  const consumer = delivering({});
  await new Pump(consumer, fail, { failSilently: true }).drain();
  assertEquals(consumer.log, [["nack", "a", { reason: failure }]]);
});

Deno.test("Pump stops with the error of a function in backoff, and nacks the message without a delay", async () => {
  const other = new Error("cannot decide");
  const delay = () => {
    throw other;
  };
  const consumer = delivering({});
  const pump = new Pump(consumer, fail, { failSilently: true, backoff: { delay } });
  assertStrictEquals(await assertRejects(() => pump.drain()), other);
  assertEquals(consumer.log, [["nack", "a", { reason: failure }]]);
});

Deno.test("Pump refuses a backoff that is out of its range", () => {
  const error = assertThrows(() => new Pump(new MemoryQueue(), () => {}, { backoff: { factor: -1 } }), RangeError);
  assertEquals(error.message, "Cannot deliver again with a factor of -1: must be a number from 0");
});

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

class Placed extends Event {}
class CardExpiredError extends NonRetryableError {}

const hopeless = new CardExpiredError("the card has expired");
const failures = (...errors: unknown[]) => errors.map((error) => ({ event: new Placed(), handler: undefined, error }));

for (
  const [name, error, isHopeless] of [
    ["a NonRetryableError", hopeless, true],
    ["a MessageValidationError", new MessageValidationError(Placed, []), true],
    ["an EventDispatchError of NonRetryableErrors", new EventDispatchError(failures(hopeless, hopeless)), true],
    [
      "an EventDispatchError of such EventDispatchErrors",
      new EventDispatchError(failures(new EventDispatchError(failures(hopeless)), hopeless)),
      true,
    ],
    ["an EventDispatchError with another failure", new EventDispatchError(failures(hopeless, failure)), false],
    ["an Error", failure, false],
    ["undefined", undefined, false],
    ["a revoked proxy", revokedProxy(), false],
  ] as const
) {
  Deno.test(`Pump ${isHopeless ? "gives a message up at once" : "nacks as usual"} after ${name}`, async () => {
    const outcomes: unknown[] = [];
    const consumer = delivering({});
    await new Pump(consumer, () => Promise.reject(error), {
      onError: (_error, _delivery, outcome) => void outcomes.push(outcome),
      backoff: { delay: 5 },
    }).drain();
    const [[, , { reason, ...options }]] = consumer.log as [[string, string, NackOptions]];
    assert(reason === error);
    assertEquals(options, isHopeless ? { requeue: false } : { delay: 5 });
    assertEquals(outcomes, [{ willRetry: !isHopeless }]);
  });
}

Deno.test("Draining with closes gives up what fails once it is stopped, and its stop() ends", async () => {
  const dead: unknown[] = [];
  const queue = queueOf(["a", "b"], {
    maxAttempts: Infinity,
    onDead: ({ message }, reason) => void dead.push([message, reason]),
  });
  const outcomes: unknown[] = [];
  const draining = new Pump(queue, async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    throw failure;
  }, { onError: (_error, _delivery, outcome) => void outcomes.push(outcome) }).draining({ closes: queue });
  await draining.stop();
  assertEquals([dead, queue.size, queue.pending], [[["a", failure], ["b", failure]], 0, 0]);
  assertEquals(outcomes, [{ willRetry: false }, { willRetry: false }]);
});

Deno.test("Draining without closes leaves what fails while it stops to the next pump", async () => {
  const queue = queueOf(["a"], { maxAttempts: Infinity });
  let attempts = 0;
  const draining = new Pump(queue, () => {
    attempts++;
    return fail();
  }, { failSilently: true }).draining();
  await idle();
  await draining.stop();
  await queue[Symbol.asyncDispose]();
  assertEquals([attempts, queue.size], [1, 1]);
});

Deno.test("Draining hears a timer though its handler always fails", async () => {
  const queue = queueOf(["a"], { maxAttempts: Infinity });
  const draining = new Pump(queue, fail, { failSilently: true }).draining();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await draining.stop();
  await queue[Symbol.asyncDispose]();
  assertEquals(queue.size, 1);
});

Deno.test("Draining.stop() in the turn of a send costs the message no attempt, whatever the concurrency", async () => {
  const queue = new MemoryQueue<string>({ maxAttempts: 3 });
  const draining = new Pump(queue, () => assert(false), { concurrency: 8 }).draining();
  await idle();
  queue.send("x");
  await draining.stop();
  const { value } = await queue[Symbol.asyncIterator]().next();
  assertEquals([value!.message, value!.attempt], ["x", 1]);
});

Deno.test("Draining sends an error that nothing has asked for to console.error, once", async () => {
  const calls = await consoleErrors(async () => {
    const draining = new Pump(queueOf(["a", "b"]), fail, { concurrency: 2 }).draining();
    await idle();
    await assertRejects(() => draining.stop());
    await assertRejects(() => draining.finished);
  });
  assertEquals(calls.length, 1);
  assertInstanceOf(calls[0]![0], AggregateError);
});

for (const how of ["finished", "stop", "drain"] as const) {
  Deno.test(`Draining sends no error to console.error that ${how} hands over`, async () => {
    const calls = await consoleErrors(async () => {
      const gate = Promise.withResolvers<void>();
      const pump = new Pump(queueOf(["a"]), () => gate.promise);
      const draining = how === "drain" ? undefined : pump.draining();
      await idle();
      const promise = draining === undefined ? pump.drain() : how === "stop" ? draining.stop() : draining.finished;
      gate.reject(failure);
      await assertRejects(() => promise);
    });
    assertEquals(calls, []);
  });
}

Deno.test("Draining refuses to close a queue that is not of this process alone", () => {
  class Shared {
    close(): void {}
  }
  const pump = new Pump(new MemoryQueue<string>(), () => {});
  // @ts-expect-error a shared queue is not a LocalQueue
  const error = assertThrows(() => pump.draining({ closes: new Shared() }), TypeError);
  assertEquals(
    error.message,
    'Cannot close an instance of "Shared" with the draining: it is not a queue of this process alone, such as a ' +
      "MemoryQueue. A queue that others share would never be drained. Leave closes out",
  );
  assertThrows(() => pump.draining({ closes: null as never }), TypeError, 'Cannot close "null" with the draining');
});

Deno.test("PumpOptions compile only where they fit", () => {
  ((queue: MemoryQueue<Placed>) => {
    new Pump(queue, () => {}, { onError: (_error, { message }) => message satisfies Placed });
    // @ts-expect-error the delivery is of the queue's messages
    new Pump(queue, () => {}, { onError: (_error, { message }) => message satisfies string });
    new Pump(queue, () => {}, { backoff: { delay: 1, factor: 2, maxDelay: 3, jitter: true } });
    // @ts-expect-error an error does not decide
    new Pump(queue, () => {}, { backoff: { retryAfter: () => 1 } });
    new Pump(queue, () => {}, {
      concurrency: undefined,
      failSilently: undefined,
      onError: undefined,
      backoff: undefined,
    });
  });
});

Deno.test("Draining.stop() waits up to 5 seconds for a return() that does not settle", async () => {
  for (const where of ["idle", "busy", "abandoned"] as const) {
    using time = new FakeTime();
    const gate = Promise.withResolvers<void>();
    const log: string[] = [];
    const iterator: AsyncIterator<Delivery<string>> = {
      next: () =>
        where === "idle" ? new Promise(() => {}) : Promise.resolve({
          done: false,
          value: {
            message: "a",
            attempt: 1,
            ack: () => Promise.resolve(void log.push("ack")),
            nack: () => Promise.resolve(void log.push("nack")),
          },
        }),
      return: () => {
        log.push("return");
        return new Promise(() => {});
      },
    };
    const draining = new Pump({ [Symbol.asyncIterator]: () => iterator }, () => gate.promise)
      .draining({ graceful: { timeoutMs: 1_000 } });
    await idle();
    const stopped = watch(draining.stop());
    if (where === "busy") gate.resolve();
    if (where === "abandoned") await time.tickAsync(1_000);
    await idle();
    await time.tickAsync(4_999);
    await idle();
    assertEquals(stopped.state, "waiting");
    await time.tickAsync(1);
    await idle();
    assertEquals(stopped.state, "resolved");
    assertEquals(log, { idle: ["return"], busy: ["ack", "return"], abandoned: ["return", "nack"] }[where]);
  }
});

Deno.test("Draining.stop() at its limit waits up to 5 seconds for an ack that does not settle", async () => {
  using time = new FakeTime();
  const consumer = settledLater();
  const draining = new Pump(consumer, () => {}).draining({ graceful: false });
  await idle();
  const stopped = watch(draining.stop());
  await idle();
  await time.tickAsync(4_999);
  await idle();
  assertEquals(stopped.state, "waiting");
  await time.tickAsync(1);
  await idle();
  assertEquals(stopped.state, "resolved");
});

Deno.test("Draining.stop() at its limit does not nack a delivery that is lost", async () => {
  const lost = new AbortController();
  const consumer = delivering({ signal: lost.signal });
  const gate = Promise.withResolvers<void>();
  const draining = new Pump(consumer, () => gate.promise).draining({ graceful: false });
  await idle();
  lost.abort();
  await draining.stop();
  gate.resolve();
  await idle();
  assertEquals(consumer.log, []);
});

Deno.test("Draining.stop() gives the message back that comes to a worker after its release, and nacks it", async () => {
  const log: string[] = [];
  const received = Promise.withResolvers<IteratorResult<Delivery<string>>>();
  const returned = Promise.withResolvers<IteratorResult<Delivery<string>>>();
  const iterator = { next: () => received.promise, return: () => returned.promise };
  const draining = new Pump({ [Symbol.asyncIterator]: () => iterator }, () => assert(false)).draining();
  await idle();
  const stopped = draining.stop();
  const nack = () => Promise.resolve(void log.push("nack"));
  received.resolve({ done: false, value: { message: "a", attempt: 1, ack: () => Promise.resolve(), nack } });
  await idle();
  assertEquals(log, [], "the consumer may still take it back");
  returned.resolve({ done: true, value: undefined });
  await stopped;
  await idle();
  assertEquals(log, ["nack"]);
});

Deno.test("Draining.stop() nacks what it holds at its limit if the iterator has no return()", async () => {
  const log: unknown[] = [];
  const delivery: Delivery<string> = {
    message: "a",
    attempt: 1,
    ack: () => Promise.resolve(void log.push("ack")),
    nack: ({ reason } = {}) => Promise.resolve(void log.push((reason as Error).name)),
  };
  const iterator = { next: () => Promise.resolve({ done: false as const, value: delivery }) };
  const consumer: Consumer<string> = { [Symbol.asyncIterator]: () => iterator };
  const draining = new Pump(consumer, () => new Promise(() => {})).draining({ graceful: false });
  await idle();
  await draining.stop();
  assertEquals(log, ["AbortError"]);
});

Deno.test("Draining.stop() nacks what it holds though return() rejects, and reports the error", async () => {
  const log: unknown[] = [];
  const gone = new Error("the broker is gone");
  const consumer = scripted(["a"], { log, failing: { return: gone } });
  const draining = new Pump(consumer, () => new Promise(() => {})).draining({ graceful: false });
  await idle();
  assertStrictEquals(await assertRejects(() => draining.stop()), gone);
  assertEquals(log.map((entry) => (entry as unknown[])[0]), ["return", "nack"]);
});

Deno.test("Draining.stop() waits for the worker that is busy beside idle ones", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = queueOf(["a"]);
  const draining = new Pump(queue, () => gate.promise, { concurrency: 4 }).draining();
  await idle();
  const stopped = watch(draining.stop());
  await idle();
  assertEquals(stopped.state, "waiting");
  gate.resolve();
  await idle();
  assertEquals([stopped.state, queue.pending], ["resolved", 0]);
});

Deno.test("Draining.stop() that is graceful waits however long, and leaves no timer", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<void>();
  const draining = new Pump(queueOf(["a"]), () => gate.promise).draining({ graceful: true });
  await idle();
  const stopped = watch(draining.stop());
  await time.tickAsync(2 ** 31);
  await idle();
  assertEquals(stopped.state, "waiting");
  gate.resolve();
  await idle();
  assertEquals([stopped.state, time.next()], ["resolved", false]);
});
