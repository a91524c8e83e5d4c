import { NonRetryableError } from "../errors.ts";
import { isAbortError, reasonOfAbort } from "../internal/abort.ts";
import { backoff, type BackoffOptions } from "../internal/backoff.ts";
import { sleep } from "../internal/delay.ts";
import { isInstance } from "../internal/instance_of.ts";
import { textOf } from "../internal/text.ts";
import type { Middleware } from "../middleware.ts";
import { type ErrorFilter, toPredicate } from "./error_filter.ts";
import { forbidsRetry } from "./transaction/unit_of_work.ts";

/** How often {@linkcode retry} repeats, how long it waits, and after which errors. */
export interface RetryOptions extends BackoffOptions {
  /**
   * How often a message is handled at most, the first time included. A whole number from 1, or `Infinity`.
   *
   * @default {3}
   */
  readonly attempts?: number | undefined;
  /**
   * Which errors are worth another attempt: a class of error, a list of classes, or a predicate, whose promise is awaited.
   *
   * @default {every error}
   */
  readonly on?: ErrorFilter | undefined;
}

/**
 * Makes a middleware that handles a message again when it has failed. The last error comes out.
 *
 * Each attempt has its own handler, scope and related events. On the event bus only the handler that failed runs again.
 * A signal that fires cuts the wait short, and no attempt follows it. No attempt follows an `AbortError` or a
 * {@linkcode NonRetryableError} either, nor an `AggregateError` that holds nothing else, such as an
 * `EventDispatchError`. A stream starts again only before its first item.
 * Within a `transaction` nothing but a query is handled again: the retry around the transaction repeats the whole.
 *
 * @param options How often, when, and after which errors.
 * @returns The middleware.
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If `on` is neither a class, nor a list of classes, nor a function.
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
 *   .use(retry({ attempts: 3, delay: 10, factor: 2, jitter: true }))
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
 *   factor: 2,
 *   jitter: true,
 *   maxDelay: 60_000,
 *   retryAfter: (error) => error instanceof TooManyRequests ? error.retryAfterMs : undefined,
 * });
 * ```
 */
export function retry(options: RetryOptions = {}): Middleware {
  const { attempts = 3, on } = options;
  if (attempts !== Infinity && !(Number.isInteger(attempts) && attempts >= 1)) {
    throw new RangeError(`Cannot retry with ${textOf(attempts)} attempts: must be a whole number from 1, or Infinity`);
  }
  const delayAfter = backoff(options, "retry");
  const isWorthIt = toPredicate(on, "retry");

  return async function retry(_message, next, context) {
    const { signal, stream } = context;
    for (let attempt = 1;; attempt++) {
      try {
        return await next();
      } catch (error) {
        // The consumer of a stream must not receive the same items twice.
        if (stream !== undefined && stream.items > 0) throw error;
        if (attempt === attempts || signal?.aborted || isFinal(error) || !await isWorthIt(error)) throw error;
        // What is a part of a transaction is repeated with the whole of it.
        if (forbidsRetry(error, context)) throw error;
        const wait = delayAfter(error, attempt);
        // The signal may have fired by now, in a function of the user, and an event handler would start nevertheless.
        if (signal?.aborted) throw reasonOfAbort(signal);
        if (wait > 0) await sleep(wait, signal);
      }
    }
  };
}

/**
 * Whether an error says itself that no attempt may follow: work that was called off must not start again, even if the
 * caller's own signal has not fired. One of several errors does where each of them does.
 */
function isFinal(error: unknown): boolean {
  if (isInstance(error, AggregateError)) return error.errors.length > 0 && error.errors.every(isFinal);
  return isInstance(error, NonRetryableError) || isAbortError(error);
}
