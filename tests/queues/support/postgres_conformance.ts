import { PostgresQueue, type PostgresQueueOptions } from "@cq/core/queue/postgres";
import type { PostgresClient } from "@cq/core/queue/postgres";
import { type ConformanceCase, queueConformance, type TestMessage } from "@cq/core/testing";
import { type Envelope, envelopeCodec, jsonCodec } from "@cq/core/wire";
import { TestLink } from "./test_link.ts";

const codec = jsonCodec<TestMessage>();
let count = 0;

/** A queue with the link to its server. */
class TestQueue extends PostgresQueue<TestMessage> {
  readonly link: TestLink;

  constructor(client: PostgresClient, options: PostgresQueueOptions<TestMessage>) {
    const link = new TestLink();
    super(link.postgres(client), options);
    this.link = link;
  }
}

/** The cases of the conformance suite for queues on a client. */
export function postgresConformance(
  client: () => PostgresClient,
  options: Partial<PostgresQueueOptions<TestMessage>> = {},
): ConformanceCase[] {
  const open = (name: string, leaseMs?: number) =>
    new TestQueue(client(), {
      ...{ name, codec, maxAttempts: 3, backoff: { delay: 0 }, pollMs: 50, leaseMs },
      ...options,
    });
  const all = { client, options, open };
  return [...plainCases(all), ...leaseCases(all)];
}

interface Conformance {
  readonly client: () => PostgresClient;
  readonly options: Partial<PostgresQueueOptions<TestMessage>>;
  readonly open: (name: string, leaseMs?: number) => TestQueue;
}

/** The cases that know a lease. The others run without the risk that a busy machine loses one. */
const LEASE_CASES = /lease|cut off|with a delay after it has closed/;

/** Leases have to be short where a case waits for their end, and long where the machine is busy. */
const LEASE_MS = 1_000;

function leaseCases({ open }: Conformance): ConformanceCase[] {
  const cases = queueConformance(() => open(`test-${++count}`, LEASE_MS), {
    lease: {
      ms: LEASE_MS,
      open: ({ name }) => open(name, LEASE_MS),
      cutOff: async (queue) => {
        queue.link.isCut = true;
        await queue[Symbol.asyncDispose]();
      },
    },
    redelivery: true,
    maxAttempts: 3,
    delay: { ms: 100 },
    runs: 1,
    settleMs: 50,
    timeoutMs: 20_000,
  });
  return cases.filter(({ name }) => LEASE_CASES.test(name));
}

function plainCases({ client, options, open }: Conformance): ConformanceCase[] {
  const cases = queueConformance(() => open(`test-${++count}`), {
    order: true,
    redelivery: true,
    maxAttempts: 3,
    exclusive: true,
    metadata: true,
    delay: { ms: 100 },
    shared: true,
    deadLetters: async ({ dead }) =>
      (await Array.fromAsync(dead.list())).map(({ message, reason }) => ({ message: message!, reason })),
    sendDelay: { ms: 100 },
    key: true,
    id: true,
    prefetch: true,
    poison: {
      send: async ({ name }) => {
        await using raw = new PostgresQueue<Envelope>(client(), { schema: options.schema, name, codec: envelopeCodec });
        await raw.send({ ...codec.encode({ id: 0, text: "" }) as Envelope, body: "{" });
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
    settleMs: 50,
    persistence: {
      reopen: async (queue) => {
        queue.link.isCut = true;
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
    volume: 500,
    runs: 2,
    timeoutMs: 20_000,
  });
  return cases.filter(({ name }) => !LEASE_CASES.test(name));
}
