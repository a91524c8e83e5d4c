import { DatabaseSync } from "node:sqlite";
import { SqliteQueue } from "@cq/core/queue/sqlite";
import { queueConformance, type QueueConformanceOptions, type TestMessage } from "@cq/core/testing";
import { jsonCodec } from "@cq/core/wire";

const codec = jsonCodec<TestMessage>();

class TestQueue extends SqliteQueue<TestMessage> {
  readonly path: string;
  readonly database: DatabaseSync;

  constructor(path: string, name: string) {
    const database = new DatabaseSync(path);
    database.exec("pragma journal_mode = wal; pragma synchronous = normal");
    super(database, { name, codec, maxAttempts: 3, backoff: { delay: 0 }, pollMs: 50, leaseMs: 400 });
    this.path = path;
    this.database = database;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    if (this.database.isOpen) this.database.close();
  }
}

const FEATURES: QueueConformanceOptions<TestQueue> = {
  order: true,
  redelivery: true,
  maxAttempts: 3,
  exclusive: true,
  metadata: true,
  delay: true,
  deadLetters: async ({ dead }) =>
    (await Array.fromAsync(dead.list())).map(({ message, reason }) => ({ message: message!, reason })),
  persistence: {
    reopen: (queue) => {
      // Its connection is gone, and with it everything that it could still say.
      queue.database.close();
      queue[Symbol.asyncDispose]();
      return new TestQueue(queue.path, queue.name);
    },
  },
  volume: 5_000,
  runs: 3,
};

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let count = 0;

async function make(path: string): Promise<TestQueue> {
  const queue = new TestQueue(path, `test-${++count}`);
  await queue.setup();
  return queue;
}

for (const { name, skip, run } of queueConformance(() => make(`${folder}/queues.db`), FEATURES)) {
  Deno.test({ name: `SqliteQueue on node:sqlite ${name}`, ignore: skip, fn: run });
}
