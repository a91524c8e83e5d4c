import { QueueClosedError } from "../../errors.ts";
import { RESOLVED } from "../../internal/promise.ts";
import { MAX_DELAY_MS } from "../../internal/delay.ts";
import type { Answerable, MemoryConsumer, Receive } from "./memory_consumer.ts";
import { LinkedList } from "./linked_list.ts";
import { MemoryDelivery } from "./memory_delivery.ts";
import { Backlog, type QueuedMessage } from "./backlog.ts";
import type { Delivery, NackOptions, SendOptions } from "../queue.ts";

/** How a broker treats its messages. */
export interface BrokerOptions<T> {
  readonly maxSize: number;
  readonly maxAttempts: number;
  readonly onDead: ((delivery: Delivery<T>, reason: unknown) => unknown) | undefined;
}

/**
 * Brings messages and consumers together.
 *
 * Whenever a consumer waits, the line is empty: what arrives goes to the one that has waited longest.
 *
 * @typeParam T The messages.
 */
export class MemoryBroker<T> implements Answerable<T> {
  readonly #maxAttempts: number;
  readonly #onDead: BrokerOptions<T>["onDead"];
  readonly #backlog: Backlog<T>;
  readonly #receives = new LinkedList<Receive<T>>();
  #pending = 0;
  #delayed = 0;
  #isClosed = false;

  constructor({ maxSize, maxAttempts, onDead }: BrokerOptions<T>) {
    this.#backlog = new Backlog(maxSize);
    this.#maxAttempts = maxAttempts;
    this.#onDead = onDead;
  }

  get size(): number {
    return this.#backlog.size;
  }

  get pending(): number {
    return this.#pending;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(message: T, options: SendOptions | undefined): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed) return Promise.reject(new QueueClosedError(message));

    const queued: QueuedMessage<T> = { message, attempt: 1, metadata: options?.metadata };
    if (this.#receives.first === undefined && !this.#backlog.hasRoom) return this.#sendLater(queued, signal);
    this.#enqueue(queued);
    return RESOLVED;
  }

  receive(hand: MemoryConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>> {
    if (hand.hasLeft) return Promise.resolve({ done: true, value: undefined });
    const queued = this.#backlog.take();
    if (queued !== undefined) return Promise.resolve({ done: false, value: this.#handOver(queued, hand) });
    if (this.#isExhausted) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      const receive: Receive<T> = { hand, resolve, previous: undefined, next: undefined };
      hand.receives.add(receive);
      this.#receives.push(receive);
    });
  }

  ack(delivery: Delivery<T>, hand: MemoryConsumer<T>): Promise<void> {
    if (hand.deliveries.delete(delivery)) this.#pending--;
    return RESOLVED;
  }

  nack(delivery: Delivery<T>, { hand, reason, delay = 0 }: NackOptions & { hand: MemoryConsumer<T> }): Promise<void> {
    if (!(delay >= 0 && delay <= MAX_DELAY_MS)) {
      return Promise.reject(
        new RangeError(`Cannot deliver again after ${delay} ms: it is a number from 0 to ${MAX_DELAY_MS}`),
      );
    }
    if (!hand.deliveries.delete(delivery)) return RESOLVED;
    if (delivery.attempt >= this.#maxAttempts) return this.#giveUp(delivery, { hand, reason });
    if (delay === 0) {
      this.#pending--;
      this.#enqueue(again(delivery));
    } else {
      this.#enqueueLater(again(delivery), delay);
    }
    return RESOLVED;
  }

  /** Ends the receives of a consumer that wait, and gives back what it holds. */
  leave(hand: MemoryConsumer<T>): void {
    hand.hasLeft = true;
    for (const receive of hand.receives.takeAll()) {
      this.#receives.remove(receive);
      receive.resolve({ done: true, value: undefined });
    }
    this.#takeBack(hand.deliveries.takeAll());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#backlog.rejectWaiting((message) => new QueueClosedError(message));
    this.#endIfExhausted();
  }

  get #isExhausted(): boolean {
    return this.#isClosed && this.#backlog.isEmpty && this.#delayed === 0;
  }

  #handOver(queued: QueuedMessage<T>, hand: MemoryConsumer<T>): Delivery<T> {
    const delivery = new MemoryDelivery(queued, hand);
    hand.deliveries.add(delivery);
    this.#pending++;
    return delivery;
  }

  #enqueue(queued: QueuedMessage<T>): void {
    const receive = this.#receives.shift();
    if (receive === undefined) {
      this.#backlog.push(queued);
    } else {
      receive.hand.receives.delete(receive);
      receive.resolve({ done: false, value: this.#handOver(queued, receive.hand) });
    }
  }

  #enqueueLater(queued: QueuedMessage<T>, delay: number): void {
    this.#delayed++;
    const timer: unknown = setTimeout(() => {
      this.#delayed--;
      this.#pending--;
      this.#enqueue(queued);
      this.#endIfExhausted();
    }, delay);
    // A browser's timer is a number, and keeps nothing alive.
    (timer as { unref?: () => void }).unref?.();
  }

  #sendLater(queued: QueuedMessage<T>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal === undefined) {
        this.#backlog.pushWaiting(queued, { resolve, reject });
        return;
      }
      const abort = () => {
        signal.removeEventListener("abort", abort);
        this.#backlog.withdraw(entry);
        reject(signal.reason);
      };
      const entry = this.#backlog.pushWaiting(queued, {
        resolve: () => {
          signal.removeEventListener("abort", abort);
          resolve();
        },
        reject: (error) => {
          signal.removeEventListener("abort", abort);
          reject(error);
        },
      });
      signal.addEventListener("abort", abort);
    });
  }

  /** Puts deliveries back to the head of the line, in their order. */
  #takeBack(deliveries: readonly Delivery<T>[]): void {
    this.#pending -= deliveries.length;
    for (const delivery of deliveries.toReversed()) this.#backlog.unshift(again(delivery));
    while (this.#receives.first !== undefined) {
      const queued = this.#backlog.take();
      if (queued === undefined) return;
      this.#enqueue(queued);
    }
  }

  async #giveUp(delivery: Delivery<T>, { hand, reason }: { hand: MemoryConsumer<T>; reason: unknown }): Promise<void> {
    try {
      await this.#onDead?.(delivery, reason);
    } catch (error) {
      // Nobody has taken the message over, so it is still owed.
      if (hand.hasLeft) this.#takeBack([delivery]);
      else hand.deliveries.add(delivery);
      throw error;
    }
    this.#pending--;
  }

  #endIfExhausted(): void {
    if (!this.#isExhausted) return;
    for (let receive = this.#receives.shift(); receive !== undefined; receive = this.#receives.shift()) {
      receive.hand.receives.delete(receive);
      receive.resolve({ done: true, value: undefined });
    }
  }
}

function again<T>({ message, attempt, metadata }: Delivery<T>): QueuedMessage<T> {
  return { message, attempt: attempt + 1, metadata };
}
