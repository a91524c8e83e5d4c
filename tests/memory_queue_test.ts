import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Command,
  type CommandBus,
  type Consumer,
  type Delivery,
  type Event,
  MemoryQueue,
  type Producer,
  Pump,
  type Queue,
  QueueClosedError,
} from "@cq/core";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { nextTurn } from "./support/pump_parts.ts";

/** Receives the next delivery. The test fails if the consumer has ended. */
async function take<T>(consumer: AsyncIterator<Delivery<T>>): Promise<Delivery<T>> {
  const result = await consumer.next();
  assert(!result.done, "the consumer has ended");
  return result.value;
}

/** Receives and acks until the queue ends. */
async function receiveAll<T>(queue: Consumer<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const delivery of queue) {
    messages.push(delivery.message);
    await delivery.ack();
  }
  return messages;
}

/** Waits until everything has run that does not wait for a timer. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await undefined;
}

/** Shows the state of a promise at any time. */
function watch<T>(promise: Promise<T>): { state: "waiting" | "resolved" | "rejected"; value: unknown } {
  const watched: ReturnType<typeof watch> = { state: "waiting", value: undefined };
  promise.then(
    (value) => Object.assign(watched, { state: "resolved", value }),
    (value) => Object.assign(watched, { state: "rejected", value }),
  );
  return watched;
}

Deno.test("MemoryQueue is a rendezvous with one attempt by default", async () => {
  const queue = new MemoryQueue<string>();
  const sent = watch(queue.send("a"));
  await idle();
  assertEquals(sent.state, "waiting");

  const consumer = queue[Symbol.asyncIterator]();
  await (await take(consumer)).nack();
  assertEquals([queue.size, queue.pending], [0, 0]);
});

for (const maxSize of [-1, 1.5, NaN, -Infinity]) {
  Deno.test(`MemoryQueue refuses a maxSize of ${maxSize}`, () => {
    const error = assertThrows(() => new MemoryQueue({ maxSize }), RangeError);
    assertEquals(
      error.message,
      `Cannot make a queue of ${maxSize} messages: maxSize must be a whole number from 0, or Infinity`,
    );
  });
}

for (const maxAttempts of [0, -1, 1.5, NaN]) {
  Deno.test(`MemoryQueue refuses a maxAttempts of ${maxAttempts}`, () => {
    const error = assertThrows(() => new MemoryQueue({ maxAttempts }), RangeError);
    assertEquals(
      error.message,
      `Cannot deliver a message ${maxAttempts} times: maxAttempts must be a whole number from 1, or Infinity`,
    );
  });
}

Deno.test("MemoryQueue delivers messages in the order in which they were sent", async () => {
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  for (let message = 0; message < 100; message++) await queue.send(message);
  queue.close();
  assertEquals(await receiveAll(queue), Array.from({ length: 100 }, (_, message) => message));
});

Deno.test("MemoryQueue has its size, how many messages are pending, and whether it is closed", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  const read = () => [queue.size, queue.pending, queue.closed];
  assertEquals(read(), [0, 0, false]);

  await queue.send("a");
  await queue.send("b");
  const third = queue.send("c");
  assertEquals(read(), [2, 0, false], "the message of a sender that waits is not in the queue yet");

  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await third;
  assertEquals(read(), [2, 1, false]);

  await delivery.ack();
  queue.close();
  assertEquals(read(), [2, 0, true]);
});

Deno.test("MemoryQueue delivers messages of any kind, even undefined", async () => {
  const queue = new MemoryQueue<unknown>({ maxSize: Infinity });
  const messages = [undefined, null, 0, "", false, NaN, {}];
  for (const message of messages) await queue.send(message);
  queue.close();
  assertEquals(await receiveAll(queue), messages);
});

Deno.test("MemoryQueue serves waiting receivers in order of arrival", async () => {
  const queue = new MemoryQueue<string>();
  const consumers = ["first", "second", "third"].map((name) => ({ name, iterator: queue[Symbol.asyncIterator]() }));
  const log: string[] = [];
  const receives = consumers.map(async ({ name, iterator }) => {
    log.push(`${name} gets ${(await take(iterator)).message}`);
  });
  for (const message of ["a", "b", "c"]) await queue.send(message);
  await Promise.all(receives);
  assertEquals(log, ["first gets a", "second gets b", "third gets c"]);
});

Deno.test("MemoryQueue.send() wakes a waiting receiver at once", async () => {
  const queue = new MemoryQueue<string>();
  const received = watch(queue[Symbol.asyncIterator]().next());
  queue.send("a");
  await undefined;
  await undefined;
  assertEquals(received.state, "resolved");
});

Deno.test("MemoryQueue.send() to a rendezvous resolves when a consumer has taken the message", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 0 });
  const sent = watch(queue.send("a"));
  await idle();
  assertEquals([sent.state, queue.size], ["waiting", 0]);

  const delivery = await take(queue[Symbol.asyncIterator]());
  await idle();
  assertEquals([sent.state, delivery.message, queue.pending], ["resolved", "a", 1]);
});

Deno.test("MemoryQueue.send() to an unbounded queue never waits", async () => {
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  const sent = Array.from({ length: 10_000 }, (_, message) => queue.send(message));
  await Promise.all(sent);
  assertEquals(queue.size, 10_000);
});

Deno.test("MemoryQueue.send() to a full queue waits for room, in the order of the calls", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  const log: string[] = [];
  for (const message of ["b", "c"]) queue.send(message).then(() => log.push(message));
  await idle();
  assertEquals(log, []);

  const consumer = queue[Symbol.asyncIterator]();
  assertEquals((await take(consumer)).message, "a");
  await idle();
  assertEquals(log, ["b"]);
  assertEquals((await take(consumer)).message, "b");
  await idle();
  assertEquals(log, ["b", "c"]);
  assertEquals((await take(consumer)).message, "c");
});

