import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Delivery, MemoryQueue, type MemoryQueueOptions, type SendOptions } from "@cq/core";
import {
  type ConformanceCase,
  type DeadLetter,
  queueConformance,
  type QueueConformanceOptions,
  type TestMessage,
} from "@cq/core/testing";
import * as broken from "./support/broken_queues.ts";
import { JournalQueue } from "./support/journal_queue.ts";
import { replacing, WrappedQueue } from "./support/wrapped_queue.ts";

const NAMES = {
  delivers: "delivers a message as it was sent",
  count: "loses nothing and duplicates nothing between many producers and many consumers",
  wakes: "wakes a waiting receiver at once",
  abandon: "never lets an abandoned receive swallow a message",
  reenter: "lets a handler send to its own queue",
  throws: "continues with the other consumers when one consumer throws",
  final: "settles a delivery once, with the first ack or nack",
  nack: "delivers a nacked message again, counting the attempts, without making the nack wait",
  exclusive: "delivers nothing that another consumer holds",
  delay: "waits for the delay of a nack before it delivers again, and delays no other message",
  dead: "gives up a message after its last attempt, and keeps it with the reason",
  close: "wakes every waiting receiver when it closes, however often it is closed",
  late: "rejects a send after it has closed",
  closing: "delivers what it accepted while it closed, once, and nothing that it rejected",
  senders: "rejects the senders that wait when it closes",
  restart: "keeps the messages without an ack across a restart",
  order: "delivers in the order of sending",
  metadata: "delivers metadata with its message",
  bounded: "makes senders wait while it is full, and drops nothing",
  many: "delivers a great number of messages without running empty",
  heap: "keeps no handled message in memory, without running empty",
} as const;

/** Runs a case, and moves the clock whenever everything waits. */
async function failureOf({ run }: ConformanceCase, time: FakeTime, tickMs = 1_000): Promise<string | undefined> {
  let isOver = false;
  let message: string | undefined;
  const end = (error?: unknown) => {
    isOver = true;
    if (error instanceof Error) message = error.message;
  };
  run().then(() => end(), end);
  while (!isOver) await time.tickAsync(tickMs);
  return message;
}

/** The names of the cases that fail, and their reasons. */
async function failuresOf<Q extends WrappedQueue>(
  make: () => Q,
  options: QueueConformanceOptions<Q> = {},
  tickMs?: number,
): Promise<Record<string, string>> {
  using time = new FakeTime();
  const cases = queueConformance(make, {
    order: true,
    redelivery: true,
    maxAttempts: 3,
    exclusive: true,
    metadata: true,
    delay: { ms: 1_000, advance: (ms) => time.tick(ms) },
    deadLetters: ({ letters }) => letters,
    bounded: { maxSize: 10 },
    volume: 500,
    ...options,
  });
  const failures: Record<string, string> = {};
  for (const each of cases) {
    const message = each.skip ? undefined : await failureOf(each, time, tickMs);
    if (message !== undefined) failures[each.name] = reasonIn(message);
  }
  return failures;
}

/** The part of a message between the name of the case and the seed. */
function reasonIn(message: string): string {
  return message.replace(/^The case ".*" fails: /, "").replace(/\. Run it again with .*$/, "");
}

/** Creates memory queues that keep their dead letters. */
function memoryQueues(options: MemoryQueueOptions<TestMessage>) {
  return () => {
    const letters: DeadLetter[] = [];
    const onDead: MemoryQueueOptions<TestMessage>["onDead"] = ({ message }, reason) =>
      letters.push({ message, reason });
    return Object.assign(new MemoryQueue<TestMessage>({ ...options, onDead }), { letters });
  };
}

for (const maxSize of [0, 1, 10, Infinity]) {
  for (const maxAttempts of [1, 3, Infinity]) {
    const cases = queueConformance(memoryQueues({ maxSize, maxAttempts }), {
      order: true,
      redelivery: maxAttempts > 1,
      maxAttempts,
      exclusive: true,
      metadata: true,
      bounded: maxSize < Infinity ? { maxSize } : undefined,
      deadLetters: maxAttempts < Infinity ? ({ letters }) => letters : undefined,
      runs: 20,
      volume: 1_000,
    });
    for (const { name, run, skip } of cases) {
      if (skip) continue;
      Deno.test(`MemoryQueue of ${maxSize} with ${maxAttempts} attempts ${name}`, run);
    }
  }
}

