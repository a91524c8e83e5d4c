import { brokenPromise } from "../conformance_case.ts";
import { describe, type QueueTestbed, type Sending } from "./queue_testbed.ts";
import type { QueueCase } from "./queue_case.ts";

/** In what order, with what, and how many. */
export const FLOW_CASES: readonly QueueCase[] = [
  { name: "delivers in the order of sending", feature: "order", test: keepsOrder },
  { name: "delivers metadata with its message", feature: "metadata", test: carriesMetadata },
  { name: "lets senders wait while it is full, and drops nothing", feature: "bounded", test: isBounded },
  { name: "delivers a great many messages without ever running empty", once: true, test: deliversMany },
  {
    name: "lets go of what has been handled, without ever running empty",
    feature: "heapUsed",
    once: true,
    test: letsGo,
  },
];

/** How many messages are in the queue at any time, for those that never let it run empty. */
const BACKLOG = 20;

/** What a message that is kept for good takes at the least: its text alone is longer. */
const BYTES_PER_MESSAGE = 32;

/** How often the heap is measured. */
const ROUNDS = 5;

/** What a heap may grow by in a round, whatever happens. */
const NOISE_BYTES = 100_000;

async function keepsOrder(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const sendings: Sending[] = [];
  const consumer = testbed.consumer();
  let expected = 0;
  for (let round = random.between(1, 6); round > 0; round--) {
    sendings.push(...testbed.sendMany(random.between(1, 6)));
    for (let count = random.below(sendings.length - expected + 1); count > 0; count--) await takeNext();
  }
  while (expected < sendings.length) await takeNext();
  await testbed.accepted(sendings, "once its message was received");
  await testbed.expectEmpty();

  async function takeNext(): Promise<void> {
    const { id } = sendings[expected++]!.message;
    const delivery = await testbed.take(consumer, `message ${id} to be delivered`);
    await testbed.within(delivery.ack(), "the ack to resolve");
    if (delivery.message.id !== id) {
      throw brokenPromise(`message ${id} to be next`, `it was message ${delivery.message.id}`);
    }
  }
}

async function carriesMetadata(testbed: QueueTestbed): Promise<void> {
  const requestId = `request ${testbed.random.below(1_000)}`;
  testbed.send({ metadata: { requestId } });
  const delivery = await testbed.take(testbed.consumer(), "the message to be delivered");
  const actual = delivery.metadata?.["requestId"];
  await testbed.within(delivery.ack(), "the ack to resolve");
  if (actual !== requestId) throw brokenPromise(`the metadata to hold "${requestId}"`, `it holds "${actual}"`);
  await testbed.expectEmpty();
}

async function isBounded(testbed: QueueTestbed): Promise<void> {
  const { maxSize } = testbed.features.bounded!;
  const accepted = testbed.sendMany(maxSize);
  await testbed.accepted(accepted, `while there are not more than ${maxSize} messages`);
  const waiting = testbed.sendMany(testbed.random.between(1, 4));
  await testbed.settle();
  const early = waiting.find(({ state }) => state !== "waiting");
  if (early !== undefined) {
    const outcome = `it was ${early.state}`;
    throw brokenPromise(`the send of message ${early.message.id} to a queue of ${maxSize} to wait for room`, outcome);
  }
  await testbed.receiveAll([...accepted, ...waiting]);
  await testbed.accepted(waiting, "once there was room");
  await testbed.expectEmpty();
}

async function deliversMany(testbed: QueueTestbed): Promise<void> {
  await pour(testbed, testbed.volume);
  await testbed.expectEmpty();
}

async function letsGo(testbed: QueueTestbed): Promise<void> {
  const { volume, features: { heapUsed } } = testbed;
  const share = Math.ceil(volume / ROUNDS);
  const growths: number[] = [];
  // What is compiled on the way is not held against the queue.
  await pour(testbed, share);
  let before = await heapUsed!();
  for (let round = 0; round < ROUNDS; round++) {
    await pour(testbed, share);
    const after = await heapUsed!();
    growths.push(after - before);
    before = after;
  }
  // A heap has its moods, and goes up or down once for reasons of its own. What is kept shows in every round.
  const growth = growths.sort((some, other) => some - other)[Math.floor(ROUNDS / 2)]!;
  const limit = Math.max(share * BYTES_PER_MESSAGE, NOISE_BYTES);
  if (growth > limit) throw brokenPromise(`${share} messages to leave less than ${limit} bytes`, `they left ${growth}`);
  await testbed.expectEmpty();
}

/** Sends and receives messages, in a queue that has some left until the end. */
async function pour(testbed: QueueTestbed, count: number): Promise<void> {
  const consumer = testbed.consumer();
  const due = new Set<number>();
  let unsent = count;
  const send = () => {
    if (unsent-- > 0) due.add(testbed.send().message.id);
  };
  const receive = async (share: number) => {
    for (; share > 0; share--) {
      const { done, value } = await consumer.next();
      if (done) throw brokenPromise("the queue to deliver on", "the consumer has ended");
      const { id } = value.message;
      if (!due.delete(id)) throw brokenPromise("what was sent to be delivered once", `message ${id} came all the same`);
      send();
      await value.ack();
    }
  };
  for (let ahead = 0; ahead < BACKLOG; ahead++) send();
  for (let left = count; left > 0; left -= 1_000) {
    const share = Math.min(left, 1_000);
    await testbed.within(
      receive(share),
      `${share} more of ${count} messages to be delivered (${describe(due)} missing)`,
    );
  }
}
