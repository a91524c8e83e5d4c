import { RESOLVED } from "../../internal/promise.ts";
import type { Metadata } from "../../metadata.ts";
import type { Delivery, NackOptions } from "../queue.ts";
import type { LinkedNode } from "./linked_list.ts";
import type { QueuedMessage } from "./queued_message.ts";

/** What a {@linkcode MemoryConsumer} needs of the broker that serves it. */
export interface ConsumerHost<T> {
  /** How many attempts a message gets before a nack gives it up. */
  readonly maxAttempts: number;
  /** How many deliveries the consumers hold. The consumers count them, until the host takes them back. */
  held: number;
  /** Whether the queue has taken back all that the consumers hold. */
  readonly isDisposed: boolean;
  /** Takes a message for the consumer, or lets it wait for one. */
  receive(consumer: MemoryConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>>;
  /** Ends the receives of a consumer that leaves. */
  cancel(receives: readonly Receive<T>[]): void;
  /** Takes messages back that the consumer has not settled. */
  takeBack(messages: readonly QueuedMessage<T>[]): void;
  /** Notes that a message was handled. */
  ack(queued: QueuedMessage<T>): void;
  /** Delivers a message again, or gives it up. The delivery is open again if this rejects. */
  nack(held: HeldMessage<T>, options: NackOptions): Promise<void>;
}

/** A message in the hands of a consumer. */
export interface HeldMessage<T> {
  readonly queued: QueuedMessage<T>;
  readonly consumer: MemoryConsumer<T>;
  readonly delivery: Delivery<T>;
}

/** A call of `next` that waits for a message. */
export interface Receive<T> extends LinkedNode<Receive<T>> {
  /** The consumer that waits. */
  readonly consumer: MemoryConsumer<T>;
  /** Ends the wait. */
  readonly resolve: (result: IteratorResult<Delivery<T>, undefined>) => void;
}

/**
 * One iterator over a {@linkcode MemoryQueue}: what it holds, and what it waits for.
 *
 * @typeParam T The messages.
 */
export class MemoryConsumer<T> {
  readonly host: ConsumerHost<T>;
  /** The receives that wait. */
  readonly receives: SmallSet<Receive<T>> = new SmallSet();
  /** The messages whose deliveries are not settled. */
  readonly #open: SmallSet<QueuedMessage<T>> = new SmallSet();
  #hasLeft = false;

  constructor(host: ConsumerHost<T>) {
    this.host = host;
  }

  next(): Promise<IteratorResult<Delivery<T>, undefined>> {
    return this.#hasLeft ? Promise.resolve({ done: true, value: undefined }) : this.host.receive(this);
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<never> {
    this.#leave();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Gives a message to the consumer. */
  hold(queued: QueuedMessage<T>): Delivery<T> {
    this.#open.add(queued);
    this.host.held++;
    return new MemoryDelivery(queued, this);
  }

  /** Settles the delivery of a message, and tells whether it was open. */
  settle(queued: QueuedMessage<T>): boolean {
    const isOpen = this.#open.delete(queued) && !this.host.isDisposed;
    if (isOpen) this.host.held--;
    return isOpen;
  }

  /** Opens a delivery again that could not be given up. If the consumer has left, the message goes back to the queue. */
  reopen(queued: QueuedMessage<T>): void {
    this.#open.add(queued);
    this.host.held++;
    if (this.#hasLeft) this.#giveBack();
  }

  #leave(): void {
    this.#hasLeft = true;
    this.host.cancel(this.receives.takeAll());
    this.#giveBack();
  }

  #giveBack(): void {
    this.host.takeBack(this.#open.takeAll());
  }
}

/** A delivery of a {@linkcode MemoryQueue}. */
class MemoryDelivery<T> implements Delivery<T> {
  readonly #queued: QueuedMessage<T>;
  readonly #consumer: MemoryConsumer<T>;

  constructor(queued: QueuedMessage<T>, consumer: MemoryConsumer<T>) {
    this.#queued = queued;
    this.#consumer = consumer;
  }

  get message(): T {
    return this.#queued.message;
  }

  get attempt(): number {
    return this.#queued.attempt;
  }

  get metadata(): Metadata | undefined {
    return this.#queued.accompaniment?.metadata;
  }

  get key(): string | undefined {
    return this.#queued.key;
  }

  get sentAt(): Date | undefined {
    return this.#queued.accompaniment?.sentAt;
  }

  get isLast(): boolean {
    return this.attempt >= this.#consumer.host.maxAttempts;
  }

  ack(): Promise<void> {
    if (this.#consumer.settle(this.#queued)) this.#consumer.host.ack(this.#queued);
    return RESOLVED;
  }

  nack(options: NackOptions = {}): Promise<void> {
    const held = { queued: this.#queued, consumer: this.#consumer, delivery: this };
    return this.#consumer.host.nack(held, options);
  }
}

/** A set that rarely holds more than one value. It then costs a seventh of a `Set`. */
class SmallSet<T> {
  /** The oldest value. It is filled only while there are no others. */
  #first: T | undefined;
  #others: Set<T> | undefined;

  /** Adds a value. It must not be in the set yet. */
  add(value: T): void {
    if (this.#first === undefined && !this.#others?.size) this.#first = value;
    else (this.#others ??= new Set()).add(value);
  }

  /** Removes a value, and tells whether it was in the set. */
  delete(value: T): boolean {
    if (this.#first !== value) return this.#others?.delete(value) ?? false;
    this.#first = undefined;
    return true;
  }

  /** Removes all values, and returns them, the oldest first. */
  takeAll(): T[] {
    const values = [...this.#others ?? []];
    if (this.#first !== undefined) values.unshift(this.#first);
    this.#first = this.#others = undefined;
    return values;
  }
}
