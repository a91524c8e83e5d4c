import type { Delivery } from "./queue.ts";

/**
 * What makes the ack of a delivery a part of a transaction, so that a message takes effect once. The queue that the
 * delivery came from is one.
 *
 * @typeParam Tx The transaction.
 */
export interface Inbox<Tx> {
  /**
   * Acks through a transaction, as its last statement. The delivery stays open until the transaction has committed.
   *
   * @param tx The transaction.
   * @param delivery The delivery.
   * @returns A promise that rejects if the delivery is not this consumer's any more. The transaction then rolls back.
   * @throws {TypeError} If the delivery is of another queue.
   */
  ackWithin(tx: Tx, delivery: Delivery<unknown>): PromiseLike<void>;
  /**
   * Is told that the transaction has committed: from now on `ack` and `nack` of the delivery do nothing.
   *
   * @param delivery The delivery.
   */
  settled(delivery: Delivery<unknown>): void;
}
