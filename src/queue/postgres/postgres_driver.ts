import { RESOLVED } from "../../internal/promise.ts";
import { envelopeOf, type EnvelopeRow, rowsJson } from "../durable/envelope_row.ts";
import type {
  Burial,
  DeadLetterSelection,
  DeadLetterStore,
  Outgoing,
  QueueDriver,
  QueueSink,
  QueueStats,
  Received,
  ReceiveRequest,
  ReceiveResult,
  Retry,
  StoredDeadLetter,
} from "../durable/queue_driver.ts";
import { explainPostgres, type PostgresClient, type PostgresListener, rowsOf } from "./postgres_client.ts";
import { keepListening } from "./postgres_listening.ts";
import { type PostgresTables, setupSql } from "./postgres_schema.ts";
import { type PostgresStatements, statementsFor } from "./postgres_statements.ts";

/** What identifies a delivery in the table. */
export interface PostgresReceived extends Received {
  readonly seq: string;
  readonly fence: number;
}

interface MessageRow extends EnvelopeRow {
  /** `null` where there is no message. */
  readonly seq: string | null;
  readonly attempt: number;
  readonly fence: number;
  readonly sent: number;
  readonly lost: boolean;
  readonly unknown: number | null;
}

interface DeadRow extends EnvelopeRow {
  readonly seq: string;
  readonly attempt: number;
  readonly died: number;
  readonly reason: string;
}

/** What a {@linkcode PostgresDriver} is made of. */
export interface PostgresDriverPlan {
  readonly name: string;
  readonly tables: PostgresTables;
  readonly idWindowMs: number;
  readonly relaxed: boolean;
  readonly prepare: boolean;
  readonly listener: PostgresListener | undefined;
}

/** How often other processes are notified at most, in milliseconds. Consumers at work ask again by themselves. */
const NOTIFY_MS = 10;

const PAGE = 100;

/** Keeps messages in PostgreSQL. Each method is one statement, so that a pool may run it on any connection. */
export class PostgresDriver implements QueueDriver<PostgresReceived> {
  readonly hasKeys = true;
  readonly hasIds = true;
  readonly hasDelays = true;
  readonly dead: DeadLetterStore;
  readonly #client: PostgresClient;
  readonly #plan: PostgresDriverPlan;
  readonly #sql: PostgresStatements;
  readonly #ending = new AbortController();
  #notifying: ReturnType<typeof setTimeout> | undefined;
  /** Acks that wait for the statement of the receive that is asked for next. */
  #acks: { readonly rows: string; readonly settle: (error?: unknown) => void } | undefined;