Deno.test("MemoryQueue.send() rejects with the reason of a signal that has fired", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  const reason = new Error("gone");
  const error = await assertRejects(() => queue.send("a", { signal: AbortSignal.abort(reason) }));
  assertStrictEquals(error, reason);
  assertEquals(queue.size, 0);
});

Deno.test("MemoryQueue.send() withdraws the message when the signal fires during the wait", async () => {
  const queue = new MemoryQueue<string>();
  const controllers = ["a", "b", "c"].map((message) => {
    const controller = new AbortController();
    return { message, controller, sent: watch(queue.send(message, { signal: controller.signal })) };
  });
  const last = watch(queue.send("d"));

  controllers[1]!.controller.abort("second");
  controllers[0]!.controller.abort("first");
  await idle();
  assertEquals(controllers.map(({ sent }) => sent.state), ["rejected", "rejected", "waiting"]);
  assertEquals(controllers.map(({ sent }) => sent.value), ["first", "second", undefined]);

  const consumer = queue[Symbol.asyncIterator]();
  assertEquals((await take(consumer)).message, "c");
  assertEquals((await take(consumer)).message, "d");
  await idle();
  assertEquals([controllers[2]!.sent.state, last.state], ["resolved", "resolved"]);
});

Deno.test("MemoryQueue.send() ignores a signal that fires after the message was accepted", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  const controller = new AbortController();
  await queue.send("a", { signal: controller.signal });
  const second = queue.send("b", { signal: controller.signal });
  const consumer = queue[Symbol.asyncIterator]();
  await take(consumer);
  await second;
  controller.abort();
  assertEquals((await take(consumer)).message, "b");
});

for (const end of ["accepted", "aborted", "closed"] as const) {
  Deno.test(`MemoryQueue.send() leaves no listener on the signal of a sender that was ${end}`, async () => {
    const queue = new MemoryQueue<string>();
    const controller = new AbortController();
    const count = countAbortListeners(controller.signal);
    const sent = watch(queue.send("a", { signal: controller.signal }));
    assertEquals(count(), 1);

    if (end === "accepted") await take(queue[Symbol.asyncIterator]());
    if (end === "aborted") controller.abort();
    if (end === "closed") queue.close();
    await idle();
    assertEquals([sent.state, count()], [end === "accepted" ? "resolved" : "rejected", 0]);
  });
}

Deno.test("MemoryQueue delivers the sender's metadata with each attempt", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2, maxAttempts: 2 });
  const metadata = { requestId: "42" };
  await queue.send("a", { metadata });
  await queue.send("b");
  const consumer = queue[Symbol.asyncIterator]();

  const first = await take(consumer);
  assertStrictEquals(first.metadata, metadata);
  await first.nack();
  assertEquals((await take(consumer)).metadata, undefined);
  assertStrictEquals((await take(consumer)).metadata, metadata);
});

Deno.test("MemoryQueue takes messages back from a consumer that breaks out of its loop", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  await queue.send("a");
  await queue.send("b");
  for await (const delivery of queue) {
    assertEquals([delivery.message, delivery.attempt], ["a", 1]);
    break;
  }
  assertEquals([queue.size, queue.pending], [2, 0]);

  const { message, attempt } = await take(queue[Symbol.asyncIterator]());
  assertEquals([message, attempt], ["a", 1], "the message is at the head again, and it has not failed");
});

Deno.test("MemoryQueue takes messages back from a consumer that throws out of its loop", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  await assertRejects(
    async () => {
      for await (const delivery of queue) throw new Error(delivery.message);
    },
    Error,
    "a",
  );
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("MemoryQueue takes messages back from a consumer whose throw() is called", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  await take(consumer);
  const reason = new Error("thrown in");
  assertStrictEquals(await assertRejects(() => consumer.throw!(reason)), reason);
  assertEquals([queue.size, queue.pending], [1, 0]);
  assertEquals(await consumer.next(), { done: true, value: undefined });
});

Deno.test("MemoryQueue does not take back what a consumer has acked before it leaves", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  for await (const delivery of queue) {
    await delivery.ack();
    break;
  }
  assertEquals([queue.size, queue.pending], [0, 0]);
});

Deno.test("MemoryQueue takes several messages back in their order", async () => {
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  for (let message = 0; message < 6; message++) await queue.send(message);
  const consumer = queue[Symbol.asyncIterator]();
  const held: Delivery<number>[] = [];
  for (let count = 0; count < 5; count++) held.push(await take(consumer));
  await held[0]!.ack();
  await held[3]!.ack();
  await take(consumer);
  await consumer.return!();

  queue.close();
  assertEquals(await receiveAll(queue), [1, 2, 4, 5]);
});

Deno.test("MemoryQueue gives messages that come back to the receivers that wait", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  await queue.send("a");
  await queue.send("b");
  const leaving = queue[Symbol.asyncIterator]();
  await take(leaving);
  await take(leaving);

  const [first, second] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()].map((consumer) =>
    take(consumer)
  );
  await leaving.return!();
  assertEquals([(await first!).message, (await second!).message], ["a", "b"]);
});

Deno.test("MemoryQueue counts no attempt of a message that a consumer gives back", async () => {
  const dead: string[] = [];
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 1, onDead: ({ message }) => dead.push(message) });
  await queue.send("a");
  for (let time = 0; time < 3; time++) {
    for await (const _delivery of queue) break;
  }
  const delivery = await take(queue[Symbol.asyncIterator]());
  assertEquals([delivery.attempt, delivery.isLast, dead], [1, true, []]);

  await delivery.nack();
  assertEquals(dead, ["a"]);
});

