import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { jsonCodec, type MessageCodec } from "@cq/core/wire";
import { schemaSql, SqliteQueue } from "@cq/core/queue/sqlite";
// What a queue never does is done by its driver.
import { SqliteDriver } from "../../src/queue/sqlite/sqlite_driver.ts";
import { SQL_QUEUE_CASES, type SqlTestbed } from "./support/sql_queue_cases.ts";

const codec = jsonCodec<string>();
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

function connect(file: string): DatabaseSync {
  const database = new DatabaseSync(`${folder}/${file}`);
  database.exec("pragma journal_mode = wal; pragma synchronous = normal");
  return database;
}

async function openTestbed(file: string): Promise<SqlTestbed<DatabaseSync>> {
  const application = connect(file);
  const databases = [application];
  const own = () => {
    const database = connect(file);
    databases.push(database);
    return database;
  };
  application.exec("create table if not exists effects (what text)");
  await new SqliteQueue(application, { name: "setup", codec }).setup();
  return {
    open: (options) => new SqliteQueue(own(), options),
    openDriver: (name) => new SqliteDriver(own(), { name, table: "cq_messages", idWindowMs: 0 }),
    transaction: async (work) => {
      application.exec("begin immediate");
      try {
        const result = await work(application);
        application.exec("commit");
        return result;
      } catch (error) {
        application.exec("rollback");
        throw error;
      }
    },
    effect: (tx, what) => Promise.resolve(void tx.prepare("insert into effects values (?)").run(what)),
    run: (tx, { text, params }) => Promise.resolve(void tx.prepare(text).run(...params as string[])),
    effects: () =>
      Promise.resolve(application.prepare("select what from effects").all().map(({ what }) => String(what))),
    close: () => Promise.resolve(databases.forEach((database) => database.close())),
  };
}

for (const [index, { name, run }] of SQL_QUEUE_CASES.entries()) {
  Deno.test(`SqliteQueue ${name}`, async () => {
    const testbed = await openTestbed("cases.db");
    try {
      await run(testbed, `case-${index}`);
    } finally {
      await testbed.close();
    }
  });
}

Deno.test("SqliteQueue waits for another writer without blocking the loop, and gives up with a clear error", async () => {
  const [database, other] = [connect("busy.db"), connect("busy.db")];
  await using queue = new SqliteQueue(database, { name: "busy", codec });
  await queue.setup();
  other.exec("begin immediate");
  const sending = queue.send("a");
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(turns > 5, `the loop was blocked: ${turns} turns`);
  other.exec("commit");
  await sending;
  clearInterval(timer);
  assertEquals((await queue.stats()).waiting, 1);
  await queue[Symbol.asyncDispose]();
  database.close();
  other.close();
});

Deno.test("SqliteQueue says the way out where there is no table, no right to write and no connection", async () => {
  const database = connect("errors.db");
  const queue = new SqliteQueue(database, { name: "errors", codec });
  const cannot = 'Cannot use the table "cq_messages" for the queue "errors": ';
  const missing = `${cannot}no such table: cq_messages. ` +
    "Call setup() once, or make it in your migrations";
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
    assertEquals(error.message.replace("cq_messages_dead.", "cq_messages."), missing);
  }
  await queue.setup();
  await queue.send("a");

  const reading = new DatabaseSync(`${folder}/errors.db`, { readOnly: true });
  const reader = new SqliteQueue(reading, { name: "errors", codec });
  const refused = await assertRejects(() => reader.send("b"), Error);
  assertEquals(
    refused.message,
    `${cannot}attempt to write a readonly database. Open the file for writing, and check the rights of its folder`,
  );
  await reader[Symbol.asyncDispose]();
  reading.close();

  const delivery = (await queue[Symbol.asyncIterator]().next()).value!;
  database.close();
  for (const attempt of [() => queue.send("c"), () => delivery.ack()]) {
    const error = await assertRejects(attempt, Error);
    assert(error.message.endsWith("is not open. Dispose the queue before the database"), error.message);
  }
  await queue[Symbol.asyncDispose]();
});

