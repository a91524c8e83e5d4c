import type { Metadata } from "../../context.ts";
import { LinkedList, type LinkedNode } from "./linked_list.ts";

/** What is delivered: a message with all that goes with it. */
export interface QueuedMessage<T> {
  readonly message: T;
  /** The number of its next delivery, from 1. */
  readonly attempt: number;
  readonly metadata: Metadata | undefined;
}

/** A sender that waits until its message is accepted. */
export interface WaitingSender {
  resolve(): void;
  reject(error: unknown): void;
}

/** A message in the line. */
export interface Entry<T> extends QueuedMessage<T>, LinkedNode<Entry<T>> {
  /** Who waits for it to be accepted; `undefined` once it is. */
  sender: WaitingSender | undefined;
}

/**
 * The messages that nobody has received yet, in the order in which they came, those of waiting senders included: a message
 * that comes back queues up behind the senders that were there before it.
 *
 * @typeParam T The messages.
 */
export class Backlog<T> {
  readonly #maxSize: number;
  readonly #entries = new LinkedList<Entry<T>>();
  /** The first entry with a sender. All the others with one stand behind it. */
  #firstWaiting: Entry<T> | undefined;
  #size = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** How many messages have been accepted. Those that came back may take it above the limit. */
  get size(): number {
    return this.#size;
  }

  get hasRoom(): boolean {
    return this.#size < this.#maxSize;
  }

  get isEmpty(): boolean {
    return this.#entries.first === undefined;
  }

  /** Adds an accepted message at the tail, whether there is room or not. */
  push(queued: QueuedMessage<T>): void {
    this.#entries.push(toEntry(queued, undefined));
    this.#size++;
  }

  /** Adds an accepted message at the head, whether there is room or not. */
  unshift(queued: QueuedMessage<T>): void {
    this.#entries.unshift(toEntry(queued, undefined));
    this.#size++;
  }

  /** Adds the message of a sender that waits. It is accepted as soon as there is room, or when it is taken. */
  pushWaiting(queued: QueuedMessage<T>, sender: WaitingSender): Entry<T> {
    const entry = toEntry(queued, sender);
    this.#entries.push(entry);
    this.#firstWaiting ??= entry;
    return entry;
  }

  /** Takes the message at the head, and accepts one whose sender waits in its place. */
  take(): QueuedMessage<T> | undefined {
    const entry = this.#entries.first;
    if (entry === undefined) return undefined;
    if (entry.sender !== undefined) {
      this.#accept(entry);
    } else {
      this.#size--;
      if (this.#firstWaiting !== undefined && this.hasRoom) {
        this.#accept(this.#firstWaiting);
        this.#size++;
      }
    }
    this.#entries.remove(entry);
    return entry;
  }

  /** Takes out the message of a sender that does not wait any more. */
  withdraw(entry: Entry<T>): void {
    if (entry === this.#firstWaiting) this.#firstWaiting = nextWaiting(entry);
    this.#entries.remove(entry);
  }

  /** Takes out the messages of all senders that wait, and rejects them. */
  rejectWaiting(errorFor: (message: T) => unknown): void {
    for (let entry = this.#firstWaiting; entry !== undefined; entry = this.#firstWaiting) {
      const { sender } = entry;
      this.withdraw(entry);
      sender?.reject(errorFor(entry.message));
    }
  }

  #accept(waiting: Entry<T>): void {
    // Only the first one that waits is ever accepted.
    this.#firstWaiting = nextWaiting(waiting);
    waiting.sender?.resolve();
    waiting.sender = undefined;
  }
}

/** Walks past what came back in between. Each entry is passed once, since the first one that waits only moves on. */
function nextWaiting<T>(entry: Entry<T>): Entry<T> | undefined {
  let next = entry.next;
  while (next !== undefined && next.sender === undefined) next = next.next;
  return next;
}

function toEntry<T>({ message, attempt, metadata }: QueuedMessage<T>, sender: WaitingSender | undefined): Entry<T> {
  return { message, attempt, metadata, sender, previous: undefined, next: undefined };
}
