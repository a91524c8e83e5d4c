import { QueueClosedError } from "../../errors.ts";
import { brokenPromise } from "../conformance_case.ts";
import type { QueueTrial, Sending } from "../queue_trial.ts";
import { turns } from "../schedule.ts";
import type { QueueCase } from "./queue_case.ts";

/** What the end of a queue means for those who use it. */
export const CLOSING_CASES: readonly QueueCase[] = [
  { name: "wakes every waiting receiver when it closes, however often it is closed", test: wakesReceivers },
  { name: "rejects a send after it has closed", test: rejectsLateSend },
  {
    name: "delivers what it accepted while it closed, once, and nothing that it rejected",
    test: keepsWordWhileClosing,
  },
  { name: "rejects the senders that wait when it closes", feature: "bounded", test: rejectsWaitingSenders },
  { name: "keeps what has no ack across a restart", feature: "persistence", test: survivesRestart },
];

async function wakesReceivers(trial: QueueTrial): Promise<void> {
  const { random } = trial;
  const receives = Array.from({ length: random.between(1, 6) }, () => trial.consumer().next());
  await turns(random.below(5));

  const closings: Promise<void>[] = [];
  for (let callers = random.between(1, 4); callers > 0; callers--) {
    closings.push(trial.close());
    if (random.below(2) === 0) await turns(random.below(4));
  }
  await Promise.all(closings);
  const results = await trial.within(Promise.all(receives), `all of ${receives.length} waiting receivers to end`);
  for (const { done, value } of results) {
    if (!done) throw brokenPromise("nothing to be received from an empty queue", `message ${value.message.id} was`);
  }
  // One who comes late finds it closed, whether the others have left or not.
  await trial.close();
  await trial.expectEmpty();
}

async function rejectsLateSend(trial: QueueTrial): Promise<void> {
  await trial.close();
  if (trial.random.below(2) === 0) await trial.settle();
  const late = trial.sendMany(trial.random.between(1, 3));
  for (const sending of late) {
    await trial.within(sending.answered, "a send after close to reject");
    expectClosed(sending, "a send after close");
  }
  await trial.expectEmpty();
}

function expectClosed({ state, error }: Sending, what: string): void {
  if (state !== "rejected") throw brokenPromise(`${what} to reject`, `it is ${state}`);
  if (error instanceof QueueClosedError) return;
  throw brokenPromise(`${what} to reject with a QueueClosedError`, `it rejected with ${error}`);
}

async function keepsWordWhileClosing(trial: QueueTrial): Promise<void> {
  const { random, schedule } = trial;
  const producers = random.between(1, 3);
  const sendings: Sending[] = [];
  const received = new Map<number, number>();
  const acked = new Set<number>();

  let active = producers + 1;
  let complete: () => void;
  const completed = new Promise<void>((resolve) => complete = resolve);
  const check = () => {
    const isKept = ({ state, message }: Sending) =>
      state === "rejected" || state === "accepted" && acked.has(message.id);
    if (active === 0 && sendings.every(isKept)) complete();
  };

  const produce = async () => {
    for (let left = random.between(1, 8); left > 0; left--) {
      await schedule.turn();
      const sending = trial.send();
      sendings.push(sending);
      sending.answered.then(check);
    }
    active--;
  };
  const consume = async () => {
    const consumer = trial.consumer();
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
    await trial.close();
    active--;
    check();
  };
  const working = schedule.run([
    ...Array(random.between(1, 3)).fill(consume),
    ...Array(producers).fill(produce),
    close,
  ]);
  // Whether every consumer then ends is what another case is for.
  const expected = "each send to be answered, and what was accepted to be delivered";
  let timeout: unknown;
  await trial.within(Promise.race([working, completed]), expected).catch((error) => timeout = error);
  await trial.settle();
  for (const { message: { id }, state } of sendings) {
    const wanted = state === "accepted" ? 1 : 0;
    const count = received.get(id) ?? 0;
    if (count === wanted) continue;
    throw brokenPromise(`message ${id}, ${state}, to be delivered ${wanted} times`, `it was delivered ${count} times`);
  }
  const answers = Promise.all(sendings.map(({ answered }) => answered));
  await trial.within(answers, "each send to be answered, at the latest when the queue closes");
  if (timeout !== undefined) throw timeout;
  await trial.expectEmpty();
}

async function rejectsWaitingSenders(trial: QueueTrial): Promise<void> {
  const { maxSize } = trial.features.bounded!;
  const accepted = trial.sendMany(maxSize);
  await trial.accepted(accepted, "while there is room");
  const sendings = trial.sendMany(trial.random.between(1, 3));
  await trial.settle();
  // That all of them wait is what another case is for.
  const waiting = sendings.filter(({ state }) => state === "waiting");
  await trial.close();
  for (const sending of waiting) {
    await trial.within(sending.answered, "a send that waits for room to reject when the queue closes");
    expectClosed(sending, "a send that waits when the queue closes");
  }
  await trial.receiveAll(accepted);
  await trial.expectEmpty();
}

async function survivesRestart(trial: QueueTrial): Promise<void> {
  const { random, features: { bounded } } = trial;
  const count = random.between(1, 8);
  const sendings = trial.sendMany(Math.min(count, bounded?.maxSize ?? count));
  await trial.accepted(sendings, "without a consumer, since it writes down what it accepts");

  const acked = new Set<number>();
  const consumer = trial.consumer();
  for (let taken = random.below(sendings.length + 1); taken > 0; taken--) {
    const delivery = await trial.take(consumer, "a message to be delivered");
    if (random.below(2) === 0) continue;
    await trial.within(delivery.ack(), "the ack to resolve");
    acked.add(delivery.message.id);
  }
  await trial.reopen();
  const owed = sendings.filter(({ message }) => !acked.has(message.id));
  await trial.receiveAll(owed);
  await trial.expectEmpty();
}
