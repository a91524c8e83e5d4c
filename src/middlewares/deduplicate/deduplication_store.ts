/** What came of a message that was handled. It is in a box, because the result may be `undefined`. */
export interface DeduplicatedResult {
  /** What the handler returned. */
  readonly result: unknown;
}

/** Where {@linkcode deduplicate} keeps what it has to remember: in the memory, a database, a cache. */
export interface DeduplicationStore {
  /**
   * Looks up what came of a message.
   *
   * @param key The key of the message.
   * @returns What was set last; `undefined` where nothing was, or where it is too old.
   */
  get(key: string): DeduplicatedResult | undefined | PromiseLike<DeduplicatedResult | undefined>;

  /**
   * Remembers what came of a message.
   *
   * @param key The key of the message.
   * @param outcome What came of it.
   * @param ttlMs How long to remember it, in milliseconds, from now.
   */
  set(key: string, outcome: DeduplicatedResult, ttlMs: number): void | PromiseLike<void>;
}
