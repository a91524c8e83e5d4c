import type { Delivery } from "../../queue/queue.ts";
import { caseFailure } from "../conformance_case.ts";
import type { QueueCase } from "./queue_case.ts";
import type { TestMessage } from "./queue_features.ts";
import { describe, type QueueTestbed } from "./queue_testbed.ts";

/** What happens when a consumer, a message or the server is broken. */
export const OUTAGE_CASES: readonly QueueCase[] = [
  { name: "leaves a message to its consumer for longer than a lease", feature: "lease", test: renewsLease },
  {
    name: "delivers the message of a consumer that is cut off to another one, and ignores the old ack",
    feature: "lease",
    test: losesLease,
  },
  { name: "makes a dead letter of what it cannot decode, and goes on", feature: "poison", test: buriesPoison },
  { name: "goes on when its server has gone away and come back", feature: "restart", test: survivesOutage },
];

async function renewsLease(testbed: QueueTestbed): Promise<void> {
  const { ms } = testbed.features.lease!;
  const other = await testbed.openOther();
  const sending = testbed.send();
  const { id } = sending.message;
  const held = await testbed.take(testbed.consumer(), "the message to be delivered");
  let stolen = false;
  testbed.consumer(other).next().then(({ done }) => stolen = !done, () => {});
  await testbed.pass(3 * ms);
  if (stolen) throw caseFailure(`message ${id} to stay with its consumer`, "another process has received it");
  await testbed.within(held.ack(), "the ack to resolve");
  await testbed.pass(2 * ms);
  if (stolen) throw caseFailure(`message ${id} not to come back after its ack`, "it was delivered again");
  await testbed.expectEmpty();
}

async function losesLease(testbed: QueueTestbed): Promise<void> {
  const { random, features: { lease } } = testbed;
  const { ms } = lease!;
  const other = await testbed.openOther();
  const sendings = testbed.sendMany(random.between(1, 3));
  await testbed.accepted(sendings, "without a consumer, because other processes may receive it");
  const held = await testbed.take(testbed.consumer(), "a message to be delivered");
  const { id } = held.message;
  await testbed.cutOff(other);

  const consumer = testbed.consumer();
  const received = new Map<number, Delivery<TestMessage>>();
  const expected = `message ${id} to be delivered to another process after its lease`;
  while (received.size < sendings.length) {
    const delivery = await testbed.take(consumer, expected, { extraMs: 3 * ms });
    received.set(delivery.message.id, delivery);
  }
  const again = received.get(id);
  if (again === undefined) throw caseFailure(expected, "it was not");
  // A late answer resolves, or never settles where the process is gone.
  held[random.pick(["ack", "nack"] as const)]().catch(() => {});
  await testbed.idle();
  received.delete(id);
  for (const delivery of received.values()) await testbed.within(delivery.ack(), "the ack to resolve");
  // The message still belongs to the new consumer, which gives it back.
  await testbed.leave(consumer);
  const last = await testbed.take(testbed.consumer(), `message ${id}, which was not acked, to be delivered again`);
  if (last.message.id !== id) {
    throw caseFailure(`message ${id} to be delivered again`, `message ${last.message.id} was`);
  }
  await testbed.within(last.ack(), "the ack to resolve");
  await testbed.expectEmpty();
}

async function buriesPoison(testbed: QueueTestbed): Promise<void> {
  const { random, queue, features: { poison } } = testbed;
  const before = testbed.sendMany(random.below(3));
  await testbed.accepted(before, "without a consumer, because the queue stores it");
  const consumer = testbed.consumer();
  await poison!.send(queue);
  const after = testbed.sendMany(random.between(1, 3));
  const missing = new Set([...before, ...after].map(({ message }) => message.id));
  while (missing.size > 0) {
    const delivery = await testbed.take(consumer, `${describe(missing)} to be delivered beside what cannot be decoded`);
    if (!missing.delete(delivery.message?.id)) {
      throw caseFailure("nothing but messages to be delivered", "something was");
    }
    await testbed.within(delivery.ack(), "the ack to resolve");
  }
  await testbed.idle();
  const dead = [...await testbed.within(Promise.resolve(poison!.dead(queue)), "the dead letters to be readable")];
  if (dead.length !== 1) throw caseFailure("one dead letter that cannot be decoded", `there are ${dead.length}`);
  await testbed.expectEmpty();
}

async function survivesOutage(testbed: QueueTestbed): Promise<void> {
  const { random, queue, features: { restart } } = testbed;
  const sendings = testbed.sendMany(random.between(2, 6));
  await testbed.accepted(sendings, "without a consumer, because the queue stores it");
  const consumer = testbed.consumer();
  const held = await testbed.take(consumer, "a message to be delivered");
  await restart!.stop(queue);
  // The queue insists by itself: none of these rejects.
  const answer = testbed.within(held.ack(), "an ack during the outage to resolve after it");
  const receiving = testbed.take(consumer, "a message to be delivered after the outage");
  await testbed.idle();
  await restart!.start(queue);

  await answer;
  const missing = new Set(sendings.map(({ message }) => message.id));
  missing.delete(held.message.id);
  // At least once: the outage may have swallowed an answer.
  for (let delivery = await receiving; missing.size > 0;) {
    missing.delete(delivery.message.id);
    await testbed.within(delivery.ack(), "the ack to resolve");
    if (missing.size > 0) {
      delivery = await testbed.take(consumer, `${describe(missing)} to be delivered after the outage`);
    }
  }
  const late = testbed.send();
  await testbed.accepted([late], "after the outage");
}
