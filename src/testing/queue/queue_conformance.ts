import type { Queue } from "../../queue/queue.ts";
import type { ConformanceCase } from "../conformance_case.ts";
import { SETTLE_CASES } from "./settle_cases.ts";
import { CLOSING_CASES } from "./closing_cases.ts";
import { DELIVERY_CASES } from "./delivery_cases.ts";
import { FLOW_CASES } from "./flow_cases.ts";
import type { QueueCase } from "./queue_case.ts";
import type { QueueConformanceOptions, TestMessage } from "./queue_features.ts";
import { QueueTestbed } from "./queue_testbed.ts";
import { Random } from "./random.ts";

const CASES: readonly QueueCase[] = [...DELIVERY_CASES, ...SETTLE_CASES, ...CLOSING_CASES, ...FLOW_CASES];

/**
 * Holds a queue of yours against what the pumps, and everybody else who uses a queue, rely on. Each promise is a case for
 * your test runner:
 *
 * ```ts ignore
 * for (const { name, run, skip } of cases) Deno.test({ name: `MyQueue ${name}`, fn: run, ignore: skip }); // Deno
 * for (const { name, run, skip } of cases) test(`MyQueue ${name}`, { skip }, run); // node:test, and bun:test as test.skipIf
 * for (const { name, run, skip } of cases) test.skipIf(skip)(`MyQueue ${name}`, run); // vitest
 * ```
 *
 * No case sleeps. What happens at the same time is put in an order by the seed, which is part of the error of a case that
 * fails: with `{ seed, runs: 1 }` it fails again. A queue that has `Symbol.asyncDispose` or `Symbol.dispose` is
 * disposed after each run.
 *
 * @typeParam Q The queue.
 * @param make Makes a new, empty queue.
 * @param options What the queue promises beyond what all queues do, and how thoroughly it is looked at.
 * @returns The cases. Those about what is not promised are marked to be skipped.
 * @throws {RangeError} If a number is out of its range, or if a promise lacks the one that it builds on.
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
  requireSense(options);
  return CASES.map((promise) => {
    const { name, feature } = promise;
    const skip = feature !== undefined && (options[feature] === undefined || options[feature] === false);
    const run = async () => {
      if (skip) throw new TypeError(`Cannot run the case "${name}": the queue does not promise "${feature}"`);
      await runSeeds(promise, make, options);
    };
    return { name, skip, run };
  });
}

async function runSeeds<Q extends Queue<TestMessage>>(
  { name, once = false, test }: QueueCase,
  make: () => Q | PromiseLike<Q>,
  options: QueueConformanceOptions<Q>,
): Promise<void> {
  const { seed: first = 1, runs = 10, timeoutMs = 5_000, volume = 100_000 } = options;
  for (let seed = first; seed < first + (once ? 1 : runs); seed++) {
    try {
      const random = new Random(seed);
      const testbed = new QueueTestbed(await make(), { features: options, random, timeoutMs, volume });
      try {
        await test(testbed as unknown as QueueTestbed);
      } finally {
        await testbed.end();
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const again = `Run it again with { seed: ${seed}, runs: 1 }`;
      throw new Error(`The promise "${name}" does not hold: ${reason}. ${again}`, { cause: error });
    }
  }
}

function requireSense<Q extends Queue<TestMessage>>(options: QueueConformanceOptions<Q>): void {
  const { redelivery, maxAttempts = Infinity, deadLetters, delay, bounded, seed = 1, runs = 10, volume = 1 } = options;
  const problem = !(maxAttempts >= 1)
    ? `a queue that delivers ${maxAttempts} times: it is a number from 1`
    : redelivery && maxAttempts < 2
    ? "the redelivery of a queue that delivers once: say how often with maxAttempts, or leave redelivery out"
    : delay && !redelivery
    ? "the delay of a queue that does not deliver again: it needs redelivery"
    : deadLetters && maxAttempts === Infinity
    ? "the dead letters of a queue that never gives up: say with maxAttempts when it does"
    : bounded && !(Number.isInteger(bounded.maxSize) && bounded.maxSize >= 0)
    ? `a queue of ${bounded.maxSize} messages: it is a whole number from 0`
    : !Number.isInteger(seed)
    ? `with the seed ${seed}: it is a whole number`
    : !(Number.isInteger(runs) && runs >= 1)
    ? `with ${runs} runs: it is a whole number from 1`
    : !(Number.isInteger(volume) && volume >= 1)
    ? `with ${volume} messages: it is a whole number from 1`
    : undefined;
  if (problem !== undefined) throw new RangeError(`Cannot test ${problem}`);
}
