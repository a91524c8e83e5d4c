import type { LinkedNode } from "./linked_list.ts";
import type { Delivery, NackOptions } from "../queue.ts";
import { SmallSet } from "./small_set.ts";

/** What hears of the answers to deliveries. */
export interface Answerable<T> {
  ack(delivery: Delivery<T>, hand: MemoryConsumer<T>): Promise<void>;
  nack(delivery: Delivery<T>, options: NackOptions & { readonly hand: MemoryConsumer<T> }): Promise<void>;
}

/** A `next` that waits for a message. */
export interface Receive<T> extends LinkedNode<Receive<T>> {
  /** The consumer that waits. */
  readonly hand: MemoryConsumer<T>;
  /** Ends the wait. */
  readonly resolve: (result: IteratorResult<Delivery<T>, undefined>) => void;
}

/** What one consumer holds, and what it waits for. */
export class MemoryConsumer<T> {
  readonly broker: Answerable<T>;
  /** The deliveries without an answer. To be in here is what tells an open delivery from a settled one. */
  readonly deliveries: SmallSet<Delivery<T>> = new SmallSet();
  /** The receives that wait. */
  readonly receives: SmallSet<Receive<T>> = new SmallSet();
  /** Whether the consumer has left for good. */
  hasLeft = false;

  constructor(broker: Answerable<T>) {
    this.broker = broker;
  }
}
