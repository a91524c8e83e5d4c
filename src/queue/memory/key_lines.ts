import { Heap, type HeapNode } from "./heap.ts";
import { LinkedList } from "./linked_list.ts";
import type { QueuedMessage } from "./queued_message.ts";

/** The messages of one key, in their order. */
interface KeyLine<T> extends HeapNode {
  readonly messages: LinkedList<QueuedMessage<T>>;
  /** Whether a consumer holds a message of the key. The next one then waits until that one is settled. */
  isHeld: boolean;
}

/**
 * The messages with a key that no consumer has received yet. Only the first message of each key may be received, and only
 * while no consumer holds another one of the key. A first message that is delayed blocks its key.
 *
 * @typeParam T The messages.
 */
export class KeyLines<T> {
  readonly #lines = new Map<string, KeyLine<T>>();
  /** The lines whose first message may be received. */
  readonly #ready = new Heap<KeyLine<T>>();
  readonly #delayed = new Set<QueuedMessage<T>>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** The message that may be received first. */
  get first(): QueuedMessage<T> | undefined {
    return this.#ready.first?.messages.first;
  }

  /** Adds a message behind the others of its key. */
  push(queued: QueuedMessage<T>, { isDelayed = false }: { readonly isDelayed?: boolean } = {}): void {
    const line = this.#lineOf(queued);
    line.messages.push(queued);
    this.#count++;
    if (isDelayed) this.#delayed.add(queued);
    if (line.messages.first === queued) this.#update(line, queued.key!);
  }

  /** Puts a message back that a consumer has held, before the others of its key. */
  putBack(queued: QueuedMessage<T>, { isDelayed = false }: { readonly isDelayed?: boolean } = {}): void {
    const line = this.#lineOf(queued);
    line.messages.unshift(queued);
    this.#count++;
    if (isDelayed) this.#delayed.add(queued);
    this.release(queued.key!);
  }

  /** Takes the message that may be received first. It blocks its key until it is released or put back. */
  take(): QueuedMessage<T> | undefined {
    const line = this.#ready.first;
    if (line === undefined) return undefined;
    const queued = line.messages.shift()!;
    this.#count--;
    line.isHeld = true;
    this.#update(line, queued.key!);
    return queued;
  }

  /** Notes that no consumer holds a message of the key any more. */
  release(key: string): void {
    const line = this.#lines.get(key)!;
    line.isHeld = false;
    this.#update(line, key);
  }

  /** Notes that the delay of a message is over. */
  makeDue(queued: QueuedMessage<T>): void {
    this.#delayed.delete(queued);
    this.#update(this.#lines.get(queued.key!)!, queued.key!);
  }

  /** Removes a message that no consumer has received. */
  remove(queued: QueuedMessage<T>): void {
    const line = this.#lines.get(queued.key!)!;
    line.messages.remove(queued);
    this.#delayed.delete(queued);
    this.#count--;
    this.#update(line, queued.key!);
  }

  #lineOf({ key }: QueuedMessage<T>): KeyLine<T> {
    let line = this.#lines.get(key!);
    if (line === undefined) {
      line = { messages: new LinkedList(), isHeld: false, place: 0, index: -1 };
      this.#lines.set(key!, line);
    }
    return line;
  }

  #update(line: KeyLine<T>, key: string): void {
    if (line.index >= 0) this.#ready.remove(line);
    if (line.isHeld) return;
    const first = line.messages.first;
    if (first === undefined) {
      this.#lines.delete(key);
    } else if (!this.#delayed.has(first)) {
      line.place = first.place;
      this.#ready.add(line);
    }
  }
}
