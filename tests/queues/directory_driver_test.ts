import { assertEquals } from "@std/assert";
import { DurableQueue } from "@cq/core/queue/durable";
import { queueConformance, type TestMessage } from "@cq/core/testing";
import { jsonCodec } from "@cq/core/wire";
import { DirectoryDriver } from "../../examples/queues/directory_driver.ts";

const codec = jsonCodec<TestMessage>();
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let count = 0;

class DirectoryQueue extends DurableQueue<TestMessage> {
  readonly directory: string;

  constructor(directory: string, leaseMs?: number) {
    super(new DirectoryDriver(directory), {
      ...{ name: "test", codec, maxAttempts: 3, backoff: { delay: 0 }, pollMs: 20, leaseMs },
    });
    this.directory = directory;
  }
}

const cases = queueConformance(() => new DirectoryQueue(`${folder}/${++count}`), {
  order: true,
  redelivery: true,
  maxAttempts: 3,
  exclusive: true,
  metadata: true,
  delay: { ms: 100 },
  deadLetters: async ({ dead }) =>
    (await Array.fromAsync(dead.list())).map(({ message, reason }) => ({ message: message!, reason })),
  volume: 300,
  runs: 3,
  timeoutMs: 20_000,
});

/** A queue that other processes share leaves what is delayed to them when it is closed: none is opened here. */
const LEFT_TO_OTHERS = "delivers again what is nacked with a delay after it has closed";

for (const { name, skip, run } of cases) {
  if (name === LEFT_TO_OTHERS) continue;
  Deno.test({ name: `DurableQueue over the example's DirectoryDriver ${name}`, ignore: skip, fn: run });
}

Deno.test("DirectoryDriver gives a message of a process that was lost to another, and replays dead letters", async () => {
  const directory = `${folder}/lost`;
  const lost = new DirectoryDriver(directory);
  await using queue = new DirectoryQueue(directory);
  await queue.send({ id: 1, text: "a" });
  const [old] = (await lost.receive({ limit: 1, leaseMs: 30 })).messages;
  const consumer = queue[Symbol.asyncIterator]();
  const delivery = (await consumer.next()).value!;
  assertEquals([delivery.attempt, delivery.message.text], [2, "a"]);
  await lost.ack([old!]);
  assertEquals(await lost.renew([old!], 1_000), [old!]);
  assertEquals((await queue.stats()).held, 1);
  await delivery.nack({ requeue: false, reason: "no" });
  assertEquals((await queue.stats()).dead, 1);
  assertEquals(await queue.dead.replay(), 1);
  const again = (await consumer.next()).value!;
  assertEquals(again.attempt, 1);
  await again.ack();
  await queue.ping();
});
