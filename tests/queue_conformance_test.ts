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
import * as brokenQueues from "./support/broken_queues.ts";
import * as brokenContracts from "./support/broken_queues_contract.ts";
import * as brokenStores from "./support/broken_stored_queues.ts";
import { JournalQueue } from "./support/journal_queue.ts";
import { StoredQueue } from "./support/stored_queue.ts";
import { replacing, WrappedQueue } from "./support/wrapped_queue.ts";

const broken = { ...brokenQueues, ...brokenContracts };

const NAMES = {
  delivers: "delivers a message as it was sent",
  count: "loses nothing and duplicates nothing between many producers and many consumers",
  wakes: "wakes a waiting receiver at once",
  abandon: "never lets an abandoned receive swallow a message",
  reenter: "lets a handler send to its own queue",
  throws: "continues with the other consumers when one consumer throws",
  signal: "rejects a send whose signal has fired, and does not deliver its message",
  refuses: "refuses a key, a delay or an id that it says it does not promise",
  sendDelay: "waits for the delay of a send before it delivers, and delays no other message",
  ids: "adds nothing for a second send of an id that it knows",
  final: "settles a delivery once, with the first ack or nack",
  returned: "ignores the ack or nack of a delivery that was given back",
  prefetch: "counts no attempt of what a consumer gives back, prefetched or held",
  nack: "delivers a nacked message again, counting the attempts, without making the nack wait",
  exclusive: "delivers nothing that another consumer holds",
  delay: "waits for the delay of a nack before it delivers again, and delays no other message",
  dead: "gives up a message after its last attempt, and keeps it with the reason",
  requeue: "gives up a message at once that is nacked without requeue",
  keys: "delivers the messages of one key in their order, one at a time",
  otherKeys: "holds no other key back while one is held",
  close: "wakes every waiting receiver when it closes, however often it is closed",
  late: "rejects a send after it has closed",
  closing: "delivers what it accepted while it closed, once, and nothing that it rejected",
  senders: "rejects the senders that wait when it closes",
  nackClosed: "delivers again what is nacked after it has closed",
  delayClosed: "delivers again what is nacked with a delay after it has closed",
  disposed: "ends its consumers at once when it is disposed, and their messages are given back",
  restart: "keeps the messages without an ack across a restart",
  renews: "leaves a message to its consumer for longer than a lease",
  lost: "delivers the message of a consumer that is cut off to another one, and ignores the old ack",
  poison: "makes a dead letter of what it cannot decode, and goes on",
  outage: "goes on when its server has gone away and come back",
  order: "delivers in the order of sending",
  metadata: "delivers metadata with its message, each time",
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
  while (!isOver) {
    // Most cases need no timer, and a tick takes a moment of real time.
    for (let turn = 0; turn < 2_000 && !isOver; turn++) await undefined;
    if (!isOver) await time.tickAsync(tickMs);
  }
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
    sendDelay: { ms: 1_000, advance: (ms) => time.tick(ms) },
    key: true,
    id: false,
    prefetch: true,
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
      key: true,
      id: false,
      sendDelay: { ms: 1 },
      delay: maxAttempts > 1 && { ms: 1 },
      prefetch: true,
      bounded: maxSize < Infinity ? { maxSize } : undefined,
      deadLetters: maxAttempts < Infinity ? ({ letters }) => letters : undefined,
      runs: 10,
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
      key: true,
      sendDelay: { ms: 1 },
      delay: { ms: 1 },
      prefetch: true,
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
    prefetch: "expected nothing to be left, but message 4 was delivered once more",
    nackClosed: "expected nothing to be left, but message 4 was delivered once more",
    delayClosed: "expected nothing to be left, but message 4 was delivered once more",
  },
  ForgetsReceivers: {
    wakes: "expected one of 1 waiting receivers to wake when a message is sent, but it did not happen " +
      "within 5000 ms",
  },
  LosesOnAbandon: {
    abandon: "expected message 1 to be delivered, but it did not happen within 5000 ms",
  },
  LocksWhileHeld: {
    reenter: "expected the send of message 2 to resolve though the sender holds a message, but it did " +
      "not happen within 5000 ms",
  },
  // The queue cannot know whether a consumer that leaves with an open delivery has thrown or was abandoned.
  StopsWhenOneThrows: {
    abandon: "expected messages 1, 2, 3, 4, 5, \u2026 (6) to be delivered, but the consumer has ended",
    throws: "expected messages 1, 2 to be delivered though another consumer has thrown, but the " +
      "consumer has ended",
    returned: "expected message 1 to be delivered, but the consumer has ended",
    prefetch: "expected a message that was given back to be delivered again, but the consumer has ended",
  },
  AcksLate: {
    final: "expected nothing to be left, but message 1 was delivered once more",
    keys: "expected all of 10 messages to be delivered (messages 1, 2, 3, 4, 5, … (10) missing), but " +
      "it did not happen within 5000 ms",
  },
  RejectsASecondAck: {
    final: "the delivery is settled already",
  },
  BlocksOnNack: {
    returned: "expected the nack of a delivery that was given back to resolve, but it did not happen " +
      "within 5000 ms",
    nack: "expected a nack to resolve before anything else is received, but it did not happen within " +
      "5000 ms",
    requeue: "expected each ack and nack of a delivery to resolve, but it did not happen within 5000 ms",
    keys: "expected all of 5 messages to be delivered (messages 1, 2, 3, 4, 5 missing), but it did " +
      "not happen within 5000 ms",
    nackClosed: "expected a nack after close to resolve, but it did not happen within 5000 ms",
    metadata: "expected the ack or nack to resolve, but it did not happen within 5000 ms",
  },
  CountsNoAttempts: {
    nack: "expected the next delivery of message 1 to be attempt 2, but it was 1",
  },
  GivesAwayWhatIsHeld: {
    exclusive: "expected message 1 to stay with its consumer, but another consumer has received it",
    otherKeys: "expected message 4 to be delivered, but message 1 came",
  },
  IgnoresDelay: {
    delay: "expected message 1 to wait for 1000 ms, but it came early",
    requeue: "expected nothing to be left, but message 1 was delivered once more",
  },
  ForgetsTheReason: {
    dead: 'expected the dead letters to be message 1 with "reason 3", but they are message 1 with ' +
      '"undefined"',
    requeue: 'expected the dead letters to be message 1 with "hopeless", but they are message 1 with ' +
      '"undefined"',
  },
  ForgetsAReceiverOnClose: {
    close: "expected all of 2 waiting receivers to end, but it did not happen within 5000 ms",
  },
  RejectsWithAnotherError: {
    late: "expected a send after close to reject with a QueueClosedError, but it rejected with " +
      "TypeError: the queue is shut",
  },
  DuplicatesOnClose: {
    signal: "expected nothing to be left, but message 1 was delivered once more",
    refuses: "expected nothing to be left, but message 1 was delivered once more",
    closing: "expected message 7, accepted, to be delivered 1 times, but it was delivered 2 times",
  },
  LosesOnClose: {
    closing: "expected message 8, accepted, to be delivered 1 times, but it was delivered 0 times",
  },
  BreaksOrder: {
    keys: "expected message 2 to be the next one of its key, but message 4 was",
    otherKeys: "expected message 1 to be first, but message 3 was",
    order: "expected message 1 to be next, but it was message 3",
  },
  ForgetsMetadata: {
    signal: "expected a send whose signal has fired to reject, but it was accepted",
    refuses: 'expected a send with an id to reject, because the queue does not promise "id", but it was ' +
      "accepted",
    sendDelay: "expected message 1 to wait for 1000 ms, but it came at once",
    keys: 'expected the key to be "c", but it is "undefined"',
    metadata: 'expected the metadata of attempt 1 to hold "request 29", but it holds "undefined"',
  },
  DropsAtCapacity: {
    bounded: "expected the send of message 101 to a queue of 100 to wait for room, but it was accepted",
  },
  CountsFromZero: {
    delivers: "expected the first delivery to be attempt 1, but it was attempt 0",
    prefetch: "expected message 1, which has not failed, to be at attempt 1, but it is at attempt 0",
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
    delayClosed: "expected message 1 to be delivered again after its delay, though the queue is closed, but " +
      "the consumer has ended",
  },
  GivesUpEarly: {
    dead: "expected no dead letter before the last attempt, but there were 1",
    requeue: 'expected the dead letters to be message 1 with "hopeless", but they are message 1 with ' +
      '"hopeless", message 1 with "hopeless"',
  },
  InventsAMessageOnClose: {
    close: "expected nothing to be received from an empty queue, but message 0 was",
  },
  AcceptsAfterClose: {
    late: "expected a send after close to reject, but it is accepted",
    closing: "expected message 5, accepted, to be delivered 1 times, but it was delivered 0 times",
  },
  LeavesSendersWaiting: {
    closing: "expected each send to end, at the latest when the queue closes, but it did not happen " +
      "within 5000 ms",
  },
  HangsOnLateAck: {
    closing: "expected each send to end, and each accepted message to be delivered, but it did not " +
      "happen within 5000 ms",
    senders: "expected the ack of message 1 to resolve, but it did not happen within 5000 ms",
    nackClosed: "expected the ack to resolve, but it did not happen within 5000 ms",
    delayClosed: "expected the ack to resolve, but it did not happen within 5000 ms",
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
    returned: "expected nothing to be left, but message 1 was delivered once more",
    prefetch: "expected nothing to be left, but message 1 was delivered once more",
  },
  // Only the case that measures the heap fails.
  Hoards: {},
  AcceptsAnAbortedSend: {
    signal: "expected message 2 to be delivered, but message 1 came",
  },
  BlocksAllKeys: {
    otherKeys: "expected message 2 to be delivered, but it did not happen within 5000 ms",
  },
  CountsWhatIsGivenBack: {
    prefetch: "expected message 1, which has not failed, to be at attempt 1, but it is at attempt 2",
  },
  DropsWhatIsDelayedAfterClose: {
    delayClosed: "expected message 1 to be delivered again after its delay, though the queue is closed, but " +
      "the consumer has ended",
  },
  DropsWhatIsNackedAfterClose: {
    nackClosed: "expected message 1 to be delivered again, though the queue is closed, but the consumer " +
      "has ended",
  },
  ForgetsMetadataOnRedelivery: {
    metadata: 'expected the metadata of attempt 2 to hold "request 29", but it holds "undefined"',
  },
  HeedsAnAckOfWhatWasGivenBack: {
    final: "expected a message that is not settled, or was nacked, to be delivered, but it did not " +
      "happen within 5000 ms",
    returned: "expected message 1 to be delivered, but it did not happen within 5000 ms",
  },
  IgnoresASignal: {
    signal: "expected a send whose signal has fired to reject, but it was accepted",
  },
  IgnoresAnIdThatItDoesNotPromise: {
    refuses: 'expected a send with an id to reject, because the queue does not promise "id", but it was ' +
      "accepted",
  },
  IgnoresKeys: {
    keys: "expected message 2 to be the next one of its key, but message 4 was",
  },
  IgnoresTheDelayOfASend: {
    sendDelay: "expected message 1 to wait for 1000 ms, but it came at once",
  },
  IsWrongAboutTheLast: {
    dead: "expected isLast of attempt 2 of 3 to be false, but it is true",
  },
  RequeuesInSpiteOfTheNack: {
    requeue: "expected nothing to be left, but message 1 was delivered once more",
  },
  WaitsWhenDisposed: {
    disposed: "expected the consumers that wait to end at once, but it did not happen within 5000 ms",
  },
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

