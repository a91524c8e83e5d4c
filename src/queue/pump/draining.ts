/** How a {@linkcode Draining} comes to its end. */
export interface DrainingOptions {
  /**
   * What stopping does with the messages in flight. `true` waits for them. `false` fires the signal of their contexts
   * and nacks them at once. `{ timeoutMs }` waits that long, and then does the same with what is left.
   *
   * A handler that does not heed its signal goes on after its message has been nacked. Nobody waits for it any more.
   *
   * A nack counts as an attempt. What is in flight outlives the stop only in a queue that delivers more than once, or
   * with its dead letters: for a {@linkcode MemoryQueue}, set `maxAttempts` or `onDead`.
   *
   * @default {true}
   */
  readonly graceful?: boolean | { readonly timeoutMs: number };
  /**
   * A queue that ends with the draining. Stopping then closes it and handles what is left in it, within the same
   * limit; and if the pump fails the queue is closed as well, so that no sender waits for a consumer that is gone.
   */
  readonly closes?: { close(): void | PromiseLike<void> };
}

/**
 * A pump at work. {@linkcode Pump.draining} starts one.
 *
 * The error that ends it is kept until somebody asks, and is no unhandled rejection meanwhile: it comes out of
 * `finished`, of `stop` and of the disposal.
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
 * // The first failure ends it. Whoever stops it, now or later, is told of it too.
 * const error = await assertRejects(() => draining.finished, Error);
 * assertEquals(error.message, "Eve is not welcome");
 * await assertRejects(() => draining.stop(), Error, "Eve is not welcome");
 * ```
 */
export interface Draining {
  /**
   * Resolves when the queue has ended or the pump was stopped, and nothing is in flight any more; rejects if the pump
   * failed. Wait for it to learn of a failure before you stop.
   */
  readonly finished: Promise<void>;
  /**
   * Takes no further message, and waits for what is in flight, as `graceful` says. Stopping again is the same wait. A
   * handler must not wait for it: it would wait for itself.
   *
   * @returns The same promise as `finished`.
   */
  stop(): Promise<void>;
  /** Stops, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