Deno.test("SqliteQueue rejects a send that finds the disk full, loses nothing, and goes on when there is room", async () => {
  const database = connect("full.db");
  await using queue = new SqliteQueue(database, { name: "full", codec });
  await queue.setup();
  const [row] = database.prepare("pragma page_count").all();
  database.exec(`pragma max_page_count = ${Number(row!.page_count) + 20}`);
  const body = "x".repeat(10_000);
  const results: boolean[] = [];
  for (let count = 0; count < 20; count++) {
    results.push(
      await queue.send(body).then(() => true, (error) => {
        assert(/full/.test(String(error)), String(error));
        return false;
      }),
    );
  }
  const accepted = results.filter(Boolean).length;
  assert(accepted > 0 && accepted < 20, `${accepted} were accepted`);
  assertEquals((await queue.stats()).waiting, accepted);
  database.exec("pragma max_page_count = 1000000");
  await queue.send(body);
  assertEquals((await queue.stats()).waiting, accepted + 1);
  await queue[Symbol.asyncDispose]();
  database.close();
});

Deno.test("SqliteQueue carries a body of 10 MB where it is allowed to", async () => {
  const database = connect("large.db");
  await using queue = new SqliteQueue(database, { name: "large", codec, maxBytes: 20_000_000 });
  await queue.setup();
  const body = "ü".repeat(5_000_000);
  await queue.send(body);
  assertEquals((await queue[Symbol.asyncIterator]().next()).value!.message === body, true);
  await queue[Symbol.asyncDispose]();
  database.close();
});

Deno.test("SqliteQueue works in memory, where handles on one connection share it", async () => {
  const database = new DatabaseSync(":memory:");
  await using queue = new SqliteQueue(database, { name: "memory", codec, pollMs: 60_000 });
  await queue.setup();
  await using other = new SqliteQueue(database, { name: "memory", codec });
  const receiving = queue[Symbol.asyncIterator]().next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await other.send("a");
  assertEquals((await receiving).value!.message, "a");
  await queue[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  database.close();
});

Deno.test("SqliteQueue refuses options out of their range, and a codec by promise in a statement", () => {
  const database = new DatabaseSync(":memory:");
  const make = (options: object) => new SqliteQueue(database, { name: "mail", codec, ...options });
  const cases: readonly [() => unknown, string][] = [
    [
      () => make({ idWindowMs: -1 }),
      'Cannot make the queue "mail" with idWindowMs: -1: must be a whole number from 0',
    ],
    [
      () => make({ table: "a b" }),
      'Cannot use the table "a b": must have 1 to 48 letters, digits and "_", and begin with no digit',
    ],
    [() => schemaSql({ from: 2 }), "Cannot migrate from version 2: must be a whole number from 0 to 1"],
  ];
  for (const [attempt, message] of cases) assertEquals(assertThrows(attempt, RangeError).message, message);
  const asynchronous: MessageCodec<string> = { ...codec, encode: async (...values) => await codec.encode(...values) };
  const error = assertThrows(() => make({ codec: asynchronous }).statementFor([{ message: "a" }]), TypeError);
  assertEquals(
    error.message,
    'Cannot make a statement for the queue "mail": its codec is asynchronous. Use within() in a transaction that can wait',
  );
  database.close();
});

Deno.test("schemaSql() makes what setup() makes, under the name of a table", async () => {
  const [some, other] = [new DatabaseSync(":memory:"), new DatabaseSync(":memory:")];
  some.exec(schemaSql({ table: "jobs" }));
  await new SqliteQueue(other, { name: "mail", codec, table: "jobs" }).setup();
  const objects = (database: DatabaseSync) =>
    database.prepare("select name, sql from sqlite_schema order by name").all();
  assertEquals(objects(some), objects(other));
  assertEquals(schemaSql({ table: "jobs", from: 1 }), "");
  some.close();
  other.close();
});
