import { brokenPromise } from "../conformance_case.ts";
import type { Delivery } from "../../queue/queue.ts";
import type { TestMessage } from "../queue_features.ts";
import { describe, type QueueTrial } from "../queue_trial.ts";
import type { QueueCase } from "./queue_case.ts";

/** What the answer to a delivery leads to. */
export const ANSWER_CASES: readonly QueueCase[] = [
  { name: "takes the first answer to a delivery as final", test: takesFirstAnswer },
  {
    name: "delivers a nacked message again, counting the attempts, without making the nack wait",
    feature: "redelivery",
    test: redelivers,
  },
  { name: "delivers nothing that another consumer holds", feature: "exclusive", test: isExclusive },
  {
    name: "waits for the delay of a nack before it delivers again, and keeps nothing else waiting",
    feature: "delay",
    test: delays,
  },
  {
    name: "gives up a message after its last attempt, and keeps it with the reason",
    feature: "deadLetters",
    test: keepsDeadLetters,
  },
];

async function takesFirstAnswer(trial: QueueTrial): Promise<void> {
  const { random, features: { redelivery = false } } = trial;
  const sendings = trial.sendMany(random.between(1, 8));
  const nacked = new Set<number>();
  const settled = new Set<number>();
  const answers: Promise<void>[] = [];

  while (settled.size < sendings.length) {
    const consumer = trial.consumer();
    const delivery = await trial.take(consumer, "a message without an answer, or with a nack for it, to be delivered");
    const { id } = delivery.message;
    if (settled.has(id)) throw brokenPromise(`message ${id} not to come back after its ack`, "it was delivered again");
    const isNacked = redelivery && !nacked.has(id) && random.below(2) === 0;
    const more = Array.from({ length: random.between(0, 3) }, () => random.pick(["ack", "nack"] as const));
    const answer = isNacked ? delivery.nack() : delivery.ack();
    // None of the others changes anything any more, and none of them is an error.
    const last = more.reduce((before, method) => before.then(() => delivery[method]()), answer);
    answers.push(trial.within(last, "each answer to a delivery to resolve"));
    if (isNacked) {
      nacked.add(id);
    } else {
      settled.add(id);
      await trial.within(answer, "the ack to resolve");
    }
    // A consumer that leaves gives back what is without an answer, and this is not.
    if (random.below(2) === 0) await trial.leave(consumer);
  }
  await Promise.all(answers);
  await trial.expectEmpty();
}

async function redelivers(trial: QueueTrial): Promise<void> {
  const { random, features: { maxAttempts = Infinity } } = trial;
  const nacks = Math.min(maxAttempts - 1, 3);
  const attempts = new Map(trial.sendMany(random.between(1, 6)).map(({ message }) => [message.id, 0]));
  const consumers = Array.from({ length: random.between(1, 3) }, () => trial.consumer());

  while (attempts.size > 0) {
    const expected = `${describe(attempts.keys())} to be delivered ${nacks + 1} times, each but the last with a nack`;
    const delivery = await trial.take(random.pick(consumers), expected);
    const { id } = delivery.message;
    const attempt = (attempts.get(id) ?? Infinity) + 1;
    if (delivery.attempt !== attempt) {
      throw brokenPromise(`the next delivery of message ${id} to be attempt ${attempt}`, `it was ${delivery.attempt}`);
    }
    attempts.set(id, attempt);
    if (attempt <= nacks) {
      await trial.within(delivery.nack({ reason: "again" }), "a nack to resolve before anything else is received");
    } else {
      attempts.delete(id);
      await trial.within(delivery.ack(), "the ack to resolve");
    }
  }
  await trial.expectEmpty();
}

