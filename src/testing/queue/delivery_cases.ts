import { caseFailure } from "../conformance_case.ts";
import { describe, type QueueTestbed, type Sending } from "./queue_testbed.ts";
import { turns } from "./schedule.ts";
import type { QueueCase } from "./queue_case.ts";

/** Which messages are delivered, and to which consumer. */
export const DELIVERY_CASES: readonly QueueCase[] = [
  { name: "delivers a message as it was sent", test: deliversAsSent },
  { name: "loses nothing and duplicates nothing between many producers and many consumers", test: keepsCount },
  { name: "wakes a waiting receiver at once", test: wakesReceiver },
  { name: "never lets an abandoned receive swallow a message", test: survivesAbandonment },
  { name: "lets a handler send to its own queue", test: letsHandlerSend },
  { name: "continues with the other consumers when one consumer throws", test: survivesThrow },
];

async function deliversAsSent(testbed: QueueTestbed): Promise<void> {
  const sending = testbed.send();
  const delivery = await testbed.take(testbed.consumer(), "the message to be delivered");
  const { message, attempt } = delivery;
  for (const key of ["id", "text"] as const) {
    if (message[key] === sending.message[key]) continue;
    throw caseFailure(`the ${key} to be "${sending.message[key]}"`, `it was "${message[key]}"`);
  }
  if (attempt !== 1) throw caseFailure("the first delivery to be attempt 1", `it was attempt ${attempt}`);
  await testbed.within(delivery.ack(), "the ack to resolve");
  await testbed.accepted([sending], "once its message was received");
  await testbed.expectEmpty();
}

async function keepsCount(testbed: QueueTestbed): Promise<void> {
  const { random, schedule } = testbed;
  const producers = random.between(1, 4);
  const share = random.between(1, 10);
  const total = producers * share;
  const counts = new Map<number, number>();

  let open = total;
  let finish: () => void;
  const finished = new Promise<undefined>((resolve) => finish = () => resolve(undefined));

  const produce = async () => {
    for (let index = 0; index < share; index++) {
      await schedule.turn();
      const sending = testbed.send();
      // Half of the sends are awaited before the next one.
      if (random.below(2) === 0) await sending.ended;
      if (sending.state === "rejected") throw caseFailure("a send to resolve", `it was rejected: ${sending.error}`);
    }
  };
  const consume = async () => {
    const consumer = testbed.consumer();
    for (;;) {
      await schedule.turn();
      const result = await Promise.race([consumer.next(), finished]);
      if (result === undefined || result.done) return;
      const delivery = result.value;
      const { id } = delivery.message;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      await schedule.turn();
      await delivery.ack();
      if (--open === 0) finish();
    }
  };
  const actors = [...Array(producers).fill(produce), ...Array(random.between(1, 4)).fill(consume)];
  await testbed.within(schedule.run(actors), `all of ${total} messages to be sent, delivered and acked`);
  for (const [id, count] of counts) {
    if (count > 1) throw caseFailure(`message ${id} to be delivered once`, `it was delivered ${count} times`);
  }
  await testbed.expectEmpty();
}

async function wakesReceiver(testbed: QueueTestbed): Promise<void> {
  const count = testbed.random.between(1, 4);
  const waiting = new Map<number, Promise<number>>();
  for (let index = 0; index < count; index++) {
    const consumer = testbed.consumer();
    const receive = async () => {
      const { done, value } = await consumer.next();
      if (done) throw caseFailure("a waiting receiver to receive", "it has ended");
      await value.ack();
      return index;
    };
    const waking = receive();
    waking.catch(() => {});
    waiting.set(index, waking);
    if (testbed.random.below(2) === 0) await turns(testbed.random.below(5));
  }
  await testbed.idle();
  for (let left = count; left > 0; left--) {
    testbed.send();
    const expected = `one of ${left} waiting receivers to wake when a message is sent`;
    waiting.delete(await testbed.within(Promise.race(waiting.values()), expected));
  }
  await testbed.expectEmpty();
}

async function survivesAbandonment(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const sendings: Sending[] = [];
  for (let round = random.between(1, 4); round > 0; round--) {
    const abandoned = Array.from({ length: random.between(1, 3) }, () => testbed.consumer());
    for (const consumer of abandoned) consumer.next().catch(() => {});
    await turns(random.below(4));

    const leave = () => Promise.all(abandoned.map((consumer) => testbed.leave(consumer)));
    const send = () => sendings.push(...testbed.sendMany(random.between(1, 2)));
    // In one tick, in either order, or with some turns in between.
    const isSentFirst = random.below(2) === 0;
    if (isSentFirst) send();
    if (random.below(2) === 0) await turns(random.below(4));
    const left = leave();
    if (!isSentFirst) send();
    await left;
  }
  await testbed.receiveAll(sendings);
  await testbed.accepted(sendings, "once its message was received");
  await testbed.expectEmpty();
}

async function letsHandlerSend(testbed: QueueTestbed): Promise<void> {
  const first = testbed.send();
  const busy = testbed.consumer();
  const held = await testbed.take(busy, "the message to be delivered");

  // While another consumer waits, even a full queue accepts the message.
  const other = testbed.consumer();
  const receiving = testbed.take(other, "what a handler has sent to be delivered to another consumer");
  await turns(testbed.random.below(5));
  const second = testbed.send();
  await testbed.accepted([second], "though the sender holds a message");
  const delivery = await receiving;
  await testbed.within(delivery.ack(), "the ack to resolve");

  // The only consumer must not wait for its own send, because only this consumer makes room.
  const third = testbed.send();
  await testbed.within(held.ack(), "the ack to resolve");
  await testbed.receiveAll([third]);
  await testbed.accepted([first, second, third], "once its message was received");
  await testbed.expectEmpty();
}

async function survivesThrow(testbed: QueueTestbed): Promise<void> {
  const sendings = testbed.sendMany(testbed.random.between(2, 8));
  const missing = new Set(sendings.map(({ message }) => message.id));

  const crashing = testbed.consumer();
  const iterable = { [Symbol.asyncIterator]: () => crashing };
  const crash = async () => {
    try {
      for await (const _delivery of iterable) throw new Error("a handler that fails");
    } catch {
      // The loop has called return() of the consumer.
    }
  };
  const work = async () => {
    const consumer = testbed.consumer();
    while (missing.size > 0) {
      await testbed.schedule.turn();
      const expected = `${describe(missing)} to be delivered though another consumer has thrown`;
      const delivery = await testbed.take(consumer, expected);
      missing.delete(delivery.message.id);
      await testbed.within(delivery.ack(), "the ack to resolve");
    }
  };
  const crashed = crash();
  if (testbed.random.below(2) === 0) await testbed.within(crashed, "a consumer to be able to throw");
  await testbed.schedule.run([work]);
  await testbed.expectEmpty();
  await testbed.within(crashed, "the consumer that has thrown to have left");
}
