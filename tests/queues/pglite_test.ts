import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { type PostgresClient, PostgresQueue, schemaSql } from "@cq/core/queue/postgres";
import { jsonCodec } from "@cq/core/wire";
// What a queue never does is done by its driver.
import { PostgresDriver } from "../../src/queue/postgres/postgres_driver.ts";
import { tableOf } from "../../src/queue/postgres/postgres_schema.ts";
import { postgresConformance } from "./support/postgres_conformance.ts";
import { SQL_QUEUE_CASES, type SqlTestbed } from "./support/sql_queue_cases.ts";

const codec = jsonCodec<string>();
const database = await PGlite.create();
await database.query("create table effects (what text)");
await new PostgresQueue(database, { name: "setup", codec }).setup();

const testbed: SqlTestbed<Transaction> = {
  open: (options) => new PostgresQueue(database, { ...options, listener: database }),
  openDriver: (name) =>
    new PostgresDriver(database, {
      ...{ name, tables: tableOf({}), idWindowMs: 0, relaxed: false, prepare: true, listener: undefined },
    }),
  transaction: (work) => database.transaction(work),
  effect: async (tx, what) => void await tx.query("insert into effects values ($1)", [what]),
  run: async (tx, { text, params }) => void await tx.query(text, params),
  effects: async () =>
    (await database.query<{ what: string }>("select what from effects")).rows.map(({ what }) => what),
  close: () => Promise.resolve(),
};

for (const { name, skip, run } of postgresConformance(() => database, { listener: database })) {
  Deno.test({ name: `PostgresQueue on PGlite ${name}`, ignore: skip, fn: run });
}

for (const [index, { name, run }] of SQL_QUEUE_CASES.entries()) {
  Deno.test(`PostgresQueue on PGlite ${name}`, () => run(testbed, `case-${index}`));
}

Deno.test("PostgresQueue relaxes acks and claims, and never sends", async () => {
  const settings: string[] = [];
  // What a statement has set for its transaction is seen in the same transaction alone.
  const client: PostgresClient = {
    query: (text, values) =>
      database.transaction(async (tx) => {
        const result = await tx.query(text, values);
        const { rows: [row] } = await tx.query<{ synchronous_commit: string }>("show synchronous_commit");
        settings.push(`${/^\s*(\w+)/.exec(text)![1]} ${row!.synchronous_commit}`);
        return result as { rows: unknown[] };
      }),
  };
  await using queue = new PostgresQueue(client, { name: "relaxed", codec, relaxed: true, prepare: false });
  await queue.send("a");
  const delivery = (await queue[Symbol.asyncIterator]().next()).value!;
  await delivery.ack();
  assertEquals([...new Set(settings)].filter((setting) => !setting.startsWith("select")), ["insert on", "with off"]);
});

Deno.test("PostgresQueue says the way out where there is no table and no right, and where the client is closed", async () => {
  const other = await PGlite.create();
  const queue = new PostgresQueue(other, { name: "errors", codec });
  const cannot = 'Cannot use the table "public"."cq_messages" for the queue "errors": ';
  for (
    const attempt of [
      () => queue.send("a"),
      () => queue.stats(),
      () => queue.ping(),
      () => queue.dead.purge(),
      () => queue[Symbol.asyncIterator]().next(),
    ]
  ) {
    const error = await assertRejects(attempt, Error);
    assertEquals(
      error.message.replace("cq_messages_dead", "cq_messages"),
      `${cannot}relation "public.cq_messages" does not exist. ` +
        "Call setup() once, or make it in your migrations",
    );
  }
  await queue.setup();
  await queue.send("a");
  await other.exec("create role reader; grant select on all tables in schema public to reader; set role reader");
  const refused = await assertRejects(() => queue.send("b"), Error);
  assertEquals(
    refused.message,
    `${cannot}permission denied for table cq_messages. ` +
      "Grant the user select, insert, update and delete on the tables",
  );
  await other.exec("reset role");
  await queue[Symbol.asyncDispose]();
  await other.close();
  const closed = new PostgresQueue(other, { name: "errors", codec });
  const error = await assertRejects(() => closed.send("c"), Error);
  assertEquals(error.message, `${cannot}PGlite is closed. Dispose the queue before the client is closed`);
  await closed[Symbol.asyncDispose]();
});

Deno.test("schemaSql() makes what setup() makes, in a schema and under a name of the user", async () => {
  const columns = async (schema: string) =>
    (await database.query(
      `select table_name, column_name, data_type, column_default from information_schema.columns
      where table_schema = $1 order by 1, 2`,
      [schema],
    )).rows.map((row) => JSON.stringify(row).replaceAll(schema, "?"));
  const indexes = async (schema: string) =>
    (await database.query("select indexdef from pg_indexes where schemaname = $1 order by 1", [schema])).rows
      .map((row) => JSON.stringify(row).replaceAll(schema, "?"));
  await database.exec("create schema mine; create schema other");
  await database.exec(schemaSql({ schema: "mine", table: "Jobs" }));
  await using queue = new PostgresQueue(database, { name: "mail", codec, schema: "other", table: "Jobs" });
  await queue.setup();
  assertEquals(await columns("mine"), await columns("other"));
  assertEquals(await indexes("mine"), await indexes("other"));
  assertEquals((await columns("mine")).length > 20, true);
  await queue.send("a");
  assertEquals((await queue.stats()).waiting, 1);
  assertEquals(schemaSql({ from: 1 }), "");
});

Deno.test("PostgresQueue refuses options out of their range", () => {
  const make = (options: object) => new PostgresQueue(database, { name: "mail", codec, ...options });
  const rule = 'must have 1 to 48 letters, digits and "_", and begin with no digit';
  const cases: readonly [() => unknown, string][] = [
    [
      () => make({ idWindowMs: NaN }),
      'Cannot make the queue "mail" with idWindowMs: NaN: must be a whole number from 0',
    ],
    [() => make({ schema: 'a"b' }), `Cannot use the schema "a\\"b": ${rule}`],
    [() => make({ table: "1a" }), `Cannot use the table "1a": ${rule}`],
    [() => schemaSql({ from: -1 }), "Cannot migrate from version -1: must be a whole number from 0 to 1"],
  ];
  for (const [attempt, message] of cases) assertEquals(assertThrows(attempt, RangeError).message, message);
});
