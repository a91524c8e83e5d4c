import { DurableQueue } from "@cq/core/queue/durable";
import { queueConformance, type QueueConformanceOptions, type TestMessage } from "@cq/core/testing";
import { jsonCodec } from "@cq/core/wire";
import { PulledDriver, PushedDriver } from "./support/fake_drivers.ts";
import { FakeQueueServer } from "./support/fake_queue_server.ts";

const codec = jsonCodec<TestMessage>();

/** A queue with its driver, so that the suite can look behind it. */
class FakeQueue extends DurableQueue<TestMessage> {
  readonly driver: PulledDriver | PushedDriver;

  constructor(driver: PulledDriver | PushedDriver, prefetch?: number) {
    super(driver, { name: "test", codec, maxAttempts: 3, backoff: { delay: 0 }, prefetch, pollMs: 50 });
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
  deadLetters: ({ driver }) =>
    driver.server.dead.map(({ envelope, reason }) => ({ message: JSON.parse(envelope.body), reason })),
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

for (const [name, make] of Object.entries(QUEUES)) {
  for (const { name: promise, skip, run } of queueConformance(make, FEATURES)) {
    Deno.test({ name: `DurableQueue over ${name} ${promise}`, ignore: skip, fn: run });
  }
}
