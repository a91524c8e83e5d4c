/** How a {@linkcode Draining} ends. */
export interface DrainingOptions {
  /**
   * What a stop does with the messages in flight. `true` waits for them. `false` fires the signal of their contexts and
   * nacks them at once. `{ timeoutMs }` waits that long, and then does the same with the rest.
   *
   * A handler that ignores its signal continues after its message has been nacked. The pump does not wait for it.
   *
   * A nack counts as an attempt. A nacked message survives the stop only in a queue that delivers more than once, or that
   * has dead letters: for a {@linkcode MemoryQueue}, set `maxAttempts` or `onDead`.
   *
   * @default {true}
   */
  readonly graceful?: boolean | { readonly timeoutMs: number } | undefined;
  /**
   * A queue that ends with the draining. A stop then closes it, and handles the messages that are left in it, within the
   * same limit. The queue is closed too if the pump fails, so that no sender waits for a consumer that is gone.
   */
  readonly closes?: { close(): void | PromiseLike<void> } | undefined;
}

/**
 * A pump at work. {@linkcode Pump.draining} starts it.
 *
 * The error that ends it is kept, and is not an unhandled rejection meanwhile. `finished`, `stop` and the disposal reject
 * with it.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { MemoryQueue, Pump } from "@cq/core";
 *
 * const queue = new MemoryQueue<string>({ maxSize: 10 });
 * const draining = new Pump(queue, (name) => {
 *   if (name === "Eve") throw new Error("Eve is not welcome");
 * }).draining();
 *
 * await queue.send("Ada");
 * await queue.send("Eve");
 *
 * // The first failure ends it. A later stop rejects with the same error.
 * const error = await assertRejects(() => draining.finished, Error);
 * assertEquals(error.message, "Eve is not welcome");
 * await assertRejects(() => draining.stop(), Error, "Eve is not welcome");
 * ```
 */
export interface Draining {
  /**
   * Resolves when the queue has ended or the pump was stopped, and no message is in flight any more. Rejects if the pump
   * failed. Await it to learn of a failure before you stop.
   */
  readonly finished: Promise<void>;
  /**
   * Stops receiving, and waits for the messages in flight as `graceful` says. A second call returns the same promise. A
   * handler must not wait for it, because it would wait for itself.
   *
   * @returns The same promise as `finished`.
   */
  stop(): Promise<void>;
  /** Stops, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
