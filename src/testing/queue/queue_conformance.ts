import type { Queue } from "../../queue/queue.ts";
import { reasonOf } from "../../naming.ts";
import type { ConformanceCase } from "../conformance_case.ts";
import { SETTLE_CASES } from "./settle_cases.ts";
import { CLOSING_CASES } from "./closing_cases.ts";
import { DELIVERY_CASES } from "./delivery_cases.ts";
import { FLOW_CASES } from "./flow_cases.ts";
import { KEY_CASES } from "./key_cases.ts";
import { OUTAGE_CASES } from "./outage_cases.ts";
import { SEND_CASES } from "./send_cases.ts";
import type { QueueCase } from "./queue_case.ts";
import type { QueueConformanceOptions, QueueFeatures, TestMessage } from "./queue_features.ts";
import { QueueTestbed } from "./queue_testbed.ts";
import { Random } from "./random.ts";

const CASES: readonly QueueCase[] = [
  ...DELIVERY_CASES,
  ...SEND_CASES,
  ...SETTLE_CASES,
  ...KEY_CASES,
  ...CLOSING_CASES,
  ...OUTAGE_CASES,
  ...FLOW_CASES,
];

/**
 * Creates the cases that test your queue: what pumps, producers and consumers rely on. Pass each case to your test runner:
 *
 * ```ts ignore
 * for (const { name, run, skip } of cases) Deno.test({ name: `MyQueue ${name}`, fn: run, ignore: skip }); // Deno
 * for (const { name, run, skip } of cases) test(`MyQueue ${name}`, { skip }, run); // node:test, and bun:test as test.skipIf
 * for (const { name, run, skip } of cases) test.skipIf(skip)(`MyQueue ${name}`, run); // vitest
 * ```
 *
 * No case sleeps, but for those whose subject is time, and for `settleMs`. The seed decides on the order of what happens at the same time. The error of a case that fails has the
 * seed: with `{ seed, runs: 1 }` the case fails again. A queue with `Symbol.asyncDispose` or `Symbol.dispose` is disposed
 * after each run.
 *
 * @typeParam Q The queue.
 * @param make Creates a new, empty queue.
 * @param options What the queue promises beyond the contract of every queue, and how thoroughly the suite tests it.
 * @returns The cases. Cases about features that the queue does not promise are marked to be skipped.
 * @throws {RangeError} If a number is out of its range, or if a feature is set without the feature that it needs.
 *
 * @example
 * ```ts
 * import { MemoryQueue } from "@cq/core";
 * import { queueConformance, type TestMessage } from "@cq/core/testing";
 *
 * const cases = queueConformance(() => new MemoryQueue<TestMessage>({ maxSize: 10, maxAttempts: 3 }), {
 *   order: true,
 *   redelivery: true,
 *   maxAttempts: 3,
 *   bounded: { maxSize: 10 },
 *   volume: 1_000,
 * });
 *
 * for (const { run, skip } of cases) {
 *   if (!skip) await run();
 * }
 * ```
 */
export function queueConformance<Q extends Queue<TestMessage>>(
  make: () => Q | PromiseLike<Q>,
  options: QueueConformanceOptions<NoInfer<Q>> = {},
): ConformanceCase[] {
  requireConsistent(options);
  return CASES.map((queueCase) => {
    const { name, feature, unless } = queueCase;
    const promises = (each: keyof QueueFeatures) => options[each] !== undefined && options[each] !== false;
    const skip = feature !== undefined && !promises(feature) || unless !== undefined && promises(unless);
    return { name, skip, run: runCase };

    async function runCase(): Promise<void> {
      if (skip) {
        const reason = feature !== undefined && !promises(feature)
          ? `the queue does not promise "${feature}"`
          : `the queue is "${unless}"`;
        throw new TypeError(`Cannot run the case "${name}": ${reason}`);
      }
      await runSeeds(queueCase, make, options);
    }
  });
}

async function runSeeds<Q extends Queue<TestMessage>>(
  { name, once = false, test }: QueueCase,
  make: () => Q | PromiseLike<Q>,
  options: QueueConformanceOptions<Q>,
): Promise<void> {
  const { seed: first = 1, runs = 10, timeoutMs = 5_000, settleMs = 0, volume = 100_000 } = options;
  for (let seed = first; seed < first + (once ? 1 : runs); seed++) {
    try {
      const random = new Random(seed);
      const testbed = new QueueTestbed(await make(), { features: options, random, timeoutMs, settleMs, volume });
      try {
        await test(testbed as unknown as QueueTestbed);
      } finally {
        await testbed.end();
      }
    } catch (error) {
      const reason = reasonOf(error);
      const again = `Run it again with { seed: ${seed}, runs: 1 }`;
      throw new Error(`The case "${name}" fails: ${reason}. ${again}`, { cause: error });
    }
  }
}

function requireConsistent<Q extends Queue<TestMessage>>(options: QueueConformanceOptions<Q>): void {
  const {
    redelivery,
    maxAttempts = Infinity,
    deadLetters,
    delay,
    bounded,
    lease,
    seed = 1,
    runs = 10,
    volume = 1,
    settleMs = 0,
  } = options;
  const problem = !(maxAttempts >= 1)
    ? `a queue that delivers ${maxAttempts} times: maxAttempts must be a number from 1`
    : redelivery && maxAttempts < 2
    ? "the redelivery of a queue that delivers once: maxAttempts must be at least 2. Leave redelivery out otherwise"
    : delay && !redelivery
    ? "the delay of a queue that does not deliver again: set redelivery too"
    : deadLetters && maxAttempts === Infinity
    ? "the dead letters of a queue that never gives up: set maxAttempts too"
    : bounded && !(Number.isInteger(bounded.maxSize) && bounded.maxSize >= 0)
    ? `a queue of ${bounded.maxSize} messages: maxSize must be a whole number from 0`
    : lease && !(lease.ms > 0)
    ? `with a lease of ${lease.ms} ms: it must be a number above 0`
    : !(settleMs >= 0)
    ? `with ${settleMs} ms to settle: settleMs must be a number from 0`
    : !Number.isInteger(seed)
    ? `with the seed ${seed}: it must be a whole number`
    : !(Number.isInteger(runs) && runs >= 1)
    ? `with ${runs} runs: runs must be a whole number from 1`
    : !(Number.isInteger(volume) && volume >= 1)
    ? `with ${volume} messages: volume must be a whole number from 1`
    : undefined;
  if (problem !== undefined) throw new RangeError(`Cannot test ${problem}`);
}
