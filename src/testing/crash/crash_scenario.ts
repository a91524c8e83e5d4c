import type { CrashPoints } from "./crash_points.ts";

/** A message or an event, by what identifies it. */
export interface CrashMessage {
  /** What identifies it. */
  readonly id: string;
  /** Messages of one key have to take effect in their order. */
  readonly key?: string | undefined;
}

/**
 * What is tested: what survives crashes, such as a database or a broker with its queues, and the processes that use it.
 */
export interface CrashScenario {
  /**
   * Runs a process until nothing is left to be done. It is called again after each crash, for the next process.
   *
   * It sends what has not been accepted yet, and handles what there is. What a process that has crashed still holds must
   * become free first, as by a lease that runs out.
   *
   * @param points Wraps everything that has an effect outside of the process.
   */
  run(points: CrashPoints): Promise<void>;
  /** What has to take effect, in its order: what a sender was told is accepted, or the state that events tell of. */
  accepted(): Iterable<CrashMessage>;
  /** What has taken effect, in its order. */
  effects(): Iterable<CrashMessage>;
  /** Ends the scenario. */
  close?(): void | PromiseLike<void>;
}

/** What {@linkcode crashConformance} is to expect, and how thoroughly it tests. */
export interface CrashConformanceOptions {
  /**
   * Whether each message takes effect once, as behind an inbox. Otherwise it may do so several times after a crash.
   *
   * @default {false}
   */
  readonly once?: boolean | undefined;
  /**
   * Whether messages of one key take effect in their order. A repetition does not count.
   *
   * @default {false}
   */
  readonly order?: boolean | undefined;
  /**
   * The first seed.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /**
   * How many crashes each case tries at most. They are spread over all points; with fewer points there are several orders
   * for each.
   *
   * @default {100}
   */
  readonly runs?: number | undefined;
  /**
   * How long a process may take, in milliseconds.
   *
   * @default {5000}
   */
  readonly timeoutMs?: number | undefined;
}
