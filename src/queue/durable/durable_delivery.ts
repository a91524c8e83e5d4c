import { RESOLVED } from "../../internal/promise.ts";
import type { Metadata } from "../../metadata.ts";
import type { Delivery, NackOptions } from "../queue.ts";
import type { Received } from "./queue_driver.ts";

/** What settles the deliveries of a queue. */
export interface DeliveryHost<T> {
  /** How often a message is delivered at most. */
  readonly maxAttempts: number;
  /** Has the message forgotten. */
  ack(delivery: DurableDelivery<T>): Promise<void>;
  /** Prepares a nack. It throws where the options make no sense. */
  nack(delivery: DurableDelivery<T>, options: NackOptions): () => Promise<void>;
  /** Has the message delivered to another consumer. */
  giveBack(delivery: DurableDelivery<T>): Promise<void>;
}

/** What one consumer holds. */
export interface DeliveryHolder<T> {
  /** The deliveries that are not settled. */
  readonly held: Set<DurableDelivery<T>>;
}

/**
 * A delivery of a {@linkcode DurableQueue}.
 *
 * @typeParam T The message.
 */
export class DurableDelivery<T> implements Delivery<T> {
  readonly message: T;
  readonly metadata: Metadata;
  /** What the driver knows the message by. */
  readonly received: Received;
  /** When the lease ends unless it is renewed, in milliseconds since 1970 by the clock of the process. */
  deadline: number;
  /** The queue that it came from. */
  readonly host: DeliveryHost<T>;
  #holder: DeliveryHolder<T> | undefined;
  /** What has become of the delivery: it is set once. */
  #settled: Promise<void> | undefined;
  /** Ends the wait for the server. */
  #stopWaiting: (() => void) | undefined;
  #reason: unknown;
  #controller: AbortController | undefined;

  constructor(
    host: DeliveryHost<T>,
    parts: { message: T; metadata: Metadata; received: Received; deadline: number },
  ) {
    this.host = host;
    this.message = parts.message;
    this.metadata = parts.metadata;
    this.received = parts.received;
    this.deadline = parts.deadline;
  }

  get attempt(): number {
    return this.received.attempt;
  }

  get id(): string {
    return this.received.envelope.id;
  }

  get key(): string | undefined {
    return this.received.envelope.key;
  }

  get sentAt(): Date | undefined {
    return this.received.sentAt;
  }

  get isLast(): boolean {
    return this.received.attempt >= this.host.maxAttempts;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Whether nothing has been said of the delivery yet, so that it is still the consumer's. */
  get isOpen(): boolean {
    return this.#settled === undefined;
  }

  ack(): Promise<void> {
    return this.#settled ?? this.#settle(() => this.host.ack(this));
  }

  async nack(options: NackOptions = {}): Promise<void> {
    // Before the delivery is settled, so that options without sense leave it open.
    await (this.#settled ?? this.#settle(this.host.nack(this, options)));
  }

  /** Gives the delivery to a consumer. */
  handTo(holder: DeliveryHolder<T>): this {
    this.#holder = holder;
    holder.held.add(this);
    return this;
  }

  /** Gives the message back, unless the delivery has been settled. */
  giveBack(): Promise<void> {
    if (this.#settled !== undefined) return this.#settled;
    const settled = this.#settle(() => this.host.giveBack(this));
    this.#abort("the message was given back to the queue");
    return settled;
  }

  /** Says that the message was settled in another way, which has been confirmed. */
  markSettled(): void {
    if (this.#settled === undefined) this.#settle(() => RESOLVED);
  }

  /** Says that the message does not belong to this process any more. An answer that is on its way is not waited for. */
  lose(why: string): void {
    this.markSettled();
    this.#stopWaiting?.();
    this.#abort(why);
  }

  #settle(act: () => Promise<void>): Promise<void> {
    this.#holder?.held.delete(this);
    return this.#settled = new Promise((resolve, reject) => {
      this.#stopWaiting = resolve;
      act().then(resolve, reject);
    });
  }

  #abort(why: string): void {
    const { name, id } = this.received.envelope;
    this.#reason = new DOMException(`Cannot settle "${name}" with the id "${id}": ${why}`, "AbortError");
    this.#controller?.abort(this.#reason);
  }
}
