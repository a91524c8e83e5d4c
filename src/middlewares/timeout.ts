import { onAbort, reasonOfAbort } from "../internal/abort.ts";
import { isDuration, MAX_DELAY_MS } from "../internal/delay.ts";
import { newDOMException } from "../internal/dom_exception.ts";
import { textOf } from "../internal/text.ts";
import type { Middleware } from "../middleware.ts";
import { typeNameOf } from "../naming.ts";

/** How long {@linkcode timeout} waits for a handler after its time is up. */
export interface TimeoutOptions {
  /**
   * How long the dispatch waits for the handler after its signal has fired, in milliseconds. Then it leaves the handler
   * behind: a later rejection is observed, and nothing waits for it. With `Infinity` no handler is left behind.
   *
   * @default {0}
   */
  readonly graceMs?: number | undefined;
}

/**
 * Makes a middleware that fires the handler's signal when the time is up, and rejects with its reason, a `DOMException`
 * named `TimeoutError`. What the handler then throws, such as the `AbortError` of what has heeded the signal, is the
 * `cause` of a `TimeoutError` of its own.
 *
 * Nothing can stop a handler that does not heed its signal. It goes on, and its result and its related events are
 * dropped. With `{ graceMs: Infinity }` the dispatch waits for it, and what the handler returns comes out.
 *
 * For a stream it is the longest wait for one item; the time that the consumer takes does not count. To bound all of it,
 * give `stream()` a signal: `AbortSignal.timeout(…)`. A handler that yields without ever waiting starves all timers.
 *
 * @param ms The time for the rest of the chain, in milliseconds.
 * @param options How long to wait for a handler to heed its signal.
 * @returns The middleware.
 * @throws {RangeError} If a time is not a number from 0.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { MessageRouter, Query, timeout } from "@cq/core";
 *
 * class FindPrice extends Query<number> {}
 *
 * const queries = new MessageRouter().newQueryBus()
 *   .use(timeout(5))
 *   .subscribe(FindPrice, (_query, { signal }) =>
 *     new Promise((_resolve, reject) => {
 *       signal?.addEventListener("abort", () => reject(signal.reason));
 *     }));
 *
 * await assertRejects(() => queries.dispatch(new FindPrice()), DOMException, "5 ms");
 * ```
 */
export function timeout(ms: number, options: TimeoutOptions = {}): Middleware {
  const { graceMs = 0 } = options;
  for (const value of [ms, graceMs]) {
    if (!isDuration(value)) {
      throw new RangeError(`Cannot time out after ${textOf(value)} ms: must be a number from 0`);
    }
  }

  return function timeout(message, next, { signal: outer, stream }) {
    const controller = new AbortController();
    const { signal } = controller;
    const forget = onAbort(outer, (reason) => controller.abort(reason));

    return new Promise((resolve, reject) => {
      let late: Error | undefined;
      const settle = <T>(outcome: (value: T) => void, value: T) => {
        clearTimeout(timer);
        forget();
        outcome(value);
      };
      function expire() {
        const restMs = stream === undefined ? 0 : ms - stream.waitingMs;
        if (restMs > 0) return void (timer = setTimeout(expire, Math.min(restMs, MAX_DELAY_MS)));
        // The caller's signal may have fired before. Its reason is the one that counts.
        if (!signal.aborted) controller.abort(late = newTimeoutError(message, ms));
        if (graceMs === Infinity) return;
        timer = setTimeout(() => settle(reject, late ?? reasonOfAbort(signal)), Math.min(graceMs, MAX_DELAY_MS));
      }
      let timer = setTimeout(expire, Math.min(ms, MAX_DELAY_MS));
      next(undefined, { signal }).then(
        (result) => settle(resolve, result),
        // An error of its own for each cause: the handler's error may well have the signal's reason as its cause.
        (error) =>
          settle(reject, late === undefined || late === error ? error : newTimeoutError(message, ms, { cause: error })),
      );
    });
  };
}

function newTimeoutError(message: object, ms: number, options?: { readonly cause: unknown }): Error {
  return newDOMException(`Cannot handle "${typeNameOf(message)}" within ${ms} ms`, "TimeoutError", options);
}
