import { caseFailure } from "../conformance_case.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { TestMessage } from "./queue_features.ts";
import { describe, type QueueTestbed } from "./queue_testbed.ts";
import type { QueueCase } from "./queue_case.ts";

/** What an ack or a nack leads to. */
export const SETTLE_CASES: readonly QueueCase[] = [
  { name: "settles a delivery once, with the first ack or nack", test: settlesOnce },
  { name: "ignores the ack or nack of a delivery that was given back", test: ignoresGivenBack },
  {
    name: "counts no attempt of what a consumer gives back, prefetched or held",
    feature: "prefetch",
    test: countsNoGiveBack,
  },
  {
    name: "delivers a nacked message again, counting the attempts, without making the nack wait",
    feature: "redelivery",
    test: redelivers,
  },
  { name: "delivers nothing that another consumer holds", feature: "exclusive", test: isExclusive },
  {
    name: "waits for the delay of a nack before it delivers again, and delays no other message",
    feature: "delay",
    test: delays,
  },
  {
    name: "gives up a message after its last attempt, and keeps it with the reason",
    feature: "deadLetters",
    test: keepsDeadLetters,
  },
  { name: "gives up a message at once that is nacked without requeue", test: givesUpAtOnce },
];

async function settlesOnce(testbed: QueueTestbed): Promise<void> {
  const { random, features: { redelivery = false } } = testbed;
  const sendings = testbed.sendMany(random.between(1, 8));
  const nacked = new Set<number>();
  const settled = new Set<number>();
  const settling: Promise<void>[] = [];

  while (settled.size < sendings.length) {
    const consumer = testbed.consumer();
    const delivery = await testbed.take(
      consumer,
      "a message that is not settled, or was nacked, to be delivered",
    );
    const { id } = delivery.message;
    if (settled.has(id)) throw caseFailure(`message ${id} not to come back after its ack`, "it was delivered again");
    const isNacked = redelivery && !nacked.has(id) && random.below(2) === 0;
    const more = Array.from({ length: random.between(0, 3) }, () => random.pick(["ack", "nack"] as const));
    const first = isNacked ? delivery.nack() : delivery.ack();
    // The other calls change nothing, and are not errors.
    const last = more.reduce((before, method) => before.then(() => delivery[method]()), first);
    settling.push(testbed.within(last, "each ack and nack of a delivery to resolve"));
    if (isNacked) {
      nacked.add(id);
    } else {
      settled.add(id);
      await testbed.within(first, "the ack to resolve");
    }
    // A consumer that leaves gives back its open deliveries, and this one is settled.
    if (random.below(2) === 0) await testbed.leave(consumer);
  }
  await Promise.all(settling);
  await testbed.expectEmpty();
}

async function redelivers(testbed: QueueTestbed): Promise<void> {
  const { random, features: { maxAttempts = Infinity } } = testbed;
  const nacks = Math.min(maxAttempts - 1, 3);
  const attempts = new Map(testbed.sendMany(random.between(1, 6)).map(({ message }) => [message.id, 0]));
  const consumers = Array.from({ length: random.between(1, 3) }, () => testbed.consumer());

  while (attempts.size > 0) {
    const expected = `${describe(attempts.keys())} to be delivered ${nacks + 1} times, each but the last with a nack`;
    const delivery = await testbed.take(random.pick(consumers), expected);
    const { id } = delivery.message;
    const attempt = (attempts.get(id) ?? Infinity) + 1;
    if (delivery.attempt !== attempt) {
      throw caseFailure(`the next delivery of message ${id} to be attempt ${attempt}`, `it was ${delivery.attempt}`);
    }
    attempts.set(id, attempt);
    if (attempt <= nacks) {
      await testbed.within(delivery.nack({ reason: "again" }), "a nack to resolve before anything else is received");
    } else {
      attempts.delete(id);
      await testbed.within(delivery.ack(), "the ack to resolve");
    }
  }
  await testbed.expectEmpty();
}

async function isExclusive(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const sendings = testbed.sendMany(random.between(2, 6));
  const holder = testbed.consumer();
  const held = await testbed.take(holder, "the first message to be delivered");
  const { id } = held.message;
  await testbed.receiveAll(sendings.filter(({ message }) => message.id !== id));

  let stolen: Delivery<TestMessage> | undefined;
  const other = testbed.consumer();
  other.next().then(({ value }) => stolen = value, () => {});
  // A queue that takes messages back too early gets the time to do so.
  for (let time = 0; time < 4; time++) await testbed.idle();
  await testbed.turn();
  await testbed.within(held.ack(), "the ack to resolve");
  await testbed.idle();
  if (stolen) throw caseFailure(`message ${id} to stay with its consumer`, "another consumer has received it");
  await testbed.expectEmpty();
}

async function delays(testbed: QueueTestbed): Promise<void> {
  const { delay } = testbed.features;
  const { ms = 20, advance } = typeof delay === "object" ? delay : {};
  const first = testbed.send();
  const consumer = testbed.consumer();
  const delivery = await testbed.take(consumer, "the message to be delivered");
  const start = performance.now();
  const nack = testbed.within(delivery.nack({ delay: ms }), "the nack to resolve without waiting for its delay");

  const { id } = first.message;
  const second = testbed.send();
  const other = await testbed.take(consumer, "a message to be delivered while another is delayed");
  if (other.message.id === id) throw caseFailure(`message ${id} to wait for ${ms} ms`, "it came at once");
  await testbed.within(other.ack(), "the ack to resolve");
  await testbed.accepted([first, second], "once its message was received");
  await nack;

  let receivedAt: number | undefined;
  const expected = `message ${id} to be delivered again after ${ms} ms`;
  const receiving = testbed.take(consumer, expected, { extraMs: ms }).then((again) => {
    receivedAt = performance.now();
    return again;
  });
  receiving.catch(() => {});
  if (advance !== undefined) {
    await advance(ms - 1);
    await testbed.idle();
    if (receivedAt !== undefined) throw caseFailure(`message ${id} to wait for ${ms} ms`, "it came early");
    await advance(1);
  }
  const again = await receiving;
  // By a finer clock, a timer may fire a moment early.
  if (advance === undefined && receivedAt! - start < ms - 2) {
    throw caseFailure(`message ${id} to wait for ${ms} ms`, `it came after ${receivedAt! - start} ms`);
  }
  await testbed.within(again.ack(), "the ack to resolve");
  await testbed.expectEmpty();
}

