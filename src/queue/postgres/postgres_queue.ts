import type { Delivery, Producer, SendOptions } from "../queue.ts";
import { Batch } from "../durable/batch.ts";
import { DurableQueue, engineOf } from "../durable/durable_queue.ts";
import type { DurableQueueOptions } from "../durable/durable_queue_options.ts";
import type { Outgoing } from "../durable/queue_driver.ts";
import type { PostgresClient, PostgresListener } from "./postgres_client.ts";
import { PostgresDriver, type PostgresReceived } from "./postgres_driver.ts";
import { tableOf } from "./postgres_schema.ts";

/**
 * How a {@linkcode PostgresQueue} treats its messages.
 *
 * @typeParam T The messages.
 */
export interface PostgresQueueOptions<T> extends DurableQueueOptions<T> {
  /**
   * The schema that the tables are in.
   *
   * @default {"public"}
   */
  readonly schema?: string | undefined;
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
  /**
   * Whether acks and claims do without a confirmed write (`synchronous_commit = off`). A crash of the server may then
   * deliver messages again that were acked just before; sends are confirmed as ever.
   *
   * @default {false}
   */
  readonly relaxed?: boolean | undefined;
  /**
   * Whether statements are prepared, which makes them two to three times as fast. Say `false` behind a pgbouncer below 1.21.
   *
   * @default {true}
   */
  readonly prepare?: boolean | undefined;
  /**
   * What LISTEN runs on: `sql` of postgres.js or of Bun, PGlite, or a pool of pg, of which one client is taken. Without it
   * new messages of other processes are found by polling. LISTEN does not work through a pgbouncer that pools transactions.
   */
  readonly listener?: PostgresListener | undefined;
}

/** A message for {@linkcode PostgresQueue.statementFor}, with what goes along with it. */
export interface PostgresStatementMessage<T> extends Pick<SendOptions, "metadata" | "key" | "delay" | "id"> {
  /** The message. */
  readonly message: T;
}

/**
 * A queue in PostgreSQL, in tables beside your own.
 *
 * A pool of pg needs a listener for `error` of yours: without one the process ends when the server does.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts ignore
 * import pg from "pg";
 *
 * const pool = new pg.Pool();
 * const queue = new PostgresQueue(pool, { name: "orders", codec: jsonCodec<Order>(), listener: pool });
 * await queue.setup();
 * await queue.send({ id: 7 });
 * ```
 */
export class PostgresQueue<T> extends DurableQueue<T> {
  readonly #driver: PostgresDriver;

  /**
   * Puts a queue over a client. Nothing is read or written before it is used.
   *
   * @param client A pool of pg, `sql` of postgres.js or of Bun, or PGlite. It stays yours.
   * @param options The name, the codec, and how the messages are treated.
   * @throws {RangeError} If an option is out of its range.
   */
  constructor(client: PostgresClient, options: PostgresQueueOptions<T>) {
    const { name, idWindowMs = 0, relaxed = false, prepare = true, listener } = options;
    if (!(Number.isSafeInteger(idWindowMs) && idWindowMs >= 0)) {
      const rule = "must be a whole number from 0";
      throw new RangeError(`Cannot make the queue "${name}" with idWindowMs: ${idWindowMs}: ${rule}`);
    }
    const driver = new PostgresDriver(client, {
      name,
      tables: tableOf(options),
      idWindowMs,
      relaxed,
      prepare,
      listener,
    });
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
   * @param tx The client whose transaction it is. It is not a pool.
   * @returns The producer.
   */
  within(tx: PostgresClient): Producer<T> {
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
   * Makes the statement that sends messages, for drivers that cannot wait within a transaction. The codec has to be
   * synchronous. Call {@linkcode committed} after the commit.
   *
   * @param messages The messages, with what goes along with each.
   * @returns The statement and its parameters.
   * @throws {TypeError} If the codec encodes by promise.
   */
  statementFor(messages: readonly PostgresStatementMessage<T>[]): { text: string; params: string[] } {
    return this.#driver.insertion(messages.map(({ message, ...options }) => {
      const made = engineOf(this).outgoingOf(message, options);
      if ("envelope" in made) return made;
      const advice = "Use within() in a transaction that can wait";
      throw new TypeError(`Cannot make a statement for the queue "${this.name}": its codec is asynchronous. ${advice}`);
    }));
  }

  /** Says that a transaction with messages of this queue has been committed, so that consumers wake. */
  committed(): void {
    engineOf(this).wake();
    this.#driver.notify();
  }

  /**
   * Acks a delivery in a transaction of yours: its message is gone if the transaction commits. Call {@linkcode settled} after
   * that. Where the transaction is rolled back, the delivery is as it was.
   *
   * @param tx The client whose transaction it is.
   * @param delivery A delivery of this queue.
   * @returns A promise that rejects where the message is another consumer's by now. Roll the transaction back then.
   */
  async ackWithin(tx: PostgresClient, delivery: Delivery<unknown>): Promise<void> {
    const received = engineOf(this).receivedOf(delivery) as PostgresReceived;
    if (await this.#driver.ackWith(tx, received)) return;
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
