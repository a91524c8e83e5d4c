import { abortable } from "../../internal/abort.ts";
import { QueueClosedError } from "../../errors.ts";
import { MAX_DELAY_MS } from "../../internal/delay.ts";
import { RESOLVED } from "../../internal/promise.ts";
import type { Delivery, NackOptions, SendOptions } from "../queue.ts";
import { Backlog, QueuedMessage } from "./backlog.ts";
import { LinkedList } from "./linked_list.ts";
import type { ConsumerHost, MemoryConsumer, Receive } from "./memory_consumer.ts";

/** How a broker treats its messages. */
export interface BrokerOptions<T> {
  readonly maxSize: number;
  readonly maxAttempts: number;
  readonly onDead: ((delivery: Delivery<T>, reason: unknown) => unknown) | undefined;
}

/**
 * Brings messages and consumers together.
 *
 * Whenever a consumer waits, the backlog is empty: a message that arrives goes to the consumer that has waited longest.
 *
 * @typeParam T The messages.
 */
export class MemoryBroker<T> implements ConsumerHost<T> {
  held = 0;
  readonly #maxAttempts: number;
  readonly #onDead: BrokerOptions<T>["onDead"];
  readonly #backlog: Backlog<T>;
  readonly #receives = new LinkedList<Receive<T>>();
  /** How many messages wait for the delay of their nack. */
  #delayed = 0;
  /** How many messages `onDead` is taking over. */
  #dying = 0;
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
    return this.held + this.#delayed + this.#dying;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(message: T, options: SendOptions | undefined): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed) return Promise.reject(new QueueClosedError(message));

    const queued = new QueuedMessage<T>({ message, attempt: 1, metadata: options?.metadata });
    if (this.#receives.first === undefined && !this.#backlog.hasRoom) return this.#sendLater(queued, signal);
    this.#enqueue(queued);
    return RESOLVED;
  }

  receive(consumer: MemoryConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>> {
    const queued = this.#backlog.take();
    if (queued !== undefined) return Promise.resolve({ done: false, value: consumer.hold(queued) });
    if (this.#isExhausted) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      const receive: Receive<T> = { consumer, resolve, previous: undefined, next: undefined };
      consumer.receives.add(receive);
      this.#receives.push(receive);
    });
  }

  cancel(receives: readonly Receive<T>[]): void {
    for (const receive of receives) {
      this.#receives.remove(receive);
      receive.resolve({ done: true, value: undefined });
    }
  }

  nack(
    delivery: Delivery<T>,
    { consumer, reason, delay = 0 }: NackOptions & { readonly consumer: MemoryConsumer<T> },
  ): Promise<void> {
    if (!(delay >= 0 && delay <= MAX_DELAY_MS)) {
      return Promise.reject(
        new RangeError(`Cannot deliver again after ${delay} ms: delay must be a number from 0 to ${MAX_DELAY_MS}`),
      );
    }
    if (!consumer.settle(delivery)) return RESOLVED;
    if (delivery.attempt >= this.#maxAttempts) return this.#giveUp(delivery, { consumer, reason });
    if (delay === 0) this.#enqueue(nextAttempt(delivery));
    else this.#enqueueLater(nextAttempt(delivery), delay);
    return RESOLVED;
  }

  /** Puts deliveries back to the head of the backlog, in their order. */
  takeBack(deliveries: readonly Delivery<T>[]): void {
    for (const delivery of deliveries.toReversed()) this.#backlog.unshift(nextAttempt(delivery));
    while (this.#receives.first !== undefined) {
      const queued = this.#backlog.take();
      if (queued === undefined) return;
      this.#enqueue(queued);
    }
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

  #enqueue(queued: QueuedMessage<T>): void {
    const receive = this.#receives.shift();
    if (receive === undefined) {
      this.#backlog.push(queued);
    } else {
      receive.consumer.receives.delete(receive);
      receive.resolve({ done: false, value: receive.consumer.hold(queued) });
    }
  }

  #enqueueLater(queued: QueuedMessage<T>, delay: number): void {
    this.#delayed++;
    const deliverAgain = () => {
      this.#delayed--;
      this.#enqueue(queued);
      this.#endIfExhausted();
    };
    const timer: unknown = setTimeout(deliverAgain, delay);
    // A browser's timer is a number, and does not keep a process alive.
    (timer as { unref?: () => void }).unref?.();
  }

  #sendLater(queued: QueuedMessage<T>, signal: AbortSignal | undefined): Promise<void> {
    return abortable(signal, (resolve, reject) => {
      this.#backlog.pushWaiting(queued, { resolve, reject });
      const withdraw = () => this.#backlog.withdraw(queued);
      return withdraw;
    });
  }

  async #giveUp(
    delivery: Delivery<T>,
    { consumer, reason }: { readonly consumer: MemoryConsumer<T>; readonly reason: unknown },
  ): Promise<void> {
    this.#dying++;
    try {
      await this.#onDead?.(delivery, reason);
    } catch (error) {
      // The dead letters do not have the message, so the queue still has to deliver it.
      consumer.reopen(delivery);
      throw error;
    } finally {
      this.#dying--;
    }
  }

  #endIfExhausted(): void {
    if (!this.#isExhausted) return;
    for (let receive = this.#receives.shift(); receive !== undefined; receive = this.#receives.shift()) {
      receive.consumer.receives.delete(receive);
      receive.resolve({ done: true, value: undefined });
    }
  }
}

function nextAttempt<T>({ message, attempt, metadata }: Delivery<T>): QueuedMessage<T> {
  return new QueuedMessage({ message, attempt: attempt + 1, metadata });
}
