import { brokenPromise } from "../conformance_case.ts";
import { describe, type QueueTrial, type Sending } from "../queue_trial.ts";
import { turns } from "../schedule.ts";
import type { QueueCase } from "./queue_case.ts";

/** What comes out of what goes in. */
export const DELIVERY_CASES: readonly QueueCase[] = [
  { name: "delivers a message as it was sent", test: deliversAsSent },
  { name: "loses nothing and duplicates nothing between many producers and many consumers", test: keepsCount },
  { name: "wakes a waiting receiver at once", test: wakesReceiver },
  { name: "never lets an abandoned receive swallow a message", test: survivesAbandonment },
  { name: "lets a handler send to its own queue", test: letsHandlerSend },
  { name: "goes on with the others when one consumer throws", test: survivesThrow },
];

async function deliversAsSent(trial: QueueTrial): Promise<void> {
  const sending = trial.send();
  const delivery = await trial.take(trial.consumer(), "the message to be delivered");
  const { message, attempt } = delivery;
  for (const key of ["id", "text"] as const) {
    if (message[key] === sending.message[key]) continue;
    throw brokenPromise(`the ${key} to be "${sending.message[key]}"`, `it was "${message[key]}"`);
  }
  if (attempt !== 1) throw brokenPromise("the first delivery to be attempt 1", `it was attempt ${attempt}`);
  await trial.within(delivery.ack(), "the ack to resolve");
  await trial.accepted([sending], "once its message was received");
  await trial.expectEmpty();
}

async function keepsCount(trial: QueueTrial): Promise<void> {
  const { random, schedule } = trial;
  const producers = random.between(1, 4);
  const share = random.between(1, 10);
  const total = producers * share;
  const counts = new Map<number, number>();

  let open = total;
  let finish: () => void;
  const finished = new Promise<void>((resolve) => finish = resolve);

  const produce = async () => {
    for (let index = 0; index < share; index++) {
      await schedule.turn();
      const sending = trial.send();
      // Half of the time it waits for the answer, as a producer with manners does.
      if (random.below(2) === 0) await sending.answered;
      if (sending.state === "rejected") throw brokenPromise("a send to resolve", `it was rejected: ${sending.error}`);
    }
  };
  const consume = async () => {
    const consumer = trial.consumer();
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
  await trial.within(schedule.run(actors), `all of ${total} messages to be sent, delivered and acked`);
  for (const [id, count] of counts) {
    if (count > 1) throw brokenPromise(`message ${id} to be delivered once`, `it was delivered ${count} times`);
  }
  await trial.expectEmpty();
}

async function wakesReceiver(trial: QueueTrial): Promise<void> {
  const count = trial.random.between(1, 4);
  const waiting = new Map<number, Promise<number>>();
  for (let index = 0; index < count; index++) {
    const consumer = trial.consumer();
    const receive = async () => {
      const { done, value } = await consumer.next();
      if (done) throw brokenPromise("a waiting receiver to receive", "it has ended");
      await value.ack();
      return index;
    };
    const waking = receive();
    waking.catch(() => {});
    waiting.set(index, waking);
    if (trial.random.below(2) === 0) await turns(trial.random.below(5));
  }
  await trial.settle();
  for (let left = count; left > 0; left--) {
    trial.send();
    const expected = `one of ${left} waiting receivers to wake when a message is sent, and nothing else happens`;
    waiting.delete(await trial.within(Promise.race(waiting.values()), expected));
  }
  await trial.expectEmpty();
}

async function survivesAbandonment(trial: QueueTrial): Promise<void> {
  const { random } = trial;
  const sendings: Sending[] = [];
  for (let round = random.between(1, 4); round > 0; round--) {
    const abandoned = Array.from({ length: random.between(1, 3) }, () => trial.consumer());
    for (const consumer of abandoned) consumer.next().catch(() => {});
    await turns(random.below(4));

    const leave = () => Promise.all(abandoned.map((consumer) => trial.leave(consumer)));
    const send = () => sendings.push(...trial.sendMany(random.between(1, 2)));
    // In one tick, either way round, or with some turns in between.
    const isSentFirst = random.below(2) === 0;
    if (isSentFirst) send();
    if (random.below(2) === 0) await turns(random.below(4));
    const left = leave();
    if (!isSentFirst) send();
    await left;
  }
  await trial.receiveAll(sendings);
  await trial.accepted(sendings, "once its message was received");
  await trial.expectEmpty();
}

async function letsHandlerSend(trial: QueueTrial): Promise<void> {
  const first = trial.send();
  const busy = trial.consumer();
  const held = await trial.take(busy, "the message to be delivered");

  // While another consumer waits even a queue without room has somebody to take the message.
  const other = trial.consumer();
  const receiving = trial.take(other, "what a handler has sent to be delivered to another consumer");
  await turns(trial.random.below(5));
  const second = trial.send();
  await trial.accepted([second], "though the sender holds a message");
  const delivery = await receiving;
  await trial.within(delivery.ack(), "the ack to resolve");

  // Alone it must not wait, since nobody makes room but itself.
  const third = trial.send();
  await trial.within(held.ack(), "the ack to resolve");
  await trial.receiveAll([third]);
  await trial.accepted([first, second, third], "once its message was received");
  await trial.expectEmpty();
}

async function survivesThrow(trial: QueueTrial): Promise<void> {
  const sendings = trial.sendMany(trial.random.between(2, 8));
  const missing = new Set(sendings.map(({ message }) => message.id));

  const crashing = trial.consumer();
  const iterable = { [Symbol.asyncIterator]: () => crashing };
  const crash = async () => {
    try {
      for await (const _delivery of iterable) throw new Error("a handler that fails");
    } catch {
      // The loop has left the consumer, as a loop does.
    }
  };
  const work = async () => {
    const consumer = trial.consumer();
    while (missing.size > 0) {
      await trial.schedule.turn();
      const expected = `${describe(missing)} to be delivered though another consumer has thrown`;
      const delivery = await trial.take(consumer, expected);
      missing.delete(delivery.message.id);
      await trial.within(delivery.ack(), "the ack to resolve");
    }
  };
  const crashed = crash();
  if (trial.random.below(2) === 0) await trial.within(crashed, "a consumer to be able to throw");
  await trial.schedule.run([work]);
  await trial.expectEmpty();
  await trial.within(crashed, "the consumer that has thrown to have left");
}
