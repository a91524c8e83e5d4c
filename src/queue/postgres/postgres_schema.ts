/** Which tables are meant. */
export interface PostgresSchemaOptions {
  /**
   * The schema that the tables are in. It has to exist.
   *
   * @default {"public"}
   */
  readonly schema?: string | undefined;
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
const STEPS: readonly ((table: string, bare: string) => string)[] = [
  (table, bare) => `
create table ${table} (
  seq bigint generated always as identity primary key,
  queue text not null, id text not null, name text not null, version integer not null, key text,
  headers text not null, time text not null, body text not null,
  attempt integer not null default 0,
  fence integer not null default 0,
  sent timestamptz not null default now(), due timestamptz not null default now(), lease timestamptz, unknown float8
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0);
create unique index ${bare}_id on ${table} (queue, id);
create index ${bare}_due on ${table} (queue, due, seq);
create index ${bare}_key on ${table} (queue, key, seq) where key is not null;
create table ${table}_dead (
  seq bigint generated always as identity primary key,
  queue text not null, id text not null, name text not null, version integer not null, key text,
  headers text not null, time text not null, body text not null,
  attempt integer not null, sent timestamptz not null, died timestamptz not null default now(), reason text not null
);
create unique index ${bare}_dead_id on ${table}_dead (queue, id);
create index ${bare}_dead_queue on ${table}_dead (queue, seq);
create table ${table}_ids (queue text not null, id text not null, until timestamptz not null, primary key (queue, id));
create index ${bare}_ids_until on ${table}_ids (queue, until);
create table ${table}_schema (version integer not null);
insert into ${table}_schema (version) values (1);`,
];

/** The version of the tables that this library works with. */
export const SCHEMA_VERSION: number = STEPS.length;

/**
 * The statements that make the tables of all queues, for your own migrations. `setup()` of a queue runs them by itself.
 *
 * @param options The schema, the name of the table, and the version that is there.
 * @returns The statements. They are empty where the version is the newest one.
 * @throws {RangeError} If a name is not a plain one, or the version is not known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { schemaSql } from "@cq/core/queue/postgres";
 *
 * assertEquals(schemaSql({ schema: "shop" }).includes('create table "shop"."cq_messages" ('), true);
 * assertEquals(schemaSql({ from: 1 }), "");
 * ```
 */
export function schemaSql(options: PostgresSchemaOptions = {}): string {
  const { from = 0 } = options;
  const { qualified, bare } = tableOf(options);
  if (!Number.isInteger(from) || from < 0 || from > SCHEMA_VERSION) {
    const rule = `must be a whole number from 0 to ${SCHEMA_VERSION}`;
    throw new RangeError(`Cannot migrate from version ${from}: ${rule}`);
  }
  return STEPS.slice(from).map((step, index) => stepSql(step(qualified(""), bare), qualified, from + index + 1))
    .join("\n").trim();
}

/** The names of the tables, as a statement has them. */
export interface PostgresTables {
  /** The name of a table with its schema, in quotes. */
  readonly qualified: (suffix: string) => string;
  /** The name of the table of messages. */
  readonly bare: string;
}

/**
 * Checks the names of a schema and a table, which become a part of statements.
 *
 * @param options The names.
 * @returns The names of the tables.
 */
export function tableOf(options: Pick<PostgresSchemaOptions, "schema" | "table">): PostgresTables {
  const { schema = "public", table = "cq_messages" } = options;
  for (const [what, name] of [["schema", schema], ["table", table]] as const) {
    if (/^[A-Za-z_][A-Za-z0-9_]{0,47}$/.test(name)) continue;
    const rule = 'must have 1 to 48 letters, digits and "_", and begin with no digit';
    throw new RangeError(`Cannot use the ${what} ${JSON.stringify(name)}: ${rule}`);
  }
  // A name in quotes keeps its capitals.
  return { qualified: (suffix) => `"${schema}"."${table}${suffix}"`, bare: table };
}

/**
 * One statement that brings the tables to the newest version, whatever is there. Several processes may run it at once.
 *
 * @param tables The names of the tables.
 * @returns The statement.
 */
export function setupSql({ qualified, bare }: PostgresTables): string {
  const steps = STEPS.map((step, index) => {
    const sql = stepSql(step(qualified(""), bare), qualified, index + 1);
    return `if current < ${index + 1} then ${sql} end if;`;
  });
  // The lock ends with the transaction: a pool may unlock on another connection than it has locked on.
  return `do $setup$ declare current integer := 0; begin
    if to_regclass('${qualified("_schema")}') is not null then
      execute 'select version from ${qualified("_schema")}' into current;
      if current >= ${SCHEMA_VERSION} then return; end if;
    end if;
    perform pg_advisory_xact_lock(7263542);
    if to_regclass('${qualified("_schema")}') is not null then
      execute 'select version from ${qualified("_schema")}' into current;
    end if;
    ${steps.join("\n")} end $setup$`;
}

function stepSql(sql: string, qualified: (suffix: string) => string, version: number): string {
  const named = sql.replaceAll(
    /("\w+"\."\w+")(_\w+)/g,
    (_, table: string, suffix: string) => `${table.slice(0, -1)}${suffix}"`,
  );
  return version === 1 ? named : `${named}\nupdate ${qualified("_schema")} set version = ${version};`;
}
