import { RESOLVED } from "../../internal/promise.ts";
import { envelopeOf, type EnvelopeRow, rowsJson } from "../durable/envelope_row.ts";
import type {
  Burial,
  DeadLetterStore,
  Outgoing,
  QueueDriver,
  QueueSink,
  QueueStats,
  Received,
  ReceiveRequest,
  ReceiveResult,
  Retry,
} from "../durable/queue_driver.ts";
import { explainSqlite, type SqliteClient } from "./sqlite_client.ts";
import { deadLettersIn } from "./sqlite_dead_letters.ts";
import { listenersOf, SqliteConnection } from "./sqlite_connection.ts";
import { schemaSql } from "./sqlite_schema.ts";
import { type SqliteStatements, statementsFor } from "./sqlite_statements.ts";

/** What identifies a delivery in the table. */
export interface SqliteReceived extends Received {
  readonly seq: number;
  readonly fence: number;
}

interface MessageRow extends EnvelopeRow {
  readonly seq: number;
  readonly attempt: number;
  readonly fence: number;
  readonly sent: number;
  readonly lease: number | null;
  readonly unknown: number | null;
}

/** What a {@linkcode SqliteDriver} is made of. */
export interface SqliteDriverPlan {
  readonly name: string;
  readonly table: string;
  readonly idWindowMs: number;
}

/** How often it is looked whether another process has written, in milliseconds. */
const WATCH_MS = 25;

/** Keeps messages in an SQLite database. No transaction lasts longer than one step of the loop. */
export class SqliteDriver implements QueueDriver<SqliteReceived> {
  readonly hasKeys = true;
  readonly hasIds = true;
  readonly hasDelays = true;
  readonly sql: SqliteStatements;
  readonly dead: DeadLetterStore;
  readonly #client: SqliteClient;
  readonly #connection: SqliteConnection;
  readonly #plan: SqliteDriverPlan;
  #listeners: Set<() => void> | undefined;
  #sink: QueueSink<SqliteReceived> | undefined;
  readonly #wakeSink = (): void => this.#sink?.wake();
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Acks that wait for the transaction of the receive that is asked for next. */
  #acks: { readonly write: () => void; readonly settle: (error?: unknown) => void } | undefined;

