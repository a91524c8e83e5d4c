import { QueueClosedError } from "../../errors.ts";
import type { Delivery, Queue, SendOptions } from "../queue.ts";
import { Batch } from "./batch.ts";
import { type DeadLetters, deadLettersOf } from "./dead_letters.ts";
import { DurableDelivery } from "./durable_delivery.ts";
import { type DurableQueueOptions, settingsOf } from "./durable_queue_options.ts";
import { Failures } from "./failures.ts";
import { type DurableConsumer, Inbound } from "./inbound.ts";
import { outgoingOf, type OutgoingRules } from "./outgoing.ts";
import type { Burial, Outgoing, QueueDriver, QueueStats, Received } from "./queue_driver.ts";
import { Settling } from "./settling.ts";

/**
 * What a queue that takes part in transactions of the user needs of its engine.
 *
 * @typeParam T The messages.
 */
export interface QueueEngine<T> {
  /** Makes of a message what the driver writes down, plainly where the codec is synchronous. */
  outgoingOf(message: T, options?: SendOptions): Outgoing | PromiseLike<Outgoing>;
  /** Tells the consumers of this handle that there may be something to receive. */
  wake(): void;
  /**
   * Finds what the driver knows a delivery by. It throws a `TypeError` where another queue has delivered it, and an `Error`
   * where it is settled or lost.
   */
  receivedOf(delivery: Delivery<unknown>): Received;
  /** Says that a delivery was settled in a transaction that has been committed. */
  markSettled(delivery: Delivery<unknown>): void;
}

/** Not a member of the queue: it is for the queues of this package alone. */
const engines = new WeakMap<object, unknown>();

/**
 * The engine of a queue.
 *
 * @typeParam T The messages.
 * @param queue The queue.
 * @returns What a queue that takes part in transactions needs of it.
 */
export function engineOf<T>(queue: DurableQueue<T>): QueueEngine<T> {
  return engines.get(queue) as QueueEngine<T>;
}

/**
 * A queue that lives on a server or in a file, behind a driver. It outlives the process, and other processes share it.
 *
 * Each message is delivered at least once: again where the process ends between the handling and the ack. Sends and acks
 * of one tick go to the server together. While the server is away acks, nacks and receives insist, and `onError` hears of
 * it; `send` rejects, since the caller decides.
 *
 * `close` is the end of this handle alone: its iterators end when a receive finds nothing, and other handles go on.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts ignore
 * const queue = new DurableQueue(new DirectoryDriver("./orders"), { name: "orders", codec: jsonCodec<Order>() });
 * await queue.send({ id: 7 });
 *
 * for await (const delivery of queue) {
 *   console.log(delivery.message.id); // 7
 *   await delivery.ack();
 * }
 * ```
 */
export class DurableQueue<T> implements Queue<T> {
  /** The name of the queue. */
  readonly name: string;
  /** The dead letters of the queue. */
  readonly dead: DeadLetters<T>;
  readonly #driver: QueueDriver;
  readonly #rules: OutgoingRules<T>;
  readonly #failures: Failures;
  readonly #sends: Batch<Outgoing>;
  readonly #settling: Settling<T>;
  readonly #inbound: Inbound<T>;
  readonly #onDead: DurableQueueOptions<T>["onDead"];
  /** How many sends are on their way. */
  #sending = 0;
  #isClosed = false;
  #disposing: Promise<void> | undefined;

