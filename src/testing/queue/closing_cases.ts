import { QueueClosedError } from "../../errors.ts";
import { disposerOf } from "../../internal/dispose.ts";
import type { Delivery } from "../../queue/queue.ts";
import { caseFailure } from "../conformance_case.ts";
import type { TestMessage } from "./queue_features.ts";
import type { QueueTestbed, Sending, TestConsumer } from "./queue_testbed.ts";
import { turns } from "./schedule.ts";
import type { QueueCase } from "./queue_case.ts";

/** What closing a queue, or restarting it, leads to. */
export const CLOSING_CASES: readonly QueueCase[] = [
  { name: "wakes every waiting receiver when it closes, however often it is closed", test: wakesReceivers },
  { name: "rejects a send after it has closed", test: rejectsLateSend },
  {
    name: "delivers what it accepted while it closed, once, and nothing that it rejected",
    test: deliversAcceptedWhileClosing,
  },
  { name: "rejects the senders that wait when it closes", feature: "bounded", test: rejectsWaitingSenders },
  { name: "delivers again what is nacked after it has closed", feature: "redelivery", test: redeliversAfterClose },
  {
    name: "delivers again what is nacked with a delay after it has closed",
    feature: "delay",
    unless: "shared",
    test: redeliversLaterAfterClose,
  },
  { name: "ends its consumers at once when it is disposed, and their messages are given back", test: endsWhenDisposed },
  { name: "keeps the messages without an ack across a restart", feature: "persistence", test: survivesRestart },
];

async function wakesReceivers(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const receives = Array.from({ length: random.between(1, 6) }, () => testbed.consumer().next());
  await turns(random.below(5));

  const closings: Promise<void>[] = [];
  for (let callers = random.between(1, 4); callers > 0; callers--) {
    closings.push(testbed.close());
    if (random.below(2) === 0) await turns(random.below(4));
  }
  await Promise.all(closings);
  const results = await testbed.within(Promise.all(receives), `all of ${receives.length} waiting receivers to end`);
  for (const { done, value } of results) {
    if (!done) throw caseFailure("nothing to be received from an empty queue", `message ${value.message.id} was`);
  }
  // Another close changes nothing, and a new consumer ends too.
  await testbed.close();
  await testbed.expectEmpty();
}

async function rejectsLateSend(testbed: QueueTestbed): Promise<void> {
  await testbed.close();
  if (testbed.random.below(2) === 0) await testbed.idle();
  const late = testbed.sendMany(testbed.random.between(1, 3));
  for (const sending of late) {
    await testbed.within(sending.ended, "a send after close to reject");
    expectClosed(sending, "a send after close");
  }
  await testbed.expectEmpty();
}

function expectClosed({ state, error }: Sending, what: string): void {
  if (state !== "rejected") throw caseFailure(`${what} to reject`, `it is ${state}`);
  if (error instanceof QueueClosedError) return;
  throw caseFailure(`${what} to reject with a QueueClosedError`, `it rejected with ${error}`);
}

async function deliversAcceptedWhileClosing(testbed: QueueTestbed): Promise<void> {
  const { random, schedule } = testbed;
  const producers = random.between(1, 3);
  const sendings: Sending[] = [];
  const received = new Map<number, number>();
  const acked = new Set<number>();

  let active = producers + 1;
  let complete: () => void;
  const completed = new Promise<void>((resolve) => complete = resolve);
  const check = () => {
    const isFinal = ({ state, message }: Sending) =>
      state === "rejected" || state === "accepted" && acked.has(message.id);
    if (active === 0 && sendings.every(isFinal)) complete();
  };

  const produce = async () => {
    for (let left = random.between(1, 8); left > 0; left--) {
      await schedule.turn();
      const sending = testbed.send();
      sendings.push(sending);
      sending.ended.then(check);
    }
    active--;
  };
  const consume = async () => {
    const consumer = testbed.consumer();
    for (;;) {
      await schedule.turn();
      const { done, value } = await consumer.next();
      if (done) return;
      received.set(value.message.id, (received.get(value.message.id) ?? 0) + 1);
      await value.ack();
      acked.add(value.message.id);
      check();
    }
  };
  const close = async () => {
    for (let left = random.below(6); left > 0; left--) await schedule.turn();
    await testbed.close();
    active--;
    check();
  };
  const working = schedule.run([
    ...Array(random.between(1, 3)).fill(consume),
    ...Array(producers).fill(produce),
    close,
  ]);
  // Another case tests that every consumer then ends.
  const expected = "each send to end, and each accepted message to be delivered";
  let timeout: unknown;
  await testbed.within(Promise.race([working, completed]), expected).catch((error) => timeout = error);
  await testbed.idle();
  for (const { message: { id }, state } of sendings) {
    const wanted = state === "accepted" ? 1 : 0;
    const count = received.get(id) ?? 0;
    if (count === wanted) continue;
    throw caseFailure(`message ${id}, ${state}, to be delivered ${wanted} times`, `it was delivered ${count} times`);
  }
  const ended = Promise.all(sendings.map(({ ended }) => ended));
  await testbed.within(ended, "each send to end, at the latest when the queue closes");
  if (timeout !== undefined) throw timeout;
  await testbed.expectEmpty();
}