for (const seed of [100, 1_000_000, -1]) {
  Deno.test(`MemoryQueue passes the suite with the seed ${seed}`, async () => {
    const cases = queueConformance(memoryQueues({ maxSize: 2, maxAttempts: 2 }), {
      order: true,
      redelivery: true,
      maxAttempts: 2,
      exclusive: true,
      bounded: { maxSize: 2 },
      deadLetters: ({ letters }) => letters,
      seed,
      runs: 50,
      volume: 100,
    });
    for (const { run, skip } of cases) if (!skip) await run();
  });
}

Deno.test("MemoryQueue waits for the delay of a nack on the clock of the runtime", async () => {
  const cases = queueConformance(memoryQueues({ maxAttempts: 2 }), { redelivery: true, delay: true, runs: 1 });
  await cases.find(({ name }) => name === NAMES.delay)!.run();
});

Deno.test("queueConformance() catches a queue that is early on the clock of the runtime", async () => {
  const cases = queueConformance(() => new broken.HalvesDelay(), {
    redelivery: true,
    maxAttempts: 3,
    delay: { ms: 40 },
    runs: 1,
  });
  const error = await assertRejects(cases.find(({ name }) => name === NAMES.delay)!.run, Error);
  assert(error.message.includes("expected message 1 to wait for 40 ms, but it came after "), error.message);
});

Deno.test("MemoryQueue waits for the delay of a nack on a clock that the test moves", async () => {
  using time = new FakeTime();
  const advance = (ms: number) => time.tick(ms);
  const cases = queueConformance(memoryQueues({ maxAttempts: 2 }), {
    redelivery: true,
    delay: { ms: 60_000, advance },
  });
  await cases.find(({ name }) => name === NAMES.delay)!.run();
});

