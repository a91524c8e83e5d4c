import { QueueClosedError } from "../../errors.ts";
import { abortable, reasonOfAbort } from "../../internal/abort.ts";
import { MAX_DELAY_MS } from "../../internal/delay.ts";
import { RESOLVED } from "../../internal/promise.ts";
import { typeNameOf } from "../../naming.ts";
import type { Delivery, NackOptions, SendOptions } from "../queue.ts";
import { Backlog } from "./backlog.ts";
import { Delays } from "./delays.ts";
import { LinkedList } from "./linked_list.ts";
import type { ConsumerHost, HeldMessage, MemoryConsumer, Receive } from "./memory_consumer.ts";
import { QueuedMessage, type WaitingSender } from "./queued_message.ts";

/** How a broker treats its messages. */
export interface BrokerOptions<T> {
  readonly maxSize: number;
  readonly maxAttempts: number;
  readonly onDead: ((delivery: Delivery<T>, reason: unknown) => unknown) | undefined;
}

/**
 * Brings messages and consumers together.
 *
 * Whenever a consumer waits, the backlog has no message that may be received: such a message goes to the consumer that has
 * waited longest.
 *
 * @typeParam T The messages.
 */
export class MemoryBroker<T> implements ConsumerHost<T> {
  readonly maxAttempts: number;
  held = 0;
  isDisposed = false;
  readonly #onDead: BrokerOptions<T>["onDead"];
  readonly #backlog: Backlog<T>;
  readonly #receives = new LinkedList<Receive<T>>();
  /** The delays of `send` and `nack`. A nack without a delay has one too: it takes a turn of the event loop. */
  readonly #delays = new Delays<QueuedMessage<T>>();
  /** How many messages wait for the delay of their nack. */
  #delayed = 0;
  /** How many messages `onDead` is taking over. */
  #dying = 0;
  #isClosed = false;

  constructor({ maxSize, maxAttempts, onDead }: BrokerOptions<T>) {
    this.#backlog = new Backlog(maxSize);
    this.maxAttempts = maxAttempts;
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
    if (options !== undefined) return this.#sendWith(message, options);
    if (this.#isClosed) return Promise.reject(new QueueClosedError(message));
    return this.#enqueue(new QueuedMessage(message, 1, undefined), undefined);
  }

  receive(consumer: MemoryConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>> {
    const queued = this.isDisposed ? undefined : this.#backlog.take();
    if (queued !== undefined) return Promise.resolve({ done: false, value: consumer.hold(queued) });
    if (this.#isExhausted) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      const receive: Receive<T> = { consumer, resolve, previous: undefined, next: undefined };
      consumer.receives.add(receive);
      this.#receives.push(receive);
      this.#delays.isAwaited = true;
    });
  }

  cancel(receives: readonly Receive<T>[]): void {
    for (const receive of receives) {
      this.#receives.remove(receive);
      receive.resolve({ done: true, value: undefined });
    }
    this.#delays.isAwaited = this.#receives.first !== undefined;
  }

  ack({ key }: QueuedMessage<T>): void {
    if (key === undefined) return;
    this.#backlog.release(key);
    this.#serve();
  }

  nack(held: HeldMessage<T>, { reason, delay = 0, requeue = true }: NackOptions): Promise<void> {
    const { queued, consumer } = held;
    if (!isDelay(delay)) return Promise.reject(delayError("deliver again", delay));
    if (!consumer.settle(queued)) return RESOLVED;
    if (!requeue || queued.attempt >= this.maxAttempts) return this.#giveUp(held, reason);

    const again = queued.again(queued.attempt + 1);
    this.#backlog.putBackDelayed(again);
    if (delay === 0) {
      this.#backlog.accept();
      this.#delays.start(again, { ms: 0, end: () => this.#makeDue(again) });
    } else {
      this.#delayed++;
      const end = () => {
        this.#delayed--;
        this.#backlog.accept();
        this.#makeDue(again);
      };
      this.#delays.start(again, { ms: delay, end });
    }
    return RESOLVED;
  }

  takeBack(messages: readonly QueuedMessage<T>[]): void {
    if (this.isDisposed) return;
    this.held -= messages.length;
    for (const queued of messages.toReversed()) {
      this.#backlog.accept();
      this.#backlog.unshift(queued.again(queued.attempt));
    }
    this.#serve();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (let sender = this.#backlog.firstSender; sender !== undefined; sender = this.#backlog.firstSender) {
      this.#withdraw(sender);
      sender.reject(new QueueClosedError(sender.queued.message));
    }
    this.#serve();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.close();
    this.isDisposed = true;
    this.#delays.cancelAll();
    // None of them is received any more, so they need no place in the backlog.
    for (; this.pending > this.#dying; this.held > 0 ? this.held-- : this.#delayed--) this.#backlog.accept();
    this.#serve();
  }

  get #isExhausted(): boolean {
    return this.isDisposed || this.#isClosed && this.#backlog.isEmpty && this.#delays.size === 0;
  }