Deno.test("Delivery.ack() and nack() do nothing after the message was given back", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await consumer.return!();
  await delivery.ack();
  await delivery.nack();
  assertEquals([queue.size, queue.pending], [1, 0]);
});

Deno.test("MemoryQueue ends the receives of a consumer that leaves while it waits", async () => {
  const queue = new MemoryQueue<string>();
  const consumer = queue[Symbol.asyncIterator]();
  const receives = [consumer.next(), consumer.next()];
  assertEquals(await consumer.return!(), { done: true, value: undefined });
  assertEquals(await Promise.all(receives), [{ done: true, value: undefined }, { done: true, value: undefined }]);
  assertEquals(await consumer.next(), { done: true, value: undefined });
});

Deno.test("MemoryQueue never loses a message to an abandoned receive", async () => {
  const queue = new MemoryQueue<string>();
  const leaving = queue[Symbol.asyncIterator]();
  leaving.next();
  leaving.return!();
  const sent = watch(queue.send("a"));
  await idle();
  assertEquals(sent.state, "waiting");
  assertEquals((await take(queue[Symbol.asyncIterator]())).message, "a");
});

Deno.test("MemoryQueue never loses a message that was sent in the tick in which the receive is abandoned", async () => {
  const queue = new MemoryQueue<string>();
  const leaving = queue[Symbol.asyncIterator]();
  const staying = queue[Symbol.asyncIterator]();
  leaving.next();
  const other = take(staying);
  queue.send("a");
  leaving.return!();
  assertEquals((await other).message, "a");
});

Deno.test("MemoryQueue serves one iterator with several receives at a time", async () => {
  const queue = new MemoryQueue<number>();
  const consumer = queue[Symbol.asyncIterator]();
  const receives = [take(consumer), take(consumer), take(consumer)];
  for (const message of [1, 2, 3]) await queue.send(message);
  assertEquals((await Promise.all(receives)).map(({ message }) => message), [1, 2, 3]);
  assertEquals(queue.pending, 3);
});

Deno.test("MemoryQueue returns iterators that can be iterated themselves", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  queue.close();
  assertEquals(await receiveAll(queue[Symbol.asyncIterator]()), ["a"]);
});

Deno.test("Delivery.nack() delivers the message again behind all messages that wait, those of senders too", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await queue.send("b");
  const waiting = queue.send("c");
  await delivery.nack();

  const received: unknown[] = [];
  for (let count = 0; count < 3; count++) {
    const { message, attempt } = await take(consumer);
    received.push([message, attempt]);
  }
  await waiting;
  assertEquals(received, [["b", 1], ["c", 1], ["a", 2]]);
});

Deno.test("Delivery.nack() does not let the senders to a rendezvous starve", async () => {
  const queue = new MemoryQueue<string>({ maxAttempts: Infinity });
  queue.send("poison");
  const consumer = queue[Symbol.asyncIterator]();
  const poison = await take(consumer);
  const waiting = watch(queue.send("a"));
  await poison.nack();
  assertEquals((await take(consumer)).message, "a");
  await idle();
  assertEquals(waiting.state, "resolved");
  assertEquals((await take(consumer)).message, "poison");
});

Deno.test("Delivery.nack() may take a queue above its limit, and senders then wait for room", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await queue.send("b");
  await delivery.nack();
  assertEquals(queue.size, 2);

  const waiting = watch(queue.send("c"));
  await take(consumer);
  await idle();
  assertEquals([queue.size, waiting.state], [1, "waiting"]);
  await nextTurn();
  await take(consumer);
  await idle();
  assertEquals([queue.size, waiting.state], [1, "resolved"]);
});

Deno.test("MemoryQueue withdraws the message of a sender after a message came back behind it", async () => {
  const queue = new MemoryQueue<string>({ maxAttempts: 2 });
  queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  const controller = new AbortController();
  const first = watch(queue.send("b", { signal: controller.signal }));
  await delivery.nack();
  await nextTurn();
  const second = watch(queue.send("c"));
  controller.abort();

  assertEquals((await take(consumer)).message, "a");
  assertEquals((await take(consumer)).message, "c");
  await idle();
  assertEquals([first.state, second.state], ["rejected", "resolved"]);
});

Deno.test("Delivery.nack() with a delay delays that message only", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 2, maxAttempts: 2 });
  await queue.send("a");
  await queue.send("b");
  const consumer = queue[Symbol.asyncIterator]();
  await (await take(consumer)).nack({ delay: 1000 });
  assertEquals([queue.size, queue.pending], [1, 1]);
  assertEquals((await take(consumer)).message, "b");

  const received = watch(take(consumer));
  await time.tickAsync(999);
  await idle();
  assertEquals(received.state, "waiting");
  await time.tickAsync(1);
  await idle();
  const { message, attempt } = received.value as Delivery<string>;
  assertEquals([message, attempt, queue.size, queue.pending], ["a", 2, 0, 2]);
});

for (const delay of [-1, NaN, Infinity, 2 ** 31]) {
  Deno.test(`Delivery.nack() refuses a delay of ${delay} ms, and the delivery stays open`, async () => {
    const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
    await queue.send("a");
    const delivery = await take(queue[Symbol.asyncIterator]());
    const error = await assertRejects(() => delivery.nack({ delay }), RangeError);
    assertEquals(error.message, `Cannot deliver again after ${delay} ms: delay must be a number from 0 to 2147483647`);
    assertEquals(queue.pending, 1);
    await delivery.ack();
    assertEquals(queue.pending, 0);
  });
}