async function ignoresGivenBack(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const sendings = testbed.sendMany(random.between(1, 4));
  const leaving = testbed.consumer();
  const delivery = await testbed.take(leaving, "a message to be delivered");
  await testbed.leave(leaving);
  const method = random.pick(["ack", "nack"] as const);
  await testbed.within(delivery[method](), `the ${method} of a delivery that was given back to resolve`);
  await testbed.turn();
  await testbed.receiveAll(sendings);
  await testbed.expectEmpty();
}

async function countsNoGiveBack(testbed: QueueTestbed): Promise<void> {
  const { random, features: { maxAttempts = Infinity } } = testbed;
  const sendings = testbed.sendMany(random.between(1, 6));
  for (let round = Math.min(maxAttempts, 4) + 1; round > 0; round--) {
    const leaving = testbed.consumer();
    for (let taken = random.between(1, sendings.length); taken > 0; taken--) {
      const delivery = await testbed.take(leaving, "a message that was given back to be delivered again");
      expectFirstAttempt(delivery);
    }
    await testbed.leave(leaving);
    await testbed.idle();
  }
  const consumer = testbed.consumer();
  const missing = new Set(sendings.map(({ message }) => message.id));
  while (missing.size > 0) {
    const delivery = await testbed.take(consumer, `${describe(missing)} to be delivered`);
    expectFirstAttempt(delivery);
    missing.delete(delivery.message.id);
    await testbed.within(delivery.ack(), "the ack to resolve");
  }
  await testbed.expectEmpty();
}

function expectFirstAttempt({ message, attempt }: Delivery<TestMessage>): void {
  if (attempt === 1) return;
  throw caseFailure(`message ${message.id}, which has not failed, to be at attempt 1`, `it is at attempt ${attempt}`);
}

async function givesUpAtOnce(testbed: QueueTestbed): Promise<void> {
  const { deadLetters } = testbed.features;
  const sendings = testbed.sendMany(testbed.random.between(1, 4));
  const doomed = testbed.random.pick(sendings).message.id;
  const consumer = testbed.consumer();
  for (let left = sendings.length; left > 0; left--) {
    const delivery = await testbed.take(consumer, "each message to be delivered");
    const isDoomed = delivery.message.id === doomed;
    const settled = isDoomed ? delivery.nack({ requeue: false, reason: "hopeless" }) : delivery.ack();
    await testbed.within(settled, "each ack and nack of a delivery to resolve");
  }
  await testbed.turn();
  await testbed.expectEmpty();
  if (deadLetters === undefined) return;
  const letters = await testbed.within(Promise.resolve(deadLetters(testbed.queue)), "the dead letters to be readable");
  const names = [...letters].map(({ message, reason }) => `message ${message.id} with "${reason}"`).join(", ");
  const expected = `message ${doomed} with "hopeless"`;
  if (names !== expected) throw caseFailure(`the dead letters to be ${expected}`, `they are ${names || "none"}`);
}

async function keepsDeadLetters(testbed: QueueTestbed): Promise<void> {
  const { random, features: { maxAttempts = Infinity, deadLetters } } = testbed;
  const read = async () => [
    ...await testbed.within(Promise.resolve(deadLetters!(testbed.queue)), "the dead letters to be readable"),
  ];
  const sendings = testbed.sendMany(random.between(1, 4));
  const doomed = random.pick(sendings).message.id;
  const consumer = testbed.consumer();
  const missing = new Set(sendings.map(({ message }) => message.id));
  const settling: Promise<void>[] = [];
  const settle = (settled: Promise<void>) =>
    settling.push(testbed.within(settled, "each ack and nack of a delivery to resolve"));

  for (let attempt = 1; missing.size > 0;) {
    const delivery = await testbed.take(consumer, `${describe(missing)} to be delivered before any is given up`);
    const { id } = delivery.message;
    if (id !== doomed) {
      missing.delete(id);
      settle(delivery.ack());
      continue;
    }
    const isLast = attempt === maxAttempts;
    if (delivery.isLast !== undefined && delivery.isLast !== isLast) {
      throw caseFailure(`isLast of attempt ${attempt} of ${maxAttempts} to be ${isLast}`, `it is ${delivery.isLast}`);
    }
    const early = await read();
    if (early.length > 0) throw caseFailure("no dead letter before the last attempt", `there were ${early.length}`);
    settle(delivery.nack({ reason: `reason ${attempt}` }));
    if (attempt++ === maxAttempts) missing.delete(id);
  }
  await Promise.all(settling);
  await testbed.expectEmpty();

  const letters = (await read()).map(({ message, reason }) => `message ${message.id} with "${reason}"`).join(", ");
  const expected = `message ${doomed} with "reason ${maxAttempts}"`;
  if (letters !== expected) throw caseFailure(`the dead letters to be ${expected}`, `they are ${letters || "none"}`);
}
