import type { Acquisition, DeduplicatedResult, DeduplicationClaim, DeduplicationStore } from "./deduplication_store.ts";

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

interface Held {
  readonly token: string;
  readonly expiresAt: number;
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
 * const store = new MemoryDeduplicationStore();
 * const first = store.acquire("order 7", { leaseMs: 1_000 });
 *
 * assertEquals(store.acquire("order 7", { leaseMs: 1_000 }), { status: "held" });
 *
 * if (first.status === "acquired") {
 *   store.complete({ key: "order 7", token: first.token }, { outcome: { result: 42 }, ttlMs: 60_000 });
 * }
 *
 * assertEquals(store.acquire("order 7", { leaseMs: 1_000 }), { status: "completed", outcome: { result: 42 } });
 * ```
 */
export class MemoryDeduplicationStore implements DeduplicationStore {
  readonly #maxSize: number;
  readonly #held = new Map<string, Held>();
  /** By key, the oldest one first. */
  readonly #remembered = new Map<string, Remembered>();
  #claims = 0;

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
   * Claims a message, unless it is being handled or has been handled.
   *
   * @param key The key of the message.
   * @param options How long the claim lasts, in milliseconds, if it is not ended before.
   * @returns Whether the message is the caller's to handle, and its outcome if it has been handled.
   */
  acquire(key: string, options: { readonly leaseMs: number }): Acquisition {
    const now = Date.now();
    const found = this.#remembered.get(key);
    if (found !== undefined && found.expiresAt > now) return { status: "completed", outcome: found.outcome };
    this.#remembered.delete(key);

    const held = this.#held.get(key);
    if (held !== undefined && held.expiresAt > now) return { status: "held" };
    const token = String(++this.#claims);
    this.#held.set(key, { token, expiresAt: now + options.leaseMs });
    return { status: "acquired", token };
  }

  /**
   * Ends a claim and remembers the outcome of its message, unless another caller has the claim by now.
   *
   * @param claim The claim.
   * @param options The outcome, and how long to remember it, in milliseconds from now.
   * @returns Whether the claim was still the caller's.
   */
  complete(
    claim: DeduplicationClaim,
    options: { readonly outcome: DeduplicatedResult; readonly ttlMs: number },
  ): boolean {
    if (!this.#end(claim)) return false;
    const { outcome, ttlMs } = options;
    const now = Date.now();
    this.#remembered.set(claim.key, { outcome, expiresAt: now + ttlMs });
    // With one time to live for all, the oldest expires first: the loop looks at no outcome that it does not drop, but
    // for the last one. With different times, a short one may stay behind a long one until the size drops it.
    for (const [oldest, { expiresAt }] of this.#remembered) {
      if (expiresAt > now && this.#remembered.size <= this.#maxSize) break;
      this.#remembered.delete(oldest);
    }
    return true;
  }

  /**
   * Ends a claim whose message could not be handled, unless another caller has the claim by now.
   *
   * @param claim The claim.
   */
  release(claim: DeduplicationClaim): void {
    this.#end(claim);
  }

  /** A claim whose lease has run out is still the caller's while no other caller has acquired it. */
  #end({ key, token }: DeduplicationClaim): boolean {
    return this.#held.get(key)?.token === token && this.#held.delete(key);
  }
}
