import { caseFailure } from "../conformance_case.ts";
import { describe, type QueueTestbed } from "./queue_testbed.ts";
import type { QueueCase } from "./queue_case.ts";

/** What the key of a message leads to. */
export const KEY_CASES: readonly QueueCase[] = [
  { name: "delivers the messages of one key in their order, one at a time", feature: "key", test: keepsKeys },
  { name: "holds no other key back while one is held", feature: "key", test: separatesKeys },
];

async function keepsKeys(testbed: QueueTestbed): Promise<void> {
  const { random, schedule, features: { redelivery = false, maxAttempts = Infinity, bounded } } = testbed;
  const keys = ["a", "b", "c", undefined].slice(random.below(3));
  const keyOf = new Map<number, string | undefined>();
  /** The messages of each key that are not settled for good, in their order. */
  const lines = new Map<string, number[]>();
  const held = new Map<string, number>();
  const nacked = new Set<number>();
  const missing = new Set<number>();
  const count = random.between(2, 10);
  let finish: () => void;
  const finished = new Promise<undefined>((resolve) => finish = () => resolve(undefined));

  const produce = async () => {
    for (let left = count; left > 0; left--) {
      if (bounded === undefined) await schedule.turn();
      const key = random.pick(keys);
      const { message: { id } } = testbed.send({ key });
      keyOf.set(id, key);
      missing.add(id);
      if (key !== undefined) lines.set(key, [...lines.get(key) ?? [], id]);
    }
  };
  const consume = async () => {
    const consumer = testbed.consumer();
    while (missing.size > 0 || keyOf.size < count) {
      await schedule.turn();
      const result = await Promise.race([consumer.next(), finished]);
      if (result === undefined || result.done) return;
      const delivery = result.value;
      const { id } = delivery.message;
      const key = keyOf.get(id);
      if (key !== undefined) {
        const first = lines.get(key)![0]!;
        const other = held.get(key);
        if (other !== undefined) throw caseFailure(`message ${id} to wait for message ${other} of its key`, "it came");
        if (first !== id) throw caseFailure(`message ${first} to be the next one of its key`, `message ${id} was`);
        if (delivery.key !== key) throw caseFailure(`the key to be "${key}"`, `it is "${delivery.key}"`);
        held.set(key, id);
      }
      for (let wait = random.below(3); wait > 0; wait--) await schedule.turn();
      const isNacked = redelivery && maxAttempts > 1 && !nacked.has(id) && random.below(3) === 0;
      if (key !== undefined) {
        held.delete(key);
        if (!isNacked) lines.get(key)!.shift();
      }
      if (isNacked) {
        nacked.add(id);
        await delivery.nack();
      } else {
        missing.delete(id);
        await delivery.ack();
        if (missing.size === 0 && keyOf.size === count) finish();
      }
    }
  };
  const actors = [produce, ...Array(random.between(1, 4)).fill(consume)];
  const running = schedule.run(actors);
  await testbed.within(running, `all of ${count} messages to be delivered (${describe(missing)} missing)`);
  await testbed.expectEmpty();
}

async function separatesKeys(testbed: QueueTestbed): Promise<void> {
  const sendings = ["a", "b", undefined].map((key) => testbed.send({ key }));
  const blocked = testbed.send({ key: "a" });
  const consumer = testbed.consumer();
  const [first] = sendings;
  const held = await testbed.take(consumer, "the first message to be delivered");
  if (held.message.id !== first!.message.id) {
    throw caseFailure(`message ${first!.message.id} to be first`, `message ${held.message.id} was`);
  }
  await testbed.receiveAll(sendings.slice(1));
  await testbed.turn();
  await testbed.within(held.ack(), "the ack to resolve");
  await testbed.receiveAll([blocked]);
  await testbed.accepted([...sendings, blocked], "once its message was received");
  await testbed.expectEmpty();
}