/** What a {@linkcode StoredQueue} promises. */
const STORED: QueueConformanceOptions<StoredQueue> = {
  redelivery: true,
  exclusive: true,
  key: false,
  sendDelay: false,
  id: true,
  prefetch: true,
  lease: {
    ms: StoredQueue.LEASE_MS,
    open: ({ constructor, store }) => new (constructor as typeof StoredQueue)(store),
    cutOff: (queue) => queue.cutOff(),
  },
  poison: { send: (queue) => queue.add({}), dead: ({ store }) => store.dead },
  restart: { stop: ({ store }) => store.stop(), start: ({ store }) => store.restart() },
  order: true,
  runs: 2,
  timeoutMs: 60_000,
  volume: 300,
};

/** The names of the cases that fail for a stored queue, and their reasons. */
async function storedFailuresOf(make: () => StoredQueue): Promise<Record<string, string>> {
  using time = new FakeTime();
  const failures: Record<string, string> = {};
  for (const each of queueConformance(make, STORED)) {
    const message = each.skip ? undefined : await failureOf(each, time);
    if (message !== undefined) failures[each.name] = reasonIn(message);
  }
  return failures;
}

Deno.test("queueConformance() passes for a correct queue that is stored outside of the process", async () => {
  assertEquals(await storedFailuresOf(() => new StoredQueue()), {});
});

