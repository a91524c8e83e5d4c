import { KeyLines } from "./key_lines.ts";
import { LinkedList } from "./linked_list.ts";
import type { QueuedMessage, WaitingSender } from "./queued_message.ts";

/**
 * The messages that no consumer has received yet, in the order in which they came. Messages of waiting senders are among
 * them, so that a message that comes back stands behind the senders that were there before it.
 *
 * A delayed message is here only if it has a key. It blocks the key there.
 *
 * @typeParam T The messages.
 */
export class Backlog<T> {
  readonly #maxSize: number;
  readonly #unkeyed = new LinkedList<QueuedMessage<T>>();
  /** The messages with a key. It is made for the first one. */
  #keyed: KeyLines<T> | undefined;
  readonly #senders = new LinkedList<WaitingSender<T>>();
  #size = 0;
  #firstPlace = 0;
  #lastPlace = 0;

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
    return this.#unkeyed.first === undefined && (this.#keyed === undefined || this.#keyed.isEmpty);
  }

  /** The sender that has waited longest. */
  get firstSender(): WaitingSender<T> | undefined {
    return this.#senders.first;
  }

  /** Counts a message as accepted, whether there is room or not. */
  accept(): void {
    this.#size++;
  }

  /** Lets a sender wait. Its message is accepted as soon as there is room, or when it is taken. */
  addSender(sender: WaitingSender<T>): void {
    sender.queued.sender = sender;
    this.#senders.push(sender);
  }

  /** Adds a message at the tail. */
  push(queued: QueuedMessage<T>): void {
    queued.place = ++this.#lastPlace;
    if (queued.key === undefined) this.#unkeyed.push(queued);
    else (this.#keyed ??= new KeyLines()).push(queued);
  }

  /** Adds a delayed message. With a key it has its place from now on, and blocks its key. */
  pushDelayed(queued: QueuedMessage<T>): void {
    if (queued.key === undefined) return;
    queued.place = ++this.#lastPlace;
    (this.#keyed ??= new KeyLines()).push(queued, { isDelayed: true });
  }

  /** Adds a message at the head that a consumer has held. */
  unshift(queued: QueuedMessage<T>): void {
    queued.place = --this.#firstPlace;
    if (queued.key === undefined) this.#unkeyed.unshift(queued);
    else this.#keyed!.putBack(queued);
  }

  /** Puts a message back, delayed, that a consumer has held. With a key it keeps its place, and blocks its key. */
  putBackDelayed(queued: QueuedMessage<T>): void {
    if (queued.key !== undefined) this.#keyed!.putBack(queued, { isDelayed: true });
  }

  /** Ends the delay of a message. Without a key it goes to the tail. */
  makeDue(queued: QueuedMessage<T>): void {
    if (queued.key === undefined) this.push(queued);
    else this.#keyed!.makeDue(queued);
  }

  /** Lets the next message of a key be received. */
  release(key: string): void {
    this.#keyed!.release(key);
  }

  /** Takes the first message that may be received, and accepts a waiting sender's message in its place. */
  take(): QueuedMessage<T> | undefined {
    const queued = this.#keyed === undefined ? this.#unkeyed.shift() : this.#takeFirst(this.#keyed);
    if (queued === undefined) return undefined;
    if (queued.sender !== undefined) {
      this.#resolve(queued.sender);
    } else {
      this.#size--;
      const sender = this.#senders.first;
      if (sender !== undefined && this.hasRoom) {
        this.#resolve(sender);
        this.#size++;
      }
    }
    return queued;
  }

  /** Removes the message of a sender that stops waiting. */
  withdraw({ queued }: WaitingSender<T>, { isDelayed }: { readonly isDelayed: boolean }): void {
    this.#senders.remove(queued.sender!);
    if (queued.key !== undefined) this.#keyed!.remove(queued);
    else if (!isDelayed) this.#unkeyed.remove(queued);
  }

  #takeFirst(keyed: KeyLines<T>): QueuedMessage<T> | undefined {
    const unkeyed = this.#unkeyed.first;
    const isUnkeyed = unkeyed !== undefined && !(keyed.first !== undefined && keyed.first.place < unkeyed.place);
    return isUnkeyed ? this.#unkeyed.shift() : keyed.take();
  }

  #resolve(sender: WaitingSender<T>): void {
    this.#senders.remove(sender);
    sender.queued.sender = undefined;
    sender.resolve();
  }
}
