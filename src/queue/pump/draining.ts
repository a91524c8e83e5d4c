import type { LocalQueue } from "../queue.ts";

/** How a {@linkcode Draining} ends. */
export interface DrainingOptions {
  /**
   * What a stop does with the messages in flight. `true` waits for them, however long it takes. `false` fires the signal of
   * their contexts and gives them back to the queue at once. `{ timeoutMs }` waits that long, and then does the same with
   * the rest.
   *
   * A message is given back through the `return` of the consumer's iterator, for which a stop waits up to 5 seconds. Its
   * attempt does not count in a {@linkcode MemoryQueue}. A handler that ignores its signal continues after its message was
   * given back. The pump does not wait for it.
   *
   * @default {true}
   */
  readonly graceful?: boolean | { readonly timeoutMs: number } | undefined;
  /**
   * A queue of this process that ends with the draining. A stop then closes it, and handles the messages that are left in
   * it, within the same limit. The queue is closed too if the pump fails, so that no sender waits for a consumer that is
   * gone.
   *
   * A message that fails once the queue is closed is given up at once, since nobody would receive it again.
   */
  readonly closes?: Pick<LocalQueue<never>, "close" | "~local"> | undefined;
}

/**
 * A pump at work. {@linkcode Pump.draining} starts it.
 *
 * The error that ends it is kept, and is not an unhandled rejection meanwhile. `finished`, `stop` and the disposal reject
 * with it. If nothing has asked for `finished` and nothing has stopped the draining by then, the error also goes to
 * `console.error`.
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