/** For each broken queue: the cases that fail, and their reasons. */
const CAUGHT_BY: Record<keyof typeof broken, Partial<Record<keyof typeof NAMES, string>>> = {
  ChangesMessages: {
    delivers: `expected the text to be "${"message 1 ".padEnd(100, ".")}", ` +
      `but it was "${"message 1 ".padEnd(50, ".")}"`,
  },
  DuplicatesUnderLoad: {
    count: "expected message 7 to be delivered once, but it was delivered 2 times",
  },
  ForgetsReceivers: {
    wakes: "expected one of 1 waiting receivers to wake when a message is sent, " +
      "but it did not happen within 5000 ms",
  },
  LosesOnAbandon: {
    abandon: "expected message 1 to be delivered, but it did not happen within 5000 ms",
  },
  LocksWhileHeld: {
    reenter:
      "expected the send of message 2 to resolve though the sender holds a message, but it did not happen within 5000 ms",
  },
  // The queue cannot know whether a consumer that leaves with an open delivery has thrown or was abandoned.
  StopsWhenOneThrows: {
    abandon: "expected messages 1, 2, 3, 4, 5, … (6) to be delivered, but the consumer has ended",
    throws: "expected messages 1, 2 to be delivered though another consumer has thrown, but the consumer has ended",
  },
  AcksLate: {
    final: "expected nothing to be left, but message 1 was delivered once more",
  },
  RejectsASecondAck: {
    final: "the delivery is settled already",
  },
  BlocksOnNack: {
    nack: "expected a nack to resolve before anything else is received, but it did not happen within 5000 ms",
  },
  CountsNoAttempts: {
    nack: "expected the next delivery of message 1 to be attempt 2, but it was 1",
  },
  GivesAwayWhatIsHeld: {
    exclusive: "expected message 1 to stay with its consumer, but another consumer has received it",
  },
  IgnoresDelay: {
    delay: "expected message 1 to wait for 1000 ms, but it came at once",
  },
  ForgetsTheReason: {
    dead: 'expected the dead letters to be message 1 with "reason 3", but they are message 1 with "undefined"',
  },
  ForgetsAReceiverOnClose: {
    close: "expected all of 2 waiting receivers to end, but it did not happen within 5000 ms",
  },
  RejectsWithAnotherError: {
    late:
      "expected a send after close to reject with a QueueClosedError, but it rejected with TypeError: the queue is shut",
  },
  DuplicatesOnClose: {
    closing: "expected message 7, accepted, to be delivered 1 times, but it was delivered 2 times",
  },
  LosesOnClose: {
    closing: "expected message 8, accepted, to be delivered 1 times, but it was delivered 0 times",
  },
  BreaksOrder: {
    order: "expected message 1 to be next, but it was message 3",
  },
  ForgetsMetadata: {
    metadata: 'expected the metadata to hold "request 29", but it holds "undefined"',
  },
  DropsAtCapacity: {
    bounded: "expected the send of message 101 to a queue of 100 to wait for room, but it was accepted",
  },
  CountsFromZero: {
    delivers: "expected the first delivery to be attempt 1, but it was attempt 0",
    nack: "expected the next delivery of message 1 to be attempt 1, but it was 0",
  },
  ChangesItsMind: {
    final: "expected message 1 not to come back after its ack, but it was delivered again",
  },
  HalvesDelay: {
    delay: "expected message 1 to wait for 1000 ms, but it came early",
  },
  EndsWhileDelayed: {
    delay: "expected message 1 to be delivered again after 1000 ms, but the consumer has ended",
  },
  GivesUpEarly: {
    dead: "expected no dead letter before the last attempt, but there were 1",
  },
  InventsAMessageOnClose: {
    close: "expected nothing to be received from an empty queue, but message 0 was",
  },
  AcceptsAfterClose: {
    late: "expected a send after close to reject, but it is accepted",
    closing: "expected message 5, accepted, to be delivered 1 times, but it was delivered 0 times",
  },
  LeavesSendersWaiting: {
    closing: "expected each send to end, at the latest when the queue closes, but it did not happen within 5000 ms",
  },
  HangsOnLateAck: {
    closing:
      "expected each send to end, and each accepted message to be delivered, but it did not happen within 5000 ms",
    senders: "expected the ack of message 1 to resolve, but it did not happen within 5000 ms",
  },
  ThrowsWhenFull: {
    bounded: "expected the send of message 101 to a queue of 100 to wait for room, but it was rejected",
  },
  RejectsWhenHalfFull: {
    senders: "expected message 51 to be accepted, but it was rejected: RangeError: the queue is half full",
    bounded: "expected message 51 to be accepted, but it was rejected: RangeError: the queue is half full",
  },
  RejectsUnderLoad: {
    count: "expected a send to resolve, but it was rejected: Error: the queue is busy",
  },
  EndsAfterMany: {
    many: "expected the queue to continue to deliver, but the consumer has ended",
  },
  DuplicatesAfterMany: {
    many: "expected each message to be delivered once, but message 300 came again",
  },
  DuplicatesOnAbandon: {
    abandon: "expected messages 3, 4, 5, 6 to be delivered, but message 1 came",
    throws: "expected nothing to be left, but message 1 was delivered once more",
  },
  // Only the case that measures the heap fails.
  Hoards: {},
};

for (const [name, caughtBy] of Object.entries(CAUGHT_BY)) {
  Deno.test(`queueConformance() catches a queue that ${inWords(name)}, in the expected cases alone`, async () => {
    const Broken = broken[name as keyof typeof broken];
    // The other cases do not reach this capacity.
    const isLarge = ["DropsAtCapacity", "ThrowsWhenFull", "RejectsWhenHalfFull"].includes(name);
    const options = { bounded: { maxSize: isLarge ? 100 : 10 } };
    const reasons = Object.entries(caughtBy).map(([key, reason]) => [NAMES[key as keyof typeof NAMES], reason]);
    assertEquals(await failuresOf<WrappedQueue>(() => new Broken(), options), Object.fromEntries(reasons));
  });
}

function inWords(name: string): string {
  return name.replaceAll(/(?<=.)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).toLowerCase();
}

Deno.test("queueConformance() passes for a correct queue", async () => {
  assertEquals(await failuresOf(() => new WrappedQueue()), {});
});

