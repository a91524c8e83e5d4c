import type { Metadata } from "../context.ts";
import type { Hand, MemoryBroker } from "./memory_broker.ts";
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
  readonly #broker: MemoryBroker<T>;
  readonly #hand: Hand<T>;

  constructor(
    content: { readonly message: T; readonly attempt: number; readonly metadata: Metadata | undefined },
    owner: { readonly broker: MemoryBroker<T>; readonly hand: Hand<T> },
  ) {
    this.message = content.message;
    this.attempt = content.attempt;
    this.metadata = content.metadata;
    this.#broker = owner.broker;
    this.#hand = owner.hand;
  }

  ack(): Promise<void> {
    return this.#broker.ack(this, this.#hand);
  }

  nack(options: NackOptions = {}): Promise<void> {
    return this.#broker.nack(this, this.#hand, options);
  }
}