/** Runs a program, and returns what it has printed. */
async function run(program: string): Promise<string> {
  const script = `
    import { MemoryQueue } from ${JSON.stringify(new URL("../src/queue/memory/memory_queue.ts", import.meta.url).href)};
    const queue = new MemoryQueue({ maxSize: 2, maxAttempts: 2 });
    ${program}
  `;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--ext=ts", script],
    signal: AbortSignal.timeout(20_000),
  });
  const { success, stdout, stderr } = await process.output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

for (
  const [name, delayed] of [
    ["Delivery.nack()", `await queue.send("a"); await (await consumer.next()).value.nack({ delay });`],
    ["MemoryQueue.send()", `await queue.send("a", { delay });`],
  ] as const
) {
  Deno.test(`${name} with a delay does not keep the process alive when nobody waits for the queue`, async () => {
    const printed = await run(`
      const delay = 600_000;
      const consumer = queue[Symbol.asyncIterator]();
      ${delayed}
      // A consumer that waited and left keeps nothing alive either.
      const leaving = queue[Symbol.asyncIterator]();
      leaving.next();
      leaving.return();
      // Nor does one that has waited and was served.
      const served = queue[Symbol.asyncIterator]().next();
      await queue.send("b");
      await (await served).value.ack();
      console.log("left with", queue.size + queue.pending);
    `);
    assertEquals(printed, "left with 1");
  });

  Deno.test(`${name} with a delay keeps the process alive while a consumer waits`, async () => {
    const printed = await run(`
      const delay = 50;
      const consumer = queue[Symbol.asyncIterator]();
      ${delayed}
      const { value: { message, attempt } } = await consumer.next();
      console.log("received", message, attempt);
    `);
    assertEquals(printed, name === "Delivery.nack()" ? "received a 2" : "received a 1");
  });
}

Deno.test("Delivery.nack() delivers again only in a later turn of the event loop, so that timers are heard", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: Infinity });
  await queue.send("a");
  let isOver = false;
  setTimeout(() => isOver = true, 5);
  let attempts = 0;
  for await (const delivery of queue) {
    attempts++;
    if (isOver) break;
    await delivery.nack();
  }
  assert(attempts > 1);
});

Deno.test("Delivery.nack() without requeue gives the message up at once, with its reason", async () => {
  const dead: unknown[] = [];
  const queue = new MemoryQueue<string>({
    maxSize: 1,
    maxAttempts: Infinity,
    onDead: ({ message, attempt }, reason) => dead.push([message, attempt, reason]),
  });
  await queue.send("a");
  await (await take(queue[Symbol.asyncIterator]())).nack({ requeue: false, reason: "poison", delay: 1000 });
  assertEquals([dead, queue.size, queue.pending], [[["a", 1, "poison"]], 0, 0]);
});

Deno.test("Delivery of a MemoryQueue has the key, the time of the send, and whether it is the last", async () => {
  using time = new FakeTime(1_000);
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a", { key: "k" });
  const consumer = queue[Symbol.asyncIterator]();
  const first = await take(consumer);
  await first.nack({ delay: 500 });
  await time.tickAsync(500);
  const second = await take(consumer);
  for (const delivery of [first, second]) {
    assertEquals([delivery.key, delivery.sentAt, delivery.id, delivery.signal], [
      "k",
      new Date(1_000),
      undefined,
      undefined,
    ]);
  }
  assertEquals([first.isLast, second.isLast], [false, true]);
});

Deno.test("MemoryQueue.send() refuses an id, because the queue does not promise ids", async () => {
  class SendMail extends Command {}
  const queue = new MemoryQueue<SendMail>({ maxSize: 1 });
  const error = await assertRejects(() => queue.send(new SendMail(), { id: "1" }), RangeError);
  assertEquals(
    error.message,
    'Cannot send "SendMail" with an id: a MemoryQueue does not know which ids it has had. ' +
      "Leave the id out, or use a durable queue",
  );
  assertEquals(queue.size, 0);
});

for (const delay of [-1, NaN, Infinity, 2 ** 31]) {
  Deno.test(`MemoryQueue.send() refuses a delay of ${delay} ms`, async () => {
    const queue = new MemoryQueue<string>({ maxSize: 1 });
    const error = await assertRejects(() => queue.send("a", { delay }), RangeError);
    assertEquals(
      error.message,
      `Cannot send "String" after ${delay} ms: delay must be a number from 0 to 2147483647`,
    );
    assertEquals(queue.size, 0);
  });
}

Deno.test("MemoryQueue.send() with a delay delays that message only, which takes room meanwhile", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  await queue.send("a", { delay: 1000 });
  await queue.send("b");
  const waiting = watch(queue.send("c"));
  await idle();
  assertEquals([queue.size, waiting.state], [2, "waiting"]);

  const consumer = queue[Symbol.asyncIterator]();
  for (const message of ["b", "c"]) assertEquals((await take(consumer)).message, message);
  const received = watch(take(consumer));
  await time.tickAsync(999);
  await idle();
  assertEquals([queue.size, received.state], [1, "waiting"]);
  await time.tickAsync(1);
  await idle();
  assertEquals([queue.size, (received.value as Delivery<string>).message], [0, "a"]);
});

Deno.test("MemoryQueue.send() with a delay to a rendezvous resolves when a consumer has the message", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>();
  const sent = watch(queue.send("a", { delay: 1000 }));
  const received = watch(take(queue[Symbol.asyncIterator]()));
  await time.tickAsync(999);
  await idle();
  assertEquals([sent.state, received.state], ["waiting", "waiting"]);
  await time.tickAsync(1);
  await idle();
  assertEquals([sent.state, received.state], ["resolved", "resolved"]);
});