Deno.test("queueConformance() catches a queue that forgets the open deliveries at a restart", async () => {
  class ForgetsTheHeld extends JournalQueue {
    override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
      this.journal.delete(delivery.message);
      return delivery;
    }
  }
  const options = { deadLetters: undefined, maxAttempts: Infinity, bounded: undefined };
  const honest = { ...options, persistence: { reopen: ({ journal }: JournalQueue) => new JournalQueue(journal) } };
  const forgetful = { ...options, persistence: { reopen: ({ journal }: JournalQueue) => new ForgetsTheHeld(journal) } };

  assertEquals(await failuresOf(() => new JournalQueue(), honest), {});
  assertEquals(Object.keys(await failuresOf<JournalQueue>(() => new ForgetsTheHeld(), forgetful)), [NAMES.restart]);
});

Deno.test("queueConformance() catches a queue that delivers acked messages again after a restart", async () => {
  class ForgetsAcks extends JournalQueue {
    override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
      return delivery;
    }
  }
  const failures = await failuresOf<JournalQueue>(() => new ForgetsAcks(), {
    deadLetters: undefined,
    maxAttempts: Infinity,
    bounded: undefined,
    persistence: { reopen: ({ journal }) => new ForgetsAcks(journal) },
  });
  assertEquals(Object.keys(failures), [NAMES.restart]);
});

// This needs the garbage collector: deno test --v8-flags=--expose-gc.
const { gc } = globalThis as { gc?: () => void };

function heapUsed(): number {
  gc!();
  return Deno.memoryUsage().heapUsed;
}

Deno.test({
  name: "queueConformance() catches a queue that keeps handled messages, by its heap",
  ignore: gc === undefined,
  fn: async () => {
    const failures = await failuresOf(() => new broken.Hoards(), { heapUsed, volume: 20_000 });
    assertEquals(Object.keys(failures), [NAMES.heap]);
  },
});

for (const maxSize of [0, 10, Infinity]) {
  Deno.test({
    name: `MemoryQueue of ${maxSize} ${NAMES.heap}`,
    ignore: gc === undefined,
    fn: async () => {
      const cases = queueConformance(memoryQueues({ maxSize }), { heapUsed });
      await cases.find(({ name }) => name === NAMES.heap)!.run();
    },
  });
}

Deno.test("queueConformance() passes for a queue that is slow in everything", async () => {
  const lag = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
  class Remote extends WrappedQueue {
    constructor() {
      super({ maxSize: Infinity });
    }

    override async close(): Promise<void> {
      await lag();
      await super.close();
      await lag();
    }

    protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
      await lag();
      await super.accept(message, options);
      await lag();
    }

    protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
      return replacing(delivery, {
        ack: async () => {
          await lag();
          await delivery.ack();
        },
        nack: async (options) => {
          await lag();
          await delivery.nack(options);
        },
      });
    }
  }
  const failures = await failuresOf(() => new Remote(), {
    bounded: undefined,
    // The case about delays moves the clock itself, and the operations of this queue wait for the clock.
    delay: undefined,
    runs: 3,
    volume: 50,
  }, 1);
  assertEquals(failures, {});
});

Deno.test("queueConformance() names each case once", () => {
  const names = queueConformance(() => new WrappedQueue()).map(({ name }) => name);
  assertEquals([...names].sort(), Object.values(NAMES).sort());
});

Deno.test("queueConformance() marks cases to be skipped whose feature is not promised", async () => {
  const cases = queueConformance(() => new WrappedQueue(), { order: true, metadata: false });
  const skipped = cases.filter(({ skip }) => skip);
  assertEquals(skipped.map(({ name }) => name), [
    NAMES.nack,
    NAMES.exclusive,
    NAMES.delay,
    NAMES.dead,
    NAMES.senders,
    NAMES.restart,
    NAMES.metadata,
    NAMES.bounded,
    NAMES.heap,
  ]);
  const error = await assertRejects(skipped[0]!.run, TypeError);
  assertEquals(error.message, `Cannot run the case "${NAMES.nack}": the queue does not promise "redelivery"`);
});

Deno.test("queueConformance() says what was expected, what happened and with which seed", async () => {
  const cases = queueConformance(() => new broken.RejectsWithAnotherError(), { seed: 7, runs: 3 });
  const error = await assertRejects(cases.find(({ name }) => name === NAMES.late)!.run, Error);
  assertEquals(
    error.message,
    `The case "${NAMES.late}" fails: expected a send after close to reject with a QueueClosedError, ` +
      "but it rejected with TypeError: the queue is shut. Run it again with { seed: 7, runs: 1 }",
  );
  assert(error.cause instanceof Error);
});