  #sendWith(message: T, options: SendOptions): Promise<void> {
    const { signal, metadata, key, delay = 0 } = options;
    const problem = problemOf(message, options);
    if (problem !== undefined) return Promise.reject(problem);
    if (signal?.aborted) return Promise.reject(reasonOfAbort(signal));
    if (this.#isClosed) return Promise.reject(new QueueClosedError(message));

    const queued = new QueuedMessage(message, 1, { metadata, key, sentAt: new Date() });
    if (key === undefined && delay === 0) return this.#enqueue(queued, signal);
    const accepted = this.#accept(queued, signal);
    if (delay === 0) {
      this.#backlog.push(queued);
      this.#serve();
    } else {
      this.#backlog.pushDelayed(queued);
      this.#delays.start(queued, { ms: delay, end: () => this.#makeDue(queued) });
    }
    return accepted;
  }

  /** Enqueues a message that may be received at once. */
  #enqueue(queued: QueuedMessage<T>, signal: AbortSignal | undefined): Promise<void> {
    if (this.#receives.first !== undefined) {
      this.#deliver(queued);
      return RESOLVED;
    }
    const accepted = this.#accept(queued, signal);
    this.#backlog.push(queued);
    return accepted;
  }

  /** Accepts a message, as soon as there is room for it. */
  #accept(queued: QueuedMessage<T>, signal: AbortSignal | undefined): Promise<void> {
    if (this.#backlog.hasRoom) {
      this.#backlog.accept();
      return RESOLVED;
    }
    return abortable(signal, (resolve, reject) => {
      const sender = { queued, resolve, reject, previous: undefined, next: undefined };
      this.#backlog.addSender(sender);
      const withdraw = () => {
        this.#withdraw(sender);
        this.#serve();
      };
      return withdraw;
    });
  }

  #withdraw(sender: WaitingSender<T>): void {
    const isDelayed = this.#delays.cancel(sender.queued);
    this.#backlog.withdraw(sender, { isDelayed });
  }

  #makeDue(queued: QueuedMessage<T>): void {
    this.#backlog.makeDue(queued);
    this.#serve();
  }

  /** Gives the messages that may be received to the consumers that wait, and ends those that wait for nothing. */
  #serve(): void {
    while (this.#receives.first !== undefined) {
      const queued = this.isDisposed ? undefined : this.#backlog.take();
      if (queued !== undefined) this.#deliver(queued);
      else if (this.#isExhausted) this.#shiftReceive().resolve({ done: true, value: undefined });
      else return;
    }
  }

  #deliver(queued: QueuedMessage<T>): void {
    const receive = this.#shiftReceive();
    receive.resolve({ done: false, value: receive.consumer.hold(queued) });
  }

  /** Takes the receive that has waited longest. There must be one. */
  #shiftReceive(): Receive<T> {
    const receive = this.#receives.shift()!;
    receive.consumer.receives.delete(receive);
    this.#delays.isAwaited = this.#receives.first !== undefined;
    return receive;
  }

  async #giveUp({ queued, consumer, delivery }: HeldMessage<T>, reason: unknown): Promise<void> {
    this.#dying++;
    try {
      await this.#onDead?.(delivery, reason);
    } catch (error) {
      // The dead letters do not have the message, so the queue still has to deliver it.
      consumer.reopen(queued);
      throw error;
    } finally {
      this.#dying--;
    }
    this.ack(queued);
  }
}

/** Says what a send asks for that the queue cannot do. */
function problemOf(message: unknown, { delay = 0, id }: SendOptions): RangeError | undefined {
  if (id !== undefined) {
    return new RangeError(
      `Cannot send "${typeNameOf(message)}" with an id: a MemoryQueue does not know which ids it has had. ` +
        "Leave the id out, or use a durable queue",
    );
  }
  return isDelay(delay) ? undefined : delayError(`send "${typeNameOf(message)}"`, delay);
}

function isDelay(delay: number): boolean {
  return delay >= 0 && delay <= MAX_DELAY_MS;
}

function delayError(attempt: string, delay: number): RangeError {
  return new RangeError(`Cannot ${attempt} after ${delay} ms: delay must be a number from 0 to ${MAX_DELAY_MS}`);
}
