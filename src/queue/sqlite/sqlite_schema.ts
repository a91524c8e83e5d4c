/** Which tables are meant. */
export interface SqliteSchemaOptions {
  /**
   * The name of the table of messages. The others begin with it.
   *
   * @default {"cq_messages"}
   */
  readonly table?: string | undefined;
  /**
   * The version of the tables that are there, for the statements from it to the newest one.
   *
   * @default {0}
   */
  readonly from?: number | undefined;
}

/** What brings the tables from one version to the next. The first makes them. */
const STEPS: readonly ((table: string) => string)[] = [
  (table) => `
create table ${table} (
  seq integer primary key autoincrement,
  queue text not null, id text not null, name text not null, version integer not null, key text,
  headers text not null, time text not null, body text not null,
  attempt integer not null default 0,
  fence integer not null default 0,
  sent integer not null, due integer not null, lease integer, unknown integer
) strict;
create unique index ${table}_id on ${table} (queue, id);
create index ${table}_due on ${table} (queue, due, seq);
create index ${table}_key on ${table} (queue, key, seq) where key is not null;
create table ${table}_dead (
  seq integer primary key autoincrement,
  queue text not null, id text not null, name text not null, version integer not null, key text,
  headers text not null, time text not null, body text not null,
  attempt integer not null, sent integer not null, died integer not null, reason text not null
) strict;
create unique index ${table}_dead_id on ${table}_dead (queue, id);
create table ${table}_ids (
  queue text not null, id text not null, until integer not null, primary key (queue, id)
) strict, without rowid;
create index ${table}_ids_until on ${table}_ids (queue, until);
create table ${table}_schema (version integer not null) strict;
insert into ${table}_schema (version) values (1);`,
];

/** The version of the tables that this library works with. */
export const SCHEMA_VERSION: number = STEPS.length;

/**
 * The statements that make the tables of all queues, for your own migrations. `setup()` of a queue runs them by itself.
 *
 * @param options The name of the table, and the version that is there.
 * @returns The statements. They are empty where the version is the newest one.
 * @throws {RangeError} If the name of the table is not a plain one, or the version is not known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { schemaSql } from "@cq/core/queue/sqlite";
 *
 * assertEquals(schemaSql().includes("create table cq_messages ("), true);
 * assertEquals(schemaSql({ from: 1 }), "");
 * ```
 */
export function schemaSql(options: SqliteSchemaOptions = {}): string {
  const { from = 0 } = options;
  const table = tableOf(options.table);
  if (!Number.isInteger(from) || from < 0 || from > SCHEMA_VERSION) {
    const rule = `must be a whole number from 0 to ${SCHEMA_VERSION}`;
    throw new RangeError(`Cannot migrate from version ${from}: ${rule}`);
  }
  return STEPS.slice(from).map((step, index) => {
    const version = from + index + 1;
    return step(table) + (version === 1 ? "" : `\nupdate ${table}_schema set version = ${version};`);
  }).join("\n").trim();
}

/**
 * Checks the name of a table, which becomes a part of statements.
 *
 * @param table The name.
 * @returns The name, or the one that is used where none is given.
 */
export function tableOf(table = "cq_messages"): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,47}$/.test(table)) return table;
  const rule = 'must have 1 to 48 letters, digits and "_", and begin with no digit';
  throw new RangeError(`Cannot use the table ${JSON.stringify(table)}: ${rule}`);
}
