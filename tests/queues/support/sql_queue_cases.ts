import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Delivery, Producer } from "@cq/core";
import type { DurableQueue, DurableQueueOptions, QueueDriver, Received } from "@cq/core/queue/durable";
import { jsonCodec } from "@cq/core/wire";

/** What a queue in a database has beyond a durable queue. */
export interface SqlQueue<Tx> extends DurableQueue<string> {
  setup(): Promise<void>;
  within(tx: Tx): Producer<string>;
  statementFor(messages: readonly { message: string; key?: string }[]): { text: string; params: unknown[] };
  committed(): void;
  ackWithin(tx: Tx, delivery: Delivery<unknown>): Promise<void>;
  settled(delivery: Delivery<unknown>): void;
}

export type SqlQueueOptions = DurableQueueOptions<string> & { readonly idWindowMs?: number };

/** A database for the cases, with a table `effects (what text)`. */
export interface SqlTestbed<Tx> {
  /** Makes a queue; each has a connection of its own where the database allows for several. */
  open(options: SqlQueueOptions): SqlQueue<Tx>;
  /** Makes a driver, to do what a queue never does. */
  openDriver(name: string): QueueDriver;
  /** Does work in a transaction of the user. It rolls back where the work throws. */
  transaction<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  /** Writes something in the transaction. */
  effect(tx: Tx, what: string): Promise<void>;
  /** Runs a statement in the transaction. */
  run(tx: Tx, statement: { text: string; params: unknown[] }): Promise<void>;
  effects(): Promise<string[]>;
  close(): Promise<void>;
}

export interface SqlQueueCase {
  readonly name: string;
  run<Tx>(testbed: SqlTestbed<Tx>, name: string): Promise<void>;
}

const codec = jsonCodec<string>();

async function take(consumer: AsyncIterator<Delivery<string>, undefined>): Promise<Delivery<string>> {
  const { done, value } = await consumer.next();
  assert(!done, "the consumer has ended");
  return value;
}

function consume(queue: DurableQueue<string>): AsyncIterator<Delivery<string>, undefined> {
  return queue[Symbol.asyncIterator]();
}

