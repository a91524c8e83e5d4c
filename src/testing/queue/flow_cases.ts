import { caseFailure } from "../conformance_case.ts";
import { describe, type QueueTestbed, type Sending } from "./queue_testbed.ts";
import type { QueueCase } from "./queue_case.ts";

/** Order, metadata, bounds and quantity. */
export const FLOW_CASES: readonly QueueCase[] = [
  { name: "delivers in the order of sending", feature: "order", test: keepsOrder },
  { name: "delivers metadata with its message, each time", feature: "metadata", test: carriesMetadata },
  { name: "makes senders wait while it is full, and drops nothing", feature: "bounded", test: isBounded },
  { name: "delivers a great number of messages without running empty", once: true, test: deliversMany },
  {
    name: "keeps no handled message in memory, without running empty",
    feature: "heapUsed",
    once: true,
    test: keepsNothing,
  },
];

/** How many messages stay in the queue, for the cases that do not let it run empty. */
const BACKLOG = 20;

/** The least memory that a kept message takes. Its text alone takes more. */
const BYTES_PER_MESSAGE = 32;

/** How often the heap is measured. */
const ROUNDS = 5;

/** How much the heap may grow in a round for other reasons. */
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
      throw caseFailure(`message ${id} to be next`, `it was message ${delivery.message.id}`);
    }
  }
}

async function carriesMetadata(testbed: QueueTestbed): Promise<void> {
  const { random, features: { redelivery = false, maxAttempts = Infinity } } = testbed;
  const requestId = `request ${random.below(1_000)}`;
  testbed.send({ metadata: { requestId } });
  const consumer = testbed.consumer();
  for (let left = redelivery ? Math.min(maxAttempts, 3) : 1; left > 0; left--) {
    const delivery = await testbed.take(consumer, "the message to be delivered");
    const actual = delivery.metadata?.["requestId"];
    await testbed.within(left === 1 ? delivery.ack() : delivery.nack(), "the ack or nack to resolve");
    if (actual === requestId) continue;
    throw caseFailure(`the metadata of attempt ${delivery.attempt} to hold "${requestId}"`, `it holds "${actual}"`);
  }
  await testbed.expectEmpty();
}

async function isBounded(testbed: QueueTestbed): Promise<void> {
  const { maxSize } = testbed.features.bounded!;
  const accepted = testbed.sendMany(maxSize);
  await testbed.accepted(accepted, `while there are at most ${maxSize} messages`);
  const waiting = testbed.sendMany(testbed.random.between(1, 4));
  await testbed.idle();
  const early = waiting.find(({ state }) => state !== "waiting");
  if (early !== undefined) {
    const outcome = `it was ${early.state}`;
    throw caseFailure(`the send of message ${early.message.id} to a queue of ${maxSize} to wait for room`, outcome);
  }
  await testbed.receiveAll([...accepted, ...waiting]);
  await testbed.accepted(waiting, "once there was room");
  await testbed.expectEmpty();
}

async function deliversMany(testbed: QueueTestbed): Promise<void> {
  await pour(testbed, testbed.volume);
  await testbed.expectEmpty();
}

async function keepsNothing(testbed: QueueTestbed): Promise<void> {
  const { volume, features: { heapUsed } } = testbed;
  const share = Math.ceil(volume / ROUNDS);
  const growths: number[] = [];
  // The first round is not measured: code is compiled in it.
  await pour(testbed, share);
  let before = await heapUsed!();
  for (let round = 0; round < ROUNDS; round++) {
    await pour(testbed, share);
    const after = await heapUsed!();
    growths.push(after - before);
    before = after;
  }
  // The heap may grow or shrink in a round for other reasons. Kept messages show in every round.
  const growth = growths.sort((some, other) => some - other)[Math.floor(ROUNDS / 2)]!;
  const limit = Math.max(share * BYTES_PER_MESSAGE, NOISE_BYTES);
  if (growth > limit) throw caseFailure(`${share} messages to leave less than ${limit} bytes`, `they left ${growth}`);
  await testbed.expectEmpty();
}

/** Sends and receives messages. The queue does not run empty before the end. */
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
      if (done) throw caseFailure("the queue to continue to deliver", "the consumer has ended");
      const { id } = value.message;
      if (!due.delete(id)) throw caseFailure("each message to be delivered once", `message ${id} came again`);
      send();
      await value.ack();
    }
  };
  for (let ahead = 0; ahead < BACKLOG; ahead++) send();
  for (let left = count; left > 0; left -= 100) {
    const share = Math.min(left, 100);
    await testbed.within(
      receive(share),
      `${share} more of ${count} messages to be delivered (${describe(due)} missing)`,
    );
  }
}
