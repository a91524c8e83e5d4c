import { sleep } from "../internal/delay.ts";
import type { QueueStats } from "../queue/durable/queue_driver.ts";

/** What {@linkcode idle} can watch: a durable queue, by its `stats`, or a `MemoryQueue`, by its `size` and `pending`. */
export type WatchedQueue = { stats(): Promise<Partial<QueueStats>> } | {
  readonly size: number;
  readonly pending: number;
};

/** How long {@linkcode idle} waits, and how often it looks. */
export interface IdleOptions {
  /** Ends the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait, in milliseconds.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The time between two looks, in milliseconds.
   *
   * @default {10}
   */
  readonly pollMs?: number | undefined;
}

/**
 * Waits until a queue has nothing that waits, is delayed or is held. Dead letters do not count. It looks from time to time:
 * what a handler sends after it has acked, without waiting for it, may come after the look.
 *
 * @param queue The queue.
 * @param options How long to wait.
 * @returns A promise that resolves when the queue is idle.
 * @throws {TypeError} If the driver of the queue does not count what waits and what is held.
 * @throws {Error} If something is left when the time is over.
 *
 * @example
 * ```ts
 * import { MemoryQueue } from "@cq/core";
 * import { idle } from "@cq/core/testing";
 *
 * await idle(new MemoryQueue<string>());
 * ```
 */
export async function idle(queue: WatchedQueue, options: IdleOptions = {}): Promise<void> {
  const { signal, timeoutMs = 5_000, pollMs = 10 } = options;
  const end = Date.now() + timeoutMs;
  while (true) {
    signal?.throwIfAborted();
    const left = await countsOf(queue);
    if (Object.values(left).every((count) => count === 0)) return;
    if (Date.now() >= end) {
      const text = Object.entries(left).map(([state, count]) => `${count} ${state}`).join(", ");
      throw new Error(
        `Cannot wait for the queue to be idle: after ${timeoutMs} ms it has ${text}. Start its consumer, or raise timeoutMs`,
      );
    }
    await sleep(pollMs, signal);
  }
}

async function countsOf(queue: WatchedQueue): Promise<Record<string, number>> {
  if (!("stats" in queue)) return { waiting: queue.size, held: queue.pending };
  const { waiting, delayed = 0, held } = await queue.stats();
  if (waiting === undefined || held === undefined) {
    throw new TypeError("Cannot wait for the queue to be idle: its driver does not count what waits and what is held");
  }
  return { waiting, delayed, held };
}
