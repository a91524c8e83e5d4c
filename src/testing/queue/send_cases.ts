import type { SendOptions } from "../../queue/queue.ts";
import { caseFailure } from "../conformance_case.ts";
import type { QueueCase } from "./queue_case.ts";
import type { QueueFeatures } from "./queue_features.ts";
import type { QueueTestbed, TestConsumer } from "./queue_testbed.ts";

/** What a sender may ask for. */
export const SEND_CASES: readonly QueueCase[] = [
  { name: "rejects a send whose signal has fired, and does not deliver its message", test: heedsSignal },
  { name: "refuses a key, a delay or an id that it says it does not promise", test: refusesOptions },
  {
    name: "waits for the delay of a send before it delivers, and delays no other message",
    feature: "sendDelay",
    test: delaysSend,
  },
  { name: "adds nothing for a second send of an id that it knows", feature: "id", test: knowsIds },
];

async function heedsSignal(testbed: QueueTestbed): Promise<void> {
  const reason = new Error("the sender has gone");
  const aborted = testbed.send({ signal: AbortSignal.abort(reason) });
  const sent = testbed.send();
  await testbed.within(aborted.ended, "a send whose signal has fired to reject");
  if (aborted.state !== "rejected") throw caseFailure("a send whose signal has fired to reject", "it was accepted");
  if (aborted.error !== reason) {
    throw caseFailure("a send whose signal has fired to reject with its reason", `it rejected with ${aborted.error}`);
  }
  await testbed.turn();
  await testbed.receiveAll([sent]);
  await testbed.expectEmpty();
}

async function refusesOptions(testbed: QueueTestbed): Promise<void> {
  const asked: readonly [keyof QueueFeatures, string, SendOptions][] = [
    ["key", "a key", { key: "k" }],
    ["sendDelay", "a delay", { delay: 1 }],
    ["id", "an id", { id: "1" }],
  ];
  for (const [feature, name, options] of asked) {
    if (testbed.features[feature] !== false) continue;
    const sending = testbed.send(options);
    const expected = `a send with ${name} to reject, because the queue does not promise "${feature}"`;
    await testbed.within(sending.ended, expected);
    if (sending.state !== "rejected") throw caseFailure(expected, "it was accepted");
    if (sending.error instanceof RangeError) continue;
    throw caseFailure(`a send with ${name} to reject with a RangeError`, `it rejected with ${sending.error}`);
  }
  await testbed.expectEmpty();
}

async function delaysSend(testbed: QueueTestbed): Promise<void> {
  const { sendDelay } = testbed.features;
  const { ms = 20, advance } = typeof sendDelay === "object" ? sendDelay : {};
  const start = performance.now();
  const delayed = testbed.send({ delay: ms });
  const { id } = delayed.message;
  const sent = testbed.send();
  const consumer = testbed.consumer();
  const other = await testbed.take(consumer, "a message to be delivered while another is delayed");
  if (other.message.id === id) throw caseFailure(`message ${id} to wait for ${ms} ms`, "it came at once");
  await testbed.within(other.ack(), "the ack to resolve");

  let receivedAt: number | undefined;
  const expected = `message ${id} to be delivered after ${ms} ms`;
  const receiving = testbed.take(consumer, expected, { extraMs: ms }).then((delivery) => {
    receivedAt = performance.now();
    return delivery;
  });
  receiving.catch(() => {});
  if (advance !== undefined) {
    await advance(ms - 1);
    await testbed.idle();
    if (receivedAt !== undefined) throw caseFailure(`message ${id} to wait for ${ms} ms`, "it came early");
    await advance(1);
  }
  const delivery = await receiving;
  // By a finer clock, a timer may fire a moment early.
  if (advance === undefined && receivedAt! - start < ms - 2) {
    throw caseFailure(`message ${id} to wait for ${ms} ms`, `it came after ${receivedAt! - start} ms`);
  }
  await testbed.within(delivery.ack(), "the ack to resolve");
  await testbed.accepted([delayed, sent], "once its message was received");
  await testbed.expectEmpty();
}

async function knowsIds(testbed: QueueTestbed): Promise<void> {
  const { random, features: { redelivery = false, maxAttempts = Infinity } } = testbed;
  const id = `id ${random.below(1_000)}`;
  const consumer = testbed.consumer();
  const sendings = Array.from({ length: random.between(2, 4) }, () => testbed.send({ id }));
  const other = testbed.send({ id: `${id}, another` });
  let delivery = await testbed.take(consumer, "the message to be delivered");
  // Of several sends at the same time, any one may be the first.
  const first = delivery.message.id;
  await testbed.accepted(sendings, "though its id is known");
  await testbed.accepted([testbed.send({ id })], "though a message of its id is held");
  for (let left = redelivery && maxAttempts > 1 ? 2 : 1; left > 0; left--) {
    if (delivery.id !== id) throw caseFailure(`the id of the delivery to be "${id}"`, `it is "${delivery.id}"`);
    if (left === 1) {
      await testbed.within(delivery.ack(), "the ack to resolve");
      break;
    }
    await testbed.within(delivery.nack(), "the nack to resolve");
    const next = await testbed.take(consumer, "the other message to be delivered");
    if (next.message.id === other.message.id) {
      await testbed.within(next.ack(), "the ack to resolve");
      delivery = await testbed.take(consumer, "the nacked message to be delivered again");
    } else {
      delivery = next;
    }
    if (delivery.message.id === first) continue;
    throw caseFailure(`message ${first} to be delivered again`, `message ${delivery.message.id} was`);
  }
  const rest = await drain(testbed, consumer);
  const wrong = rest.find((message) => message !== other.message.id);
  if (wrong !== undefined) {
    throw caseFailure(`nothing to be added for the id "${id}"`, `message ${wrong} was delivered`);
  }
  await testbed.expectEmpty();
}

/** Receives and acks what is left in the queue, and closes it. */
async function drain(testbed: QueueTestbed, consumer: TestConsumer): Promise<number[]> {
  await testbed.turn();
  await testbed.close();
  const ids: number[] = [];
  for (;;) {
    const { done, value } = await testbed.within(consumer.next(), "the consumer of a closed and empty queue to end");
    if (done) return ids;
    ids.push(value.message.id);
    await testbed.within(value.ack(), "the ack to resolve");
  }
}
