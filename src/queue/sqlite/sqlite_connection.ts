import { sleep } from "../../internal/delay.ts";
import { isBusy, type SqliteClient, type SqliteStatement } from "./sqlite_client.ts";

/** How long a call waits for other writers, in milliseconds. */
const BUSY_LIMIT_MS = 5_000;

/** A connection with its statements, on which no transaction lasts longer than one step of the loop. */
export class SqliteConnection {
  readonly #client: SqliteClient;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(client: SqliteClient) {
    this.#client = client;
  }

  /** Does work in one transaction, as soon as no other connection writes. */
  async write<R>(work: () => R): Promise<R> {
    const startedAt = Date.now();
    for (let attempt = 0;; attempt++) {
      try {
        return this.#transaction(work);
      } catch (error) {
        if (!isBusy(error) || Date.now() - startedAt > BUSY_LIMIT_MS) throw error;
        await sleep(Math.random() * Math.min(2 ** attempt, 50), undefined);
      }
    }
  }

  #transaction<R>(work: () => R): R {
    this.prepared("begin immediate").run();
    try {
      const result = work();
      this.prepared("commit").run();
      return result;
    } catch (error) {
      try {
        this.prepared("rollback").run();
      } catch {
        // SQLite has rolled back by itself.
      }
      throw error;
    }
  }

  /** A statement, which is prepared once. */
  prepared(sql: string): SqliteStatement {
    // A driver that waits by itself stops the loop that the holder of the lock may run on.
    if (this.#statements.size === 0) this.#client.exec("pragma busy_timeout = 0");
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, statement = this.#client.prepare(sql));
    return statement;
  }

  /** Changes when another connection has written. */
  dataVersion(): unknown {
    return (this.prepared("pragma data_version").all()[0] as { data_version: unknown }).data_version;
  }
}

/** Who is to be woken, by file, table and queue. */
const byFile = new Map<string, Set<() => void>>();

/** A database in memory has no file, and belongs to its connection. */
const byClient = new WeakMap<SqliteClient, Map<string, Set<() => void>>>();

/**
 * Finds those in this process who wait for messages of a queue, whatever connection they use.
 *
 * @param client A connection.
 * @param queue The names of the table and the queue.
 * @returns The functions that wake them. Each is added and deleted by its owner.
 */
export function listenersOf(client: SqliteClient, queue: string): Set<() => void> {
  const main = client.prepare("pragma database_list").all()[0] as { readonly file?: string | null } | undefined;
  const file = main?.file;
  let listeners: Map<string, Set<() => void>> | undefined = byFile;
  if (!file) {
    listeners = byClient.get(client);
    if (listeners === undefined) byClient.set(client, listeners = new Map());
  }
  const place = `${file ?? ""} ${queue}`;
  let found = listeners.get(place);
  if (found === undefined) listeners.set(place, found = new Set());
  return found;
}
