import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FakeTime } from "@std/testing/time";
import { type Delivery, MemoryQueue, Pump, type SendOptions } from "@cq/core";

// A failure is printed with its seed and its shrunk case. `fc.assert(…, { seed, path })` runs it again.

/** Waits until everything has run that does not wait for a timer. */
async function idle(turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await undefined;
}

/** The state of the queue, or of its model. */
interface Report {
  readonly size: number;
  readonly pending: number;
  readonly closed: boolean;
  /** For each sent message in turn: the outcome of its `send`. */
  readonly sends: readonly string[];
  /** For each `next` in turn: what it has received. */
  readonly receives: readonly string[];
  readonly dead: readonly string[];
}

/** One action on a queue. A number chooses among the consumers, sends or deliveries that exist at that time. */
type Action =
  | { readonly do: "close" | "join" | "wait" }
  | { readonly do: "send"; readonly key: string | undefined; readonly delay: number }
  | { readonly do: "receive" | "leave" | "abort" | "ack"; readonly which: number }
  | { readonly do: "nack"; readonly which: number; readonly delay: number; readonly requeue: boolean };

interface Target {
  act(action: Action): void;
  report(): Report;
}

interface Limits {
  readonly maxSize: number;
  readonly maxAttempts: number;
}

const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % from.length];

/** The real queue. */
class Real implements Target {
  readonly #queue: MemoryQueue<number>;
  readonly #consumers: AsyncIterator<Delivery<number>>[] = [];
  readonly #controllers: AbortController[] = [];
  readonly #sends: string[] = [];
  readonly #receives: string[] = [];
  readonly #deliveries: Delivery<number>[] = [];
  readonly #dead: string[] = [];

