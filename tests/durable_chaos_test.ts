import { assert, assertEquals } from "@std/assert";
import { stub } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import type { Delivery } from "@cq/core";
import { DurableQueue } from "@cq/core/queue/durable";
import { jsonCodec } from "@cq/core/wire";
import { type Fate, PulledDriver, PushedDriver } from "./support/fake_drivers.ts";
import { FakeQueueServer } from "./support/fake_queue_server.ts";

const SEEDS = 40;
const STEPS = 120;

/** Numbers that look random and are the same for the same seed. */
function randomOf(seed: number): (limit: number) => number {
  let state = seed * 2_654_435_761 >>> 0;
  return function below(limit) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** A process: a handle, its consumers, and what they hold. */
interface Process {
  readonly queue: DurableQueue<string>;
  readonly driver: PulledDriver | PushedDriver;
  readonly held: Set<Delivery<string>>;
  readonly consumers: AsyncIterator<Delivery<string>, undefined>[];
}

/** Lets several processes act in an order that the seed decides, and checks what they did. Returns how much was sent. */
async function live(
  seed: number,
  makeDriver: (server: FakeQueueServer) => PulledDriver | PushedDriver,
): Promise<number> {
  using time = new FakeTime();
  const random = randomOf(seed);
  using _jitter = stub(Math, "random", () => random(1_000) / 1_000);
  const server = new FakeQueueServer();
  const accepted = new Set<string>();
  const handled = new Map<string, number>();
  const processes = new Set<Process>();
  const problems: string[] = [];
  let count = 0;
  /** How many of a hundred calls fail. */
  let trouble = 20;

  function start(): Process {
    const driver = makeDriver(server);
    driver.script = async () => {
      for (let turns = random(6); turns > 0; turns--) await undefined;
      const fates: Fate[] = ["refused", "answer lost"];
      return random(100) < trouble ? fates[random(2)]! : "done";
    };
    const queue = new DurableQueue<string>(driver, {
      name: "chaos",
      codec: jsonCodec(),
      leaseMs: 3_000,
      maxAttempts: 1_000,
      prefetch: random(4),
      acks: random(3) === 0 ? "behind" : "awaited",
      backoff: { delay: 20 },
    });
    const process: Process = { queue, driver, held: new Set(), consumers: [] };
    processes.add(process);
    return process;
  }

  async function receive(process: Process): Promise<void> {
    const { queue, held, consumers } = process;
    if (consumers.length < 3 && random(2) === 0) consumers.push(queue[Symbol.asyncIterator]());
    const consumer = consumers[random(consumers.length || 1)];
    const result = await consumer?.next();
    if (result === undefined || result.done) return;
    const delivery = result.value;
    for (const other of processes) {
      for (const { id, signal } of other.held) {
        if (id === delivery.id && !signal!.aborted) problems.push(`${delivery.message} is with two consumers`);
      }
    }
    held.add(delivery);
  }

  async function settleOne({ held }: Process): Promise<void> {
    const [delivery] = [...held].slice(random(held.size || 1));
    if (delivery === undefined) return;
    held.delete(delivery);
    if (random(4) === 0) return await delivery.nack({ delay: random(2) * 50 });
    handled.set(delivery.message, (handled.get(delivery.message) ?? 0) + 1);
    await delivery.ack();
  }

  async function send({ queue }: Process): Promise<void> {
    const message = `message ${++count}`;
    try {
      await queue.send(message, {
        delay: random(3) === 0 ? 100 : 0,
        ...(random(4) === 0 ? { key: `${random(2)}` } : {}),
      });
      accepted.add(message);
    } catch {
      // It may be there, or not.
    }
  }

  /** Ends a process with all that it holds, as kill -9 does. */
  async function crash(process: Process): Promise<void> {
    processes.delete(process);
    process.driver.cut();
    if (process.driver instanceof PushedDriver) server.release(process.driver);
    await process.queue[Symbol.asyncDispose]();
  }

  async function leave({ consumers, held }: Process): Promise<void> {
    const consumer = consumers.shift();
    await consumer?.return?.();
    // What it held is settled by now, or given back.
    for (const delivery of held) if (delivery.signal!.aborted) held.delete(delivery);
  }

  const doings: Promise<void>[] = [];
  start();
  for (let step = 0; step < STEPS; step++) {
    const process = [...processes][random(processes.size)] ?? start();
    const dice = random(100);
    if (dice < 30) doings.push(send(process));
    else if (dice < 60) doings.push(receive(process));
    else if (dice < 85) doings.push(settleOne(process));
    else if (dice < 90) doings.push(leave(process));
    else if (dice < 93) doings.push(crash(process));
    else if (dice < 96) server.isDown = !server.isDown && random(2) === 0;
    else if (dice < 98 && process.driver instanceof PushedDriver) process.driver.reconnect();
    else start();
    if (random(3) === 0) await time.tickAsync(random(1_500));
    for (let turns = random(10); turns > 0; turns--) await undefined;
  }

  // All is well again. What is held is settled or lost, and one process takes what is left.
  server.isDown = false;
  trouble = 0;
  let isOver = false;
  const endings = [...processes].map(({ queue }) => queue[Symbol.asyncDispose]());
  const ending = Promise.all([...endings, ...doings]).then(() => isOver = true);
  for (let tick = 0; tick < 1_000 && !isOver; tick++) await time.tickAsync(100);
  await ending;
  const last = start();
  const consumer = last.queue[Symbol.asyncIterator]();
  const drain = async () => {
    for (;;) {
      const { done, value } = await consumer.next();
      if (done) return;
      handled.set(value.message, (handled.get(value.message) ?? 0) + 1);
      await value.ack();
    }
  };
  const draining = drain();
  for (let tick = 0; tick < 100 && server.size > 0; tick++) await time.tickAsync(500);
  await last.queue[Symbol.asyncDispose]();
  await draining;

  assertEquals(problems, [], `seed ${seed}`);
  assertEquals(server.size, 0, `seed ${seed}: something is left`);
  const lost = [...accepted].filter((message) => !handled.has(message));
  assertEquals(lost, [], `seed ${seed}: something is lost`);
  return accepted.size;
}

for (
  const [name, make] of [
    ["a pulled driver", (server: FakeQueueServer) => new PulledDriver(server)],
    ["a driver that pushes", (server: FakeQueueServer) => new PushedDriver(server)],
  ] as const
) {
  Deno.test(`DurableQueue loses nothing and shares nothing over ${name}, through crashes, outages and lost answers`, async () => {
    let accepted = 0;
    for (let seed = 1; seed <= SEEDS; seed++) accepted += await live(seed, make);
    assert(accepted > SEEDS * 5, `only ${accepted} messages were accepted`);
  });
}
