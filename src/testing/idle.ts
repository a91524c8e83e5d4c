/** What {@linkcode idle} can watch: a durable queue, by its `stats`, or a `MemoryQueue`, by its `size` and `pending`. */
export type WatchedQueue =
  | { stats(): Promise<{ readonly waiting: number; readonly delayed: number; readonly held: number }> }
  | { readonly size: number; readonly pending: number };

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
 * Waits until a queue has nothing that waits, is delayed or is held. Dead letters do not count.
 *
 * @param queue The queue.
 * @param options How long to wait.
 * @returns A promise that resolves when the queue is idle.
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
    await pause(pollMs, signal);
  }
}

async function countsOf(queue: WatchedQueue): Promise<Record<string, number>> {
  if (!("stats" in queue)) return { waiting: queue.size, held: queue.pending };
  const { waiting, delayed, held } = await queue.stats();
  return { waiting, delayed, held };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
  });
}
