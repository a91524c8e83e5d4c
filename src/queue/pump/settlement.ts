import { joinSignals } from "../../internal/abort.ts";
import { RESOLVED } from "../../internal/promise.ts";
import type { DeliverySettler } from "../delivery_settler.ts";
import type { Delivery, NackOptions } from "../queue.ts";

/** Settles a delivery once: the first ack or nack wins. A delivery that is not the consumer's any more is not settled. */
export class Settlement implements DeliverySettler {
  readonly delivery: Delivery<unknown>;
  /** Fires when the pump gives the message back, or when the delivery is not the consumer's any more. */
  readonly signal: AbortSignal;
  /** Fires when the delivery is not the consumer's any more. Kept, because most deliveries have none: a miss is slow. */
  readonly #lost: AbortSignal | undefined;
  readonly #forget: (() => void) | undefined;
  /** The ack or nack that has won. */
  #settled: Promise<void> | undefined;
  #isNacked = false;
  #isClosed = false;
  #hasFailedAck = false;

  /**
   * @param delivery What is to be settled.
   * @param signal The signal of the pump.
   */
  constructor(delivery: Delivery<unknown>, signal: AbortSignal) {
    this.delivery = delivery;
    this.signal = signal;
    const lost = this.#lost = delivery.signal;
    // Most queues cannot lose a delivery, so most messages share the signal of the pump.
    if (lost !== undefined) ({ signal: this.signal, forget: this.#forget } = joinSignals(signal, lost));
  }

  /** Whether the delivery is not the consumer's any more. */
  get isLost(): boolean {
    return this.#lost !== undefined && this.#lost.aborted;
  }

  /** Whether an ack, or a nack, has been sent. */
  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  /** Acks, unless the delivery is settled. */
  ack(): Promise<void> {
    if (this.#isOver) return RESOLVED;
    return this.#settled ??= this.delivery.ack();
  }

  /** Acks, and allows another ack or nack if that fails. */
  async ackNow(): Promise<void> {
    try {
      await this.ack();
      this.#hasFailedAck = false;
    } catch (error) {
      this.#hasFailedAck = true;
      if (!this.#isNacked) this.#settled = undefined;
      throw error;
    }
  }

  settled(): void {
    this.#settled = RESOLVED;
  }

  /** Whether the last ack has failed. A middleware may have wrapped its error. */
  get hasFailedAck(): boolean {
    return this.#hasFailedAck;
  }

  /** Nacks, unless the delivery is settled. Waits for an ack that is on its way, and nacks if that ack fails. */
  async nack(options: NackOptions): Promise<void> {
    if (!this.#isNacked) {
      try {
        if (this.#settled !== undefined) return await this.#settled;
      } catch {
        // The caller of the failed ack reports its error.
      }
      if (this.#isOver) return;
      if (!this.#isNacked) {
        this.#isNacked = true;
        this.#settled = this.delivery.nack(options);
      }
    }
    await this.#settled;
  }

  /**
   * Lets nothing be settled any more, and waits for what is on its way. Tells whether there is nothing left to settle.
   * Rejects if a nack fails on its way.
   */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    try {
      const settled = this.#settled;
      await settled;
      return settled !== undefined || this.isLost;
    } catch (error) {
      if (this.#isNacked) throw error;
      return false;
    }
  }

  /** Stops listening to the signals. */
  end(): void {
    this.#forget?.();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.isLost;
  }
}
