import { brokenPromise } from "../conformance_case.ts";
import { describe, type QueueTrial, type Sending } from "../queue_trial.ts";
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

async function keepsOrder(trial: QueueTrial): Promise<void> {
  const { random } = trial;
  const sendings: Sending[] = [];
  const consumer = trial.consumer();
  let expected = 0;
  for (let round = random.between(1, 6); round > 0; round--) {
    sendings.push(...trial.sendMany(random.between(1, 6)));
    for (let count = random.below(sendings.length - expected + 1); count > 0; count--) await takeNext();
  }
  while (expected < sendings.length) await takeNext();
  await trial.accepted(sendings, "once its message was received");
  await trial.expectEmpty();

  async function takeNext(): Promise<void> {
    const { id } = sendings[expected++]!.message;
    const delivery = await trial.take(consumer, `message ${id} to be delivered`);
    await trial.within(delivery.ack(), "the ack to resolve");
    if (delivery.message.id !== id) {
      throw brokenPromise(`message ${id} to be next`, `it was message ${delivery.message.id}`);
    }
  }
}

async function carriesMetadata(trial: QueueTrial): Promise<void> {
  const requestId = `request ${trial.random.below(1_000)}`;
  trial.send({ metadata: { requestId } });
  const delivery = await trial.take(trial.consumer(), "the message to be delivered");
  const actual = delivery.metadata?.["requestId"];
  await trial.within(delivery.ack(), "the ack to resolve");
  if (actual !== requestId) throw brokenPromise(`the metadata to hold "${requestId}"`, `it holds "${actual}"`);
  await trial.expectEmpty();
}

async function isBounded(trial: QueueTrial): Promise<void> {
  const { maxSize } = trial.features.bounded!;
  const accepted = trial.sendMany(maxSize);
  await trial.accepted(accepted, `while there are not more than ${maxSize} messages`);
  const waiting = trial.sendMany(trial.random.between(1, 4));
  await trial.settle();
  const early = waiting.find(({ state }) => state !== "waiting");
  if (early !== undefined) {
    const outcome = `it was ${early.state}`;
    throw brokenPromise(`the send of message ${early.message.id} to a queue of ${maxSize} to wait for room`, outcome);
  }
  await trial.receiveAll([...accepted, ...waiting]);
  await trial.accepted(waiting, "once there was room");
  await trial.expectEmpty();
}

async function deliversMany(trial: QueueTrial): Promise<void> {
  await pour(trial, trial.volume);
  await trial.expectEmpty();
}

async function letsGo(trial: QueueTrial): Promise<void> {
  const { volume, features: { heapUsed } } = trial;
  const share = Math.ceil(volume / ROUNDS);
  const growths: number[] = [];
  // What is compiled on the way is not held against the queue.
  await pour(trial, share);
  let before = await heapUsed!();
  for (let round = 0; round < ROUNDS; round++) {
    await pour(trial, share);
    const after = await heapUsed!();
    growths.push(after - before);
    before = after;
  }
  // A heap has its moods, and goes up or down once for reasons of its own. What is kept shows in every round.
  const growth = growths.sort((some, other) => some - other)[Math.floor(ROUNDS / 2)]!;
  const limit = Math.max(share * BYTES_PER_MESSAGE, NOISE_BYTES);
  if (growth > limit) throw brokenPromise(`${share} messages to leave less than ${limit} bytes`, `they left ${growth}`);
  await trial.expectEmpty();
}

/** Sends and receives messages, in a queue that has some left until the end. */
async function pour(trial: QueueTrial, count: number): Promise<void> {
  const consumer = trial.consumer();
  const due = new Set<number>();
  let unsent = count;
  const send = () => {
    if (unsent-- > 0) due.add(trial.send().message.id);
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
    await trial.within(receive(share), `${share} more of ${count} messages to be delivered (${describe(due)} missing)`);
  }
}
