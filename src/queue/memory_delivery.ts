import type { Metadata } from "../context.ts";
import type { Hand } from "./hand.ts";
import type { Parcel } from "./memory_line.ts";
import type { Delivery, NackOptions } from "./queue.ts";

/**
 * A delivery of a {@linkcode MemoryQueue}.
 *
 * @typeParam T The message.
 */
export class MemoryDelivery<T> implements Delivery<T> {
  readonly message: T;
  readonly attempt: number;
  readonly metadata: Metadata | undefined;
  readonly #hand: Hand<T>;

  constructor(parcel: Parcel<T>, hand: Hand<T>) {
    this.message = parcel.message;
    this.attempt = parcel.attempt;
    this.metadata = parcel.metadata;
    this.#hand = hand;
  }

  ack(): Promise<void> {
    return this.#hand.broker.ack(this, this.#hand);
  }

  nack(options: NackOptions = {}): Promise<void> {
    return this.#hand.broker.nack(this, { ...options, hand: this.#hand });
  }
}
