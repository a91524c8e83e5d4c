import type { Metadata } from "../metadata.ts";
import { InjectionToken } from "../token.ts";

/**
 * What a sender may add to a message. A handler's context fits: its metadata travels with the message, and its signal ends
 * the wait.
 */
export interface SendOptions {
  /** Ends the wait for room in the queue. It has no effect once the queue has accepted the message. */
  readonly signal?: AbortSignal | undefined;
  /** Travels with the message to its handler. */
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
 * The end of a queue that accepts messages.
 *
 * @typeParam T The messages.
 */
export interface Producer<T> {
  // A property and not a method: the compiler then refuses a producer of narrower messages.
  /** Sends a message. The promise resolves once the queue has accepted it. From then on the queue has to deliver it. */
  readonly send: (message: T, options?: SendOptions) => Promise<void>;
}

/** Why a delivery failed, and when the queue delivers the message again. */
export interface NackOptions {
  /** What went wrong. A queue with dead letters keeps it with the message. */
  readonly reason?: unknown;
  /**
   * How long the message waits before its next delivery, in milliseconds.
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
 * A message that one consumer holds until it settles the delivery, with `ack` or `nack`. The first call settles it. Every
 * later call does nothing.
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
  /** The number of this delivery of the message, from 1. */
  readonly attempt: number;
  /** What the sender gave with the message. */
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
  /** Reports that the message was handled. The queue forgets it. */
  ack(): Promise<void>;
  /** Reports that handling the message failed. The queue delivers it again, or gives it up. */
  nack(options?: NackOptions): Promise<void>;
}

/**
 * The end of a queue that delivers messages. Each iterator is a separate consumer, and each message goes to one of them.
 *
 * A consumer that leaves its loop gives back the deliveries that it has not settled. An iterator ends when the queue is
 * closed and no message is left.
 *
 * `return` should end a call of `next` that waits, without losing a message. An async generator cannot do that: its `return`
 * waits until `next` has settled. A {@linkcode Pump} does not wait for such an iterator, and nacks the message that it still
 * yields.
 *
 * @typeParam T The messages.
 */
export interface Consumer<T> {
  /** Starts to receive messages. */
  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>>;
}

/**
 * Both ends of a queue. Implement it to use a broker or a database with the same producers, consumers and pumps.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type Delivery, MemoryQueue, type Queue, type SendOptions } from "@cq/core";
 *
 * // A queue around another queue, which counts the messages that are sent.
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
   * Stops accepting messages: `send` rejects with a {@linkcode QueueClosedError}. The queue still delivers what it has
   * accepted. Then its iterators end. Closing twice is not an error.
   */
  close(): void | PromiseLike<void>;
}

/**
 * The brand of a {@linkcode LocalQueue}.
 *
 * @internal
 */
export const LOCAL: unique symbol = Symbol("LOCAL");

/**
 * A queue that lives in this process alone, so that closing it ends it for every sender and consumer. A queue that others
 * share is not one: it would never be drained.
 *
 * @typeParam T The messages.
 */
export interface LocalQueue<T> extends Queue<T> {
  /** Says so. */
  readonly [LOCAL]: true;
}

/**
 * Gives the delivery that a pump handles, as a value of the dispatch: `context.values.get(DELIVERY)`, `inject(DELIVERY)`.
 * It is there to be read; the pump settles it.
 */
export const DELIVERY: InjectionToken<Delivery<unknown>> = /* @__PURE__ */ new InjectionToken("DELIVERY");
