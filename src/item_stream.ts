/**
 * Under this name the prototype of a stream query has what runs it. The buses know a stream query by it, also where the
 * library is loaded twice, and a bundle without stream queries has nothing else of streams. It is not a symbol: bundlers
 * keep a class with a computed member, even if nothing uses the class.
 *
 * @internal
 */
export const STREAM = "~stream";

/**
 * What the handler of a stream query returns: as a rule it is an `async *handle()`. A string is iterable too, and is not
 * accepted.
 *
 * @typeParam Item One item.
 */
export type StreamSource<Item> = AsyncIterable<Item> | (Iterable<Item> & object) | ReadableStream<Item>;

/**
 * The items of a stream query, for one consumer. Read it with `for await`, which leaves it on a `break` and on an error.
 *
 * Nothing starts before the first `next()`, and no item is made before it is asked for. When the last `next()` or
 * `return()` settles, everything is closed: the source of the items, the middlewares, and the scope of the handler.
 *
 * @typeParam Item One item.
 */
export interface ItemStream<Item> {
  /**
   * Asks for the next item. Several calls are answered in turn.
   *
   * @returns The item, or that there are no more of them. An error comes out once; then the stream is over.
   */
  next(): Promise<IteratorResult<Item, undefined>>;

  /**
   * Leaves the stream. While an item is being made, the signal of the handler fires, and that item is dropped.
   *
   * @returns A promise that settles when everything is closed. It rejects if something fails while it is closed.
   */
  return(): Promise<IteratorReturnResult<undefined>>;

  /** The stream itself: all its consumers share its items. */
  [Symbol.asyncIterator](): ItemStream<Item>;

  /** Leaves the stream, as {@linkcode return} does. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What `next()` of a middleware resolves to when the iteration of a stream has ended without a failure. */
export interface StreamEnd {
  /** How many items the consumer has received. */
  readonly items: number;
  /** Whether the source came to its end. It is `false` where the consumer has left before. */
  readonly complete: boolean;
}

/** How far a stream has come. Middlewares and handlers find it as `context.stream`. */
export interface StreamProgress {
  /** How many items the consumer has received. */
  readonly items: number;
  /** How long the consumer has been waiting for an item, in milliseconds; 0 while it is not waiting. */
  readonly waitingMs: number;
}
