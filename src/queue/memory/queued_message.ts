import type { Metadata } from "../../metadata.ts";
import type { LinkedNode } from "./linked_list.ts";

/**
 * A sender that waits until its message is accepted.
 *
 * @typeParam T The message.
 */
export interface WaitingSender<T> extends LinkedNode<WaitingSender<T>> {
  readonly queued: QueuedMessage<T>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What goes with a message. */
export interface Accompaniment {
  readonly metadata: Metadata | undefined;
  readonly key: string | undefined;
  readonly sentAt: Date;
}

/**
 * A message with everything that goes with it. Each delivery has its own object, which stands in one list at most.
 *
 * @typeParam T The message.
 */
export class QueuedMessage<T> implements LinkedNode<QueuedMessage<T>> {
  readonly message: T;
  /** The number of its next delivery, from 1. */
  readonly attempt: number;
  /** One object, because most messages have none of it. */
  readonly accompaniment: Accompaniment | undefined;
  /** A message is received before those with a higher place. */
  place = 0;
  /** The sender that waits for its acceptance; `undefined` once it is accepted. */
  sender: WaitingSender<T> | undefined;
  previous: QueuedMessage<T> | undefined;
  next: QueuedMessage<T> | undefined;

  constructor(message: T, attempt: number, accompaniment: Accompaniment | undefined) {
    this.message = message;
    this.attempt = attempt;
    this.accompaniment = accompaniment;
    this.sender = this.previous = this.next = undefined;
  }

  get key(): string | undefined {
    return this.accompaniment?.key;
  }

  /** The same message at the same place, for another delivery. */
  again(attempt: number): QueuedMessage<T> {
    const queued = new QueuedMessage(this.message, attempt, this.accompaniment);
    queued.place = this.place;
    return queued;
  }
}
