import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Delivery, QueueClosedError } from "@cq/core";
import { type DeadLetter, DurableQueue, type DurableQueueOptions, type QueueFailure } from "@cq/core/queue/durable";
import { type Envelope, jsonCodec, type MessageCodec, NewerVersionError, UnknownMessageError } from "@cq/core/wire";
import { ConnectionError, type Fate, MissingTableError, PulledDriver, PushedDriver } from "./support/fake_drivers.ts";
import { FakeQueueServer } from "./support/fake_queue_server.ts";

type Options = Partial<DurableQueueOptions<string>>;

/** A queue of strings over a fake driver, with what it reports. */
function open(options: Options = {}, server: FakeQueueServer = new FakeQueueServer()) {
  const driver = new PulledDriver(server);
  return { server, driver, ...over(driver, options) };
}

function over(driver: PulledDriver | PushedDriver, options: Options = {}) {
  const failures: (readonly [message: string, action: string, willRetry: boolean])[] = [];
  const letters: DeadLetter<string>[] = [];
  const queue = new DurableQueue<string>(driver, {
    name: "mail",
    codec: jsonCodec<string>(),
    backoff: { delay: 1_000 },
    onError: (error, { action, willRetry }: QueueFailure) => failures.push([messageOf(error), action, willRetry]),
    onDead: (letter) => letters.push(letter),
    ...options,
  });
  return { queue, failures, letters };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function consume<T>(queue: DurableQueue<T>): AsyncIterator<Delivery<T>, undefined> {
  return queue[Symbol.asyncIterator]();
}

async function take<T>(consumer: AsyncIterator<Delivery<T>, undefined>): Promise<Delivery<T>> {
  const { done, value } = await consumer.next();
  assert(!done, "the consumer has ended");
  return value;
}

/** Follows a promise without waiting for it. */
function watch<R>(promise: PromiseLike<R>): { state: string; value?: R | undefined } {
  const watched: { state: string; value?: R | undefined } = { state: "pending" };
  promise.then((value) => Object.assign(watched, { state: "resolved", value }), (error) => {
    watched.state = messageOf(error);
  });
  return watched;
}

/** Lets everything run that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

/** Moves the time in steps, so that timers that are set on the way fire as well. */
async function advance(time: FakeTime, ms: number): Promise<void> {
  const step = Math.max(10, ms / 100);
  for (let left = ms; left > 0; left -= step) {
    await time.tickAsync(Math.min(left, step));
    await settle();
  }
}

Deno.test("DurableQueue sends what is sent in one tick in one call, and what comes meanwhile in the next", async () => {
  const { queue, driver } = open();
  await Promise.all([queue.send("a"), queue.send("b"), queue.send("c")]);
  const { promise: gate, resolve } = Promise.withResolvers<Fate>();
  driver.script = () => gate;
  const sends = [queue.send("d")];
  await settle();
  sends.push(queue.send("e"), queue.send("f"));
  resolve("done");
  await Promise.all(sends);
  assertEquals(driver.calls, ["publish 3", "publish 1", "publish 2"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.send() splits what is too much for one call", async () => {
  const { queue, driver } = open();
  await Promise.all(Array.from({ length: 1_500 }, () => queue.send("a")));
  await Promise.all(Array.from({ length: 9 }, () => queue.send("a".repeat(1_000_000))));
  assertEquals(driver.calls, ["publish 1000", "publish 500", "publish 3", "publish 3", "publish 3"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.send() rejects when the server refuses, each sender of the call, and the next send works", async () => {
  const { queue, driver, server } = open();
  driver.script = () => "refused";
  const results = await Promise.allSettled([queue.send("a"), queue.send("b")]);
  assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  driver.script = () => "done";
  await queue.send("c");
  assertEquals(server.size, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.send() ends with its signal, and what has not left is not sent", async () => {
  const { queue, driver, server } = open();
  const { promise: gate, resolve } = Promise.withResolvers<Fate>();
  driver.script = () => gate;
  const first = queue.send("a");
  await settle();
  const controller = new AbortController();
  const second = queue.send("b", { signal: controller.signal });
  await settle();
  controller.abort(new Error("no time"));
  await assertRejects(() => second, Error, "no time");
  await assertRejects(() => queue.send("c", { signal: controller.signal }), Error, "no time");
  resolve("done");
  await first;
  assertEquals(server.size, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.send() refuses what the queue does not promise, and values out of their range", async () => {
  const { queue, driver } = open({ maxBytes: 10 });
  const cannot = 'Cannot send "a" to the queue "mail"';
  const refusals: readonly [options: Parameters<typeof queue.send>[1], message: string][] = [
    [{ delay: -1 }, `${cannot} with a delay of -1 ms: must be a number from 0`],
    [{ delay: Infinity }, `${cannot} with a delay of Infinity ms: must be a number from 0`],
    [
      { key: "" },
      `${cannot} with the key "": must have 1 to 255 characters, all of them whole, and no NUL`,
    ],
    [
      { id: "\0" },
      `${cannot} with the id "\\u0000": must have 1 to 255 characters, all of them whole, and no NUL`,
    ],
  ];
  for (const [options, message] of refusals) {
    assertEquals((await assertRejects(() => queue.send("a", options), RangeError)).message, message);
  }
  const error = await assertRejects(() => queue.send("ünü€€"), RangeError);
  assertEquals(
    error.message,
    'Cannot send "ünü€€" to the queue "mail": its body has 13 bytes, and 10 are allowed. ' +
      "Send where the data is instead of the data, or allow more with maxBytes",
  );
  for (const promise of ["hasKeys", "hasIds", "hasDelays"] as const) Object.assign(driver, { [promise]: false });
  for (const [options, what] of [[{ key: "k" }, "a key"], [{ id: "i" }, "an id"], [{ delay: 1 }, "a delay"]] as const) {
    const error = await assertRejects(() => queue.send("a", options), RangeError);
    assertEquals(error.message, `${cannot} with ${what}: this queue does not promise it`);
  }
  assertEquals(driver.calls, []);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue refuses names and numbers out of their range", () => {
  const refusals: readonly [Options, string][] = [
    [{ name: "a b" }, 'Cannot make a queue with the name "a b": must have 1 to 64 letters, digits, "_" and "-"'],
    [
      { maxAttempts: 0 },
      'Cannot make the queue "mail" with maxAttempts: 0: must be a whole number from 1, or Infinity',
    ],
    [{ leaseMs: NaN }, 'Cannot make the queue "mail" with leaseMs: NaN: must be a whole number from 1'],
    [{ prefetch: -1 }, 'Cannot make the queue "mail" with prefetch: -1: must be a whole number from 0'],
    [{ backoff: { delay: -1 } }, "Cannot deliver again with a delay of -1: must be a number from 0"],
  ];
  for (const [options, message] of refusals) {
    assertEquals(assertThrows(() => open(options), RangeError).message, message);
  }
});

Deno.test("DurableQueue delivers what is known of a message", async () => {
  using _time = new FakeTime(1_000_000);
  const { queue } = open({ maxAttempts: 2 });
  await queue.send("a", { key: "k", id: "7", metadata: { tenant: 1 } });
  const consumer = consume(queue);
  const first = await take(consumer);
  const { message, attempt, metadata, id, key, sentAt, isLast } = first;
  assertEquals({ message, attempt, metadata, id, key, sentAt, isLast }, {
    ...{ message: "a", attempt: 1, metadata: { messageId: "7", tenant: 1 }, id: "7", key: "k" },
    ...{ sentAt: new Date(1_000_000), isLast: false },
  });
  await first.nack({ delay: 0 });
  assertEquals((await take(consumer)).isLast, true);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue adds nothing when a known id is sent again", async () => {
  const { queue, server } = open();
  await queue.send("a", { id: "7" });
  await queue.send("a", { id: "7" });
  assertEquals(server.size, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue serves consumers that wait in the order of their arrival", async () => {
  const { queue } = open();
  const consumers = Array.from({ length: 4 }, () => consume(queue));
  const received: string[] = [];
  const waiting = consumers.map(async (consumer, index) => received.push(`${index} ${(await take(consumer)).message}`));
  for (const message of ["a", "b", "c", "d"]) await queue.send(message);
  await Promise.all(waiting);
  assertEquals(received, ["0 a", "1 b", "2 c", "3 d"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue fetches ahead, and asks again when half of it is handed out", async () => {
  const { queue, driver } = open({ prefetch: 4 });
  await Promise.all(Array.from("abcdefghij", (letter) => queue.send(letter)));
  driver.calls.length = 0;
  const consumer = consume(queue);
  for (let count = 0; count < 4; count++) await (await take(consumer)).ack();
  assertEquals(driver.calls, ["receive 5", "ack 1", "ack 1", "ack 1", "receive 2", "ack 1"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue gives what it has fetched ahead back when the last consumer leaves, and the attempt with it", async () => {
  const { queue, server, driver } = open({ prefetch: 1 });
  await Promise.all(Array.from("abc", (letter) => queue.send(letter)));
  const [some, other] = [consume(queue), consume(queue)];
  const first = await take(some);
  await take(other);
  assertEquals(server.stats().held, 3);
  await first.ack();
  await some.return!();
  assertEquals(server.stats().held, 2);
  await other.return!();
  assertEquals([server.stats().held, server.stats().waiting], [0, 2]);
  assertEquals(driver.calls.at(-1), "giveBack 2");

  const again = consume(queue);
  for (const letter of "bc") {
    const { message, attempt } = await take(again);
    assertEquals([message, attempt], [letter, 1]);
  }
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue gives back what arrives after the last consumer has left, before leaving resolves", async () => {
  const { queue, server, driver } = open();
  await queue.send("a");
  const { promise: gate, resolve } = Promise.withResolvers<Fate>();
  driver.script = (action) => action === "receive" ? gate : "done";
  const consumer = consume(queue);
  const receiving = consumer.next();
  await settle();
  const leaving = watch(consumer.return!());
  assertEquals(await receiving, { done: true, value: undefined });
  await settle();
  assertEquals(leaving.state, "pending");
  resolve("done");
  await settle();
  assertEquals([leaving.state, server.stats().waiting], ["resolved", 1]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue acks what is acked in one tick in one call, and asks for more in the same step", async () => {
  const { queue, driver } = open({ prefetch: 0 });
  for (const letter of "abcd") await queue.send(letter);
  const consumers = Array.from({ length: 3 }, () => consume(queue));
  const deliveries = await Promise.all(consumers.map(take));
  driver.calls.length = 0;
  await Promise.all(deliveries.map(async (delivery, index) => {
    const acked = delivery.ack();
    if (index === 0) await consumers[0]!.next();
    await acked;
  }));
  assertEquals(driver.calls, ["ack 3", "receive 1"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.ack() resolves at once with acks behind, which go along with the next receive", async () => {
  using time = new FakeTime();
  const { queue, driver, server } = open({ acks: "behind", prefetch: 1 });
  for (const letter of "abcd") await queue.send(letter);
  driver.calls.length = 0;
  const consumer = consume(queue);
  for (let count = 0; count < 2; count++) await (await take(consumer)).ack();
  const third = await take(consumer);
  assertEquals(driver.calls, ["receive 2", "ack 1", "receive 1", "ack 1", "receive 1"].slice(0, driver.calls.length));
  await third.ack();
  await advance(time, 10);
  await settle();
  assertEquals(server.size, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.ack() waits for the server, and insists while the server is away", async () => {
  using time = new FakeTime();
  const { queue, server, failures } = open();
  await queue.send("a");
  const delivery = await take(consume(queue));
  server.isDown = true;
  const acking = watch(delivery.ack());
  await advance(time, 1_000);
  assertEquals(acking.state, "pending");
  assert(
    failures.some(([message, action, willRetry]) => message === "ack was refused" && action === "ack" && willRetry),
  );
  server.isDown = false;
  await advance(time, 10_000);
  assertEquals([acking.state, server.size], ["resolved", 0]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.ack() that the server has done and not confirmed is repeated without harm", async () => {
  using time = new FakeTime();
  const { queue, server, driver } = open();
  await queue.send("a");
  await queue.send("b");
  const delivery = await take(consume(queue));
  driver.script = (action) => {
    driver.script = () => "done";
    return action === "ack" ? "answer lost" : "done";
  };
  const acking = watch(delivery.ack());
  await advance(time, 1_000);
  assertEquals([acking.state, server.size], ["resolved", 1]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.ack() and nack() count once: the first answer is final", async () => {
  const { queue, server } = open();
  await queue.send("a");
  const delivery = await take(consume(queue));
  await Promise.all([delivery.ack(), delivery.nack(), delivery.ack()]);
  assertEquals([server.size, server.dead.length], [0, 0]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.nack() waits as the queue's backoff says, and as its own delay says before that", async () => {
  using time = new FakeTime();
  const { queue, server } = open({ backoff: { delay: 1_000, factor: 2 } });
  await queue.send("a");
  const consumer = consume(queue);
  await (await take(consumer)).nack();
  assertEquals(server.nextDueMs(), 1_000);
  let receiving = take(consumer);
  await advance(time, 1_000);
  await (await receiving).nack();
  assertEquals(server.nextDueMs(), 2_000);
  receiving = take(consumer);
  await advance(time, 2_000);
  await (await receiving).nack({ delay: 50 });
  assertEquals(server.nextDueMs(), 50);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.nack() refuses a delay without sense, and the delivery stays open", async () => {
  const { queue, server } = open();
  await queue.send("a");
  const delivery = await take(consume(queue));
  const error = await assertRejects(() => delivery.nack({ delay: NaN }), RangeError);
  assertEquals(error.message, 'Cannot deliver "json" again in NaN ms: must be a number from 0');
  await delivery.ack();
  assertEquals(server.size, 0);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue makes a dead letter after the last attempt, and at once with requeue: false", async () => {
  const { queue, letters } = open({ maxAttempts: 2, backoff: { delay: 0 } });
  await queue.send("a", { id: "1" });
  await queue.send("b", { id: "2" });
  const consumer = consume(queue);
  await (await take(consumer)).nack({ reason: "first" });
  await (await take(consumer)).nack({ reason: new Error("no", { cause: new TypeError("why") }), requeue: false });
  await (await take(consumer)).nack({ reason: { code: 7 } });
  await settle();
  assertEquals(letters.map(({ id, message, reason, attempt }) => ({ id, message, reason, attempt })), [
    { id: "2", message: "b", reason: "Error: no; caused by TypeError: why", attempt: 1 },
    { id: "1", message: "a", reason: '{"code":7}', attempt: 2 },
  ]);
  const listed = await Array.fromAsync(queue.dead.list());
  assertEquals(listed.map(({ id, body, message }) => [id, body, message]), [["2", '"b"', "b"], ["1", '"a"', "a"]]);
  assertEquals((await Array.fromAsync(queue.dead.list({ limit: 1 }))).length, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.dead replays with the id that a message has, from attempt 1, behind all others", async () => {
  const { queue } = open({ maxAttempts: 1 });
  await queue.send("a", { id: "1" });
  const consumer = consume(queue);
  await (await take(consumer)).nack();
  await queue.send("b");
  assertEquals(await queue.dead.replay({ ids: ["none"] }), 0);
  assertEquals(await queue.dead.replay({ ids: ["1"] }), 1);
  assertEquals((await take(consumer)).message, "b");
  const { message, id, attempt } = await take(consumer);
  assertEquals([message, id, attempt], ["a", "1", 1]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.dead purges what it is told, or everything", async () => {
  const { queue, server } = open({ maxAttempts: 1 });
  for (const id of ["1", "2", "3"]) await queue.send("a", { id });
  const consumer = consume(queue);
  for (let count = 0; count < 3; count++) await (await take(consumer)).nack();
  assertEquals(await queue.dead.purge({ ids: ["2"] }), 1);
  assertEquals(await queue.dead.purge(), 2);
  assertEquals(server.dead, []);
  const error = await assertRejects(() => Array.fromAsync(queue.dead.list({ limit: -1 })), RangeError);
  assertEquals(error.message, "Cannot read -1 dead letters: must be a whole number from 0");
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue reports what onDead throws, and the message stays dead", async () => {
  const { queue, server, failures } = open({
    onDead: () => {
      throw new Error("the pager is off");
    },
  });
  await queue.send("a");
  await (await take(consume(queue))).nack({ requeue: false });
  await settle();
  assertEquals(failures, [["the pager is off", "onDead", false]]);
  assertEquals(server.dead.length, 1);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue renews the leases of what is held and fetched ahead, so that a slow handler stays alone", async () => {
  using time = new FakeTime();
  const { queue, server, driver } = open({ leaseMs: 3_000 });
  const other = open({}, server);
  await queue.send("a");
  await queue.send("b");
  const delivery = await take(consume(queue));
  const stealing = watch(consume(other.queue).next());
  await advance(time, 12_000);
  assertEquals([stealing.state, delivery.signal!.aborted], ["pending", false]);
  assertEquals(new Set(driver.calls.filter((call) => call.startsWith("renew"))), new Set(["renew 2"]));
  await delivery.ack();
  await queue[Symbol.asyncDispose]();
  await other.queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue tells a delivery that its lease is lost, and nothing said of it then has an effect", async () => {
  using time = new FakeTime();
  const { queue, server, driver } = open({ leaseMs: 3_000, prefetch: 0 });
  const other = open({ prefetch: 0 }, server);
  await queue.send("a");
  const delivery = await take(consume(queue));
  const { signal } = delivery;
  driver.script = (action) => action === "renew" ? new Promise<Fate>(() => {}) : "done";
  const stealing = watch(take(consume(other.queue)));
  await advance(time, 2_900);
  assertEquals(signal!.aborted, false);
  await advance(time, 1_200);
  assertEquals([signal!.aborted, stealing.state, stealing.value?.attempt], [true, "resolved", 2]);
  assertEquals(
    messageOf(signal!.reason),
    `Cannot settle "json" with the id "${delivery.id}": ` +
      "its lease has ended, and the server did not prolong it in time",
  );
  await delivery.ack();
  await delivery.nack({ requeue: false });
  assertEquals([server.size, server.dead.length], [1, 0]);
  await other.queue[Symbol.asyncDispose]();
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue hears from the server that a lease is lost", async () => {
  using time = new FakeTime();
  const { queue, server, driver } = open({ leaseMs: 3_000, prefetch: 1 });
  await queue.send("a");
  await queue.send("b");
  const consumer = consume(queue);
  const delivery = await take(consumer);
  server.release(driver);
  const [stolen] = server.claim(2, { holder: "other", leaseMs: 60_000 });
  assertEquals(stolen?.wasLost, true);
  await advance(time, 1_001);
  assertEquals(delivery.signal!.aborted, true);
  assertEquals(
    messageOf(delivery.signal!.reason),
    `Cannot settle "json" with the id "${delivery.id}": its lease was lost to another consumer`,
  );
  // What was fetched ahead and lost is not handed out.
  const receiving = watch(consumer.next());
  await advance(time, 5_000);
  assertEquals(receiving.state, "pending");
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue asks the server before it gives a lease up when the process was busy for long", async () => {
  using time = new FakeTime();
  const { queue, server, driver } = open({ leaseMs: 3_000 });
  await queue.send("a");
  const delivery = await take(consume(queue));
  const { promise: gate, resolve } = Promise.withResolvers<Fate>();
  driver.script = (action) => action === "renew" ? gate : "done";
  // The timers are late: the lease has ended before the first of them fires.
  Object.assign(delivery, { deadline: Date.now() });
  await advance(time, 1_000);
  await advance(time, 500);
  resolve("done");
  await settle();
  assertEquals(delivery.signal!.aborted, false);
  await delivery.ack();
  assertEquals(server.size, 0);
  await queue[Symbol.asyncDispose]();
});

Deno.test("Delivery.ack() resolves at the end of the lease while the server is away, and is done when the server is back", async () => {
  using time = new FakeTime();
  const { queue, server } = open({ leaseMs: 3_000 });
  await queue.send("a");
  const consumer = consume(queue);
  const delivery = await take(consumer);
  server.isDown = true;
  const acking = watch(delivery.ack());
  await settle();
  // Nobody else receives it when the server is back.
  await consumer.return!();
  await advance(time, 2_900);
  assertEquals(acking.state, "pending");
  await advance(time, 200);
  assertEquals([acking.state, server.size], ["resolved", 1]);
  server.isDown = false;
  await advance(time, 6_000);
  assertEquals(server.size, 0);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue gives a message up whose consumers are lost again and again", async () => {
  using time = new FakeTime();
  const server = new FakeQueueServer();
  const sender = open({}, server);
  await sender.queue.send("deadly", { id: "1" });
  for (let crash = 1; crash <= 5; crash++) {
    const victim = open({ prefetch: 0 }, server);
    assertEquals((await take(consume(victim.queue))).attempt, crash);
    victim.driver.cut();
    server.release(victim.driver);
    const leaving = victim.queue[Symbol.asyncDispose]();
    await advance(time, 1);
    await leaving;
  }
  const survivor = open({}, server);
  const receiving = watch(consume(survivor.queue).next());
  await advance(time, 100);
  assertEquals(receiving.state, "pending");
  assertEquals(survivor.letters.map(({ id, reason, message }) => ({ id, reason, message })), [
    { id: "1", reason: "the consumer was lost 5 times, and the message may be the reason", message: undefined },
  ]);
  await survivor.queue[Symbol.asyncDispose]();
  await sender.queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue makes a dead letter of a message that cannot be decoded, and says so", async () => {
  const { queue, server, letters, failures } = open();
  const envelope = { ...jsonCodec<string>().encode("a", { id: "1" }) as Envelope, body: "{" };
  server.publish([{ envelope, delayMs: 0 }]);
  await queue.send("b");
  assertEquals((await take(consume(queue))).message, "b");
  await settle();
  assertEquals(letters.map(({ id, name, body, reason }) => ({ id, name, body, reason })), [{
    ...{ id: "1", name: "json", body: "{" },
    reason: server.dead[0]!.reason,
  }]);
  assert(
    server.dead[0]!.reason.startsWith(
      'UndecodableMessageError: Cannot decode "json": its body is not JSON; caused by ',
    ),
  );
  assertEquals(failures.map(([message, ...rest]) => [message, ...rest]), [
    ['Cannot decode "json": its body is not JSON', "decode", false],
  ]);
  assertEquals("message" in (await Array.fromAsync(queue.dead.list()))[0]!, false);
  await queue[Symbol.asyncDispose]();
});

for (
  const [what, error] of [
    ["an unknown message", (envelope: Envelope) => new UnknownMessageError(envelope)],
    ["a message of a newer version", (envelope: Envelope) => new NewerVersionError(envelope, 1)],
  ] as const
) {
  Deno.test(`DurableQueue tries ${what} for an hour without counting attempts, and gives it up then`, async () => {
    using time = new FakeTime();
    let isDeployed = false;
    const plain = jsonCodec<string>();
    const codec: MessageCodec<string> = {
      ...plain,
      decode: (envelope) => {
        if (!isDeployed) throw error(envelope);
        return plain.decode(envelope);
      },
    };
    const { queue, server, letters } = open({ codec, maxAttempts: 2 });
    await queue.send("a", { id: "1" });
    const consumer = consume(queue);
    const receiving = watch(consumer.next());
    await advance(time, 600_000);
    assertEquals([receiving.state, letters.length, server.size], ["pending", 0, 1]);
    isDeployed = true;
    await advance(time, 30_000);
    assertEquals([receiving.state, receiving.value?.value?.attempt], ["resolved", 1]);
    await receiving.value!.value!.ack();

    isDeployed = false;
    await queue.send("b", { id: "2" });
    consumer.next();
    await advance(time, 3_500_000);
    assertEquals(letters.length, 0);
    await advance(time, 200_000);
    assertEquals(letters.map(({ id }) => id), ["2"]);
    await queue[Symbol.asyncDispose]();
  });
}

Deno.test("DurableQueue decodes by promise, in order, and takes another failure for a failed attempt", async () => {
  const plain = jsonCodec<string>();
  let hasFailed = false;
  const codec: MessageCodec<string> = {
    ...plain,
    encode: async (message, options) => await plain.encode(message, options),
    decode: async (envelope) => {
      const message = await plain.decode(envelope);
      for (let turn = message === "a" ? 20 : 0; turn > 0; turn--) await undefined;
      if (message !== "c" || hasFailed) return message;
      hasFailed = true;
      throw new ConnectionError("the key service is away");
    },
  };
  const { queue, failures } = open({ codec, backoff: { delay: 0 } });
  await Promise.all([queue.send("a"), queue.send("b"), queue.send("c")]);
  const consumer = consume(queue);
  const received = [];
  for (let count = 0; count < 3; count++) {
    const { message, attempt } = await take(consumer);
    received.push(`${message} ${attempt}`);
  }
  assertEquals(received, ["a 1", "b 1", "c 2"]);
  assertEquals(failures, [["the key service is away", "decode", true]]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue insists on receiving while the server is away, and tells onError", async () => {
  using time = new FakeTime();
  const { queue, server, failures } = open();
  server.isDown = true;
  const receiving = watch(take(consume(queue)));
  await advance(time, 20_000);
  assertEquals(receiving.state, "pending");
  assert(failures.length > 3 && failures.length < 30, `it tried ${failures.length} times`);
  assertEquals(failures[0], ["receive was refused", "receive", true]);
  server.isDown = false;
  await queue.send("a");
  await advance(time, 5_000);
  assertEquals([receiving.state, receiving.value?.message], ["resolved", "a"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue ends its iterators with an error that only a person can heal, and says the way out", async () => {
  const { queue, driver, failures } = open();
  driver.script = (action) => {
    if (action === "receive") throw new MissingTableError("no such table");
    return "done";
  };
  const consumer = consume(queue);
  const error = await assertRejects(() => consumer.next(), Error);
  assertEquals(error.message, "Cannot use the queue: it does not exist. Call setup()");
  assertEquals(error.cause instanceof MissingTableError, true);
  assertEquals(failures, [["no such table", "receive", false]]);
  assertEquals(await consumer.next(), { done: true, value: undefined });
  driver.script = () => "done";
  await queue.send("a");
  assertEquals((await take(consume(queue))).message, "a");
  driver.script = () => {
    throw new MissingTableError("no such table");
  };
  for (const attempt of [() => queue.send("b"), () => queue.ping(), () => queue.stats(), () => queue.dead.purge()]) {
    await assertRejects(attempt, Error, "Cannot use the queue: it does not exist. Call setup()");
  }
  await assertRejects(() => Array.fromAsync(queue.dead.list()), Error, "Cannot use the queue");
  driver.script = () => "done";
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue polls where nothing tells of new messages", async () => {
  using time = new FakeTime();
  const { queue, server } = open({ pollMs: 200 });
  const receiving = watch(take(consume(queue)));
  await advance(time, 100);
  // Behind the back of the driver, which would wake the queue.
  Object.assign(server, { notify: () => {} });
  server.publish([{ envelope: jsonCodec<string>().encode("a") as Envelope, delayMs: 0 }]);
  await advance(time, 50);
  assertEquals(receiving.state, "pending");
  await advance(time, 100);
  assertEquals(receiving.state, "resolved");
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.close() ends the iterators when nothing is left, and other handles go on", async () => {
  const { queue, server } = open();
  const other = open({}, server);
  await queue.send("a");
  const consumer = consume(queue);
  const delivery = await take(consumer);
  const receiving = watch(consumer.next());
  await queue.close();
  await settle();
  assertEquals([receiving.state, receiving.value], ["resolved", { done: true, value: undefined }]);
  const error = await assertRejects(() => queue.send("b"), QueueClosedError);
  assertEquals(error.unsent, "b");
  await other.queue.send("c");
  // What is held may still be settled, and what comes back later is there for another iterator.
  await delivery.nack({ delay: 0 });
  const late = consume(queue);
  assertEquals([(await take(late)).message, (await take(late)).message].sort(), ["a", "c"]);
  await queue[Symbol.asyncDispose]();
  await other.queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue.close() resolves when the sends are answered that were on their way", async () => {
  const { queue, driver } = open();
  const { promise: gate, resolve } = Promise.withResolvers<Fate>();
  driver.script = () => gate;
  const sending = watch(queue.send("a"));
  const closing = watch(queue.close());
  await settle();
  assertEquals([sending.state, closing.state], ["pending", "pending"]);
  resolve("done");
  await settle();
  assertEquals([sending.state, closing.state], ["resolved", "resolved"]);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue leaves at once when it is disposed: what it holds goes back, and its signals fire", async () => {
  const { queue, server, driver } = open();
  for (const letter of "abc") await queue.send(letter);
  const [some, other] = [consume(queue), consume(queue)];
  const delivery = await take(some);
  await take(other);
  await take(other);
  const waiting = other.next();
  const { signal } = delivery;
  await Promise.all([queue[Symbol.asyncDispose](), queue[Symbol.asyncDispose]()]);
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(await some.next(), { done: true, value: undefined });
  assertEquals([signal!.aborted, server.stats().waiting, driver.isDisposed], [true, 3, true]);
  assertEquals(server.claim(3, { holder: "other", leaseMs: 1 }).map(({ attempt }) => attempt), [1, 1, 1]);
  await assertRejects(() => queue.send("d"), QueueClosedError);
});

Deno.test("DurableQueue is disposed though the server is away, and leaves what it holds to the lease", async () => {
  const { queue, server, failures } = open();
  await queue.send("a");
  await take(consume(queue));
  server.isDown = true;
  await queue[Symbol.asyncDispose]();
  assertEquals(failures.map(([, action, willRetry]) => [action, willRetry]).at(-1), ["give back", false]);
});

Deno.test("DurableQueue leaves its client open, and a queue that was never used starts nothing", async () => {
  const { queue, driver } = open();
  await queue[Symbol.asyncDispose]();
  assertEquals([driver.calls, driver.isDisposed], [[], true]);
});

Deno.test("DurableQueue.stats() and ping() ask the driver, and refuse where it offers none", async () => {
  const { queue, driver } = open();
  await queue.send("a");
  const stats = await queue.stats();
  assertEquals(stats, { ...stats, waiting: 1, delayed: 0, held: 0, dead: 0 });
  await queue.ping();
  Object.assign(driver, { stats: undefined, ping: undefined, dead: undefined });
  const error = await assertRejects(() => queue.stats(), TypeError);
  assertEquals(error.message, 'Cannot use "stats" of the queue "mail": its driver does not offer it');
  await assertRejects(() => queue.ping(), TypeError, 'Cannot use "ping"');
  await assertRejects(() => queue.dead.purge(), TypeError, 'Cannot use "dead"');
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue takes what a connection had delivered for lost when the driver says so", async () => {
  const server = new FakeQueueServer();
  const driver = new PushedDriver(server);
  const { queue } = over(driver, { prefetch: 1 });
  for (const letter of "ab") await queue.send(letter);
  const consumer = consume(queue);
  const delivery = await take(consumer);
  const { signal } = delivery;
  driver.reconnect();
  assertEquals(signal!.aborted, true);
  assertEquals(
    messageOf(signal!.reason),
    `Cannot settle "json" with the id "${delivery.id}": the connection that it came by was lost`,
  );
  await delivery.ack();
  const again = await take(consumer);
  assertEquals([again.message, again.attempt], ["a", 2]);
  await again.ack();
  assertEquals((await take(consumer)).message, "b");
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue asks a driver that pushes for what consumers wait for and for what is fetched ahead", async () => {
  const server = new FakeQueueServer();
  const driver = new PushedDriver(server);
  const { queue } = over(driver, { prefetch: 2 });
  const consumer = consume(queue);
  const receiving = take(consumer);
  await settle();
  assertEquals(driver.calls, ["demand 3"]);
  await queue.send("a");
  await receiving;
  await consumer.return!();
  await queue.send("b");
  assertEquals(driver.calls, ["demand 3", "publish 1", "demand 0", "giveBack 1", "publish 1"]);
  assertEquals(server.stats().waiting, 2);
  await queue[Symbol.asyncDispose]();
});

Deno.test("DurableQueue reports what a driver fails at of its own accord", async () => {
  const server = new FakeQueueServer();
  const driver = new PushedDriver(server);
  const { queue, failures } = over(driver);
  const receiving = watch(consume(queue).next());
  await settle();
  const { sink } = driver as unknown as { sink: { failed(error: unknown): void } };
  sink.failed(new ConnectionError("the channel was closed"));
  await settle();
  assertEquals([receiving.state, failures], ["pending", [["the channel was closed", "listen", true]]]);
  sink.failed(new MissingTableError("gone"));
  await settle();
  assertEquals(receiving.state, "Cannot use the queue: it does not exist. Call setup()");
  await queue[Symbol.asyncDispose]();
});