  constructor(client: SqliteClient, plan: SqliteDriverPlan) {
    this.#client = client;
    this.#connection = new SqliteConnection(client);
    this.#plan = plan;
    this.sql = statementsFor(plan.table);
    this.dead = deadLettersIn(this.#connection, { name: plan.name, sql: this.sql, notify: () => this.notify() });
  }

  /** Makes the tables, or brings them to the newest version. */
  async setup(): Promise<void> {
    const { table } = this.#plan;
    await this.#connection.write(() => {
      const [exists] = this.#client.prepare("select 1 from sqlite_schema where name = ?").all(`${table}_schema`);
      const [row] = exists === undefined ? [] : this.#client.prepare(`select version from ${table}_schema`).all();
      const sql = schemaSql({ table, from: (row as { version: number } | undefined)?.version ?? 0 });
      if (sql !== "") this.#client.exec(sql);
    });
  }

  /** Writes messages in the transaction of a client. */
  // deno-lint-ignore require-await -- What throws is to reject.
  async publishWith(client: SqliteClient, messages: readonly Outgoing[]): Promise<void> {
    client.prepare(this.sql.insert).run(...this.insertParams(messages));
  }

  /** The parameters of the statement that inserts messages. */
  insertParams(messages: readonly Outgoing[]): [queue: string, now: number, rows: string] {
    return [this.#plan.name, Date.now(), rowsJson(messages)];
  }

  async publish(messages: readonly Outgoing[]): Promise<void> {
    await this.#connection.write(() => this.#run(this.sql.insert, ...this.insertParams(messages)));
    this.notify();
  }

  /** Wakes the consumers of this process. */
  notify(): void {
    for (const wake of this.#others()) wake();
  }

  start(sink: QueueSink<SqliteReceived>): void {
    this.#sink = sink;
    this.#others().add(this.#wakeSink);
  }

  async receive({ limit, leaseMs }: ReceiveRequest): Promise<ReceiveResult<SqliteReceived>> {
    this.wake();
    const acks = this.#acks;
    this.#acks = undefined;
    // Read before the messages are: what is written after it is noticed.
    let version: unknown;
    try {
      const result = await this.#connection.write(() => {
        acks?.write();
        version = this.#connection.dataVersion();
        return this.#claim(limit, leaseMs);
      });
      acks?.settle();
      if (result.messages.length === 0) this.#watchFor(version);
      return result;
    } catch (error) {
      acks?.settle(error);
      throw error;
    }
  }

  /** Stops to look for what other processes write. */
  wake(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  ack(messages: readonly SqliteReceived[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const acks = this.#acks = {
        write: () => this.#ack(this.#client, messages),
        settle: (error?: unknown) => error === undefined ? resolve() : reject(error),
      };
      RESOLVED.then(() => {
        if (this.#acks !== acks) return;
        this.#acks = undefined;
        this.#connection.write(acks.write).then(() => acks.settle(), acks.settle);
      });
    });
  }

  /**
   * Acks within the transaction of a client.
   *
   * @returns Whether the message was still this process's.
   */
  ackWith(client: SqliteClient, message: SqliteReceived): boolean {
    return this.#ack(client, [message]) === 1;
  }

  retry(retries: readonly Retry<SqliteReceived>[]): Promise<void> {
    return this.#connection.write(() => {
      const now = Date.now();
      for (const { received: { seq, fence }, delayMs, unknownSince } of retries) {
        const returned = unknownSince === undefined ? 0 : 1;
        this.#run(this.sql.retry, Math.ceil(now + delayMs), unknownSince ?? null, returned, seq, fence);
      }
    });
  }

  giveBack(messages: readonly SqliteReceived[]): Promise<void> {
    return this.#connection.write(() => {
      for (const { seq, fence } of messages) this.#run(this.sql.giveBack, seq, fence);
    });
  }

  bury(burials: readonly Burial<SqliteReceived>[]): Promise<void> {
    return this.#connection.write(() => {
      for (const { received: { seq, fence }, reason } of burials) {
        this.#run(this.sql.bury, Date.now(), reason, seq, fence);
        this.#run(this.sql.ack, seq, fence);
      }
    });
  }

  renew(messages: readonly SqliteReceived[], leaseMs: number): Promise<SqliteReceived[]> {
    return this.#connection.write(() => {
      const lease = Date.now() + leaseMs;
      return messages.filter(({ seq, fence }) => this.#all(this.sql.renew, lease, seq, fence).length === 0);
    });
  }

  // deno-lint-ignore require-await -- What throws is to reject.
  async stats(): Promise<QueueStats> {
    const now = Date.now();
    const [row] = this.#all(this.sql.stats, this.#plan.name, now) as [QueueStats & { oldest: number | null }];
    const { waiting, delayed, held, dead, oldest } = row;
    return { waiting, delayed, held, dead, oldestMs: oldest === null ? undefined : now - oldest };
  }

  // deno-lint-ignore require-await -- What throws is to reject.
  async ping(): Promise<void> {
    this.#all(this.sql.nextDue, this.#plan.name, 0);
  }

  explain(error: unknown): Error | undefined {
    return explainSqlite(error, `use the table "${this.#plan.table}" for the queue "${this.#plan.name}"`);
  }

  dispose(): void {
    this.wake();
    this.#listeners?.delete(this.#wakeSink);
    this.#sink = undefined;
  }

  #claim(limit: number, leaseMs: number): ReceiveResult<SqliteReceived> {
    const now = Date.now();
    const rows = this.#all(this.sql.claimable, this.#plan.name, now, now, limit) as MessageRow[];
    if (rows.length === 0) {
      const [next] = this.#all(this.sql.nextDue, this.#plan.name, now) as { due: number }[];
      return { messages: [], idleMs: next && next.due - now };
    }
    const messages = rows.map((row) => {
      this.#run(this.sql.claim, now + leaseMs, row.seq);
      return {
        envelope: envelopeOf(row),
        attempt: row.attempt + 1,
        sentAt: new Date(row.sent),
        wasLost: row.lease !== null,
        unknownSince: row.unknown ?? undefined,
        seq: row.seq,
        fence: row.fence + 1,
      };
    });
    return { messages };
  }

  /** Returns how many messages were still this process's. */
  #ack(client: SqliteClient, messages: readonly SqliteReceived[]): number {
    const { name, idWindowMs } = this.#plan;
    const prepare = (sql: string) => client === this.#client ? this.#connection.prepared(sql) : client.prepare(sql);
    const now = Date.now();
    let count = 0;
    for (const { seq, fence } of messages) {
      for (const { id } of prepare(this.sql.ack).all(seq, fence) as { id: string }[]) {
        count++;
        if (idWindowMs > 0) prepare(this.sql.remember).run(name, id, now + idWindowMs);
      }
    }
    if (idWindowMs > 0) prepare(this.sql.forget).run(name, now);
    return count;
  }

  #run(sql: string, ...values: unknown[]): void {
    this.#connection.prepared(sql).run(...values);
  }

  #all(sql: string, ...values: unknown[]): unknown[] {
    return this.#connection.prepared(sql).all(...values);
  }

  /** Looks for what other connections write, until there is something or the next receive. */
  #watchFor(version: unknown): void {
    if (this.#sink === undefined) return;
    this.#watch ??= setInterval(() => {
      try {
        if (this.#connection.dataVersion() === version) return;
      } catch {
        // The receive that follows has the same failure, and tells of it.
      }
      this.wake();
      this.#wakeSink();
    }, WATCH_MS);
  }

  #others(): Set<() => void> {
    return this.#listeners ??= listenersOf(this.#client, `${this.#plan.table} ${this.#plan.name}`);
  }
}
