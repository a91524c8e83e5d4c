/** The outcome of a message that was handled. It is an object because the result itself may be `undefined`. */
export interface DeduplicatedResult {
  /** What the handler returned. */
  readonly result: unknown;
}

/** What a {@linkcode DeduplicationStore} answers to who wants to handle a message. */
export type Acquisition =
  | {
    /** The message is the caller's to handle. No other caller acquires it until the claim ends. */
    readonly status: "acquired";
    /** What the caller shows to end the claim. No two claims have the same. */
    readonly token: string;
  }
  | {
    /** Another caller is handling the message. */
    readonly status: "held";
  }
  | {
    /** The message has been handled. */
    readonly status: "completed";
    /** Its outcome. */
    readonly outcome: DeduplicatedResult;
  };

/** The right to handle a message, for the time of a lease. */
export interface DeduplicationClaim {
  /** The key of the message. */
  readonly key: string;
  /** The token that {@linkcode DeduplicationStore.acquire} gave for it. */
  readonly token: string;
}

/**
 * Where {@linkcode deduplicate} keeps results: in memory, in a database, in a cache. Processes may share one. Its methods
 * are atomic: of several callers that acquire a key at the same time, one alone does.
 *
 * `deduplicationStoreConformance` of `@cq/core/testing` tests one of yours.
 */
export interface DeduplicationStore {
  /**
   * Claims a message, unless another caller is handling it or has handled it.
   *
   * @param key The key of the message, any text.
   * @param options How long the claim lasts, in milliseconds, if it is not ended before: the caller may have died.
   * @returns Whether the message is the caller's to handle, and its outcome if it has been handled.
   */
  acquire(key: string, options: { readonly leaseMs: number }): Acquisition | PromiseLike<Acquisition>;

  /**
   * Ends a claim and remembers the outcome of its message. Where another caller has the claim by now, nothing changes.
   *
   * @param claim The claim.
   * @param options The outcome, and how long to remember it, in milliseconds from now, which may be `Infinity`.
   * @returns Whether the claim was still the caller's.
   */
  complete(
    claim: DeduplicationClaim,
    options: { readonly outcome: DeduplicatedResult; readonly ttlMs: number },
  ): boolean | PromiseLike<boolean>;

  /**
   * Ends a claim whose message could not be handled, so that another caller can acquire it. Where another caller has the
   * claim by now, nothing changes.
   *
   * @param claim The claim.
   */
  release(claim: DeduplicationClaim): void | PromiseLike<void>;
}
