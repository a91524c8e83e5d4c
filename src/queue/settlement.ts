import type { Delivery } from "./queue.ts";

/** Sees to it that a delivery gets one answer, whoever else wants to give another. */
export class Settlement {
  readonly delivery: Delivery<unknown>;
  #answer: Promise<void> | undefined;

  constructor(delivery: Delivery<unknown>) {
    this.delivery = delivery;
  }

  /** Acks, unless there is an answer already. After a failure it may be tried again. */
  async ack(): Promise<void> {
    if (this.#answer !== undefined) return;
    try {
      await (this.#answer = this.delivery.ack());
    } catch (error) {
      this.#answer = undefined;
      throw error;
    }
  }

  /** Nacks, unless there is an answer already, and waits for that answer in any case. */
  async nack(reason: unknown): Promise<void> {
    await (this.#answer ??= this.delivery.nack({ reason }));
  }
}