for (const end of ["aborted", "closed"] as const) {
  Deno.test(`MemoryQueue.send() with a delay leaves no timer when its sender was ${end}`, async () => {
    using time = new FakeTime();
    const queue = new MemoryQueue<string>();
    const controller = new AbortController();
    const sent = watch(queue.send("a", { delay: 1000, key: "k", signal: controller.signal }));
    const other = watch(queue.send("b", { delay: 1000, signal: controller.signal }));
    if (end === "aborted") controller.abort();
    else queue.close();
    await idle();
    assertEquals([sent.state, other.state, time.next()], ["rejected", "rejected", false]);
  });
}

Deno.test("MemoryQueue delivers the messages of one key one at a time, and others meanwhile", async () => {
  const queue = new MemoryQueue<string>({ maxSize: Infinity });
  for (const message of ["k1", "k2", "l1", "x"]) {
    await queue.send(message, message === "x" ? {} : { key: message[0]! });
  }
  const consumer = queue[Symbol.asyncIterator]();
  const first = await take(consumer);
  assertEquals([first.message, (await take(consumer)).message, (await take(consumer)).message], ["k1", "l1", "x"]);
  const next = watch(take(consumer));
  await idle();
  assertEquals(next.state, "waiting");
  await first.ack();
  await idle();
  assertEquals((next.value as Delivery<string>).message, "k2");
});

Deno.test("MemoryQueue delivers in the order of sending, whatever the keys, to one consumer that acks each", async () => {
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  const messages = Array.from({ length: 100 }, (_, index) => index);
  for (const message of messages) {
    await queue.send(message, { key: message % 7 === 0 ? undefined : String(message % 5) });
  }
  queue.close();
  assertEquals(await receiveAll(queue), messages);
});

for (const delay of [0, 1000]) {
  Deno.test(`Delivery.nack() with a delay of ${delay} keeps the place of a message with a key, and blocks its key`, async () => {
    using time = new FakeTime();
    const queue = new MemoryQueue<string>({ maxSize: Infinity, maxAttempts: 2 });
    for (const message of ["k1", "k2", "a"]) await queue.send(message, { key: message === "a" ? undefined : "k" });
    const consumer = queue[Symbol.asyncIterator]();
    await (await take(consumer)).nack({ delay });
    const second = watch(take(queue[Symbol.asyncIterator]()));
    await idle();
    assertEquals((second.value as Delivery<string>).message, "a");

    const third = watch(take(consumer));
    await idle();
    assertEquals(third.state, "waiting");
    await time.tickAsync(delay);
    await idle();
    const again = third.value as Delivery<string>;
    assertEquals([again.message, again.attempt], ["k1", 2]);
    await again.ack();
    assertEquals((await take(consumer)).message, "k2");
  });
}

Deno.test("MemoryQueue.send() with a delay blocks the key until the message is handled", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: Infinity });
  await queue.send("k1", { key: "k", delay: 1000 });
  await queue.send("k2", { key: "k" });
  const consumer = queue[Symbol.asyncIterator]();
  const first = watch(take(consumer));
  await idle();
  assertEquals(first.state, "waiting");
  await time.tickAsync(1000);
  await idle();
  const delivery = first.value as Delivery<string>;
  assertEquals(delivery.message, "k1");
  await delivery.ack();
  assertEquals((await take(consumer)).message, "k2");
});

Deno.test("MemoryQueue lets the next message of a key be received when a sender withdraws the first", async () => {
  using _time = new FakeTime();
  const queue = new MemoryQueue<string>();
  const controller = new AbortController();
  const withdrawn = watch(queue.send("k1", { key: "k", delay: 1000, signal: controller.signal }));
  const sent = watch(queue.send("k2", { key: "k" }));
  const received = watch(take(queue[Symbol.asyncIterator]()));
  await idle();
  assertEquals([withdrawn.state, sent.state, received.state], ["waiting", "waiting", "waiting"]);
  controller.abort();
  await idle();
  assertEquals([withdrawn.state, sent.state, received.state], ["rejected", "resolved", "resolved"]);
});

for (const end of ["given back", "given up"] as const) {
  Deno.test(`MemoryQueue lets a key go on when its message was ${end}`, async () => {
    const queue = new MemoryQueue<string>({ maxSize: 2 });
    await queue.send("k1", { key: "k" });
    await queue.send("k2", { key: "k" });
    const consumer = queue[Symbol.asyncIterator]();
    const delivery = await take(consumer);
    if (end === "given up") await delivery.nack();
    else await consumer.return!();
    queue.close();
    assertEquals(await receiveAll(queue), end === "given up" ? ["k2"] : ["k1", "k2"]);
  });
}

Deno.test("MemoryQueue does not let a key go on before onDead has taken its message over", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = new MemoryQueue<string>({ maxSize: 2, onDead: () => gate.promise });
  await queue.send("k1", { key: "k" });
  await queue.send("k2", { key: "k" });
  const consumer = queue[Symbol.asyncIterator]();
  const nacked = (await take(consumer)).nack();
  const next = watch(take(consumer));
  await idle();
  assertEquals(next.state, "waiting");
  gate.resolve();
  await nacked;
  await idle();
  assertEquals(next.state, "resolved");
});

