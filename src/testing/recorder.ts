import type { DispatchOptions } from "../context.ts";
import type { StreamEnd } from "../item_stream.ts";
import type { MessageType, ResultOf, StreamMessage } from "../message.ts";

/**
 * What a dispatch resolves to: the result of the message. For a stream query it is the end of the stream, which a
 * middleware may leave out.
 *
 * @typeParam M The message.
 */
export type OutcomeOf<M> = M extends StreamMessage<unknown> ? StreamEnd | undefined : ResultOf<M>;

/**
 * One dispatch. That of a stream query begins with the first `next()` and ends with the stream.
 *
 * @typeParam M The message.
 */
export interface DispatchRecord<M = unknown> {
  /** The message. */
  readonly message: M;
  /** The signal and the metadata that the caller gave. */
  readonly options: DispatchOptions | undefined;
  /** How the dispatch ended, in the form of `Promise.allSettled`. `undefined` as long as it runs. */
  readonly outcome: PromiseSettledResult<OutcomeOf<M>> | undefined;
}

/**
 * A dispatch that has ended.
 *
 * @typeParam M The message.
 */
export interface CompletedRecord<M = unknown> extends DispatchRecord<M> {
  /** How the dispatch ended, in the form of `Promise.allSettled`. */
  readonly outcome: PromiseSettledResult<OutcomeOf<M>>;
}

/**
 * What a recording bus can do in addition to what the bus can.
 *
 * @typeParam M The messages that the bus takes.
 */
export interface Recorder<M = unknown> {
  /** Everything that was dispatched, in the order of the dispatches. */
  readonly records: readonly DispatchRecord<M>[];

  /**
   * Lists the messages of a class that were dispatched.
   *
   * @typeParam T The messages.
   * @param type Their class, or a base of it.
   * @returns The messages, in the order of the dispatches.
   */
  messages<T extends M>(type: MessageType<T>): T[];

  /**
   * Waits until a message of a class has been dispatched and handled.
   *
   * Starts with the first message and returns each message once. A test may therefore call it before or after the dispatch.
   * A dispatch that fails counts too.
   *
   * @typeParam T The message.
   * @param type Its class, or a base of it.
   * @param options A signal that ends the wait. An ended wait takes no message away from other waits.
   * @returns The dispatch, with its outcome.
   * @throws The reason of the signal.
   */
  next<T extends M>(
    type: MessageType<T>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<CompletedRecord<T>>;

  /**
   * Answers messages of a class in place of their handler. Handlers, middlewares and listeners do not see them.
   *
   * The answer to a stream query gives the source of the items, such as a list of them.
   *
   * The answer for the nearest class on the prototype chain is used. A second answer for a class replaces the first one.
   *
   * @typeParam T The message.
   * @param type Its class, or a base of it.
   * @param answer Returns the result, or throws.
   * @returns The recording bus itself.
   */
  answer<T extends M>(
    type: MessageType<T>,
    // The class alone says what T is: the compiler then keeps the literals in what the answer returns.
    answer: NoInfer<(message: T, options: DispatchOptions | undefined) => ResultOf<T> | PromiseLike<ResultOf<T>>>,
  ): this;
}
