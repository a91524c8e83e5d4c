import { RESOLVED } from "../../internal/promise.ts";
import type { DeliverySettler } from "../delivery_settler.ts";
import type { Delivery } from "../queue.ts";

/** Settles a delivery once: the first ack or nack wins. */
export class Settlement implements DeliverySettler {
  readonly delivery: Delivery<unknown>;
  /** The ack or nack that has won. */
  #settled: Promise<void> | undefined;
  #isNacked = false;

  constructor(delivery: Delivery<unknown>) {
    this.delivery = delivery;
  }

  /** Acks, unless the delivery is settled. */
  ack(): Promise<void> {
    return this.#settled ??= this.delivery.ack();
  }

  /** Acks, and allows another ack or nack if that fails. */
  async ackNow(): Promise<void> {
    try {
      await this.ack();
    } catch (error) {
      if (!this.#isNacked) this.#settled = undefined;
      throw error;
    }
  }

  settled(): void {
    this.#settled = RESOLVED;
  }

  /** Nacks, unless the delivery is settled. Waits for an ack that is on its way, and nacks if that ack fails. */
  async nack(reason: unknown): Promise<void> {
    if (!this.#isNacked) {
      try {
        if (this.#settled !== undefined) return await this.#settled;
      } catch {
        // The caller of the failed ack reports its error.
      }
      if (!this.#isNacked) {
        this.#isNacked = true;
        this.#settled = this.delivery.nack({ reason });
      }
    }
    await this.#settled;
  }
}