async function isExclusive(trial: QueueTrial): Promise<void> {
  const { random } = trial;
  const sendings = trial.sendMany(random.between(2, 6));
  const holder = trial.consumer();
  const held = await trial.take(holder, "the first message to be delivered");
  const { id } = held.message;
  await trial.receiveAll(sendings.filter(({ message }) => message.id !== id));

  let stolen: Delivery<TestMessage> | undefined;
  const other = trial.consumer();
  other.next().then(({ value }) => stolen = value, () => {});
  // A queue that loses its patience gets the time to do so.
  for (let time = 0; time < 4; time++) await trial.settle();
  await trial.within(held.ack(), "the ack to resolve");
  await trial.settle();
  if (stolen) throw brokenPromise(`message ${id} to stay with its consumer`, "another one has received it");
  await trial.expectEmpty();
}

async function delays(trial: QueueTrial): Promise<void> {
  const { delay } = trial.features;
  const { ms = 20, advance } = typeof delay === "object" ? delay : {};
  const first = trial.send();
  const consumer = trial.consumer();
  const delivery = await trial.take(consumer, "the message to be delivered");
  const start = performance.now();
  const nack = trial.within(delivery.nack({ delay: ms }), "the nack to resolve, whatever its delay");

  const { id } = first.message;
  const second = trial.send();
  const other = await trial.take(consumer, "a message to be delivered while another is delayed");
  if (other.message.id === id) throw brokenPromise(`message ${id} to wait for ${ms} ms`, "it came at once");
  await trial.within(other.ack(), "the ack to resolve");
  await trial.accepted([first, second], "once its message was received");
  await nack;

  let receivedAt: number | undefined;
  const expected = `message ${id} to be delivered again after ${ms} ms`;
  const receiving = trial.take(consumer, expected, { extraMs: ms }).then((again) => {
    receivedAt = performance.now();
    return again;
  });
  receiving.catch(() => {});
  if (advance !== undefined) {
    await advance(ms - 1);
    await trial.settle();
    if (receivedAt !== undefined) throw brokenPromise(`message ${id} to wait for ${ms} ms`, "it came before");
    await advance(1);
  }
  const again = await receiving;
  // A timer may fire a moment before its time, in a clock that counts finer.
  if (advance === undefined && receivedAt! - start < ms - 2) {
    throw brokenPromise(`message ${id} to wait for ${ms} ms`, `it came after ${receivedAt! - start} ms`);
  }
  await trial.within(again.ack(), "the ack to resolve");
  await trial.expectEmpty();
}

async function keepsDeadLetters(trial: QueueTrial): Promise<void> {
  const { random, features: { maxAttempts = Infinity, deadLetters } } = trial;
  const read = async () => [...await trial.within(Promise.resolve(deadLetters!(trial.queue)), "the dead letters")];
  const sendings = trial.sendMany(random.between(1, 4));
  const doomed = random.pick(sendings).message.id;
  const consumer = trial.consumer();
  const missing = new Set(sendings.map(({ message }) => message.id));
  const answers: Promise<void>[] = [];
  const answered = (answer: Promise<void>) => trial.within(answer, "each answer to a delivery to resolve");

  for (let attempt = 1; missing.size > 0;) {
    const delivery = await trial.take(consumer, `${describe(missing)} to be delivered before any is given up`);
    const { id } = delivery.message;
    if (id !== doomed) {
      missing.delete(id);
      answers.push(answered(delivery.ack()));
      continue;
    }
    const early = await read();
    if (early.length > 0) throw brokenPromise("no dead letter before the last attempt", `there were ${early.length}`);
    answers.push(answered(delivery.nack({ reason: `reason ${attempt}` })));
    if (attempt++ === maxAttempts) missing.delete(id);
  }
  await Promise.all(answers);
  await trial.expectEmpty();

  const letters = (await read()).map(({ message, reason }) => `message ${message.id} with "${reason}"`).join(", ");
  const expected = `message ${doomed} with "reason ${maxAttempts}"`;
  if (letters !== expected) throw brokenPromise(`the dead letters to be ${expected}`, `they are ${letters || "none"}`);
}
