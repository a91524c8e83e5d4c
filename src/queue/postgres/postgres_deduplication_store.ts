import { uuidV7 } from "../../internal/uuid.ts";
import type {
  Acquisition,
  DeduplicatedResult,
  DeduplicationClaim,
  DeduplicationStore,
} from "../../middlewares/deduplicate/deduplication_store.ts";
import { explainPostgres, type PostgresClient, rowsOf } from "./postgres_client.ts";
import { tableOf } from "./postgres_schema.ts";

/** Where a {@linkcode PostgresDeduplicationStore} keeps what it knows. */
export interface PostgresDeduplicationStoreOptions {
  /**
   * The schema that its table is in.
   *
   * @default {"public"}
   */
  readonly schema?: string | undefined;
  /**
   * The name of its table.
   *
   * @default {"cq_deduplication"}
   */
  readonly table?: string | undefined;
  /**
   * Whether statements are prepared. Say `false` behind a pgbouncer below 1.21.
   *
   * @default {true}
   */
  readonly prepare?: boolean | undefined;
}

const MS = "interval '1 millisecond'";

/**
 * Keeps the outcomes of messages in PostgreSQL, for `deduplicate`. Results are kept as JSON.
 *
 * It writes outside of your transaction: between your commit and its own a crash has the message handled twice. Exactly
 * once is `ackWithin` of a queue.
 *
 * @example
 * ```ts ignore
 * const store = new PostgresDeduplicationStore(pool);
 * await store.setup();
 * commands.use(deduplicate({ store }));
 * ```
 */
export class PostgresDeduplicationStore implements DeduplicationStore {
  readonly #client: PostgresClient;
  readonly #table: string;
  readonly #bare: string;
  readonly #prepare: boolean;

  /**
   * Makes a store on a client.
   *
   * @param client A pool of pg, `sql` of postgres.js or of Bun, or PGlite.
   * @param options The name of the table.
   * @throws {RangeError} If a name is not a plain one.
   */
  constructor(client: PostgresClient, options: PostgresDeduplicationStoreOptions = {}) {
    const { schema, table = "cq_deduplication", prepare = true } = options;
    const { qualified, bare } = tableOf({ schema, table });
    this.#client = client;
    this.#table = qualified("");
    this.#bare = bare;
    this.#prepare = prepare;
  }

  /** Makes the table, where there is none. Several processes may call it at once. */
  async setup(): Promise<void> {
    // The lock ends with the statement: without it processes that start together collide.
    await this.#rows(`do $setup$ begin if to_regclass('${this.#table}') is null then
      perform pg_advisory_xact_lock(7263542);
      create table if not exists ${this.#table} (
        key text primary key, token text not null, lease timestamptz not null, outcome text, expires timestamptz
      );
      create index if not exists ${this.#bare}_expires on ${this.#table} (expires);
      end if; end $setup$`);
  }

  /**
   * Claims a message, unless another caller is handling it or has handled it.
   *
   * @param key The key of the message.
   * @param options How long the claim lasts, in milliseconds.
   * @returns Whether the message is the caller's to handle, and its outcome if it has been handled.
   */
  async acquire(key: string, { leaseMs }: { readonly leaseMs: number }): Promise<Acquisition> {
    const token = uuidV7();
    const [row] = await this.#rows(
      `with mine as (
        insert into ${this.#table} as t (key, token, lease)
        values ($1::text, $2::text, coalesce(now() + $3::float8 * ${MS}, 'infinity'))
        on conflict (key) do update set token = excluded.token, lease = excluded.lease, outcome = null, expires = null
        where case when t.outcome is null then t.lease else t.expires end <= now() returning 1
      ) select exists (select 1 from mine) as acquired,
        (select outcome from ${this.#table} where key = $1::text and expires > now()) as outcome`,
      ...[textOf(key), token, finite(leaseMs)],
    ) as [{ acquired: boolean; outcome: string | null }];
    if (row.acquired) return { status: "acquired", token };
    // Where the row is not to be seen yet, another caller has claimed it at the same time.
    return row.outcome === null ? { status: "held" } : { status: "completed", outcome: outcomeOf(row.outcome) };
  }

  /**
   * Ends a claim and remembers the outcome of its message, unless another caller has the claim by now.
   *
   * @param claim The claim.
   * @param options The outcome, and how long to remember it, in milliseconds.
   * @returns Whether the claim was still the caller's.
   */
  async complete(
    { key, token }: DeduplicationClaim,
    { outcome, ttlMs }: { readonly outcome: DeduplicatedResult; readonly ttlMs: number },
  ): Promise<boolean> {
    const rows = await this.#rows(
      `with forgotten as (
        delete from ${this.#table} where expires <= now() and key <> $2::text
      ) update ${this.#table} set outcome = $1::text, expires = coalesce(now() + $4::float8 * ${MS}, 'infinity')
      where key = $2::text and token = $3::text and outcome is null returning 1 as one`,
      ...[JSON.stringify(outcome), textOf(key), token, finite(ttlMs)],
    );
    return rows.length > 0;
  }

  /**
   * Ends a claim whose message could not be handled, unless another caller has the claim by now.
   *
   * @param claim The claim.
   */
  async release({ key, token }: DeduplicationClaim): Promise<void> {
    const sql = `delete from ${this.#table} where key = $1::text and token = $2::text and outcome is null`;
    await this.#rows(sql, textOf(key), token);
  }

  async #rows(text: string, ...values: readonly unknown[]): Promise<unknown[]> {
    try {
      return await rowsOf(this.#client, text, { values, prepare: this.#prepare && values.length > 0 });
    } catch (error) {
      throw explainPostgres(error, `use the table ${this.#table} of a deduplication store`) ?? error;
    }
  }
}

/** A key may hold characters that text in a database may not. */
function textOf(key: string): string {
  return JSON.stringify(key);
}

/** `null` stands for a time without an end. */
function finite(ms: number): number | null {
  return ms === Infinity ? null : ms;
}

function outcomeOf(text: string): DeduplicatedResult {
  const { result } = JSON.parse(text) as Partial<DeduplicatedResult>;
  return { result };
}
