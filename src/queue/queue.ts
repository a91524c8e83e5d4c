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
 * `send` rejects when the queue does not accept the message: the sender decides what follows. A queue that is asked for a
 * key, a delay or an id that it does not promise rejects with a `RangeError` that says so. A signal that has fired already
 * rejects with its reason, and the message does not get in.
 *
 * @typeParam T The messages.
 */
export interface Producer<T> {
  // A property and not a method: the compiler then refuses a producer of narrower messages.
  /**
   * Sends a message. The promise resolves once the queue has accepted it. From then on the queue has to deliver it.
   *
   * A handler that awaits a send to the full queue that it is fed from waits for itself: only its own end would make room.
   * Send to another queue, give the queue more room, or do not await the send in the handler.
   *
   * @example A handler that sends to its own queue
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryQueue, Pump } from "@cq/core";
   *
   * const queue = new MemoryQueue<number>({ maxSize: 1 });
   * const handled: number[] = [];
   * const sends: Promise<void>[] = [];
   *
   * const draining = new Pump(queue, (page) => {
   *   handled.push(page);
   *   // Not awaited: the handler ends, and the pump then takes the next message and makes room.
   *   if (page < 3) sends.push(queue.send(page * 2), queue.send(page * 2 + 1));
   * }).draining({ closes: queue });
   *
   * await queue.send(1);
   * // A send may add others while this waits.
   * for (const sent of sends) await sent;
   * await draining.stop();
   *
   * assertEquals(handled, [1, 2, 3, 4, 5]);
   * ```
   */
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
 * later call does nothing, and so does a call after the consumer has given the message back.
 *
 * `ack` and `nack` reject only if nothing but a person can help: the table does not exist, the password is wrong, the
 * `onDead` of a {@linkcode MemoryQueue} throws. What has rejected has not settled the delivery. A queue over a network
 * insists by itself, as long as its lease lasts. An answer that comes too late resolves.
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
  /** What identifies the message, where the queue knows it. All of its deliveries have the same. */
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
 * A consumer that leaves its loop gives back the deliveries that it has not settled. What is given back has not failed: it
 * goes to the head of the queue, and where the technology allows it, its attempt does not count. An iterator ends when the
 * queue is closed and no message is left.
 *
 * `next` rejects only if nothing but a person can help, as `ack` and `nack` do. A consumer that waits keeps the process
 * alive where messages may come from outside of it.
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
 * `queueConformance` of `@cq/core/testing` tests all that is promised here.
 *
 * A queue with `Symbol.asyncDispose` leaves at once when it is disposed: it closes, its iterators end, and it gives back
 * what they hold.
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
   * Ends this object's use of the queue: `send` rejects with a {@linkcode QueueClosedError}, also where it waits. Closing
   * twice is not an error.
   *
   * The iterators of a queue of this process end when nothing is left, delayed messages included. Those of a queue that
   * others share end at the first receive that finds nothing, and what is delayed is left to the others. What is nacked
   * after `close` is not lost in either case.
   */
  close(): void | PromiseLike<void>;
}

/**
 * A queue that lives in this process alone, so that closing it ends it for every sender and consumer. A queue that others
 * share is not one: it would never be drained.
 *
 * @typeParam T The messages.
 */
export interface LocalQueue<T> extends Queue<T> {
  /** Says that the queue lives in this process alone. It exists at run time too, for callers without a compiler. */
  readonly "~local": true;
}

/**
 * Gives the delivery that a pump handles, as a value of the dispatch: `context.values.get(DELIVERY)`, `inject(DELIVERY)`.
 * It is there to be read; the pump settles it.
 */
export const DELIVERY: InjectionToken<Delivery<unknown>> = /* @__PURE__ */ new InjectionToken("DELIVERY");
