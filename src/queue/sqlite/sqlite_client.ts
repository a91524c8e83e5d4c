/**
 * A prepared statement, by its shape.
 */
export interface SqliteStatement {
  /** Runs the statement, and returns its rows. */
  all(...values: unknown[]): unknown[];
  /** Runs the statement. */
  run(...values: unknown[]): unknown;
}

/**
 * A connection to an SQLite database, by its shape: `DatabaseSync` of node:sqlite, `Database` of better-sqlite3, of
 * bun:sqlite and of libsql fit as they are.
 */
export interface SqliteClient {
  /** Runs statements without parameters. */
  exec(sql: string): unknown;
  /** Prepares a statement. */
  prepare(sql: string): SqliteStatement;
}

/** Whether another connection is writing, or this one is within a transaction of somebody else. */
export function isBusy(error: unknown): boolean {
  // Node gives a number, better-sqlite3 a name, and Deno only the text.
  const { code, errcode, message } = error as { code?: unknown; errcode?: unknown; message?: unknown };
  if (typeof errcode === "number" && (errcode & 0xff) === 5) return true;
  if (typeof code === "string" && code.startsWith("SQLITE_BUSY")) return true;
  return /database (?:table )?is locked|cannot start a transaction within a transaction/.test(String(message));
}

/** What only a person can heal, by what the message says, and the way out. */
const HOPELESS: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/no such table/, "Call setup() once, or make it in your migrations"],
  [/no such column|has no column/, "The tables are older than this version: call setup(), or run schemaSql({ from })"],
  [/readonly database/, "Open the file for writing, and check the rights of its folder"],
  [/not open|connection is closed|database has closed|Database is closed/i, "Dispose the queue before the database"],
  [/unable to open database/, "Check that the folder exists and may be written"],
  [/not a database|malformed/, "Check the file with: pragma integrity_check"],
];

/**
 * Says the way out of what only a person can heal.
 *
 * @param error What a client has thrown.
 * @param what What cannot be done.
 * @returns The error that says so; `undefined` where trying again may help.
 */
export function explainSqlite(error: unknown, what: string): Error | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const found = HOPELESS.find(([pattern]) => pattern.test(message));
  return found && new Error(`Cannot ${what}: ${message}. ${found[1]}`, { cause: error });
}