/** Receives and acks what there is. */
async function drain(queue: DurableQueue<string>): Promise<string[]> {
  const received: string[] = [];
  await queue.close();
  for await (const delivery of queue) {
    received.push(`${delivery.message} ${delivery.attempt}`);
    await delivery.ack();
  }
  return received;
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** What each queue in a database has to do, beyond what the conformance suite asks for. */
export const SQL_QUEUE_CASES: readonly SqlQueueCase[] = [
  {
    name: "brings back each character, the metadata, the key and the id",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec });
      const message = "ü \\ \" \n \u2028 😀 \0 \ud800 '; drop table cq_messages; --";
      const metadata = { tenant: { id: 2 ** 53 - 1, name: message.replace("\ud800", "") }, traceparent: "00-1-2-00" };
      await queue.send(message, { metadata, key: "k '1'", id: 'id "7"' });
      const delivery = await take(consume(queue));
      assertEquals(delivery.message, message);
      assertEquals(delivery.metadata, { messageId: 'id "7"', ...metadata });
      assertEquals([delivery.key, delivery.id, delivery.attempt, delivery.isLast], ["k '1'", 'id "7"', 1, false]);
      assert(Math.abs(delivery.sentAt!.getTime() - Date.now()) < 60_000);
      await delivery.ack();
      assertEquals((await queue.stats()).held, 0);
    },
  },
  {
    name: "delivers messages of one key in their order, one at a time, and other keys meanwhile",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, prefetch: 3, backoff: { delay: 0 } });
      await using other = testbed.open({ name, codec, prefetch: 3 });
      const messages = Array.from({ length: 60 }, (_, index) => `${index % 3} ${index}`);
      for (const message of messages) await queue.send(message, { key: message[0] });
      const busy = new Set<string>();
      const received: string[] = [];
      let nacks = 5;
      const work = async (handle: DurableQueue<string>) => {
        for await (const delivery of handle) {
          const { message, key } = delivery;
          assert(!busy.has(key!), `two messages of key ${key} at once`);
          busy.add(key!);
          await undefined;
          busy.delete(key!);
          if (nacks-- > 0) {
            await delivery.nack();
            continue;
          }
          received.push(message);
          await delivery.ack();
          if (received.length === messages.length) await Promise.all([queue.close(), other.close()]);
        }
      };
      await Promise.all([queue, queue, other, other].map(work));
      for (const key of "012") {
        const ofKey = (list: string[]) => list.filter((message) => message[0] === key);
        assertEquals(ofKey(received), ofKey(messages));
      }
    },
  },
  {
    name: "delivers after the delay of a send",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, pollMs: 10_000 });
      const startedAt = performance.now();
      await queue.send("later", { delay: 100 });
      await queue.send("now");
      assertEquals((await queue.stats()).delayed, 1);
      const consumer = consume(queue);
      assertEquals([(await take(consumer)).message, (await take(consumer)).message], ["now", "later"]);
      assert(performance.now() - startedAt >= 95);
    },
  },
  {
    name: "knows an id while its message waits, is held or is dead, and for a time after it was handled",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, idWindowMs: 100 });
      const stats = async () => {
        const { waiting, held, dead } = await queue.stats();
        return { waiting, held, dead };
      };
      await Promise.all([queue.send("a", { id: "1" }), queue.send("a", { id: "1" })]);
      assertEquals(await stats(), { waiting: 1, held: 0, dead: 0 });
      const consumer = consume(queue);
      const delivery = await take(consumer);
      await queue.send("a", { id: "1" });
      assertEquals(await stats(), { waiting: 0, held: 1, dead: 0 });
      await delivery.nack({ requeue: false });
      await queue.send("a", { id: "1" });
      assertEquals(await stats(), { waiting: 0, held: 0, dead: 1 });
      await queue.dead.replay();
      await (await take(consumer)).ack();
      await queue.send("a", { id: "1" });
      assertEquals(await stats(), { waiting: 0, held: 0, dead: 0 });
      await wait(150);
      await queue.send("again", { id: "1" });
      assertEquals((await take(consumer)).message, "again");

      await using other = testbed.open({ name: `${name}-other`, codec });
      await other.send("a", { id: "1" });
      await (await take(consume(other))).ack();
      await other.send("b", { id: "1" });
      assertEquals(await drain(other), ["b 1"]);
    },
  },
  {
    name: "lists, replays and purges dead letters, a body that cannot be decoded among them",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, maxAttempts: 1 });
      for (let id = 1; id <= 230; id++) queue.send(`${id}`, { id: `${id}` });
      const consumer = consume(queue);
      for (let count = 0; count < 230; count++) await (await take(consumer)).nack({ reason: new Error("no \0") });
      const driver = testbed.openDriver(name);
      const envelope = {
        id: "bad",
        name: "json",
        version: 1,
        time: "2026-01-01T00:00:00.000Z",
        headers: {},
        body: "{",
      };
      await driver.publish([{ envelope, delayMs: 0 }]);
      await driver.dispose?.();
      for (const waiting = consumer.next(); (await queue.stats()).dead! < 231;) await Promise.race([waiting, wait(10)]);

      const letters = await Array.fromAsync(queue.dead.list());
      assertEquals(letters.map(({ id }) => id), [...Array.from({ length: 230 }, (_, index) => `${index + 1}`), "bad"]);
      const { at, ...first } = letters[0]!;
      assertEquals(first, { id: "1", name: "json", body: '"1"', message: "1", reason: "Error: no ", attempt: 1 });
      assert(Math.abs(at.getTime() - Date.now()) < 60_000);
      assertEquals([letters.at(-1)!.body, "message" in letters.at(-1)!], ["{", false]);
      assertEquals((await Array.fromAsync(queue.dead.list({ limit: 101 }))).length, 101);

      assertEquals(await queue.dead.purge({ ids: ["bad", "none", "3"] }), 2);
      assertEquals(await queue.dead.replay({ ids: ["2", "none"] }), 1);
      assertEquals(await queue.dead.replay({ limit: 2 }), 2);
      await consumer.return!();
      assertEquals(await drain(queue), ["2 1", "1 1", "4 1"]);
      assertEquals(await queue.dead.purge(), 226);
      assertEquals(await Array.fromAsync(queue.dead.list()), []);
    },
  },
  {
    name: "counts what waits, is delayed, is held and is dead",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, prefetch: 0 });
      assertEquals(await queue.stats(), { waiting: 0, delayed: 0, held: 0, dead: 0, oldestMs: undefined });
      await queue.send("a");
      await queue.send("b");
      await queue.send("c", { delay: 60_000 });
      await queue.send("d");
      const consumer = consume(queue);
      await take(consumer);
      await (await take(consumer)).nack({ requeue: false });
      await wait(5);
      const { oldestMs, ...counts } = await queue.stats();
      assertEquals(counts, { waiting: 1, delayed: 1, held: 1, dead: 1 });
      assert(oldestMs! >= 1 && oldestMs! < 60_000, `the oldest is ${oldestMs} ms old`);
      await queue.ping();
    },
  },
  {
    name: "gives a message of a consumer that was lost to another, and an old answer does nothing",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, pollMs: 30 });
      await queue.send("a");
      const lost = testbed.openDriver(name);
      const { messages: [old] } = await lost.receive!({ limit: 1, leaseMs: 60 });
      const delivery = await take(consume(queue));
      assertEquals([delivery.message, delivery.attempt, old!.attempt], ["a", 2, 1]);
      await lost.ack([old!]);
      await lost.retry([{ received: old!, delayMs: 0 }]);
      await lost.giveBack([old!]);
      await lost.bury([{ received: old!, reason: "no" }]);
      assertEquals(await lost.renew!([old!], 60_000), [old!]);
      const { held, dead, waiting } = await queue.stats();
      assertEquals([held, dead, waiting], [1, 0, 0]);
      const mine = (delivery as unknown as { received: Received }).received;
      assertEquals(await lost.renew!([mine], 60_000), []);
      await delivery.ack();
      assertEquals((await queue.stats()).held, 0);
      await lost.dispose?.();
    },
  },
  {
    name: "fences a delivery that was given back and has its attempt again",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec });
      await queue.send("a");
      const driver = testbed.openDriver(name);
      const first = (await driver.receive!({ limit: 1, leaseMs: 60_000 })).messages[0]!;
      await driver.giveBack([first]);
      const second = (await driver.receive!({ limit: 1, leaseMs: 60_000 })).messages[0]!;
      assertEquals([first.attempt, second.attempt], [1, 1]);
      await driver.giveBack([first]);
      await driver.ack([first]);
      assertEquals((await queue.stats()).held, 1);
      await driver.ack([second]);
      assertEquals((await queue.stats()).held, 0);
      await driver.dispose?.();
    },
  },
  {
    name: "writes down since when a message is not known, and does not count its attempts",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec });
      await queue.send("a");
      const driver = testbed.openDriver(name);
      const first = (await driver.receive!({ limit: 1, leaseMs: 60_000 })).messages[0]!;
      assertEquals(first.unknownSince, undefined);
      await driver.retry([{ received: first, delayMs: 0, unknownSince: 1_764_000_000_123 }]);
      const second = (await driver.receive!({ limit: 1, leaseMs: 60_000 })).messages[0]!;
      assertEquals([second.attempt, second.unknownSince, second.wasLost], [1, 1_764_000_000_123, false]);
      await driver.dispose?.();
    },
  },
  {
    name: "sends in a transaction of the user: the message exists if the transaction commits",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, pollMs: 60_000 });
      const receiving = take(consume(queue));
      await wait(20);
      const error = await assertRejects(() =>
        testbed.transaction(async (tx) => {
          await queue.within(tx).send("rolled back", { key: "k" });
          throw new Error("no");
        })
      );
      assertEquals((error as Error).message, "no");
      await testbed.transaction(async (tx) => {
        await testbed.effect(tx, `${name} sent`);
        await queue.within(tx).send("committed", { metadata: { correlationId: "c" }, id: "7" });
      });
      queue.committed();
      const { message, id, metadata } = await receiving;
      assertEquals([message, id, metadata?.correlationId], ["committed", "7", "c"]);
      const { held, waiting } = await queue.stats();
      assertEquals([held, waiting], [1, 0]);
    },
  },
  {
    name: "makes a statement that sends several messages at once",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec });
      const statement = queue.statementFor([{ message: "a", key: "k" }, { message: "b" }]);
      await testbed.transaction((tx) => testbed.run(tx, statement));
      assertEquals(await drain(queue), ["a 1", "b 1"]);
    },
  },
  {
    name: "acks in a transaction of the user: effect, messages and ack are one",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, backoff: { delay: 0 }, prefetch: 0 });
      await using next = testbed.open({ name: `${name}-next`, codec });
      await queue.send("a");
      const consumer = consume(queue);
      const handle = async (delivery: Delivery<string>, isFailing: boolean) => {
        await testbed.transaction(async (tx) => {
          await testbed.effect(tx, `${name} ${delivery.attempt}`);
          await next.within(tx).send("then");
          await queue.ackWithin(tx, delivery);
          if (isFailing) throw new Error("no");
        });
        queue.settled(delivery);
      };
      const first = await take(consumer);
      await assertRejects(() => handle(first, true), Error, "no");
      await first.nack({ reason: "no" });
      const second = await take(consumer);
      await handle(second, false);
      // What a pump says of it afterwards has no effect.
      await second.ack();
      await second.nack();
      assertEquals((await testbed.effects()).filter((what) => what.startsWith(name)), [`${name} 2`]);
      const { waiting, held } = await queue.stats();
      assertEquals([waiting, held], [0, 0]);
      assertEquals(await drain(next), ["then 1"]);
      await assertRejects(
        () => testbed.transaction((tx) => queue.ackWithin(tx, second)),
        Error,
        "it is settled already",
      );
    },
  },
  {
    name: "refuses to ack in a transaction what another consumer has, or another queue",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, prefetch: 0, leaseMs: 60_000 });
      await using other = testbed.open({ name: `${name}-other`, codec });
      await queue.send("a", { id: "7" });
      const delivery = await take(consume(queue));
      const wrong = await assertRejects(() => testbed.transaction((tx) => other.ackWithin(tx, delivery)), TypeError);
      assertEquals(
        wrong.message,
        `Cannot settle "7" in a transaction: it is not a delivery of the queue "${name}-other". ` +
          "Use the queue that delivered it",
      );
      // Another consumer takes it when its lease has ended.
      const thief = testbed.openDriver(name);
      const { received } = delivery as unknown as { received: Received };
      await thief.retry([{ received, delayMs: 0 }]);
      assertEquals((await thief.receive!({ limit: 1, leaseMs: 60_000 })).messages.length, 1);
      const lost = await assertRejects(() =>
        testbed.transaction(async (tx) => {
          await testbed.effect(tx, `${name} twice`);
          await queue.ackWithin(tx, delivery);
        }), Error);
      assertEquals(
        lost.message,
        'Cannot ack "7" in a transaction: its lease was lost, and another consumer may handle it. ' +
          "Roll the transaction back",
      );
      assertEquals((await testbed.effects()).includes(`${name} twice`), false);
      await thief.dispose?.();
    },
  },
  {
    name: "wakes consumers of another handle",
    async run(testbed, name) {
      await using queue = testbed.open({ name, codec, pollMs: 30_000 });
      await using other = testbed.open({ name, codec, pollMs: 30_000 });
      const receiving = take(consume(queue));
      await wait(50);
      await other.send("a");
      assertEquals((await receiving).message, "a");
    },
  },
  {
    name: "gives each message to one of two relays, with its id and key",
    async run(testbed, name) {
      await using outbox = testbed.open({ name, codec, prefetch: 2 });
      await using second = testbed.open({ name, codec, prefetch: 2 });
      const target = new Map<string, number>();
      for (let count = 0; count < 40; count++) outbox.send(`${count}`, { id: `${count}`, key: `${count % 5}` });
      await outbox.close();
      await second.close();
      const relay = async (queue: DurableQueue<string>) => {
        for await (const delivery of queue) {
          assertEquals(delivery.key, `${Number(delivery.id) % 5}`);
          target.set(delivery.id!, (target.get(delivery.id!) ?? 0) + 1);
          await delivery.ack();
        }
      };
      await Promise.all([relay(outbox), relay(second)]);
      while ((await outbox.stats()).waiting! > 0) await Promise.all([relay(outbox), relay(second)]);
      assertEquals([target.size, [...target.values()].every((count) => count === 1)], [40, true]);
    },
  },
  {
    name: "sets up twice, and at once from several handles",
    async run(testbed, name) {
      const queues = Array.from({ length: 8 }, (_, index) => testbed.open({ name: `${name}-${index}`, codec }));
      await Promise.all(queues.map((queue) => queue.setup()));
      await Promise.all(queues.map((queue) => queue[Symbol.asyncDispose]()));
    },
  },
];