Deno.test("MemoryQueue keeps its consumers after close() until the messages of a blocked key are received", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  await queue.send("k1", { key: "k" });
  await queue.send("k2", { key: "k" });
  const held = await take(queue[Symbol.asyncIterator]());
  queue.close();
  const others = [watch(queue[Symbol.asyncIterator]().next()), watch(queue[Symbol.asyncIterator]().next())];
  await idle();
  assertEquals(others.map(({ state }) => state), ["waiting", "waiting"]);
  await held.ack();
  await idle();
  assertEquals((others[0]!.value as IteratorResult<Delivery<string>>).value.message, "k2");
  assertEquals(others[1]!.value, { done: true, value: undefined });
});

Deno.test("MemoryQueue keeps nothing of a key whose messages are handled", {
  // deno test --v8-flags=--expose-gc
  ignore: !("gc" in globalThis),
}, async () => {
  const { gc } = globalThis as unknown as { gc: () => void };
  const heap = () => {
    gc();
    return Deno.memoryUsage().heapUsed;
  };
  const queue = new MemoryQueue<number>({ maxSize: Infinity, maxAttempts: 2 });
  const consumer = queue[Symbol.asyncIterator]();
  const rendezvous = new MemoryQueue<number>();
  const pass = async (from: number) => {
    for (let index = from; index < from + 20_000; index++) {
      const controller = new AbortController();
      const options = { key: `key ${index}`, signal: controller.signal };
      await queue.send(index, options);
      await (await take(consumer)).ack();
      const aborted = rendezvous.send(index, { ...options, delay: 60_000 });
      controller.abort();
      await aborted.catch(() => {});
    }
  };
  await pass(0);
  const before = heap();
  await pass(20_000);
  const growth = heap() - before;
  assert(growth < 2 ** 20, `the heap has grown by ${growth} bytes`);
  assertEquals([queue.size, queue.pending, rendezvous.size, rendezvous.pending], [0, 0, 0, 0]);
});

Deno.test("MemoryQueue[Symbol.asyncDispose]() closes the queue, ends its consumers and takes back what they hold", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 3, maxAttempts: 2, onDead: () => assert(false) });
  for (const message of ["a", "b", "c"]) await queue.send(message);
  const holder = queue[Symbol.asyncIterator]();
  const held = await take(holder);
  await (await take(holder)).nack({ delay: 1000 });
  await (await take(holder)).ack();
  const waiting = watch(queue[Symbol.asyncIterator]().next());
  await queue.send("d", { delay: 1000 });
  const sender = watch(queue.send("e", { key: "k" }));
  await idle();
  assertEquals(waiting.state, "resolved");

  await queue[Symbol.asyncDispose]();
  await queue[Symbol.asyncDispose]();
  await held.nack();
  await held.ack();
  await holder.return!();
  assertEquals([queue.closed, sender.state, time.next()], [true, "resolved", false]);
  assertEquals([queue.size, queue.pending], [4, 0]);
  assertEquals(await holder.next(), { done: true, value: undefined });
  assertEquals(await queue[Symbol.asyncIterator]().next(), { done: true, value: undefined });
  await assertRejects(() => queue.send("f"), QueueClosedError);
});

Deno.test("MemoryQueue[Symbol.asyncDispose]() ends the consumers that wait, though messages are delayed", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a", { delay: 1000 });
  const waiting = watch(queue[Symbol.asyncIterator]().next());
  {
    await using _queue = queue;
  }
  assertEquals([waiting.value, time.next()], [{ done: true, value: undefined }, false]);
});

Deno.test("MemoryQueue hands a message to onDead after its last attempt, with the reason of the last nack", async () => {
  const dead: unknown[] = [];
  const queue = new MemoryQueue<string>({
    maxSize: 1,
    maxAttempts: 3,
    onDead: ({ message, attempt }, reason) => dead.push([message, attempt, reason]),
  });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  for (const attempt of [1, 2, 3]) {
    assertEquals(dead, []);
    const delivery = await take(consumer);
    assertEquals(delivery.attempt, attempt);
    await delivery.nack({ reason: `failure ${attempt}`, delay: attempt === 3 ? 1000 : 0 });
  }
  assertEquals(dead, [["a", 3, "failure 3"]]);
  assertEquals([queue.size, queue.pending], [0, 0]);
});

Deno.test("Delivery.nack() waits for onDead, which cannot settle the delivery again", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = new MemoryQueue<string>({
    maxSize: 1,
    onDead: async (delivery) => {
      await delivery.ack();
      await delivery.nack();
      await gate.promise;
    },
  });
  await queue.send("a");
  const nacked = watch((await take(queue[Symbol.asyncIterator]())).nack());
  await idle();
  assertEquals([nacked.state, queue.size, queue.pending], ["waiting", 0, 1]);
  gate.resolve();
  await idle();
  assertEquals([nacked.state, queue.size, queue.pending], ["resolved", 0, 0]);
});

Deno.test("MemoryQueue with infinite attempts never gives up a message", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: Infinity, onDead: () => assert(false) });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  for (let attempt = 1; attempt <= 100; attempt++) {
    const delivery = await take(consumer);
    assertEquals([delivery.attempt, delivery.isLast], [attempt, false]);
    await delivery.nack();
  }
  await queue[Symbol.asyncDispose]();
});

for (const kind of ["throws", "rejects"] as const) {
  Deno.test(`Delivery.nack() rejects if onDead ${kind}, and the delivery stays open`, async () => {
    const failure = new Error("the dead letters are unavailable");
    let isBroken = true;
    const dead: string[] = [];
    const queue = new MemoryQueue<string>({
      maxSize: 1,
      onDead: ({ message }) => {
        if (!isBroken) return dead.push(message);
        if (kind === "throws") throw failure;
        return Promise.reject(failure);
      },
    });
    await queue.send("a");
    const delivery = await take(queue[Symbol.asyncIterator]());
    assertStrictEquals(await assertRejects(() => delivery.nack()), failure);
    assertEquals([queue.size, queue.pending, dead], [0, 1, []]);

    isBroken = false;
    await delivery.nack();
    assertEquals([queue.size, queue.pending, dead], [0, 0, ["a"]]);
  });
}