Deno.test("queueConformance() fails again in the same way with the seed of the error", async () => {
  const run = async (options: QueueConformanceOptions<WrappedQueue>) => {
    const cases = queueConformance<WrappedQueue>(() => new broken.BreaksOrder(), { order: true, ...options });
    return await assertRejects(cases.find(({ name }) => name === NAMES.order)!.run, Error);
  };
  const first = await run({ seed: 3, runs: 20 });
  const [, seed] = /\{ seed: (\d+), runs: 1 \}$/.exec(first.message)!;
  const again = await run({ seed: Number(seed), runs: 1 });
  assertEquals(again.message, first.message);
});

Deno.test("queueConformance() runs a case in another interleaving for each seed", async () => {
  const logs: string[] = [];
  class Logs extends WrappedQueue {
    log = "";

    protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
      this.log += `+${message.id}`;
      return super.accept(message, options);
    }

    protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
      this.log += `-${delivery.message.id}`;
      return delivery;
    }

    [Symbol.dispose](): void {
      logs.push(this.log);
    }
  }
  const count = queueConformance(() => new Logs(), { runs: 10 }).find(({ name }) => name === NAMES.count)!;
  await count.run();
  assertEquals(logs.length, 10);
  assert(new Set(logs).size > 5, "the interleavings hardly differ");

  const once = logs.splice(0);
  await count.run();
  assertEquals(logs, once, "the same seeds give the same interleavings");
});

Deno.test("queueConformance() makes a queue for each run, awaits it, and closes and disposes it", async () => {
  const queues: Disposable[] = [];
  class Disposable extends WrappedQueue {
    disposed = 0;

    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.resolve();
      this.disposed++;
    }
  }
  const cases = queueConformance(async () => {
    await Promise.resolve();
    const queue = new Disposable();
    queues.push(queue);
    return queue;
  }, { runs: 4 });
  await cases.find(({ name }) => name === NAMES.delivers)!.run();

  assertEquals(queues.map(({ disposed, inner }) => [disposed, inner.closed]), Array(4).fill([1, true]));
});

Deno.test("queueConformance() disposes the queue of a case that has failed", async () => {
  let disposed = 0;
  const cases = queueConformance(() =>
    Object.assign(new broken.ChangesMessages(), { [Symbol.dispose]: () => disposed++ })
  );
  await assertRejects(cases.find(({ name }) => name === NAMES.delivers)!.run, Error);
  assertEquals(disposed, 1);
});

Deno.test("queueConformance() fails if the queue cannot be created", async () => {
  const cases = queueConformance((): WrappedQueue => {
    throw new Error("the broker is down");
  });
  const error = await assertRejects(cases[0]!.run, Error);
  assertEquals(
    error.message,
    `The case "${NAMES.delivers}" fails: the broker is down. Run it again with { seed: 1, runs: 1 }`,
  );
});

for (
  const [options, message] of [
    [{ maxAttempts: 0 }, "Cannot test a queue that delivers 0 times: maxAttempts must be a number from 1"],
    [
      { redelivery: true, maxAttempts: 1 },
      "Cannot test the redelivery of a queue that delivers once: maxAttempts must be at least 2. Leave redelivery out otherwise",
    ],
    [{ delay: true }, "Cannot test the delay of a queue that does not deliver again: set redelivery too"],
    [
      { deadLetters: () => [] },
      "Cannot test the dead letters of a queue that never gives up: set maxAttempts too",
    ],
    [
      { bounded: { maxSize: Infinity } },
      "Cannot test a queue of Infinity messages: maxSize must be a whole number from 0",
    ],
    [{ seed: 0.5 }, "Cannot test with the seed 0.5: it must be a whole number"],
    [{ runs: 0 }, "Cannot test with 0 runs: runs must be a whole number from 1"],
    [{ volume: -1 }, "Cannot test with -1 messages: volume must be a whole number from 1"],
  ] as const
) {
  Deno.test(`queueConformance() refuses options: ${message}`, () => {
    const error = assertThrows(() => queueConformance(() => new WrappedQueue(), options), RangeError);
    assertEquals(error.message, message);
  });
}
