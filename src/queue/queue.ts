import type { Metadata } from "../metadata.ts";
import { InjectionToken } from "../token.ts";

/** What a sender may add to a message. A handler's context will do: its metadata travels on, its signal ends the wait. */
export interface SendOptions {
  /** Ends the wait for room in the queue. Once the message is in the queue it changes nothing any more. */
  readonly signal?: AbortSignal | undefined;
  /** Travels with the message, as with a dispatch. */
  readonly metadata?: Metadata | undefined;
  /**
   * Messages of one key are handled in their order, one at a time. A queue that does not promise keys rejects with a
   * `RangeError`.
   */
  readonly key?: string | undefined;
  /**
   * How long the message waits before it is delivered, in milliseconds. A queue that cannot delay rejects with a
   * `RangeError`.
   *
   * @default {0}
   */
  readonly delay?: number | undefined;
  /**
   * Identifies the message: a second send of a known id resolves and adds nothing. A queue that does not promise ids
   * rejects with a `RangeError`.
   */
  readonly id?: string | undefined;
}

/**
 * Where messages go in.
 *
 * @typeParam T The messages.
 */
export interface Producer<T> {
  // A property and not a method, so that the compiler compares the messages one way only.
  /** Sends a message. The promise resolves once the queue has accepted it: from then on the queue owes its delivery. */
  readonly send: (message: T, options?: SendOptions) => Promise<void>;
}

/** Why a delivery failed, and when to try it again. */
export interface NackOptions {
  /** What went wrong. A queue with dead letters keeps it beside the message. */
  readonly reason?: unknown;
  /**
   * How long the message waits before it is delivered again, in milliseconds.
   *
   * @default {0}
   */
  readonly delay?: number | undefined;
  /**
   * Whether the message may be delivered again. With `false` it is given up at once: a dead letter.
   *
   * @default {true}
   */
  readonly requeue?: boolean | undefined;
}

/**
 * One message in the hands of one consumer, which has to say what became of it. The first answer is final: after it, both
 * methods do nothing.
 *
 * @typeParam T The message.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryQueue } from "@cq/core";
 *
 * const queue = new MemoryQueue<string>({ maxSize: 10, maxAttempts: 3 });
 * await queue.send("Ada");
 * queue.close();
 *
 * const attempts: number[] = [];
 * for await (const delivery of queue) {
 *   attempts.push(delivery.attempt);
 *   if (delivery.attempt < 3) await delivery.nack({ reason: "not yet" });
 *   else await delivery.ack();
 * }
 *
 * assertEquals(attempts, [1, 2, 3]);
 * ```
 */
export interface Delivery<T> {
  /** The message. */
  readonly message: T;
  /** How often the message has been delivered, from 1. */
  readonly attempt: number;
  /** What the sender gave along with the message. */
  readonly metadata?: Metadata | undefined;
  /** What identifies the message, where the queue knows it. It is the same at each delivery. */
  readonly id?: string | undefined;
  /** The key that the message was sent with. */
  readonly key?: string | undefined;
  /** When the message was sent, where the queue knows it. */
  readonly sentAt?: Date | undefined;
  /** Whether a nack would give the message up, where the queue knows it. */
  readonly isLast?: boolean | undefined;
  /** Fires when the delivery is not this consumer's any more: its lease has run out, or its channel is gone. */
  readonly signal?: AbortSignal | undefined;
  /** Says that the message has been handled. The queue forgets it. */
  ack(): Promise<void>;
  /** Says that the message could not be handled. The queue delivers it again, or gives it up. */
  nack(options?: NackOptions): Promise<void>;
}

/**
 * Where messages come out. Each iterator is a consumer of its own, and each message goes to one of them.
 *
 * A consumer that leaves its loop gives back what it has neither acked nor nacked. An iterator ends when the queue is
 * closed and nothing is left.
 *
 * Its `return` should end a `next` that is waiting, without a message getting lost. An async generator cannot do that, it
 * answers the two one after the other: a {@linkcode Pump} then leaves it behind, and nacks the message that it still
 * yields.
 *
 * @typeParam T The messages.
 */
export interface Consumer<T> {
  /** Starts to receive. */
  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>>;
}

/**
 * Both ends of a queue. Implement it to put a broker or a database behind the same producers, consumers and pumps.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type Delivery, MemoryQueue, type Queue, type SendOptions } from "@cq/core";
 *
 * // A queue that counts what is sent, around another one.
 * class CountingQueue<T> implements Queue<T> {
 *   readonly #inner: Queue<T>;
 *   sent = 0;
 *
 *   constructor(inner: Queue<T>) {
 *     this.#inner = inner;
 *   }
 *
 *   async send(message: T, options?: SendOptions): Promise<void> {
 *     await this.#inner.send(message, options);
 *     this.sent++;
 *   }
 *
 *   close(): void | PromiseLike<void> {
 *     return this.#inner.close();
 *   }
 *
 *   [Symbol.asyncIterator](): AsyncIterator<Delivery<T>> {
 *     return this.#inner[Symbol.asyncIterator]();
 *   }
 * }
 *
 * const queue = new CountingQueue(new MemoryQueue<string>({ maxSize: 10 }));
 * await queue.send("Ada");
 * await queue.close();
 *
 * assertEquals(queue.sent, 1);
 * ```
 */
export interface Queue<T> extends Producer<T>, Consumer<T> {
  /**
   * Accepts no message any more: `send` rejects with a {@linkcode QueueClosedError}. What has been accepted is still
   * delivered; then the iterators end. Closing twice is no error.
   */
  close(): void | PromiseLike<void>;
}

/**
 * The brand of a {@linkcode LocalQueue}.
 *
 * @internal
 */
declare const local: unique symbol;

/**
 * A queue that lives in this process alone, so that closing it ends it for every sender and consumer. A queue that others
 * share is not one: it would never be drained.
 *
 * @typeParam T The messages.
 */
export interface LocalQueue<T> extends Queue<T> {
  /** Exists for the compiler alone. */
  readonly [local]: true;
}

/**
 * Gives the delivery that a pump handles, as a value of the dispatch: `context.values.get(DELIVERY)`, `inject(DELIVERY)`.
 * It is there to be read; the pump settles it.
 */
export const DELIVERY: InjectionToken<Delivery<unknown>> = new InjectionToken("DELIVERY");