async function rejectsWaitingSenders(testbed: QueueTestbed): Promise<void> {
  const { maxSize } = testbed.features.bounded!;
  const accepted = testbed.sendMany(maxSize);
  await testbed.accepted(accepted, "while there is room");
  const sendings = testbed.sendMany(testbed.random.between(1, 3));
  await testbed.idle();
  // Another case tests that all of them wait.
  const waiting = sendings.filter(({ state }) => state === "waiting");
  await testbed.close();
  for (const sending of waiting) {
    await testbed.within(sending.ended, "a send that waits for room to reject when the queue closes");
    expectClosed(sending, "a send that waits when the queue closes");
  }
  await testbed.receiveAll(accepted);
  await testbed.expectEmpty();
}

async function survivesRestart(testbed: QueueTestbed): Promise<void> {
  const { random, features: { bounded } } = testbed;
  const count = random.between(1, 8);
  const sendings = testbed.sendMany(Math.min(count, bounded?.maxSize ?? count));
  await testbed.accepted(sendings, "without a consumer, because the queue stores it");

  const acked = new Set<number>();
  const consumer = testbed.consumer();
  for (let taken = random.below(sendings.length + 1); taken > 0; taken--) {
    const delivery = await testbed.take(consumer, "a message to be delivered");
    if (random.below(2) === 0) continue;
    await testbed.within(delivery.ack(), "the ack to resolve");
    acked.add(delivery.message.id);
  }
  await testbed.reopen();
  const unacked = sendings.filter(({ message }) => !acked.has(message.id));
  await testbed.receiveAll(unacked);
  await testbed.expectEmpty();
}

async function redeliversAfterClose(testbed: QueueTestbed): Promise<void> {
  const { random } = testbed;
  const sendings = testbed.sendMany(random.between(1, 4));
  const consumer = testbed.consumer();
  const { message: { id } } = await nackAfterClose(testbed, { consumer, sendings });
  const again = await testbed.take(consumer, `message ${id} to be delivered again, though the queue is closed`);
  await expectAgain(testbed, { again, id });
  await testbed.expectEmpty();
}

async function redeliversLaterAfterClose(testbed: QueueTestbed): Promise<void> {
  const { delay, lease } = testbed.features;
  const { ms = 20, advance } = typeof delay === "object" ? delay : {};
  const sendings = testbed.sendMany(testbed.random.between(1, 4));
  const consumer = testbed.consumer();
  const { message: { id } } = await nackAfterClose(testbed, { consumer, sendings, delay: ms });
  const receiving = testbed.within(consumer.next(), `message ${id} to be delivered again`, { extraMs: ms });
  if (advance !== undefined) {
    await testbed.idle();
    await advance(ms);
  }
  const { done, value } = await receiving;
  const expected = `message ${id} to be delivered again after its delay, though the queue is closed`;
  // Where other processes share the queue, a closed one may end before that, and leave the message to them.
  if (done && lease === undefined) throw caseFailure(expected, "the consumer has ended");
  const again = done
    ? await testbed.take(testbed.consumer(await testbed.openOther()), expected, { extraMs: ms })
    : value;
  await expectAgain(testbed, { again, id });
  await testbed.expectEmpty();
}

/** Receives all messages, acks all but one of them, closes the queue, and nacks that one. */
async function nackAfterClose(
  testbed: QueueTestbed,
  { consumer, sendings, delay }: { consumer: TestConsumer; sendings: readonly Sending[]; delay?: number },
): Promise<Delivery<TestMessage>> {
  const held: Delivery<TestMessage>[] = [];
  for (let left = sendings.length; left > 0; left--) {
    held.push(await testbed.take(consumer, "each message to be delivered"));
  }
  const nacked = testbed.random.pick(held);
  for (const delivery of held) if (delivery !== nacked) await testbed.within(delivery.ack(), "the ack to resolve");
  await testbed.accepted(sendings, "once its message was received");
  await testbed.close();
  await testbed.within(nacked.nack(delay === undefined ? {} : { delay }), "a nack after close to resolve");
  return nacked;
}

async function expectAgain(
  testbed: QueueTestbed,
  { again, id }: { again: Delivery<TestMessage>; id: number },
): Promise<void> {
  if (again.message.id !== id) {
    throw caseFailure(`message ${id} to be delivered again`, `message ${again.message.id} was`);
  }
  await testbed.within(again.ack(), "the ack to resolve");
}

async function endsWhenDisposed(testbed: QueueTestbed): Promise<void> {
  const { random, queue, features: { lease } } = testbed;
  const dispose = disposerOf(queue);
  if (dispose === undefined) return;
  const other = lease === undefined ? undefined : await testbed.openOther();
  const sendings = testbed.sendMany(random.between(1, 3));
  const holder = testbed.consumer();
  const held = await testbed.take(holder, "a message to be delivered");
  const waiting = Array.from({ length: sendings.length + random.below(2) }, () => testbed.consumer().next());
  await testbed.within(Promise.resolve(dispose()), "the disposal to resolve");
  await testbed.within(Promise.allSettled(waiting), "the consumers that wait to end at once");
  const { done } = await testbed.within(holder.next(), "a consumer of a disposed queue to end");
  if (!done) throw caseFailure("a consumer of a disposed queue to end", "a message was delivered");
  if (other === undefined) return;
  const expected = "what a disposed queue has held to be delivered to another process, without waiting for its lease";
  const consumer = testbed.consumer(other);
  const limit = testbed.pass(lease!.ms / 2).then(() => undefined);
  for (let left = sendings.length; left > 0; left--) {
    const delivery = await Promise.race([testbed.take(consumer, expected), limit]);
    if (delivery === undefined) throw caseFailure(expected, `it did not happen within ${lease!.ms / 2} ms`);
    await testbed.within(delivery.ack(), "the ack to resolve");
  }
  await limit;
  await testbed.within(held.ack(), "an ack after the disposal to resolve");
}
