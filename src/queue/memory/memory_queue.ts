import type { Dispatcher } from "../../dispatcher.ts";
import type { Draining, DrainingOptions } from "../pump/draining.ts";
import { MemoryConsumer } from "./memory_consumer.ts";
import { MemoryBroker } from "./memory_broker.ts";
import { Pump, type PumpOptions } from "../pump/pump.ts";
import type { Delivery, Queue, SendOptions } from "../queue.ts";

/** How a {@linkcode MemoryQueue} treats its messages. */
export interface MemoryQueueOptions<T> {
  /**
   * How many messages may wait in the queue before `send` has to wait. With `0` each `send` waits for a consumer that takes the
   * message; with `Infinity` none ever waits.
   *
   * @default {0}
   */
  readonly maxSize?: number;
  /**
   * How often a message is delivered at the most before a `nack` gives it up. `Infinity` never does.
   *
   * @default {1}
   */
  readonly maxAttempts?: number;
  /**
   * Takes over a message that is given up, and the reason of its last `nack`. Without it the message is dropped. If it
   * throws, the `nack` rejects with its error and the message stays with the consumer, or goes back to the queue when the
   * consumer has left.
   */
  readonly onDead?: (delivery: Delivery<T>, reason: unknown) => unknown;
}

/**
 * A queue in the memory of the process.
 *
 * Messages are received in the order in which they were sent. Consumers that wait are served in order of arrival, and so are
 * senders that wait for room. A message that was nacked queues up at the tail. One that a leaving consumer gives back goes
 * to the head, and is delivered again however often it has been. One that waits for its delay keeps no process alive.
 *
 * After `close` a consumer ends as soon as no message waits, for another delay neither. What others still hold may come
 * back later: to them, or to whoever consumes then.
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
export class MemoryQueue<T> implements Queue<T> {
  readonly #broker: MemoryBroker<T>;

  /**
   * Makes an empty queue.
   *
   * @param options How many messages it holds, and how often each is tried.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: MemoryQueueOptions<T> = {}) {
    const { maxSize = 0, maxAttempts = 1, onDead } = options;
    if (maxSize !== Infinity && !(Number.isInteger(maxSize) && maxSize >= 0)) {
      throw new RangeError(`Cannot make a queue of ${maxSize} messages: it is a whole number from 0, or Infinity`);
    }
    if (maxAttempts !== Infinity && !(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
      throw new RangeError(`Cannot deliver a message ${maxAttempts} times: it is a whole number from 1, or Infinity`);
    }
    this.#broker = new MemoryBroker({ maxSize, maxAttempts, onDead });
  }

  /** How many accepted messages wait to be received. Messages that came back may take it above the limit. */
  get size(): number {
    return this.#broker.size;
  }

  /** How many messages have been received and not acknowledged: they are with a consumer, or wait for their delay. */
  get pending(): number {
    return this.#broker.pending;
  }

  /** Whether the queue accepts no message any more. */
  get closed(): boolean {
    return this.#broker.isClosed;
  }

  /**
   * Sends a message. It waits while the queue is full.
   *
   * @param message The message.
   * @param options Metadata that travels along, and a signal that ends the wait.
   * @returns A promise that resolves once the queue has the message or, where the queue holds none, a consumer.
   * @throws {QueueClosedError} If the queue is closed, or is closed during the wait.
   */
  send(message: T, options?: SendOptions): Promise<void> {
    return this.#broker.send(message, options);
  }

  /**
   * Ends the queue: senders that wait are rejected, and consumers end once they have received what is left. Closing twice
   * changes nothing.
   */
  close(): void {
    this.#broker.close();
  }

  /**
   * Starts to receive. Each iterator is a consumer of its own. It may hold several deliveries, and several `next` may wait.
   *
   * Leaving it, with `break` or `return()`, ends the receives that wait and gives back the deliveries that have no answer yet.
   *
   * @returns The messages, each once, until the queue is closed and none is left.
   */
  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>, undefined> & AsyncIterable<Delivery<T>> {
    const broker = this.#broker;
    const hand = new MemoryConsumer(broker);
    return {
      next: () => broker.receive(hand),
      return: () => {
        broker.leave(hand);
        return Promise.resolve({ done: true, value: undefined });
      },
      throw: (error) => {
        broker.leave(hand);
        return Promise.reject(error);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Pumps the messages into a dispatcher until it is stopped, which closes the queue and waits until the last message
   * has been handled. It stands for `new Pump(queue, dispatcher, options).draining({ ...options, closes: queue })`.
   *
   * If the pump fails the queue is closed too, so that no sender waits for ever.
   *
   * @param dispatcher A bus, a pipeline, or a function.
   * @param options How many messages are handled at a time, what becomes of failures, and how long stopping may take.
   * @returns What stops it, and tells how it went.
   * @throws {RangeError} If a number is out of its range.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryQueue } from "@cq/core";
   *
   * const sum: number[] = [];
   * const queue = new MemoryQueue<number>();
   * {
   *   await using _draining = queue.draining((amount) => sum.push(amount));
   *   for (const amount of [1, 2, 3]) await queue.send(amount);
   * }
   * assertEquals(sum, [1, 2, 3]);
   *
   * // Where there is no `await using`, as in Node 20 and 22:
   * const other = new MemoryQueue<number>();
   * const draining = other.draining((amount) => sum.push(amount));
   * try {
   *   await other.send(4);
   * } finally {
   *   await draining.stop();
   * }
   * assertEquals(sum, [1, 2, 3, 4]);
   * ```
   */
  draining(dispatcher: Dispatcher<T>, options: PumpOptions & DrainingOptions = {}): Draining {
    return new Pump(this, dispatcher, options).draining({ ...options, closes: this });
  }
}
