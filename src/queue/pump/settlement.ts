import type { Delivery } from "../queue.ts";

/** Sees to it that a delivery gets one answer, whoever else wants to give another. */
export class Settlement {
  readonly delivery: Delivery<unknown>;
  #answer: Promise<void> | undefined;
  #isNacked = false;

  constructor(delivery: Delivery<unknown>) {
    this.delivery = delivery;
  }

  /** Acks, unless there is an answer already. */
  ack(): Promise<void> {
    return this.#answer ??= this.delivery.ack();
  }

  /** Allows for another answer, after an ack that has failed. */
  reopen(): void {
    if (!this.#isNacked) this.#answer = undefined;
  }

  /** Nacks, unless the delivery has been acked. An answer that is on its way is waited for. */
  async nack(reason: unknown): Promise<void> {
    if (!this.#isNacked) {
      try {
        if (this.#answer !== undefined) return await this.#answer;
      } catch {
        // The ack that failed is reported by whoever asked for it.
      }
      if (!this.#isNacked) {
        this.#isNacked = true;
        this.#answer = this.delivery.nack({ reason });
      }
    }
    await this.#answer;
  }
}