  /**
   * Puts a queue over a driver. Nothing is started before the first message is sent or received.
   *
   * @param driver The driver. It belongs to the queue, which disposes it.
   * @param options The name, the codec, and how the messages are treated.
   * @throws {RangeError} If an option is out of its range.
   */
  constructor(driver: QueueDriver, options: DurableQueueOptions<T>) {
    const settings = settingsOf(options);
    const { name, codec, maxAttempts, leaseMs, prefetch, pollMs, maxBytes, unknownDelayMs, acks, backoff, onError } =
      settings;
    this.name = name;
    this.#driver = driver;
    this.#onDead = options.onDead;
    this.#rules = { name, codec, maxBytes, driver };
    this.#failures = new Failures({ name, onError, explain: (error) => driver.explain?.(error) });
    this.#sends = new Batch({
      flush: async (messages) => {
        await driver.publish(messages);
        this.#inbound.wake();
      },
      again: (error) => Promise.reject(this.#failures.explained(error)),
      weigh: ({ envelope }) => envelope.body.length,
    });
    this.#settling = new Settling({
      driver,
      failures: this.#failures,
      maxAttempts,
      backoff,
      acks,
      confirmed: (delivery) => this.#inbound.confirmed(delivery),
      acking: () => this.#inbound.ask(),
      wake: () => this.#inbound.wake(),
      buried: (burial, message) => this.#tellOfDead(burial, message),
    });
    this.#inbound = new Inbound({
      driver,
      codec,
      failures: this.#failures,
      settling: this.#settling,
      prefetch,
      leaseMs,
      pollMs,
      unknownDelayMs,
      isEnding: () => this.#isClosed && this.#sending === 0,
    });
    this.dead = deadLettersOf({
      store: () => this.#offered("dead", driver.dead),
      codec,
      explained: (error) => this.#failures.explained(error),
      wake: () => this.#inbound.wake(),
    });
    const engine: QueueEngine<T> = {
      outgoingOf: (message, sendOptions = {}) => {
        if (this.#isClosed) throw new QueueClosedError(message);
        return outgoingOf(message, sendOptions, this.#rules);
      },
      wake: () => this.#inbound.wake(),
      receivedOf: (delivery) => this.#receivedOf(delivery),
      markSettled: (delivery) => this.#markSettled(delivery),
    };
    engines.set(this, engine);
  }

  /**
   * Sends a message.
   *
   * @param message The message.
   * @param options What goes along with it. When the signal fires the send rejects; where the message was on its way to the
   * server already, it may be in the queue.
   * @returns A promise that resolves when the server has written the message down.
   * @throws {QueueClosedError} If this handle is closed.
   * @throws {RangeError} If the body has more than `maxBytes`, or the queue does not promise what the options ask for.
   */
  async send(message: T, options: SendOptions = {}): Promise<void> {
    if (this.#isClosed) throw new QueueClosedError(message);
    this.#sending++;
    try {
      const outgoing = outgoingOf(message, options, this.#rules);
      await this.#sends.add("then" in outgoing ? await outgoing : outgoing, options.signal);
    } finally {
      this.#sending--;
      if (this.#isClosed) this.#inbound.wake();
    }
  }

  /**
   * Ends this handle: its sends reject, and its iterators end at the first receive that finds nothing. The queue itself and
   * its other handles go on. Closing twice is no error.
   *
   * @returns A promise that resolves when the sends have been answered that were on their way.
   */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#inbound.wake();
    return this.#sends.idle();
  }

  /**
   * Starts to receive. Each iterator is a consumer of its own. It may hold several deliveries, and several `next` may wait.
   *
   * Leaving it, with `break` or `return()`, ends the receives that wait and gives back the deliveries that are not settled,
   * without counting their attempts.
   *
   * @returns The deliveries.
   */
  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>, undefined> & AsyncIterable<Delivery<T>> {
    const inbound = this.#inbound;
    const consumer: DurableConsumer<T> = { held: new Set(), hasLeft: false };
    return {
      next: () => inbound.next(consumer),
      return: async () => {
        await inbound.leave(consumer);
        return { done: true, value: undefined };
      },
      throw: async (error) => {
        await inbound.leave(consumer);
        throw error;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Counts the messages.
   *
   * @returns How many wait, are delayed, are held and are dead, and the age of the oldest.
   */
  async stats(): Promise<QueueStats> {
    const { stats } = this.#driver;
    return await this.#explaining(() => this.#offered("stats", stats).call(this.#driver));
  }

  /**
   * Asks the server for an answer, for readiness checks.
   *
   * @returns A promise that rejects where the server does not answer, or does not know the queue.
   */
  async ping(): Promise<void> {
    const { ping } = this.#driver;
    await this.#explaining(() => this.#offered("ping", ping).call(this.#driver));
  }

  /**
   * Leaves at once: ends the iterators and gives back what they hold. What cannot be brought to the server at the first
   * attempt is left to its lease. The client of the driver stays open: it belongs to the user.
   *
   * @returns A promise that resolves when nothing of the queue is left in the process.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposing ??= this.#dispose();
  }

  #receivedOf(delivery: Delivery<unknown>): Received {
    const cannot = `Cannot settle "${delivery.id}" in a transaction`;
    if (!(delivery instanceof DurableDelivery) || delivery.host !== this.#settling) {
      throw new TypeError(
        `${cannot}: it is not a delivery of the queue "${this.name}". Use the queue that delivered it`,
      );
    }
    if (delivery.isOpen) return delivery.received;
    throw new Error(`${cannot}: it is settled already, or another consumer has it. Roll the transaction back`);
  }

  #markSettled(delivery: Delivery<unknown>): void {
    if (!(delivery instanceof DurableDelivery)) return;
    delivery.markSettled();
    this.#inbound.confirmed(delivery);
  }

  async #dispose(): Promise<void> {
    this.#isClosed = true;
    this.#failures.end();
    await Promise.all([this.#sends.idle(), this.#inbound.dispose()]);
    await this.#driver.dispose?.();
  }

  async #tellOfDead({ received, reason }: Burial, message: T | undefined): Promise<void> {
    const { envelope: { id, name, body }, attempt } = received;
    try {
      await this.#onDead?.({
        id,
        name,
        body,
        reason,
        attempt,
        at: new Date(),
        ...(message === undefined ? {} : { message }),
      });
    } catch (error) {
      this.#failures.report("onDead", error, false);
    }
  }

  async #explaining<R>(work: () => PromiseLike<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      throw this.#failures.explained(error);
    }
  }

  #offered<M>(what: string, method: M | undefined): M {
    if (method !== undefined) return method;
    throw new TypeError(`Cannot use "${what}" of the queue "${this.name}": its driver does not offer it`);
  }
}
