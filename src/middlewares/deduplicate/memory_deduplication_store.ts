import type { DeduplicatedResult, DeduplicationStore } from "./deduplication_store.ts";

/** How much a {@linkcode MemoryDeduplicationStore} remembers. */
export interface MemoryDeduplicationStoreOptions {
  /**
   * How many messages are remembered at most. Beyond that, the oldest one is forgotten. A whole number from 1, or
   * `Infinity`.
   *
   * @default {10_000}
   */
  readonly maxSize?: number | undefined;
}

interface Remembered {
  readonly outcome: DeduplicatedResult;
  readonly expiresAt: number;
}

/**
 * Remembers the outcomes of messages in the memory of the process, and forgets them by age and by number. It needs no
 * timer: outcomes that are too old are dropped when another one is remembered.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryDeduplicationStore } from "@cq/core/middlewares";
 *
 * const store = new MemoryDeduplicationStore({ maxSize: 2 });
 * for (const key of ["a", "b", "c"]) store.set(key, { result: key }, 60_000);
 *
 * assertEquals(store.get("a"), undefined);
 * assertEquals(store.get("c"), { result: "c" });
 * ```
 */
export class MemoryDeduplicationStore implements DeduplicationStore {
  readonly #maxSize: number;
  /** By key, the oldest one first. */
  readonly #remembered = new Map<string, Remembered>();

  /**
   * Makes a store that remembers nothing yet.
   *
   * @param options How much it remembers.
   * @throws {RangeError} If the size is out of its range.
   */
  constructor(options: MemoryDeduplicationStoreOptions = {}) {
    const { maxSize = 10_000 } = options;
    if (maxSize !== Infinity && !(Number.isSafeInteger(maxSize) && maxSize >= 1)) {
      throw new RangeError(`Cannot remember ${maxSize} messages: must be a whole number from 1, or Infinity`);
    }
    this.#maxSize = maxSize;
  }

  /** How many messages it holds. Messages that are too old count until they are dropped. */
  get size(): number {
    return this.#remembered.size;
  }

  /**
   * Looks up the outcome of a message.
   *
   * @param key The key of the message.
   * @returns The outcome that was set last; `undefined` if there is none, or if it is too old.
   */
  get(key: string): DeduplicatedResult | undefined {
    const found = this.#remembered.get(key);
    if (found === undefined || found.expiresAt > Date.now()) return found?.outcome;
    this.#remembered.delete(key);
    return undefined;
  }

  /**
   * Remembers the outcome of a message.
   *
   * @param key The key of the message.
   * @param outcome The outcome.
   * @param ttlMs How long to remember it, in milliseconds, from now.
   */
  set(key: string, outcome: DeduplicatedResult, ttlMs: number): void {
    const now = Date.now();
    this.#remembered.delete(key);
    this.#remembered.set(key, { outcome, expiresAt: now + ttlMs });
    // With one time to live for all, the oldest expires first: the loop looks at no outcome that it does not drop, but
    // for the last one. With different times, a short one may stay behind a long one until the size drops it.
    for (const [oldest, { expiresAt }] of this.#remembered) {
      if (expiresAt > now && this.#remembered.size <= this.#maxSize) return;
      this.#remembered.delete(oldest);
    }
  }
}