  constructor(client: PostgresClient, plan: PostgresDriverPlan) {
    this.#client = client;
    this.#plan = plan;
    this.#sql = statementsFor(plan.tables, plan);
    this.dead = {
      list: (selection) => this.#listDead(selection),
      replay: ({ ids, limit }) => this.#replay(idsJson(ids), limit),
      purge: async ({ ids }) => (await this.#rows(this.#sql.purge, plan.name, idsJson(ids))).length,
    };
  }

  /** Makes the tables, or brings them to the newest version. */
  async setup(): Promise<void> {
    await rowsOf(this.#client, setupSql(this.#plan.tables), { values: [], prepare: false });
  }

  /** The statement that inserts messages, and its parameters. */
  insertion(messages: readonly Outgoing[]): { text: string; params: [queue: string, rows: string] } {
    return { text: this.#sql.insert, params: [this.#plan.name, rowsJson(messages)] };
  }

  async publish(messages: readonly Outgoing[]): Promise<void> {
    await this.publishWith(this.#client, messages);
    this.notify();
  }

  /** Writes messages with a client, which may be a transaction. */
  async publishWith(client: PostgresClient, messages: readonly Outgoing[]): Promise<void> {
    const { text, params } = this.insertion(messages);
    await rowsOf(client, text, { values: params, prepare: this.#plan.prepare });
  }

  /** Wakes the consumers of other processes, in a statement of its own: within a transaction commits would queue up. */
  notify(): void {
    if (this.#ending.signal.aborted) return;
    this.#notifying ??= setTimeout(() => this.#notifyNow(), NOTIFY_MS);
  }

  start(sink: QueueSink<PostgresReceived>): void {
    const { listener, name, tables } = this.#plan;
    if (listener === undefined) return;
    keepListening({
      listener,
      channel: tables.bare,
      heard: (payload) => {
        if (payload === undefined || payload === name) sink.wake();
      },
      failed: (error) => sink.failed(error),
    }, this.#ending.signal);
  }

  async receive({ limit, leaseMs }: ReceiveRequest): Promise<ReceiveResult<PostgresReceived>> {
    const acks = this.#acks;
    this.#acks = undefined;
    const { name } = this.#plan;
    try {
      const rows = await this.#rows(this.#sql.turn, acks?.rows ?? "[]", name, limit, leaseMs) as MessageRow[];
      acks?.settle();
      const messages = rows.filter(({ seq }) => seq !== null).map(receivedOf);
      if (messages.length > 0) return { messages };
    } catch (error) {
      acks?.settle(error);
      throw error;
    }
    const [next] = await this.#rows(this.#sql.nextDue, name) as [{ ms: number | null }];
    return { messages: [], idleMs: next.ms === null ? undefined : Math.max(1, Math.ceil(next.ms)) };
  }

  ack(messages: readonly PostgresReceived[]): Promise<void> {
    // The next message of a key may be for another process.
    const hasKeys = messages.some(({ envelope }) => envelope.key !== undefined);
    return new Promise((resolve, reject) => {
      const acks = this.#acks = {
        rows: JSON.stringify(messages.map(({ seq, fence }) => ({ seq, fence }))),
        settle: (error?: unknown) => {
          if (error !== undefined) return reject(error);
          if (hasKeys) this.notify();
          resolve();
        },
      };
      RESOLVED.then(() => {
        if (this.#acks !== acks) return;
        this.#acks = undefined;
        this.#rows(this.#sql.ack, acks.rows).then(() => acks.settle(), acks.settle);
      });
    });
  }

  /**
   * Acks in a transaction.
   *
   * @returns Whether the message was still this process's.
   */
  async ackWith(tx: PostgresClient, { seq, fence }: PostgresReceived): Promise<boolean> {
    const values = [JSON.stringify([{ seq, fence }])];
    const [row] = await rowsOf(tx, this.#sql.ack, { values, prepare: this.#plan.prepare }) as { count: number }[];
    return row!.count === 1;
  }

  async retry(retries: readonly Retry<PostgresReceived>[]): Promise<void> {
    await this.#rows(
      this.#sql.retry,
      JSON.stringify(retries.map(({ received: { seq, fence }, delayMs, unknownSince }) => {
        return { seq, fence, delay: delayMs, returned: unknownSince === undefined ? 0 : 1, unknown: unknownSince };
      })),
    );
    this.notify();
  }

  async giveBack(messages: readonly PostgresReceived[]): Promise<void> {
    await this.#rows(this.#sql.giveBack, JSON.stringify(messages.map(({ seq, fence }) => ({ seq, fence }))));
    this.notify();
  }

  async bury(burials: readonly Burial<PostgresReceived>[]): Promise<void> {
    const rows = burials.map(({ received: { seq, fence }, reason }) => ({ seq, fence, reason }));
    await this.#rows(this.#sql.bury, JSON.stringify(rows));
  }

  async renew(messages: readonly PostgresReceived[], leaseMs: number): Promise<PostgresReceived[]> {
    const held = JSON.stringify(messages.map(({ seq, fence }) => ({ seq, fence })));
    const lost = await this.#rows(this.#sql.renew, held, leaseMs) as { seq: string }[];
    const seqs = new Set(lost.map(({ seq }) => seq));
    return messages.filter(({ seq }) => seqs.has(seq));
  }

  async stats(): Promise<QueueStats> {
    const [row] = await this.#rows(this.#sql.stats, this.#plan.name);
    const { waiting, delayed, held, dead, oldest } = row as QueueStats & { oldest: number | null };
    return { waiting, delayed, held, dead, oldestMs: oldest ?? undefined };
  }

  async ping(): Promise<void> {
    await this.#rows(this.#sql.ping);
  }

  explain(error: unknown): Error | undefined {
    const { tables, name } = this.#plan;
    return explainPostgres(error, `use the table ${tables.qualified("")} for the queue "${name}"`);
  }

  async dispose(): Promise<void> {
    this.#ending.abort();
    if (this.#notifying === undefined) return;
    clearTimeout(this.#notifying);
    await this.#notifyNow();
  }

  async #notifyNow(): Promise<void> {
    this.#notifying = undefined;
    try {
      await this.#rows("select pg_notify($1::text, $2::text)", this.#plan.tables.bare, this.#plan.name);
    } catch {
      // Consumers poll: a notification makes them quicker, and is not needed.
    }
  }

  async *#listDead({ limit = Infinity }: DeadLetterSelection): AsyncGenerator<StoredDeadLetter> {
    let after = "0";
    for (let left = limit; left > 0;) {
      const values = [this.#plan.name, after, Math.min(left, PAGE)];
      const rows = await this.#rows(this.#sql.listDead, ...values) as DeadRow[];
      for (const row of rows) {
        yield { envelope: envelopeOf(row), reason: row.reason, attempt: row.attempt, at: new Date(row.died) };
        after = row.seq;
        left--;
      }
      if (rows.length < PAGE) return;
    }
  }

  async #replay(ids: string | null, limit: number | undefined): Promise<number> {
    const { length } = await this.#rows(this.#sql.replay, this.#plan.name, ids, limit ?? null);
    this.notify();
    return length;
  }

  #rows(text: string, ...values: readonly unknown[]): Promise<unknown[]> {
    return rowsOf(this.#client, text, { values, prepare: this.#plan.prepare });
  }
}

function receivedOf(row: MessageRow): PostgresReceived {
  return {
    envelope: envelopeOf(row),
    attempt: row.attempt,
    sentAt: new Date(row.sent),
    wasLost: row.lost,
    unknownSince: row.unknown ?? undefined,
    seq: row.seq!,
    fence: row.fence,
  };
}

function idsJson(ids: readonly string[] | undefined): string | null {
  return ids === undefined ? null : JSON.stringify(ids);
}
