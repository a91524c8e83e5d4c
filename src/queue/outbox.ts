import type { Producer } from "./queue.ts";

/**
 * Where `transaction` stores events: a queue whose messages exist if and only if the transaction commits.
 *
 * @typeParam Tx The transaction.
 *
 * @example
 * ```ts
 * import type { Outbox } from "@cq/core/middlewares";
 *
 * interface Tx {
 *   query(text: string, values: readonly unknown[]): Promise<unknown>;
 * }
 *
 * const outbox: Outbox<Tx> = {
 *   within: (tx) => ({
 *     send: async (event: object, options) => {
 *       const values = [event.constructor.name, JSON.stringify(event), JSON.stringify(options?.metadata)];
 *       await tx.query("insert into outbox (name, body, metadata) values ($1, $2, $3)", values);
 *     },
 *   }),
 * };
 * ```
 */
export interface Outbox<Tx> {
  /**
   * Gives a producer that writes through a transaction.
   *
   * All events of a command are sent at once, in their order, so that the producer can store them in one statement.
   *
   * @param tx The transaction.
   * @returns The producer. Its `send` rejects if it does not know the message; the command then fails.
   */
  within(tx: Tx): Producer<never>;
  /** Is called once after the commit of a transaction that has stored something, as to wake consumers. */
  committed?(): void;
}