Deno.test("MemoryQueue takes a message back if onDead fails after its consumer has left", async () => {
  const gate = Promise.withResolvers<void>();
  const queue = new MemoryQueue<string>({ maxSize: 1, onDead: () => gate.promise });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const nacked = watch((await take(consumer)).nack());
  await consumer.return!();
  assertEquals([queue.size, queue.pending], [0, 1]);
  gate.reject(new Error("no"));
  await idle();
  assertEquals([nacked.state, queue.size, queue.pending], ["rejected", 1, 0]);
});

Deno.test("Delivery.ack() is final", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2, onDead: () => assert(false) });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await delivery.ack();
  await delivery.ack();
  await delivery.nack();
  await consumer.return!();
  assertEquals([queue.size, queue.pending], [0, 0]);
});

Deno.test("Delivery.nack() is final", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2, onDead: () => assert(false) });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = await take(consumer);
  await delivery.nack();
  await delivery.nack();
  await delivery.ack();
  assertEquals([queue.size, queue.pending], [1, 0]);
  assertEquals((await take(consumer)).attempt, 2);
  await delivery.ack();
  await delivery.nack();
  assertEquals([queue.size, queue.pending], [0, 1]);
});

Deno.test("MemoryQueue does not deliver a message while it is unacknowledged", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  const delivery = await take(queue[Symbol.asyncIterator]());
  const other = watch(queue[Symbol.asyncIterator]().next());
  await idle();
  assertEquals(other.state, "waiting");
  await delivery.ack();
  await idle();
  assertEquals(other.state, "waiting");
  queue.close();
});

Deno.test("MemoryQueue.send() after close() rejects with a QueueClosedError", async () => {
  class SendMail extends Command {}
  const queue = new MemoryQueue<SendMail>({ maxSize: 10 });
  queue.close();
  const message = new SendMail();
  const error = await assertRejects(() => queue.send(message), QueueClosedError);
  assertEquals(
    error.message,
    'Cannot send "SendMail": the queue is closed. Close a queue after its producers have stopped',
  );
  assertEquals(error.name, "QueueClosedError");
  assertStrictEquals(error.unsent, message);
  assertEquals(queue.size, 0);
});

Deno.test("MemoryQueue.close() rejects the senders that wait, and delivers what was accepted", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a");
  const consumer = queue[Symbol.asyncIterator]();
  const held = await take(consumer);
  await queue.send("b");
  const waiting = ["c", "d"].map((message) => watch(queue.send(message)));
  await held.nack();
  queue.close();
  await idle();
  assertEquals(waiting.map(({ state }) => state), ["rejected", "rejected"]);
  assertEquals(waiting.map(({ value }) => (value as QueueClosedError).unsent), ["c", "d"]);
  assertEquals(await receiveAll(queue), ["b", "a"]);
});

Deno.test("MemoryQueue.close() wakes every receiver that waits", async () => {
  const queue = new MemoryQueue<string>();
  const receives = Array.from({ length: 10 }, () => queue[Symbol.asyncIterator]().next());
  queue.close();
  for (const result of await Promise.all(receives)) assertEquals(result, { done: true, value: undefined });
});

Deno.test("MemoryQueue.close() wakes a receiver that waits while another consumer holds a message", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  const delivery = await take(queue[Symbol.asyncIterator]());
  const receive = queue[Symbol.asyncIterator]().next();
  queue.close();
  assertEquals(await receive, { done: true, value: undefined });
  await delivery.ack();
});

Deno.test("MemoryQueue.close() may be called again, by many callers at the same time", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 2 });
  await queue.send("a");
  const received = receiveAll(queue);
  await Promise.all(Array.from({ length: 10 }, async () => {
    await undefined;
    queue.close();
  }));
  queue.close();
  assertEquals([await received, queue.closed], [["a"], true]);
});

Deno.test("MemoryQueue.close() during sends loses no message whose send has resolved", async () => {
  for (let ticks = 0; ticks < 12; ticks++) {
    const queue = new MemoryQueue<number>({ maxSize: 2 });
    const resolved: number[] = [];
    const sends = Array.from({ length: 10 }, async (_, message) => {
      await queue.send(message).then(() => resolved.push(message), () => {});
    });
    const received = receiveAll(queue);
    for (let tick = 0; tick < ticks; tick++) await undefined;
    queue.close();
    await Promise.all(sends);
    assertEquals((await received).sort(), resolved.sort());
  }
});

Deno.test("MemoryQueue delivers a message again that is nacked after close()", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a");
  queue.close();
  const attempts: number[] = [];
  for await (const delivery of queue) {
    attempts.push(delivery.attempt);
    await (delivery.attempt === 1 ? delivery.nack() : delivery.ack());
  }
  assertEquals(attempts, [1, 2]);
});

Deno.test("MemoryQueue keeps its consumers after close() until the last delay is over", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a");
  const [first, second] = [queue[Symbol.asyncIterator](), queue[Symbol.asyncIterator]()];
  await (await take(first)).nack({ delay: 1000 });
  queue.close();
  const receives = [watch(first.next()), watch(second.next())];
  await idle();
  assertEquals(receives.map(({ state }) => state), ["waiting", "waiting"]);

  await time.tickAsync(1000);
  await idle();
  assertEquals(receives[0]!.state, "resolved");
  assertEquals(receives[1]!.value, { done: true, value: undefined });
});

