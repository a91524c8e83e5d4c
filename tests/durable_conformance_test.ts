import { DurableQueue } from "@cq/core/queue/durable";
import { queueConformance, type QueueConformanceOptions, type TestMessage } from "@cq/core/testing";
import { type Envelope, jsonCodec } from "@cq/core/wire";
import { PulledDriver, PushedDriver } from "./support/fake_drivers.ts";
import { FakeQueueServer } from "./support/fake_queue_server.ts";

const codec = jsonCodec<TestMessage>();

/** A queue with its driver, so that the suite can look behind it. */
class FakeQueue extends DurableQueue<TestMessage> {
  readonly driver: PulledDriver | PushedDriver;

  constructor(
    driver: PulledDriver | PushedDriver,
    { prefetch, leaseMs }: { prefetch?: number; leaseMs?: number } = {},
  ) {
    super(driver, { name: "test", codec, maxAttempts: 3, backoff: { delay: 0 }, prefetch, pollMs: 20, leaseMs });
    this.driver = driver;
  }
}

const FEATURES: QueueConformanceOptions<FakeQueue> = {
  order: true,
  redelivery: true,
  maxAttempts: 3,
  exclusive: true,
  metadata: true,
  delay: true,
  shared: true,
  deadLetters: ({ driver }) =>
    driver.server.dead.map(({ envelope, reason }) => ({ message: JSON.parse(envelope.body), reason })),
  sendDelay: true,
  key: true,
  id: true,
  prefetch: true,
  poison: {
    send: ({ driver }) => {
      const envelope = { ...codec.encode({ id: 0, text: "" }) as Envelope, body: "{" };
      driver.server.publish([{ envelope, delayMs: 0 }]);
    },
    dead: ({ driver }) => driver.server.dead.filter(({ envelope }) => envelope.body === "{"),
  },
  restart: {
    stop: ({ driver }) => {
      driver.server.isDown = true;
    },
    start: ({ driver }) => {
      driver.server.isDown = false;
      driver.server.notify();
    },
  },
  settleMs: 2,
  runs: 4,
  persistence: {
    reopen: async (queue) => {
      const { driver } = queue;
      driver.cut();
      driver.server.release(driver);
      await queue[Symbol.asyncDispose]();
      return driver instanceof PulledDriver
        ? new FakeQueue(new PulledDriver(driver.server))
        : new FakeQueue(new PushedDriver(driver.server));
    },
  },
  volume: 2_000,
};

const QUEUES: Readonly<Record<string, () => FakeQueue>> = {
  "a pulled driver": () => new FakeQueue(new PulledDriver(new FakeQueueServer())),
  "a pulled driver without prefetch": () => new FakeQueue(new PulledDriver(new FakeQueueServer()), { prefetch: 0 }),
  "a driver that pushes": () => new FakeQueue(new PushedDriver(new FakeQueueServer())),
  "a driver that pushes without prefetch": () =>
    new FakeQueue(new PushedDriver(new FakeQueueServer()), { prefetch: 0 }),
};

/** The cases that know a lease. It is short for them alone: a busy machine may lose a short one. */
const LEASE_CASES = /lease|cut off|nacked with a delay after it has closed/;
const LEASE_MS = 500;

for (const [name, make] of Object.entries(QUEUES)) {
  for (const { name: promise, skip, run } of queueConformance(make, FEATURES)) {
    if (LEASE_CASES.test(promise)) continue;
    Deno.test({ name: `DurableQueue over ${name} ${promise}`, ignore: skip, fn: run });
  }
}

// What is pushed belongs to a process as long as its connection lasts.
const open = (server: FakeQueueServer) => new FakeQueue(new PulledDriver(server), { leaseMs: LEASE_MS });
const leased = queueConformance(() => open(new FakeQueueServer()), {
  redelivery: true,
  maxAttempts: 3,
  delay: true,
  lease: {
    ms: LEASE_MS,
    open: ({ driver }) => open(driver.server),
    cutOff: async (queue) => {
      queue.driver.cut();
      await queue[Symbol.asyncDispose]();
    },
  },
  settleMs: 2,
  runs: 2,
});

for (const { name, skip, run } of leased) {
  if (LEASE_CASES.test(name)) Deno.test({ name: `DurableQueue over a pulled driver ${name}`, ignore: skip, fn: run });
}
