import type { Metadata } from "../../context.ts";
import { RESOLVED } from "../../internal/promise.ts";
import type { Delivery, NackOptions } from "../queue.ts";
import type { QueuedMessage } from "./backlog.ts";
import type { LinkedNode } from "./linked_list.ts";

/** What a {@linkcode MemoryConsumer} needs of the broker that serves it. */
export interface ConsumerHost<T> {
  /** How many deliveries the consumers hold. The consumers count them. */
  held: number;
  /** Takes a message for the consumer, or lets it wait for one. */
  receive(consumer: MemoryConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>>;
  /** Ends the receives of a consumer that has left. */
  cancel(receives: readonly Receive<T>[]): void;
  /** Takes deliveries back that the consumer has not settled. */
  takeBack(deliveries: readonly Delivery<T>[]): void;
  /** Delivers a message again, or gives it up. The delivery is open again if this rejects. */
  nack(delivery: Delivery<T>, options: NackOptions & { readonly consumer: MemoryConsumer<T> }): Promise<void>;
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
  /** The deliveries that are not settled. A delivery is open as long as it is in here. */
  readonly #deliveries: SmallSet<Delivery<T>> = new SmallSet();
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
    const delivery = new MemoryDelivery(queued, this);
    this.#deliveries.add(delivery);
    this.host.held++;
    return delivery;
  }

  /** Settles a delivery, and tells whether it was open. */
  settle(delivery: Delivery<T>): boolean {
    const isOpen = this.#deliveries.delete(delivery);
    if (isOpen) this.host.held--;
    return isOpen;
  }

  /** Opens a delivery again that could not be given up. If the consumer has left, the message goes back to the queue. */
  reopen(delivery: Delivery<T>): void {
    this.#deliveries.add(delivery);
    this.host.held++;
    if (this.#hasLeft) this.#giveBack();
  }

  #leave(): void {
    this.#hasLeft = true;
    this.host.cancel(this.receives.takeAll());
    this.#giveBack();
  }

  #giveBack(): void {
    const deliveries = this.#deliveries.takeAll();
    this.host.held -= deliveries.length;
    this.host.takeBack(deliveries);
  }
}

/** A delivery of a {@linkcode MemoryQueue}. */
class MemoryDelivery<T> implements Delivery<T> {
  readonly message: T;
  readonly attempt: number;
  readonly metadata: Metadata | undefined;
  readonly #consumer: MemoryConsumer<T>;

  constructor(queued: QueuedMessage<T>, consumer: MemoryConsumer<T>) {
    this.message = queued.message;
    this.attempt = queued.attempt;
    this.metadata = queued.metadata;
    this.#consumer = consumer;
  }

  ack(): Promise<void> {
    this.#consumer.settle(this);
    return RESOLVED;
  }

  nack(options: NackOptions = {}): Promise<void> {
    return this.#consumer.host.nack(this, { ...options, consumer: this.#consumer });
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