Deno.test("MemoryQueue ends no other consumer when a delay is over", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 1, maxAttempts: 2 });
  await queue.send("a", { delay: 1000 });
  const consumers = [1, 2, 3].map(() => watch(queue[Symbol.asyncIterator]().next()));
  await time.tickAsync(1000);
  await idle();
  assertEquals(consumers.map(({ state }) => state), ["resolved", "waiting", "waiting"]);
  queue.close();
});

Deno.test("MemoryQueue keeps messages for a later consumer that are given back after close()", async () => {
  const queue = new MemoryQueue<string>({ maxSize: 1 });
  await queue.send("a");
  queue.close();
  for await (const _delivery of queue) break;
  assertEquals(queue.size, 1);
  assertEquals(await receiveAll(queue), ["a"]);
});

Deno.test("MemoryQueue loses and duplicates nothing between many producers and many consumers", async () => {
  for (const maxSize of [0, 1, 7, Infinity]) {
    const queue = new MemoryQueue<string>({ maxSize });
    const consumers = Array.from({ length: 5 }, () => receiveAll(queue));
    await Promise.all(Array.from({ length: 8 }, async (_, producer) => {
      for (let index = 0; index < 50; index++) await queue.send(`${producer}-${index}`);
    }));
    queue.close();
    const received = (await Promise.all(consumers)).flat();
    assertEquals([received.length, new Set(received).size], [400, 400]);
  }
});

Deno.test("MemoryQueue accepts messages from its own consumer", async () => {
  const queue = new MemoryQueue<number>({ maxSize: 1 });
  await queue.send(3);
  const received: number[] = [];
  for await (const { message, ack } of bound(queue)) {
    received.push(message);
    if (message > 0) await queue.send(message - 1);
    else queue.close();
    await ack();
  }
  assertEquals(received, [3, 2, 1, 0]);
});

/** Deliveries with methods that need no `this`. */
async function* bound<T>(queue: Consumer<T>): AsyncGenerator<{ message: T; ack: () => Promise<void> }> {
  for await (const delivery of queue) yield { message: delivery.message, ack: () => delivery.ack() };
}

Deno.test("MemoryQueue continues when one of its consumers throws", async () => {
  const queue = new MemoryQueue<number>({ maxSize: Infinity });
  for (let message = 0; message < 10; message++) await queue.send(message);
  const failing = (async () => {
    for await (const { message } of queue) throw new Error(`cannot do ${message}`);
  })();
  const other = receiveAll(queue);
  await assertRejects(() => failing, Error, "cannot do 0");
  queue.close();
  assertEquals((await other).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("MemoryQueue returns its memory after a burst and stays flat over a million messages", {
  // deno test --v8-flags=--expose-gc
  ignore: !("gc" in globalThis),
}, async () => {
  const { gc } = globalThis as unknown as { gc: () => void };
  const heap = () => {
    gc();
    return Deno.memoryUsage().heapUsed;
  };
  const megabyte = 2 ** 20;
  const queue = new MemoryQueue<{ index: number }>({ maxSize: Infinity });
  const consumer = queue[Symbol.asyncIterator]();

  const before = heap();
  for (let index = 0; index < 200_000; index++) queue.send({ index });
  assert(heap() - before > 5 * megabyte, "the burst cannot be measured");
  for (let index = 0; index < 200_000; index++) await (await take(consumer)).ack();
  assert(heap() - before < megabyte, "the burst is still in memory");
  // The queue must still be in use here: otherwise it is garbage together with what it keeps.
  assertEquals([queue.size, queue.pending], [0, 0]);

  const bounded = new MemoryQueue<{ index: number }>({ maxSize: 1000 });
  // The queue is full before it is drained, and each sender waits for room. It therefore stays full until the end.
  for (let index = 0; index < 1000; index++) await bounded.send({ index });
  let handled = 0;
  const draining = new Pump(bounded, () => void handled++).draining({ closes: bounded });
  let [highest, fewest] = [0, Infinity];
  for (let index = 1000; index < 1_000_000; index++) {
    await bounded.send({ index });
    fewest = Math.min(fewest, bounded.size);
    if (index % 100_000 === 0) highest = Math.max(highest, heap() - before);
  }
  await draining.stop();
  highest = Math.max(highest, heap() - before);
  assertEquals([handled, bounded.size, bounded.pending], [1_000_000, 0, 0]);
  assert(fewest > 990, `the queue held no more than ${fewest} messages`);
  assert(highest < 2 * megabyte, `the heap has grown by ${highest} bytes`);
});

Deno.test("Queue, Producer and Consumer compile only where the messages fit", () => {
  interface Animal {
    readonly name: string;
  }
  interface Dog extends Animal {
    readonly barks: boolean;
  }

  ((animals: MemoryQueue<Animal>, dogs: MemoryQueue<Dog>, events: MemoryQueue<Event>, bus: CommandBus) => {
    const _queue: Queue<Dog> = dogs;
    const _producer: Producer<Dog> = animals;
    const _consumer: Consumer<Animal> = dogs;
    // @ts-expect-error a queue of dogs takes no other animals
    const _refusedProducer: Producer<Animal> = dogs;
    // @ts-expect-error a queue of animals has more than dogs
    const _refusedConsumer: Consumer<Dog> = animals;
    // @ts-expect-error a command bus takes no events
    new Pump(events, bus);
    new Pump(animals, (animal: Animal) => animal.name);
    // @ts-expect-error not every animal is a dog
    new Pump(animals, (dog: Dog) => dog.barks);
  });
});
