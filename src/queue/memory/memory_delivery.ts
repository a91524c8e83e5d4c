import type { Metadata } from "../../context.ts";
import type { MemoryConsumer } from "./memory_consumer.ts";
import type { QueuedMessage } from "./backlog.ts";
import type { Delivery, NackOptions } from "../queue.ts";

/**
 * A delivery of a {@linkcode MemoryQueue}.
 *
 * @typeParam T The message.
 */
export class MemoryDelivery<T> implements Delivery<T> {
  readonly message: T;
  readonly attempt: number;
  readonly metadata: Metadata | undefined;
  readonly #hand: MemoryConsumer<T>;

  constructor(queued: QueuedMessage<T>, hand: MemoryConsumer<T>) {
    this.message = queued.message;
    this.attempt = queued.attempt;
    this.metadata = queued.metadata;
    this.#hand = hand;
  }

  ack(): Promise<void> {
    return this.#hand.broker.ack(this, this.#hand);
  }

  nack(options: NackOptions = {}): Promise<void> {
    return this.#hand.broker.nack(this, { ...options, hand: this.#hand });
  }
}
