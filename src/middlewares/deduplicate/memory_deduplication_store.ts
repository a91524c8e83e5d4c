import type { DeduplicatedResult, DeduplicationStore } from "./deduplication_store.ts";

/** How much a {@linkcode MemoryDeduplicationStore} remembers. */
export interface MemoryDeduplicationStoreOptions {
  /**
   * How many messages are remembered at the most. Beyond it the one that was remembered first is forgotten. A whole
   * number from 1.
   *
   * @default {10_000}
   */
  readonly maxSize?: number;
}

interface Entry {
  readonly outcome: DeduplicatedResult;
  readonly expiresAt: number;
}

/**
 * Remembers in the memory of the process what came of messages, and forgets by age and by size. It needs no timer: what
 * is too old is dropped when something else is remembered.
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
  /** What was remembered first comes first. */
  readonly #entries = new Map<string, Entry>();

  /**
   * Makes a store that remembers nothing yet.
   *
   * @param options How much it remembers.
   * @throws {RangeError} If the size is out of its range.
   */
  constructor(options: MemoryDeduplicationStoreOptions = {}) {
    const { maxSize = 10_000 } = options;
    if (maxSize !== Infinity && !(Number.isSafeInteger(maxSize) && maxSize >= 1)) {
      throw new RangeError(`Cannot remember ${maxSize} messages: it is a whole number from 1, or Infinity`);
    }
    this.#maxSize = maxSize;
  }

  /** How many messages are in the memory, those included that are too old and not dropped yet. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Looks up what came of a message.
   *
   * @param key The key of the message.
   * @returns What was set last; `undefined` where nothing was, or where it is too old.
   */
  get(key: string): DeduplicatedResult | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt > Date.now()) return entry?.outcome;
    this.#entries.delete(key);
    return undefined;
  }

  /**
   * Remembers what came of a message.
   *
   * @param key The key of the message.
   * @param outcome What came of it.
   * @param ttlMs How long to remember it, in milliseconds, from now.
   */
  set(key: string, outcome: DeduplicatedResult, ttlMs: number): void {
    const now = Date.now();
    this.#entries.delete(key);
    this.#entries.set(key, { outcome, expiresAt: now + ttlMs });
    // Those with the same time to live are in the order of their end, so that each is dropped here once and none is
    // looked at in vain. Where the times differ, a short one may hide behind a long one until the size forgets it.
    for (const [oldest, { expiresAt }] of this.#entries) {
      if (expiresAt > now && this.#entries.size <= this.#maxSize) return;
      this.#entries.delete(oldest);
    }
  }
}
