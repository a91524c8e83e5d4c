import { DatabaseSync } from "node:sqlite";
import { SqliteQueue } from "@cq/core/queue/sqlite";
import { queueConformance, type QueueConformanceOptions, type TestMessage } from "@cq/core/testing";
import { type Envelope, envelopeCodec, jsonCodec } from "@cq/core/wire";
import { TestLink } from "./support/test_link.ts";

const codec = jsonCodec<TestMessage>();
const LEASE_MS = 500;

class TestQueue extends SqliteQueue<TestMessage> {
  readonly path: string;
  readonly link: TestLink;
  readonly #database: DatabaseSync;

  constructor(path: string, name: string) {
    const database = new DatabaseSync(path);
    database.exec("pragma journal_mode = wal; pragma synchronous = normal");
    const link = new TestLink();
    const options = { name, codec, maxAttempts: 3, backoff: { delay: 0 }, pollMs: 50, leaseMs: LEASE_MS };
    super(link.sqlite(database), options);
    this.path = path;
    this.link = link;
    this.#database = database;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    if (this.#database.isOpen) this.#database.close();
  }
}

const FEATURES: QueueConformanceOptions<TestQueue> = {
  order: true,
  redelivery: true,
  maxAttempts: 3,
  exclusive: true,
  metadata: true,
  delay: true,
  shared: true,
  deadLetters: async ({ dead }) =>
    (await Array.fromAsync(dead.list())).map(({ message, reason }) => ({ message: message!, reason })),
  persistence: {
    reopen: async (queue) => {
      queue.link.isCut = true;
      await queue[Symbol.asyncDispose]();
      return new TestQueue(queue.path, queue.name);
    },
  },
  sendDelay: { ms: 50 },
  key: true,
  id: true,
  prefetch: true,
  lease: {
    ms: LEASE_MS,
    open: ({ path, name }) => new TestQueue(path, name),
    cutOff: async (queue) => {
      queue.link.isCut = true;
      await queue[Symbol.asyncDispose]();
    },
  },
  poison: {
    send: async ({ path, name }) => {
      const database = new DatabaseSync(path);
      await new SqliteQueue(database, { name, codec: envelopeCodec })
        .send({ ...codec.encode({ id: 0, text: "" }) as Envelope, body: "{" });
      database.close();
    },
    dead: async ({ dead }) => (await Array.fromAsync(dead.list())).filter(({ body }) => body === "{"),
  },
  restart: {
    stop: ({ link }) => {
      link.isCut = true;
    },
    start: ({ link }) => {
      link.isCut = false;
    },
  },
  settleMs: 30,
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
