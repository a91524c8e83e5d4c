import { PostgresQueue, type PostgresQueueOptions } from "@cq/core/queue/postgres";
import type { PostgresClient } from "@cq/core/queue/postgres";
import { type ConformanceCase, queueConformance, type TestMessage } from "@cq/core/testing";
import { jsonCodec } from "@cq/core/wire";

const codec = jsonCodec<TestMessage>();
let count = 0;

/** A queue whose handle can be cut off from its server, as a crash does. */
class TestQueue extends PostgresQueue<TestMessage> {
  readonly cut: () => void;

  constructor(client: PostgresClient, options: PostgresQueueOptions<TestMessage>) {
    let isCut = false;
    const pass = <R>(work: () => R): R => {
      if (isCut) throw new Error("Cannot reach the server: the process is gone");
      return work();
    };
    const wrapped = "unsafe" in client
      ? { unsafe: (...values: Parameters<typeof client.unsafe>) => pass(() => client.unsafe(...values)) }
      : {
        // PGlite is told by this.
        ...("exec" in client ? { exec: true } : {}),
        query: (text: string, values?: unknown[]) => pass(() => client.query(text, values)),
      };
    super(wrapped, options);
    this.cut = () => isCut = true;
  }
}

/** The cases of the conformance suite for queues on a client. */
export function postgresConformance(
  client: () => PostgresClient,
  options: Partial<PostgresQueueOptions<TestMessage>> = {},
): ConformanceCase[] {
  const open = (name: string) =>
    new TestQueue(client(), {
      ...{ name, codec, maxAttempts: 3, backoff: { delay: 0 }, pollMs: 50 },
      ...options,
    });
  return queueConformance(() => open(`test-${++count}`), {
    order: true,
    redelivery: true,
    maxAttempts: 3,
    exclusive: true,
    metadata: true,
    delay: { ms: 100 },
    deadLetters: async ({ dead }) =>
      (await Array.fromAsync(dead.list())).map(({ message, reason }) => ({ message: message!, reason })),
    persistence: {
      reopen: async (queue) => {
        queue.cut();
        await queue[Symbol.asyncDispose]();
        // Its leases have ended.
        const sql = `update ${
          options.schema ?? "public"
        }.cq_messages set lease = now() - interval '1 second' where lease is not null and queue = $1`;
        const server = client();
        await ("unsafe" in server ? server.unsafe(sql, [queue.name]) : server.query(sql, [queue.name]));
        return open(queue.name);
      },
    },
    volume: 2_000,
    runs: 3,
    timeoutMs: 20_000,
  });
}
