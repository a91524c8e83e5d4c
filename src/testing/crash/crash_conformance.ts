import { caseFailure, type ConformanceCase, within } from "../conformance_case.ts";
import { Random } from "../queue/random.ts";
import { CrashPoints, requireWhole } from "./crash_points.ts";
import type { CrashConformanceOptions, CrashMessage, CrashScenario } from "./crash_scenario.ts";

interface CrashCase {
  readonly name: string;
  readonly feature?: "once" | "order" | undefined;
  readonly check: (accepted: readonly CrashMessage[], effects: readonly CrashMessage[]) => void;
}

const CASES: readonly CrashCase[] = [
  {
    name: "loses nothing, and makes nothing up, wherever a process crashes",
    check(accepted, effects) {
      const done = new Set(effects.map(({ id }) => id));
      const lost = accepted.filter(({ id }) => !done.has(id));
      if (lost.length > 0) throw caseFailure(`${names(lost)} to take effect`, "nothing has happened");
      const known = new Set(accepted.map(({ id }) => id));
      const unknown = effects.filter(({ id }) => !known.has(id));
      if (unknown.length > 0) throw caseFailure("only what was accepted to take effect", `${names(unknown)} did, too`);
    },
  },
  {
    name: "does nothing twice, wherever a process crashes",
    feature: "once",
    check(_accepted, effects) {
      const seen = new Set<string>();
      const twice = effects.filter(({ id }) => seen.has(id) || !seen.add(id));
      if (twice.length > 0) throw caseFailure("each message to take effect once", `${names(twice)} did so again`);
    },
  },
  {
    name: "keeps the order of each key, wherever a process crashes",
    feature: "order",
    check(accepted, effects) {
      for (const key of new Set(accepted.flatMap(({ key }) => key ?? []))) {
        const expected = accepted.filter((message) => message.key === key).map(({ id }) => id);
        const actual = [...new Set(effects.filter((message) => message.key === key).map(({ id }) => id))];
        if (expected.join() === actual.join()) continue;
        throw caseFailure(`the order ${expected.join(", ")} for the key "${key}"`, `it was ${actual.join(", ")}`);
      }
    },
  },
];

/**
 * Creates the cases that let processes crash before and after each call of what they use, and then let another process
 * finish. Pass them to your test runner, as those of `queueConformance`.
 *
 * The seed decides on the order of what happens at the same time, and on a second crash. The error of a case that fails
 * has the seed: with `{ seed, runs: 1 }` the case fails again.
 *
 * @param open Opens a new scenario, with nothing in it.
 * @param options What to expect, and how thoroughly to test.
 * @returns The cases. Those about what is not promised are marked to be skipped.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example
 * ```ts
 * import { crashConformance } from "@cq/core/testing";
 *
 * // A store that writes and then marks as written, and a process that goes on where the last one has stopped.
 * const cases = crashConformance(() => {
 *   const todo = ["a", "b", "c"];
 *   const effects: string[] = [];
 *   const store = {
 *     write: async (id: string) => void effects.push(id),
 *     mark: async (id: string) => void todo.splice(todo.indexOf(id), 1),
 *   };
 *   return {
 *     async run(points) {
 *       const wrapped = points.wrap(store, "store");
 *       for (const id of [...todo]) {
 *         await wrapped.write(id);
 *         await wrapped.mark(id);
 *       }
 *     },
 *     accepted: () => ["a", "b", "c"].map((id) => ({ id })),
 *     effects: () => effects.map((id) => ({ id })),
 *   };
 * });
 *
 * for (const { run, skip } of cases) {
 *   if (!skip) await run();
 * }
 * ```
 */
export function crashConformance(
  open: () => CrashScenario | PromiseLike<CrashScenario>,
  options: CrashConformanceOptions = {},
): ConformanceCase[] {
  const { seed = 1, runs = 100, timeoutMs = 5_000 } = options;
  requireWhole("seed", seed, -Infinity);
  requireWhole("number of runs", runs, 1);
  return CASES.map(({ name, feature, check }) => {
    const skip = feature !== undefined && !options[feature];
    return { name, skip, run: runCase };

    async function runCase(): Promise<void> {
      if (skip) throw new TypeError(`Cannot run the case "${name}": the scenario does not promise "${feature}"`);
      for (let run = 0; run < runs; run++) await runOnce(open, { name, check, seed: seed + run, timeoutMs });
    }
  });
}

/** A scenario, with a crash or two that the seed chooses, and the check at its end. */
async function runOnce(
  open: () => CrashScenario | PromiseLike<CrashScenario>,
  { name, check, seed, timeoutMs }: { name: string; check: CrashCase["check"]; seed: number; timeoutMs: number },
): Promise<void> {
  const story: string[] = [];
  try {
    // One run to its end tells how many points there are.
    const count = await usingScenario(open, async (scenario) => {
      const points = new CrashPoints({ seed });
      await finish(scenario, points, timeoutMs);
      check([...scenario.accepted()], [...scenario.effects()]);
      return points.passed.length;
    });
    await usingScenario(open, async (scenario) => {
      const random = new Random(seed);
      const crashes = [1 + modulo(seed, count)];
      if (random.below(2) === 0) crashes.push(random.between(1, count));
      // The last process does not crash. One that ends before its point leaves nothing to the others.
      for (const crashAt of [...crashes, undefined]) {
        const crash = await finish(scenario, new CrashPoints({ seed, crashAt }), timeoutMs);
        if (crash === undefined) break;
        story.push(crash);
      }
      check([...scenario.accepted()], [...scenario.effects()]);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const crashes = story.length === 0 ? "without a crash" : `after a crash at ${story.join(", and then at ")}`;
    const again = `Run it again with { seed: ${seed}, runs: 1 }`;
    throw new Error(`The case "${name}" fails ${crashes}: ${reason}. ${again}`, { cause: error });
  }
}

/** Runs a process until it ends, or crashes. Gives the point of the crash. */
async function finish(
  scenario: CrashScenario,
  points: CrashPoints,
  timeoutMs: number,
): Promise<string | undefined> {
  const ended = (async () => {
    await scenario.run(points);
    return undefined;
  })();
  // A process that has crashed may still fail, by what it has not wrapped.
  ended.catch(() => {});
  return await within(Promise.race([ended, points.crashed]), { timeoutMs, expected: "a process to end" });
}

async function usingScenario<T>(
  open: () => CrashScenario | PromiseLike<CrashScenario>,
  use: (scenario: CrashScenario) => Promise<T>,
): Promise<T> {
  const scenario = await open();
  try {
    return await use(scenario);
  } finally {
    await scenario.close?.();
  }
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function names(messages: readonly CrashMessage[]): string {
  return messages.map(({ id }) => `"${id}"`).join(", ");
}
