import { MemoryQueue, Pump } from "@cq/core";
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { idle } from "@cq/core/testing";

Deno.test("idle() resolves once nothing waits, is delayed or is held", async () => {
  using time = new FakeTime();
  const counts = { waiting: 1, delayed: 0, held: 0 };
  const idling = idle({ stats: () => Promise.resolve(counts) });
  await time.tickAsync(50);
  counts.waiting = 0;
  await time.tickAsync(20);
  await idling;
});

Deno.test("idle() says what is left when its time is over", async () => {
  using time = new FakeTime();
  const rejected = assertRejects(
    () => idle({ size: 2, pending: 1 }, { timeoutMs: 100 }),
    Error,
    "Cannot wait for the queue to be idle: after 100 ms it has 2 waiting, 1 held. Start its consumer, or raise timeoutMs",
  );
  for (let i = 0; i < 12; i++) await time.tickAsync(10);
  await rejected;
});

Deno.test("idle() rejects with the reason of its signal", async () => {
  const reason = new Error("enough");
  const stop = new AbortController();
  const rejected = assertRejects(() => idle({ size: 1, pending: 0 }, { signal: stop.signal }), Error, "enough");
  stop.abort(reason);
  await rejected;
});

Deno.test("idle() refuses a queue whose driver does not count", async () => {
  await assertRejects(
    () => idle({ stats: () => Promise.resolve({}) }),
    TypeError,
    "Cannot wait for the queue to be idle: its driver does not count what waits and what is held",
  );
});

Deno.test("idle() waits for what a MemoryQueue has waiting, delayed and held", async () => {
  using time = new FakeTime();
  const queue = new MemoryQueue<string>({ maxSize: 10, maxAttempts: 2 });
  await queue.send("Ada");
  await queue.send("Grace", { delay: 50 });
  const handled: string[] = [];
  let isIdle = false;
  const idling = idle(queue).then(() => isIdle = true);

  await time.tickAsync(20);
  assertEquals(isIdle, false);
  const draining = new Pump(queue, (name) => void handled.push(name)).draining({ closes: queue });
  await time.tickAsync(20);
  assertEquals([handled, isIdle], [["Ada"], false]);
  for (let tick = 0; tick < 10; tick++) await time.tickAsync(10);
  await idling;

  assertEquals([handled, isIdle], [["Ada", "Grace"], true]);
  await draining.stop();
});
