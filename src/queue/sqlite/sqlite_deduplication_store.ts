import { uuidV7 } from "../../internal/uuid.ts";
import type {
  Acquisition,
  DeduplicatedResult,
  DeduplicationClaim,
  DeduplicationStore,
} from "../../middlewares/deduplicate/deduplication_store.ts";
import { explainSqlite, type SqliteClient } from "./sqlite_client.ts";
import { SqliteConnection } from "./sqlite_connection.ts";
import { tableOf } from "./sqlite_schema.ts";

/** Where an {@linkcode SqliteDeduplicationStore} keeps what it knows. */
export interface SqliteDeduplicationStoreOptions {
  /**
   * The name of its table.
   *
   * @default {"cq_deduplication"}
   */
  readonly table?: string | undefined;
}

/**
 * Keeps the outcomes of messages in an SQLite database, for `deduplicate`. Results are kept as JSON.
 *
 * It writes outside of your transaction: between your commit and its own a crash has the message handled twice. Exactly
 * once is `ackWithin` of a queue.
 *
 * @example
 * ```ts ignore
 * const store = new SqliteDeduplicationStore(database);
 * await store.setup();
 * commands.use(deduplicate({ store }));
 * ```
 */
export class SqliteDeduplicationStore implements DeduplicationStore {
  readonly #connection: SqliteConnection;
  readonly #client: SqliteClient;
  readonly #table: string;

  /**
   * Makes a store on a connection.
   *
   * @param client A connection that nothing but queues and stores of this package use.
   * @param options The name of the table.
   * @throws {RangeError} If the name of the table is not a plain one.
   */
  constructor(client: SqliteClient, { table = "cq_deduplication" }: SqliteDeduplicationStoreOptions = {}) {
    this.#table = tableOf(table);
    this.#client = client;
    this.#connection = new SqliteConnection(client);
  }

  /** Makes the table, where there is none. */
  async setup(): Promise<void> {
    await this.#write(() => {
      this.#client.exec(`create table if not exists ${this.#table} (
          key text primary key, token text not null, lease integer not null, outcome text, expires real
        ) strict, without rowid;
        create index if not exists ${this.#table}_expires on ${this.#table} (expires) where expires is not null`);
    });
  }

  /**
   * Claims a message, unless another caller is handling it or has handled it.
   *
   * @param key The key of the message.
   * @param options How long the claim lasts, in milliseconds.
   * @returns Whether the message is the caller's to handle, and its outcome if it has been handled.
   */
  acquire(key: string, { leaseMs }: { readonly leaseMs: number }): Promise<Acquisition> {
    return this.#write((): Acquisition => {
      const now = Date.now();
      const [row] = this.#all(`select lease, outcome, expires from ${this.#table} where key = ?`, textOf(key)) as {
        lease: number;
        outcome: string | null;
        expires: number | null;
      }[];
      if (row !== undefined && row.outcome !== null && (row.expires ?? Infinity) > now) {
        return { status: "completed", outcome: outcomeOf(row.outcome) };
      }
      if (row !== undefined && row.outcome === null && row.lease > now) return { status: "held" };
      const token = uuidV7();
      this.#all(
        `insert into ${this.#table} (key, token, lease) values (?, ?, ?) on conflict (key) do update
          set token = excluded.token, lease = excluded.lease, outcome = null, expires = null returning key`,
        ...[textOf(key), token, Math.ceil(Math.min(now + leaseMs, Number.MAX_SAFE_INTEGER))],
      );
      return { status: "acquired", token };
    });
  }

  /**
   * Ends a claim and remembers the outcome of its message, unless another caller has the claim by now.
   *
   * @param claim The claim.
   * @param options The outcome, and how long to remember it, in milliseconds.
   * @returns Whether the claim was still the caller's.
   */
  complete(
    { key, token }: DeduplicationClaim,
    { outcome, ttlMs }: { readonly outcome: DeduplicatedResult; readonly ttlMs: number },
  ): Promise<boolean> {
    return this.#write(() => {
      const now = Date.now();
      this.#all(`delete from ${this.#table} where expires <= ? returning key`, now);
      const expires = ttlMs === Infinity ? null : now + ttlMs;
      const sql = `update ${this.#table} set outcome = ?, expires = ?
        where key = ? and token = ? and outcome is null returning key`;
      return this.#all(sql, JSON.stringify(outcome), expires, textOf(key), token).length > 0;
    });
  }

  /**
   * Ends a claim whose message could not be handled, unless another caller has the claim by now.
   *
   * @param claim The claim.
   */
  async release({ key, token }: DeduplicationClaim): Promise<void> {
    const sql = `delete from ${this.#table} where key = ? and token = ? and outcome is null returning key`;
    await this.#write(() => this.#all(sql, textOf(key), token));
  }

  async #write<R>(work: () => R): Promise<R> {
    try {
      return await this.#connection.write(work);
    } catch (error) {
      throw explainSqlite(error, `use the table "${this.#table}" of a deduplication store`) ?? error;
    }
  }

  #all(sql: string, ...values: unknown[]): unknown[] {
    return this.#connection.prepared(sql).all(...values);
  }
}

/** A key may hold characters that text in a database may not. */
function textOf(key: string): string {
  return JSON.stringify(key);
}

function outcomeOf(text: string): DeduplicatedResult {
  const { result } = JSON.parse(text) as Partial<DeduplicatedResult>;
  return { result };
}
