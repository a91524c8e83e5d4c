import type { Delivery, Producer, SendOptions } from "../queue.ts";
import { Batch } from "../durable/batch.ts";
import { DurableQueue, engineOf } from "../durable/durable_queue.ts";
import type { DurableQueueOptions } from "../durable/durable_queue_options.ts";
import type { Outgoing } from "../durable/queue_driver.ts";
import type { SqliteClient } from "./sqlite_client.ts";
import { SqliteDriver, type SqliteReceived } from "./sqlite_driver.ts";
import { tableOf } from "./sqlite_schema.ts";

/**
 * How a {@linkcode SqliteQueue} treats its messages.
 *
 * @typeParam T The messages.
 */
export interface SqliteQueueOptions<T> extends DurableQueueOptions<T> {
  /**
   * The name of the table of messages, which all queues share. The other tables begin with it.
   *
   * @default {"cq_messages"}
   */
  readonly table?: string | undefined;
  /**
   * How long the id of a message is known after it was handled, in milliseconds. Until then it is known anyway.
   *
   * @default {0}
   */
  readonly idWindowMs?: number | undefined;
}

/** A message for {@linkcode SqliteQueue.statementFor}, with what goes along with it. */
export interface SqliteStatementMessage<T> extends Pick<SendOptions, "metadata" | "key" | "delay" | "id"> {
  /** The message. */
  readonly message: T;
}

/**
 * A queue in an SQLite database: no server, one file. Processes of one machine may share it.
 *
 * The queue needs a connection of its own, on which it sets `busy_timeout` to 0 and waits for other writers with a timer
 * instead. Whether a message survives a loss of power depends on `pragma synchronous`, which stays as it is.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts ignore
 * import { DatabaseSync } from "node:sqlite";
 *
 * const queue = new SqliteQueue(new DatabaseSync("shop.db"), { name: "orders", codec: jsonCodec<Order>() });
 * await queue.setup();
 * await queue.send({ id: 7 });
 * ```
 */
export class SqliteQueue<T> extends DurableQueue<T> {
  readonly #driver: SqliteDriver;

  /**
   * Puts a queue over a connection. Nothing is read or written before it is used.
   *
   * @param client A connection that nothing else uses.
   * @param options The name, the codec, and how the messages are treated.
   * @throws {RangeError} If an option is out of its range.
   */
  constructor(client: SqliteClient, options: SqliteQueueOptions<T>) {
    const { name, table, idWindowMs = 0 } = options;
    if (!(Number.isSafeInteger(idWindowMs) && idWindowMs >= 0)) {
      const rule = "must be a whole number from 0";
      throw new RangeError(`Cannot make the queue "${name}" with idWindowMs: ${idWindowMs}: ${rule}`);
    }
    const driver = new SqliteDriver(client, { name, table: tableOf(table), idWindowMs });
    super(driver, options);
    this.#driver = driver;
  }

  /** Makes the tables, or brings them to the version of this library. Several processes may call it at once. */
  async setup(): Promise<void> {
    try {
      await this.#driver.setup();
    } catch (error) {
      throw this.#driver.explain(error) ?? error;
    }
  }

  /**
   * Makes a producer that writes in a transaction of yours: the message exists if the transaction commits. Call
   * {@linkcode committed} after that. What is sent in one tick is one statement.
   *
   * @param tx The connection whose transaction it is. It is not the connection of the queue.
   * @returns The producer.
   */
  within(tx: SqliteClient): Producer<T> {
    const batch = new Batch<Outgoing>({
      flush: (messages) => this.#driver.publishWith(tx, messages),
      again: (error) => Promise.reject(this.#driver.explain(error) ?? error),
    });
    return {
      send: async (message, options = {}) => {
        await batch.add(await engineOf(this).outgoingOf(message, options), options.signal);
      },
    };
  }

  /**
   * Makes the statement that sends messages, for transactions that cannot wait: `transaction()` of better-sqlite3. The codec
   * has to be synchronous. Call {@linkcode committed} after the commit.
   *
   * @param messages The messages, with what goes along with each.
   * @returns The statement and its parameters, in their order.
   * @throws {TypeError} If the codec encodes by promise.
   */
  statementFor(messages: readonly SqliteStatementMessage<T>[]): { text: string; params: (string | number)[] } {
    const outgoing = messages.map(({ message, ...options }) => {
      const made = engineOf(this).outgoingOf(message, options);
      if ("envelope" in made) return made;
      const advice = "Use within() in a transaction that can wait";
      throw new TypeError(`Cannot make a statement for the queue "${this.name}": its codec is asynchronous. ${advice}`);
    });
    return { text: this.#driver.sql.insert, params: this.#driver.insertParams(outgoing) };
  }

  /** Says that a transaction with messages of this queue has been committed, so that consumers of this process wake. */
  committed(): void {
    this.#driver.notify();
  }

  /**
   * Acks a delivery in a transaction of yours: its message is gone if the transaction commits. Call {@linkcode settled} after
   * that. Where the transaction is rolled back, the delivery is as it was.
   *
   * @param tx The connection whose transaction it is.
   * @param delivery A delivery of this queue.
   * @returns A promise that rejects where the message is another consumer's by now. Roll the transaction back then.
   */
  // deno-lint-ignore require-await -- What throws is to reject.
  async ackWithin(tx: SqliteClient, delivery: Delivery<unknown>): Promise<void> {
    const received = engineOf(this).receivedOf(delivery) as SqliteReceived;
    if (this.#driver.ackWith(tx, received)) return;
    const why = "its lease was lost, and another consumer may handle it. Roll the transaction back";
    throw new Error(`Cannot ack "${received.envelope.id}" in a transaction: ${why}`);
  }

  /**
   * Says that the transaction has been committed in which a delivery was acked: what is said of it from now on has no effect.
   *
   * @param delivery The delivery.
   */
  settled(delivery: Delivery<unknown>): void {
    engineOf(this).markSettled(delivery);
  }
}
