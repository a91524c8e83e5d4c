import type { Metadata } from "../../context.ts";
import type { Delivery } from "../queue.ts";
import { LinkedList, type LinkedNode } from "./linked_list.ts";

/** A sender that waits until its message is accepted. */
export interface WaitingSender {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A message with everything that goes with it. Each attempt has its own object, which stands in the backlog at most once.
 *
 * @typeParam T The message.
 */
export class QueuedMessage<T> implements LinkedNode<QueuedMessage<T>> {
  readonly message: T;
  /** The number of its next delivery, from 1. */
  readonly attempt: number;
  readonly metadata: Metadata | undefined;
  /** The sender that waits for its acceptance; `undefined` once it is accepted. */
  sender: WaitingSender | undefined;
  previous: QueuedMessage<T> | undefined;
  next: QueuedMessage<T> | undefined;

  constructor({ message, attempt, metadata }: Pick<Delivery<T>, "message" | "attempt" | "metadata">) {
    this.message = message;
    this.attempt = attempt;
    this.metadata = metadata;
    this.sender = this.previous = this.next = undefined;
  }
}

/**
 * The messages that no consumer has received yet, in the order in which they came. Messages of waiting senders are among
 * them, so that a message that comes back stands behind the senders that were there before it.
 *
 * @typeParam T The messages.
 */
export class Backlog<T> {
  readonly #maxSize: number;
  readonly #messages = new LinkedList<QueuedMessage<T>>();
  /** The first message with a sender. All other messages with a sender stand behind it. */
  #firstWaiting: QueuedMessage<T> | undefined;
  #size = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** How many messages have been accepted. Messages that came back may take it above the limit. */
  get size(): number {
    return this.#size;
  }

  get hasRoom(): boolean {
    return this.#size < this.#maxSize;
  }

  get isEmpty(): boolean {
    return this.#messages.first === undefined;
  }

  /** Adds an accepted message at the tail, whether there is room or not. */
  push(queued: QueuedMessage<T>): void {
    this.#messages.push(queued);
    this.#size++;
  }

  /** Adds an accepted message at the head, whether there is room or not. */
  unshift(queued: QueuedMessage<T>): void {
    this.#messages.unshift(queued);
    this.#size++;
  }

  /** Adds the message of a sender that waits. It is accepted as soon as there is room, or when it is taken. */
  pushWaiting(queued: QueuedMessage<T>, sender: WaitingSender): void {
    queued.sender = sender;
    this.#messages.push(queued);
    this.#firstWaiting ??= queued;
  }

  /** Takes the message at the head, and accepts a waiting sender's message in its place. */
  take(): QueuedMessage<T> | undefined {
    const queued = this.#messages.first;
    if (queued === undefined) return undefined;
    if (queued.sender !== undefined) {
      this.#accept(queued);
    } else {
      this.#size--;
      if (this.#firstWaiting !== undefined && this.hasRoom) {
        this.#accept(this.#firstWaiting);
        this.#size++;
      }
    }
    this.#messages.remove(queued);
    return queued;
  }

  /** Removes the message of a sender that stops waiting. */
  withdraw(queued: QueuedMessage<T>): void {
    if (queued === this.#firstWaiting) this.#firstWaiting = nextWaiting(queued);
    this.#messages.remove(queued);
  }

  /** Removes the messages of all waiting senders, and rejects the senders. */
  rejectWaiting(errorFor: (message: T) => unknown): void {
    for (let queued = this.#firstWaiting; queued !== undefined; queued = this.#firstWaiting) {
      this.withdraw(queued);
      queued.sender?.reject(errorFor(queued.message));
    }
  }

  #accept(waiting: QueuedMessage<T>): void {
    // Only the first message that waits is ever accepted.
    this.#firstWaiting = nextWaiting(waiting);
    waiting.sender?.resolve();
    waiting.sender = undefined;
  }
}

/** Skips messages that came back. Each message is passed once, since the first one that waits only moves on. */
function nextWaiting<T>(queued: QueuedMessage<T>): QueuedMessage<T> | undefined {
  let next = queued.next;
  while (next !== undefined && next.sender === undefined) next = next.next;
  return next;
}
