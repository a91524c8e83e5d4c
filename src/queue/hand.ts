import type { Delivery } from "./queue.ts";
import type { LinkedNode } from "./linked_list.ts";

/** A `next` that waits for a message. */
export interface Receive<T> extends LinkedNode<Receive<T>> {
  /** The consumer that waits. */
  readonly hand: Hand<T>;
  /** Ends the wait. */
  readonly resolve: (result: IteratorResult<Delivery<T>, undefined>) => void;
}

/** What one consumer has to do with its queue. */
export class Hand<T> {
  /** The deliveries that have no answer yet: being in here is what tells one that is open from one that is settled. */
  readonly deliveries: Set<Delivery<T>> = new Set();
  /** Its receives that wait. */
  readonly receives: Set<Receive<T>> = new Set();
  /** Whether it has left for good. */
  hasLeft = false;
}
