import type { Middleware } from "../middleware.ts";
import { type ErrorFilter, toPredicate } from "./error_filter.ts";
import { MAX_DELAY_MS } from "../internal/delay.ts";

/** How {@linkcode retry} goes about it. */
export interface RetryOptions {
  /** How often a message is handled at the most, the first time included. A whole number from 1. */
  readonly attempts: number;
  /**
   * How long to wait before the next attempt, in milliseconds. A function is given the error and the number of the
   * attempt that failed, from 1. What it answers is subject to `backoff`, `maxDelay` and `jitter` as well.
   *
   * @default {0}
   */
  readonly delay?: number | ((error: unknown, attempt: number) => number);
  /**
   * What the delay is multiplied with after each attempt. `2` doubles it every time.
   *
   * @default {1}
   */
  readonly backoff?: number;
  /**
   * The longest delay, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly maxDelay?: number;
  /**
   * Whether to wait for a random part of the delay instead of the whole, so that callers who failed together do not
   * return together.
   *
   * @default {false}
   */
  readonly jitter?: boolean;
  /**
   * How long an error itself asks to wait, in milliseconds, such as the `Retry-After` of a response; `undefined` where it
   * asks for nothing. Neither `backoff` nor `jitter` change it, `maxDelay` does.
   */
  readonly retryAfter?: (error: unknown) => number | undefined;
  /**
   * Which errors are worth another attempt: classes of error, or a predicate.
   *
   * @default {all of them}
   */
  readonly on?: ErrorFilter;
}

/**
 * Makes a middleware that handles a message again when it has failed. The last error comes out.
 *
 * Each attempt has a handler, a scope and related events of its own. On the event bus only the handler that failed runs
 * again. A signal that has fired ends it: the wait is cut short, and there is no further attempt, whatever the error.
 * Neither is there one after an `AbortError`.
 *
 * @param options How often, when, and on which errors.
 * @returns The middleware.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MessageRouter, Query, retry } from "@cq/core";
 *
 * class FindPrice extends Query<number> {}
 *
 * let attempt = 0;
 * const queries = new MessageRouter().newQueryBus()
 *   .use(retry({ attempts: 3, delay: 10, backoff: 2, jitter: true }))
 *   .subscribe(FindPrice, () => {
 *     if (++attempt < 3) throw new Error("The shop is closed");
 *     return 99;
 *   });
 *
 * assertEquals(await queries.dispatch(new FindPrice()), 99);
 * ```
 *
 * @example Waiting for as long as the error asks for
 * ```ts
 * import { retry } from "@cq/core";
 *
 * class TooManyRequests extends Error {
 *   readonly retryAfterMs: number | undefined;
 *
 *   constructor(retryAfter: string | null) {
 *     super("Too many requests");
 *     this.retryAfterMs = retryAfter === null ? undefined : Number(retryAfter) * 1000;
 *   }
 * }
 *
 * const patience = retry({
 *   attempts: 5,
 *   delay: 100,
 *   backoff: 2,
 *   jitter: true,
 *   maxDelay: 60_000,
 *   retryAfter: (error) => error instanceof TooManyRequests ? error.retryAfterMs : undefined,
 * });
 * ```
 */
export function retry(options: RetryOptions): Middleware {
  const { attempts, delay = 0, backoff = 1, maxDelay = Infinity, jitter = false, retryAfter, on } = options;
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new RangeError(`Cannot retry with ${attempts} attempts: it is a whole number from 1`);
  }
  for (const [name, value] of Object.entries({ delay, backoff, maxDelay })) {
    if (typeof value === "number" && !(value >= 0)) {
      throw new RangeError(`Cannot retry with a ${name} of ${value}: it is a number from 0`);
    }
  }
  const isWorthIt = toPredicate(on);
  const delayOf = typeof delay === "function" ? delay : () => delay;
  const waitOf = (error: unknown, attempt: number): number => {
    const usual = delayOf(error, attempt) * backoff ** (attempt - 1);
    return jitter ? Math.random() * Math.min(usual, maxDelay) : usual;
  };

  return async function retry(_message, next, { signal }) {
    for (let attempt = 1;; attempt++) {
      try {
        return await next();
      } catch (error) {
        if (attempt === attempts || signal?.aborted || isAbort(error) || !isWorthIt(error)) throw error;
        const wait = Math.min(retryAfter?.(error) ?? waitOf(error, attempt), maxDelay, MAX_DELAY_MS);
        // A function of the user's may have fired the signal by now, and an event handler would start all the same.
        signal?.throwIfAborted();
        if (Number.isNaN(wait)) throw new RangeError("Cannot wait NaN ms before a retry", { cause: error });
        if (wait > 0) await sleep(wait, signal);
      }
    }
  };
}

/** What was called off is not to be tried again, whoever called it off. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(wake, ms);
    signal?.addEventListener("abort", wake);
  });
}
