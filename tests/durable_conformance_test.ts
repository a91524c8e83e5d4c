import { DurableQueue } from "@cq/core/queue/durable";
import { queueConformance, type QueueConformanceOptions, type TestMessage } from "@cq/core/testing";
import { type Envelope, jsonCodec } from "@cq/core/wire";
import { PulledDriver, PushedDriver } from "./support/fake_drivers.ts";
import { FakeQueueServer } from "./support/fake_queue_server.ts";

const codec = jsonCodec<TestMessage>();

/** A queue with its driver, so that the suite can look behind it. */
class FakeQueue extends DurableQueue<TestMessage> {
  readonly driver: PulledDriver | PushedDriver;

  constructor(driver: PulledDriver | PushedDriver, prefetch?: number) {
    super(driver, { name: "test", codec, maxAttempts: 3, backoff: { delay: 0 }, prefetch, pollMs: 20, leaseMs: 100 });
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
  "a pulled driver without prefetch": () => new FakeQueue(new PulledDriver(new FakeQueueServer()), 0),
  "a driver that pushes": () => new FakeQueue(new PushedDriver(new FakeQueueServer())),
  "a driver that pushes without prefetch": () => new FakeQueue(new PushedDriver(new FakeQueueServer()), 0),
};

/** What is pushed belongs to a process as long as its connection lasts. */
const LEASE: QueueConformanceOptions<FakeQueue>["lease"] = {
  ms: 100,
  open: ({ driver }) => new FakeQueue(new PulledDriver(driver.server)),
  cutOff: async (queue) => {
    queue.driver.cut();
    await queue[Symbol.asyncDispose]();
  },
};

for (const [name, make] of Object.entries(QUEUES)) {
  const lease = name.includes("pulled") ? LEASE : undefined;
  for (const { name: promise, skip, run } of queueConformance(make, { ...FEATURES, lease })) {
    // Other handles share the queue: one that is closed leaves what is delayed to them. The suite sees that by the lease.
    if (lease === undefined && promise.includes("nacked with a delay after it has closed")) continue;
    Deno.test({ name: `DurableQueue over ${name} ${promise}`, ignore: skip, fn: run });
  }
}