/** For each broken stored queue: the cases that fail, and their reasons. */
const STORED_CAUGHT_BY: Record<keyof typeof brokenStores, Partial<Record<keyof typeof NAMES, string>>> = {
  DropsPoison: {
    poison: "expected one dead letter that cannot be decoded, but there are 0",
  },
  FailsDuringAnOutage: {
    outage: "ECONNREFUSED",
  },
  ForgetsIds: {
    ids: 'expected nothing to be added for the id "id 29", but message 2 was delivered',
  },
  ForgetsIdsOnceHeld: {
    ids: 'expected nothing to be added for the id "id 29", but message 5 was delivered',
  },
  HeedsOldAcks: {
    lost: "expected message 1, which was not acked, to be delivered again, but it did not happen " +
      "within 60000 ms",
  },
  KeepsWhatItHoldsWhenDisposed: {
    disposed: "expected what a disposed queue has held to be delivered to another process, without " +
      "waiting for its lease, but it did not happen within 15000 ms",
  },
  NeverRenews: {
    renews: "expected message 1 to stay with its consumer, but another process has received it",
  },
  NeverTakesALeaseBack: {
    lost: "expected message 1 to be delivered to another process after its lease, but it did not " +
      "happen within 150000 ms",
  },
  StopsAtPoison: {
    poison: "Unexpected token",
  },
};
for (const [name, caughtBy] of Object.entries(STORED_CAUGHT_BY)) {
  Deno.test(`queueConformance() catches a stored queue that ${inWords(name)}, in the expected cases alone`, async () => {
    const Broken = brokenStores[name as keyof typeof brokenStores];
    const reasons = Object.entries(caughtBy).map(([key, reason]) => [NAMES[key as keyof typeof NAMES], reason]);
    assertEquals(await storedFailuresOf(() => new Broken()), Object.fromEntries(reasons));
  });
}

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
    // The cases about delays move the clock themselves, and the operations of this queue wait for the clock.
    delay: undefined,
    sendDelay: { ms: 20 },
    // Longer than a send and a nack take, which is how it tells that nothing more will happen.
    settleMs: 10,
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
    NAMES.sendDelay,
    NAMES.ids,
    NAMES.prefetch,
    NAMES.nack,
    NAMES.exclusive,
    NAMES.delay,
    NAMES.dead,
    NAMES.keys,
    NAMES.otherKeys,
    NAMES.senders,
    NAMES.nackClosed,
    NAMES.delayClosed,
    NAMES.restart,
    NAMES.renews,
    NAMES.lost,
    NAMES.poison,
    NAMES.outage,
    NAMES.metadata,
    NAMES.bounded,
    NAMES.heap,
  ]);
  const error = await assertRejects(skipped[0]!.run, TypeError);
  assertEquals(error.message, `Cannot run the case "${NAMES.sendDelay}": the queue does not promise "sendDelay"`);
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
    [
      { lease: { ms: 0, open: () => new WrappedQueue(), cutOff: () => {} } },
      "Cannot test with a lease of 0 ms: it must be a number above 0",
    ],
    [{ settleMs: -1 }, "Cannot test with -1 ms to settle: settleMs must be a number from 0"],
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
