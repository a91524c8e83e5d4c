/**
 * Compares a queue and a pump with a loop over an array that awaits the same handler: 100,000 messages, from the first
 * `send` until the last message is handled and acked. `deno bench` prints the ratios.
 */
import { MemoryQueue, Pump } from "@cq/core";

const messages = Array.from({ length: 100_000 }, (_, index) => ({ index }));

let handled = 0;
function handle(_message: object): Promise<void> {
  handled++;
  return Promise.resolve();
}

function check(): void {
  if (handled !== messages.length) throw new Error(`Cannot measure: ${handled} messages were handled`);
}

async function consume(queue: MemoryQueue<object>): Promise<void> {
  for await (const delivery of queue) {
    await handle(delivery.message);
    await delivery.ack();
  }
}

async function send(queue: MemoryQueue<object>): Promise<void> {
  for (const message of messages) await queue.send(message);
  queue.close();
}

Deno.bench("an array in a loop", { group: "100,000 messages", baseline: true }, async () => {
  handled = 0;
  for (const message of messages) await handle(message);
  check();
});

for (const consumers of [1, 4]) {
  Deno.bench(`a queue of 1,000, ${consumers} loop(s)`, { group: "100,000 messages" }, async () => {
    handled = 0;
    const queue = new MemoryQueue<object>({ maxSize: 1000 });
    await Promise.all([send(queue), ...Array.from({ length: consumers }, () => consume(queue))]);
    check();
  });

  Deno.bench(`a queue of 1,000, a pump with concurrency ${consumers}`, { group: "100,000 messages" }, async () => {
    handled = 0;
    const queue = new MemoryQueue<object>({ maxSize: 1000 });
    await Promise.all([send(queue), new Pump(queue, handle, { concurrency: consumers }).drain()]);
    check();
  });

  Deno.bench(`a rendezvous, a pump with concurrency ${consumers}`, { group: "100,000 messages" }, async () => {
    handled = 0;
    const queue = new MemoryQueue<object>();
    await Promise.all([send(queue), new Pump(queue, handle, { concurrency: consumers }).drain()]);
    check();
  });
}

Deno.bench("a burst in an unbounded queue, a pump with concurrency 1", { group: "100,000 messages" }, async () => {
  handled = 0;
  const queue = new MemoryQueue<object>({ maxSize: Infinity });
  await send(queue);
  await new Pump(queue, handle).drain();
  check();
});