  constructor(limits: Limits) {
    this.#queue = new MemoryQueue({
      ...limits,
      onDead: ({ message, attempt }, reason) => this.#dead.push(`${message}/${attempt} ${reason}`),
    });
  }

  act(action: Action): void {
    switch (action.do) {
      case "send": {
        const message = this.#sends.push("waiting") - 1;
        const controller = new AbortController();
        this.#controllers.push(controller);
        const options: SendOptions = { signal: controller.signal, key: action.key, delay: action.delay };
        this.#queue.send(message, options).then(
          () => this.#sends[message] = "sent",
          (error) => this.#sends[message] = error instanceof Error ? error.name : String(error),
        );
        break;
      }
      case "close":
        this.#queue.close();
        break;
      case "join":
        this.#consumers.push(this.#queue[Symbol.asyncIterator]());
        break;
      case "receive": {
        const index = this.#receives.push("waiting") - 1;
        pick(this.#consumers, action.which)?.next().then(({ done, value }) => {
          this.#receives[index] = done ? "done" : `${value.message}/${value.attempt}`;
          if (!done) this.#deliveries.push(value);
        });
        break;
      }
      case "leave":
        pick(this.#consumers, action.which)?.return?.();
        break;
      case "abort":
        pick(this.#controllers, action.which)?.abort("aborted");
        break;
      case "ack":
        pick(this.#deliveries, action.which)?.ack();
        break;
      case "nack":
        pick(this.#deliveries, action.which)?.nack({ reason: "no", delay: action.delay, requeue: action.requeue });
        break;
    }
  }

  report(): Report {
    const { size, pending, closed } = this.#queue;
    return { size, pending, closed, sends: this.#sends, receives: this.#receives, dead: this.#dead };
  }
}

interface QueuedMessage {
  readonly message: number;
  readonly attempt: number;
  readonly key: string | undefined;
  /** Messages are received in the order of their places. */
  place: number;
  /** When it may be received; `undefined` where it may be now. */
  dueAt: number | undefined;
  /** Whether it takes room. */
  isAccepted: boolean;
  /** Whether it waits for the delay of a nack. */
  isPending: boolean;
}

interface Held {
  readonly queued: QueuedMessage;
  readonly consumer: number;
  isOpen: boolean;
}

/** A model of the queue with plain arrays and without promises and timers. It need not be fast. */
class Model implements Target {
  readonly #limits: Limits;
  /** In the order of the sends, and of the nacks. */
  #backlog: QueuedMessage[] = [];
  #waiting: { consumer: number; index: number }[] = [];
  #hasLeft: boolean[] = [];
  #deliveries: Held[] = [];
  #isClosed = false;
  #sends: string[] = [];
  #receives: string[] = [];
  #dead: string[] = [];
  #now = 0;
  #firstPlace = 0;
  #lastPlace = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  act(action: Action): void {
    switch (action.do) {
      case "send": {
        const message = this.#sends.push(this.#isClosed ? "QueueClosedError" : "waiting") - 1;
        if (this.#isClosed) break;
        this.#backlog.push({
          message,
          attempt: 1,
          key: action.key,
          place: ++this.#lastPlace,
          dueAt: action.delay === 0 ? undefined : this.#now + action.delay,
          isAccepted: false,
          isPending: false,
        });
        break;
      }
      case "close": {
        this.#isClosed = true;
        const isRefused = ({ isAccepted, isPending }: QueuedMessage) => !isAccepted && !isPending;
        for (const queued of this.#backlog.filter(isRefused)) this.#sends[queued.message] = "QueueClosedError";
        this.#backlog = this.#backlog.filter((queued) => !isRefused(queued));
        break;
      }
      case "join":
        this.#hasLeft.push(false);
        break;
      case "wait":
        this.#now += 10;
        break;
      case "receive": {
        const index = this.#receives.push("waiting") - 1;
        if (this.#hasLeft.length === 0) break;
        const consumer = action.which % this.#hasLeft.length;
        if (this.#hasLeft[consumer]) this.#receives[index] = "done";
        else this.#waiting.push({ consumer, index });
        break;
      }
      case "leave": {
        if (this.#hasLeft.length === 0) break;
        const consumer = action.which % this.#hasLeft.length;
        this.#hasLeft[consumer] = true;
        for (const { index } of this.#waiting.filter((receive) => receive.consumer === consumer)) {
          this.#receives[index] = "done";
        }
        this.#waiting = this.#waiting.filter((receive) => receive.consumer !== consumer);
        const held = this.#deliveries.filter((delivery) => delivery.isOpen && delivery.consumer === consumer);
        for (const delivery of held.toReversed()) {
          delivery.isOpen = false;
          this.#backlog.push({ ...delivery.queued, place: --this.#firstPlace });
        }
        break;
      }
      case "abort": {
        if (this.#sends.length === 0) break;
        const message = action.which % this.#sends.length;
        if (this.#sends[message] !== "waiting") break;
        this.#sends[message] = "aborted";
        this.#backlog = this.#backlog.filter((queued) => queued.message !== message);
        break;
      }
      case "ack":
      case "nack": {
        const delivery = pick(this.#deliveries, action.which);
        if (!delivery?.isOpen) break;
        delivery.isOpen = false;
        const { queued } = delivery;
        if (action.do !== "nack") break;
        if (!action.requeue || queued.attempt >= this.#limits.maxAttempts) {
          this.#dead.push(`${queued.message}/${queued.attempt} no`);
        } else {
          const isPending = action.delay > 0;
          const dueAt = this.#now + action.delay;
          this.#backlog.push({ ...queued, attempt: queued.attempt + 1, dueAt, isAccepted: !isPending, isPending });
        }
        break;
      }
    }
    this.#match();
  }

  /** The turn of the event loop between two actions. */
  turn(): void {
    this.#now++;
    const due = this.#backlog.filter(({ dueAt }) => dueAt !== undefined && dueAt <= this.#now);
    for (const queued of due.sort((some, other) => some.dueAt! - other.dueAt!)) {
      if (queued.isPending) queued.isAccepted = true;
      queued.dueAt = undefined;
      queued.isPending = false;
      if (queued.key === undefined) queued.place = ++this.#lastPlace;
      this.#match();
    }
  }

  report(): Report {
    const delayed = this.#backlog.filter(({ isPending }) => isPending).length;
    return {
      size: this.#size,
      pending: this.#deliveries.filter(({ isOpen }) => isOpen).length + delayed,
      closed: this.#isClosed,
      sends: this.#sends,
      receives: this.#receives,
      dead: this.#dead,
    };
  }

  get #size(): number {
    return this.#backlog.filter(({ isAccepted }) => isAccepted).length;
  }

  /** The message that is received next. */
  #next(): QueuedMessage | undefined {
    const isBlocked = ({ key, place }: QueuedMessage) =>
      key !== undefined && (
        this.#deliveries.some(({ isOpen, queued }) => isOpen && queued.key === key) ||
        this.#backlog.some((other) => other.key === key && other.place < place)
      );
    const ready = this.#backlog.filter((queued) => queued.dueAt === undefined && !isBlocked(queued));
    return ready.sort((some, other) => some.place - other.place)[0];
  }

  #match(): void {
    const accept = (queued: QueuedMessage) => {
      queued.isAccepted = true;
      if (this.#sends[queued.message] === "waiting") this.#sends[queued.message] = "sent";
    };
    const acceptAll = () => {
      for (const queued of this.#backlog) {
        if (!queued.isAccepted && !queued.isPending && this.#size < this.#limits.maxSize) accept(queued);
      }
    };
    for (let next = this.#next(); next !== undefined && this.#waiting.length > 0; next = this.#next()) {
      const { consumer, index } = this.#waiting.shift()!;
      this.#backlog.splice(this.#backlog.indexOf(next), 1);
      accept(next);
      this.#receives[index] = `${next.message}/${next.attempt}`;
      this.#deliveries.push({ queued: next, consumer, isOpen: true });
      acceptAll();
    }
    acceptAll();
    if (this.#isClosed && this.#backlog.length === 0) {
      for (const { index } of this.#waiting.splice(0)) this.#receives[index] = "done";
    }
  }
}

const which = fc.nat(9);
const delay = fc.constantFrom(0, 0, 0, 10, 25);
const key = fc.constantFrom(undefined, undefined, "k", "l");
const nack = fc.record({
  do: fc.constant("nack" as const),
  which,
  delay,
  requeue: fc.constantFrom(true, true, true, false),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), key, delay }) },
  { weight: 6, arbitrary: which.map<Action>((which) => ({ do: "receive", which })) },
  { weight: 2, arbitrary: fc.constant<Action>({ do: "join" }) },
  { weight: 3, arbitrary: which.map<Action>((which) => ({ do: "ack", which })) },
  { weight: 3, arbitrary: nack },
  { weight: 1, arbitrary: which.map<Action>((which) => ({ do: "leave", which })) },
  { weight: 2, arbitrary: which.map<Action>((which) => ({ do: "abort", which })) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "wait" }) },
  { weight: 1, arbitrary: fc.constant<Action>({ do: "close" }) },
);
const limits = fc.record({
  maxSize: fc.constantFrom(0, 1, 2, 3, Infinity),
  maxAttempts: fc.constantFrom(1, 2, 3, Infinity),
});

Deno.test("MemoryQueue does the same as a model of plain arrays, for any sequence of actions", async () => {
  await fc.assert(
    fc.asyncProperty(limits, fc.array(action, { maxLength: 60, size: "max" }), async (limits, actions) => {
      using time = new FakeTime();
      const real = new Real(limits);
      const model = new Model(limits);
      for (const action of [{ do: "join" } as const, ...actions]) {
        real.act(action);
        if (action.do === "wait") time.tick(10);
        await idle();
        time.tick(1);
        await idle();
        model.act(action);
        model.turn();
        assertEquals(real.report(), model.report());
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("MemoryQueue receives the first message of all keys that are free, for any order of the sends and acks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(30), { minLength: 1, maxLength: 120, size: "max" }),
      fc.array(fc.nat(9), { minLength: 1, maxLength: 40, size: "max" }),
      async (keys, order) => {
        const queue = new MemoryQueue<number>({ maxSize: Infinity });
        for (const [message, key] of keys.entries()) await queue.send(message, { key: String(key) });
        queue.close();
        const consumer = queue[Symbol.asyncIterator]();
        let rest = [...keys.keys()];
        const held: Delivery<number>[] = [];
        for (let step = 0; rest.length + held.length > 0; step++) {
          const isFree = (message: number) => held.every((delivery) => delivery.key !== String(keys[message]));
          const first = rest.find(isFree);
          const draw = order[step % order.length]!;
          if (first !== undefined && (held.length === 0 || draw % 3 > 0)) {
            const { value } = await consumer.next();
            assertEquals(value!.message, first);
            held.push(value!);
            rest = rest.filter((message) => message !== first);
          } else {
            await held.splice(draw % held.length, 1)[0]!.ack();
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("MemoryQueue keeps each message that it has accepted, for any timing of the actions", async () => {
  await fc.assert(
    fc.asyncProperty(
      limits,
      fc.array(fc.tuple(action, fc.nat(3)), { maxLength: 60, size: "max" }),
      async ({ maxSize }, actions) => {
        using time = new FakeTime();
        // No message is given up. An accepted message is therefore in the queue, held by a consumer, or acked.
        const queue = new MemoryQueue<number>({ maxSize, maxAttempts: Infinity });
        const accepted = new Set<number>();
        const refused = new Set<number>();
        const acked: number[] = [];
        const deliveries: Delivery<number>[] = [];
        const consumers = [queue[Symbol.asyncIterator]()];
        /** The consumers that have left. */
        const left = new Set<unknown>();
        /** The deliveries that are not settled, with their consumers. */
        const open = new Map<Delivery<number>, unknown>();
        let sent = 0;

        for (const [action, ticks] of actions) {
          if (action.do === "send") {
            const message = sent++;
            queue.send(message, { key: action.key, delay: action.delay }).then(
              () => accepted.add(message),
              () => refused.add(message),
            );
          } else if (action.do === "receive") {
            const consumer = pick(consumers, action.which)!;
            consumer.next().then(({ done, value }) => {
              if (done) return;
              deliveries.push(value);
              if (!left.has(consumer)) open.set(value, consumer);
            });
          } else if (action.do === "join") {
            consumers.push(queue[Symbol.asyncIterator]());
          } else if (action.do === "leave") {
            const consumer = pick(consumers, action.which)!;
            left.add(consumer);
            consumer.return!();
            for (const [delivery, holder] of open) if (holder === consumer) open.delete(delivery);
          } else if (action.do === "close") {
            queue.close();
          } else if (action.do === "ack" || action.do === "nack") {
            const delivery = pick(deliveries, action.which);
            if (delivery === undefined) continue;
            if (action.do === "nack") delivery.nack({ delay: action.delay });
            else delivery.ack();
            if (open.delete(delivery) && action.do === "ack") acked.push(delivery.message);
          }
          if (action.do === "wait") time.tick(10);
          for (let tick = 0; tick < ticks; tick++) await undefined;
        }

        queue.close();
        for (const consumer of consumers) consumer.return!();
        await time.tickAsync(25);
        await idle();
        const rest: number[] = [];
        for await (const delivery of queue) {
          rest.push(delivery.message);
          await delivery.ack();
        }
        const sorted = (messages: Iterable<number>) => [...messages].sort((a, b) => a - b);
        assertEquals(sorted([...acked, ...rest]), sorted(accepted));
        assertEquals([queue.size, queue.pending, accepted.size + refused.size], [0, 0, sent]);
      },
    ),
    { numRuns: 300 },
  );
});

/** What a handler does with one attempt at a message. */
const outcome = fc.record({ fails: fc.boolean(), throws: fc.boolean() });

Deno.test("Pump handles each message until it succeeds or has no attempts left, and never exceeds its concurrency", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        concurrency: fc.integer({ min: 1, max: 5 }),
        maxAttempts: fc.integer({ min: 1, max: 3 }),
        maxSize: fc.constantFrom(0, 1, 3, Infinity),
        withMiddleware: fc.boolean(),
      }),
      fc.array(fc.array(outcome, { minLength: 3, maxLength: 3 }), { maxLength: 20, size: "max" }),
      fc.array(fc.nat(9), { minLength: 1, maxLength: 20, size: "max" }),
      async ({ concurrency, maxAttempts, maxSize, withMiddleware }, outcomes, order) => {
        using time = new FakeTime();
        const dead: number[] = [];
        const attempts = outcomes.map(() => 0);
        const open: (() => void)[] = [];
        let inFlight = 0;
        const queue = new MemoryQueue<number>({ maxSize, maxAttempts, onDead: ({ message }) => dead.push(message) });

        const pump = new Pump(queue, (message) => {
          const { fails, throws } = outcomes[message]![attempts[message]!]!;
          attempts[message]!++;
          if (fails && throws) throw message;
          assert(++inFlight <= concurrency, "more messages are in flight than the concurrency allows");
          return new Promise<void>((resolve, reject) => {
            open.push(() => {
              inFlight--;
              if (fails) reject(message);
              else resolve();
            });
          });
        }, { concurrency, failSilently: true });
        if (withMiddleware) pump.use((_message, next) => next());

        const draining = pump.draining({ closes: queue });
        let isSent = false;
        const sending = (async () => {
          for (const message of outcomes.keys()) await queue.send(message);
          isSent = true;
        })();
        for (let step = 0;; step++) {
          // All messages may be handled meanwhile, if their handlers throw at once.
          await idle(200);
          if (open.length === 0 && isSent && queue.size === 0) break;
          // What was nacked comes back in the next turn of the event loop, and may fail at once again.
          for (let turn = 0; turn < 3; turn++) {
            time.tick(1);
            await idle(200);
          }
          if (open.length === 0) continue;
          // A worker may be idle only if no message waits.
          assert(inFlight === concurrency || (isSent && queue.size === 0), "a worker is idle");
          open.splice(order[step % order.length]! % open.length, 1)[0]!();
        }
        await sending;
        await draining.stop();

        const expected = outcomes.map((tries) => {
          const success = tries.slice(0, maxAttempts).findIndex(({ fails }) => !fails);
          return success < 0 ? maxAttempts : success + 1;
        });
        assertEquals(attempts, expected);
        const isDead = outcomes.map((tries) => tries.slice(0, maxAttempts).every(({ fails }) => fails));
        assertEquals(dead.sort((a, b) => a - b), [...outcomes.keys()].filter((message) => isDead[message]));
        assertEquals([queue.size, queue.pending, queue.closed], [0, 0, true]);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("Draining.stop() loses no message, at any time and with any options", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        concurrency: fc.integer({ min: 1, max: 4 }),
        graceful: fc.boolean(),
        sendTicks: fc.nat(3),
        stopTicks: fc.nat(40),
        handlerTicks: fc.nat(6),
        maxSize: fc.constantFrom(0, 1, Infinity),
        failing: fc.option(fc.nat(9), { nil: undefined }),
      }),
      async ({ concurrency, graceful, sendTicks, stopTicks, handlerTicks, maxSize, failing }) => {
        const queue = new MemoryQueue<number>({ maxSize, maxAttempts: Infinity });
        const handled = new Set<number>();
        const pump = new Pump(queue, async (message, options) => {
          for (let tick = 0; tick < handlerTicks; tick++) await undefined;
          options!.signal!.throwIfAborted();
          if (message === failing) throw new Error("no");
          handled.add(message);
        }, { concurrency });

        const accepted = new Set<number>();
        const draining = pump.draining({ graceful });
        draining.finished.catch(() => {});
        const sending = (async () => {
          for (let message = 0; message < 10; message++) {
            await queue.send(message);
            accepted.add(message);
            for (let tick = 0; tick < sendTicks; tick++) await undefined;
          }
        })();
        for (let tick = 0; tick < stopTicks; tick++) await undefined;
        await draining.stop().catch(() => {});
        queue.close();
        await sending.catch(() => {});

        assertEquals(queue.pending, 0);
        const rest = new Set<number>();
        for await (const { message } of queue) {
          assert(!rest.has(message), "a message is in the queue twice");
          rest.add(message);
          if (rest.size === 10 || queue.size === 0) break;
        }
        assertEquals(new Set([...handled, ...rest]), accepted);
        if (graceful) assertEquals([...handled].filter((message) => rest.has(message)), []);
      },
    ),
    { numRuns: 300 },
  );
});
