/** The outcome of a message that was handled. It is an object because the result itself may be `undefined`. */
export interface DeduplicatedResult {
  /** What the handler returned. */
  readonly result: unknown;
}

/** Where {@linkcode deduplicate} keeps results: in memory, in a database, in a cache. */
export interface DeduplicationStore {
  /**
   * Looks up the outcome of a message.
   *
   * @param key The key of the message.
   * @returns The outcome that was set last; `undefined` if there is none, or if it is too old.
   */
  get(key: string): DeduplicatedResult | undefined | PromiseLike<DeduplicatedResult | undefined>;

  /**
   * Remembers the outcome of a message.
   *
   * @param key The key of the message.
   * @param outcome The outcome.
   * @param ttlMs How long to remember it, in milliseconds, from now.
   */
  set(key: string, outcome: DeduplicatedResult, ttlMs: number): void | PromiseLike<void>;
}
