// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { MemoryQueue, Pump } from "@cq/core";
import { measure } from "../measure.js";
import { peer } from "../peer.js";

const { default: fastq } = await peer("fastq");
const { default: PQueue } = await peer("p-queue");

const MESSAGES = 100_000;
const handled = { array: 0, cq: 0, fastq: 0, pQueue: 0 };

/** Workers that share an array and an index, without a queue. */
async function withArray(workers) {
  const messages = [];
  for (let i = 0; i < MESSAGES; i++) messages.push(i);
  let next = 0;
  const handle = async (_message) => {
    handled.array++;
  };
  await Promise.all(Array.from({ length: workers }, async () => {
    while (next < messages.length) await handle(messages[next++]);
  }));
}

async function withCq(concurrency) {
  const queue = new MemoryQueue({ maxSize: Infinity });
  for (let i = 0; i < MESSAGES; i++) queue.send(i);
  queue.close();
  const pump = new Pump(queue, async (_message) => {
    handled.cq++;
  }, { concurrency });
  await pump.drain();
}

async function withFastq(concurrency) {
  const queue = fastq.promise(async (_message) => {
    handled.fastq++;
  }, concurrency);
  for (let i = 0; i < MESSAGES; i++) queue.push(i);
  await queue.drained();
}

async function withPQueue(concurrency) {
  const queue = new PQueue({ concurrency });
  const handle = async (_message) => {
    handled.pQueue++;
  };
  for (let i = 0; i < MESSAGES; i++) queue.add(() => handle(i));
  await queue.onIdle();
}

const workers = Number(globalThis.process.argv[3]);

await measure({
  array: {
    run: () => withArray(workers),
    handled: () => handled.array,
    perRun: MESSAGES,
  },
  cq: {
    run: () => withCq(workers),
    handled: () => handled.cq,
    perRun: MESSAGES,
  },
  "fastq.promise": {
    run: () => withFastq(workers),
    handled: () => handled.fastq,
    perRun: MESSAGES,
  },
  "p-queue": {
    run: () => withPQueue(workers),
    handled: () => handled.pQueue,
    perRun: MESSAGES,
  },
});
