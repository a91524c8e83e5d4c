import { isDuration, MAX_DELAY_MS } from "./delay.ts";
import { textOf } from "./text.ts";

/** How long to wait between two attempts. */
export interface BackoffOptions {
  /**
   * How long to wait before the next attempt, in milliseconds. A function is given the error and the number of the
   * attempt that failed, from 1. `factor`, `maxDelay` and `jitter` apply to what it returns, too.
   *
   * @default {0}
   */
  readonly delay?: number | ((error: unknown, attempt: number) => number) | undefined;
  /**
   * What the delay is multiplied by after each attempt. `2` doubles it every time.
   *
   * @default {1}
   */
  readonly factor?: number | undefined;
  /**
   * The longest delay, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly maxDelay?: number | undefined;
  /**
   * Whether to wait for a random part of the delay instead of the whole, so that callers that failed together do not
   * return together.
   *
   * @default {false}
   */
  readonly jitter?: boolean | undefined;
  /**
   * How long the error itself asks to wait, in milliseconds, such as the `Retry-After` of a response; `undefined` where
   * it asks for nothing. `maxDelay` limits it; `factor` and `jitter` do not change it.
   */
  readonly retryAfter?: ((error: unknown) => number | undefined) | undefined;
}

/**
 * Makes the function that says how long to wait between two attempts.
 *
 * @param options How long.
 * @param verb What is attempted, for the error messages: "retry".
 * @returns A function of the error and the number of the attempt that failed, from 1. It returns milliseconds, at least
 * 0 and at most what a timer can hold. It throws what the user's functions throw, and a `RangeError` if they return
 * `NaN`.
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If `retryAfter` is not a function.
 */
export function backoff(options: BackoffOptions, verb: string): (error: unknown, attempt: number) => number {
  const { delay = 0, factor = 1, maxDelay = Infinity, jitter = false, retryAfter } = options;
  for (const [name, value] of Object.entries({ delay, factor, maxDelay })) {
    if (isDuration(value) || (name === "delay" && typeof value === "function")) continue;
    throw new RangeError(`Cannot ${verb} with a ${name} of ${textOf(value)}: must be a number from 0`);
  }
  if (retryAfter !== undefined && typeof retryAfter !== "function") {
    throw new TypeError(`Cannot ${verb} with a retryAfter of ${textOf(retryAfter)}: must be a function`);
  }
  const longest = Math.min(maxDelay, MAX_DELAY_MS);

  /** What a function of the user returns. The error that led to it must not get lost. */
  function requireNumber(ms: number, error: unknown): number {
    if (typeof ms === "number" && !Number.isNaN(ms)) return ms;
    throw new RangeError(`Cannot ${verb} after ${textOf(ms)} ms: must be a number`, { cause: error });
  }

  function usualDelay(error: unknown, attempt: number): number {
    const first = typeof delay === "function" ? requireNumber(delay(error, attempt), error) : delay;
    // After many attempts the power is Infinity, and 0 times Infinity is NaN.
    const usual = first * Math.min(factor ** (attempt - 1), Number.MAX_VALUE);
    return jitter ? Math.random() * Math.min(usual, longest) : usual;
  }

  return function delayAfter(error, attempt) {
    const ms = requireNumber(retryAfter?.(error) ?? usualDelay(error, attempt), error);
    return Math.max(0, Math.min(ms, longest));
  };
}
