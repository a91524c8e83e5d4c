import type { Delivery, LocalQueue, SendOptions } from "../queue.ts";
import { RESOLVED } from "../../internal/promise.ts";
import { MemoryBroker } from "./memory_broker.ts";
import { MemoryConsumer } from "./memory_consumer.ts";

/** How a {@linkcode MemoryQueue} treats its messages. */
export interface MemoryQueueOptions<T> {
  /**
   * How many messages the queue holds before `send` waits for room. With `0` each `send` waits until a consumer takes its
   * message. With `Infinity` no `send` waits.
   *
   * @default {0}
   */
  readonly maxSize?: number | undefined;
  /**
   * How many attempts a message gets before a `nack` gives it up. With `Infinity` no message is given up.
   *
   * @default {1}
   */
  readonly maxAttempts?: number | undefined;
  /**
   * Takes over a message that is given up, with the reason of its last `nack`. Without it the message is dropped. If it
   * throws, the `nack` rejects with the error. The message then stays with the consumer, or goes back to the queue if the
   * consumer has left.
   */
  readonly onDead?: ((delivery: Delivery<T>, reason: unknown) => unknown) | undefined;
}

/**
 * A queue in the memory of the process. It promises order, redelivery, keys, delays of sends and nacks, metadata and
 * bounds. It does not promise ids.
 *
 * Messages are received in the order in which they were sent. Waiting consumers are served in their order of arrival, and
 * so are senders that wait for room. A nacked message goes to the tail of the queue, in a later turn of the event loop.
 * With a key it keeps its place instead, and no other message of its key is received before it. A message that a leaving
 * consumer gives back goes to the head, with its attempt as it was.
 *
 * A delayed message keeps the process alive while a consumer waits. Its delivery knows when it was sent (`sentAt`) if it
 * was sent with options, such as a context: to read the clock costs as much as all the rest.
 *
 * After `close` a consumer ends as soon as the queue has no message left, and no delayed one either. Messages that other
 * consumers still hold may come back later. A consumer that is still there, or a new one, then receives them.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MemoryQueue } from "@cq/core";
 *
 * const queue = new MemoryQueue<string>({ maxSize: 10 });
 * await queue.send("Hello");
 * await queue.send("world");
 * queue.close();
 *
 * const received: string[] = [];
 * for await (const delivery of queue) {
 *   received.push(delivery.message);
 *   await delivery.ack();
 * }
 *
 * assertEquals(received, ["Hello", "world"]);
 * ```
 */
export class MemoryQueue<T> implements LocalQueue<T> {
  /** Says that closing the queue ends it for all of its senders and consumers. */
  readonly "~local" = true;
  readonly #broker: MemoryBroker<T>;

  /**
   * Creates an empty queue.
   *
   * @param options How many messages the queue holds, and how many attempts each message gets.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: MemoryQueueOptions<T> = {}) {
    const { maxSize = 0, maxAttempts = 1, onDead } = options;
    if (maxSize !== Infinity && !(Number.isInteger(maxSize) && maxSize >= 0)) {
      throw new RangeError(
        `Cannot make a queue of ${maxSize} messages: maxSize must be a whole number from 0, or Infinity`,
      );
    }
    if (maxAttempts !== Infinity && !(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
      throw new RangeError(
        `Cannot deliver a message ${maxAttempts} times: maxAttempts must be a whole number from 1, or Infinity`,
      );
    }
    this.#broker = new MemoryBroker({ maxSize, maxAttempts, onDead });
  }

  /**
   * How many accepted messages wait to be received, those that were sent with a delay included. Messages that come back may
   * take it above `maxSize`.
   */
  get size(): number {
    return this.#broker.size;
  }

  /**
   * How many messages have been received and are not settled for good: a consumer holds them, or they wait for the delay of
   * their nack.
   */
  get pending(): number {
    return this.#broker.pending;
  }

  /** Whether the queue is closed, and accepts no more messages. */
  get closed(): boolean {
    return this.#broker.isClosed;
  }

  /**
   * Sends a message. Waits while the queue is full.
   *
   * @param message The message.
   * @param options Metadata that travels with the message, its key, its delay, and a signal that ends the wait. A delayed
   * message takes room in the queue.
   * @returns A promise that resolves once the queue has accepted the message. With a `maxSize` of 0 a consumer has it then.
   * @throws {QueueClosedError} If the queue is closed, before the call or during the wait.
   * @throws {RangeError} If the delay is out of its range, or with an id, which this queue does not promise.
   *
   * @example One customer's messages, in their order
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryQueue, Pump } from "@cq/core";
   *
   * const queue = new MemoryQueue<string>({ maxSize: Infinity });
   * for (const message of ["order", "pay", "ship"]) await queue.send(message, { key: "customer 7" });
   * queue.close();
   *
   * const log: string[] = [];
   * await new Pump(queue, async (message) => {
   *   log.push(`${message} …`);
   *   await new Promise((resolve) => setTimeout(resolve, 1));
   *   log.push("done");
   * }, { concurrency: 8 }).drain();
   *
   * assertEquals(log, ["order …", "done", "pay …", "done", "ship …", "done"]);
   * ```
   */
  send(message: T, options?: SendOptions): Promise<void> {
    return this.#broker.send(message, options);
  }

  /**
   * Closes the queue. Senders that wait are rejected, and consumers end once they have received the messages that are left.
   * Closing twice changes nothing.
   */
  close(): void {
    this.#broker.close();
  }

  /**
   * Starts to receive. Each iterator is a separate consumer. It may hold several deliveries, and several calls of `next` may
   * wait at the same time.
   *
   * A consumer that leaves, with `break` or `return()`, ends its waiting calls and gives back the deliveries that it has not
   * settled.
   *
   * @returns The deliveries, until the queue is closed and no message is left.
   */
  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>, undefined> & AsyncIterable<Delivery<T>> {
    return new MemoryConsumer(this.#broker);
  }

  /**
   * Closes the queue and ends its consumers at once. What they hold goes back to the queue, where it stays with what else
   * is left.
   *
   * @returns A promise that has resolved.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#broker.dispose();
    return RESOLVED;
  }
}
