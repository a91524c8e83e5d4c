import { assert, assertEquals, assertRejects } from "@std/assert";
import pg from "pg";
import postgres from "postgres";
import { type PostgresClient, PostgresQueue } from "@cq/core/queue/postgres";
import { jsonCodec } from "@cq/core/wire";
// What a queue never does is done by its driver.
import { PostgresDriver } from "../../src/queue/postgres/postgres_driver.ts";
import { tableOf } from "../../src/queue/postgres/postgres_schema.ts";
import { postgresConformance } from "../queues/support/postgres_conformance.ts";
import { SQL_QUEUE_CASES, type SqlTestbed } from "../queues/support/sql_queue_cases.ts";

const URL = Deno.env.get("CQ_POSTGRES_URL") ?? "postgres://root@127.0.0.1:5432/test";
const IS_CI = Deno.env.get("CI") === "true";
const codec = jsonCodec<string>();

async function isThere(): Promise<boolean> {
  const client = new pg.Client({ connectionString: URL, connectionTimeoutMillis: 2_000 });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

const ignore = !IS_CI && !await isThere();
const note = ignore ? ` (skipped: ${URL} does not answer)` : "";
/** Each run has tables of its own, in a schema that is dropped at its end. */
const schema = `cq_test_${crypto.randomUUID().slice(0, 8)}`;

async function rows(client: PostgresClient, sql: string, values: string[] = []): Promise<unknown[]> {
  return "unsafe" in client ? await client.unsafe(sql, values) as unknown[] : (await client.query(sql, values)).rows;
}

function testbedOf(
  open: () => { client: PostgresClient; listener: ConstructorParameters<typeof PostgresQueue>[1]["listener"] },
  transaction: SqlTestbed<PostgresClient>["transaction"],
  close: () => Promise<void>,
): SqlTestbed<PostgresClient> {
  return {
    open: (options) => {
      const { client, listener } = open();
      return new PostgresQueue(client, { ...options, schema, listener });
    },
    openDriver: (name) =>
      new PostgresDriver(open().client, {
        ...{ name, tables: tableOf({ schema }), idWindowMs: 0, relaxed: false, prepare: true, listener: undefined },
      }),
    transaction,
    effect: async (tx, what) => void await rows(tx, `insert into ${schema}.effects values ($1)`, [what]),
    run: async (tx, { text, params }) => void await rows(tx, text, params as string[]),
    effects: async () => {
      const { client } = open();
      return (await rows(client, `select what from ${schema}.effects`) as { what: string }[]).map(({ what }) => what);
    },
    close,
  };
}

const pool = new pg.Pool({ connectionString: URL, max: 12 });
pool.on("error", () => {});
const sql = postgres(URL, { max: 12, onnotice: () => {} });

const CLIENTS: Readonly<Record<string, { client: PostgresClient; testbed: SqlTestbed<PostgresClient> }>> = {
  pg: {
    client: pool as unknown as PostgresClient,
    testbed: testbedOf(
      () => ({ client: pool, listener: pool }),
      async (work) => {
        const client = await pool.connect();
        try {
          await client.query("begin");
          const result = await work(client);
          await client.query("commit");
          return result;
        } catch (error) {
          await client.query("rollback");
          throw error;
        } finally {
          client.release();
        }
      },
      () => Promise.resolve(),
    ),
  },
  "postgres.js": {
    client: sql,
    testbed: testbedOf(
      () => ({ client: sql, listener: sql }),
      async <R>(work: (tx: PostgresClient) => Promise<R>) => await sql.begin((tx) => work(tx)) as R,
      () => Promise.resolve(),
    ),
  },
};

if (!ignore) {
  await pool.query(`create schema ${schema}`);
  await pool.query(`create table ${schema}.effects (what text)`);
  await new PostgresQueue(pool, { name: "setup", codec, schema }).setup();
}

const options = { sanitizeOps: false, sanitizeResources: false, ignore };

for (const [name, { client, testbed }] of Object.entries(CLIENTS)) {
  for (const { name: promise, skip, run } of postgresConformance(() => client, { schema })) {
    const title = `PostgresQueue on ${name} ${promise}${note}`;
    Deno.test({ name: title, fn: run, ...options, ignore: ignore || skip });
  }
  for (const [index, each] of SQL_QUEUE_CASES.entries()) {
    const fn = () => each.run(testbed, `${name.replace(".", "-")}-${index}`);
    Deno.test({ name: `PostgresQueue on ${name} ${each.name}${note}`, fn, ...options });
  }
}

Deno.test({
  name: `PostgresQueue goes on through connections that are ended, and listens again${note}`,
  ...options,
  fn: async () => {
    const failures: string[] = [];
    const queue = new PostgresQueue<string>(pool, {
      ...{ name: "ended", codec, schema, listener: pool, pollMs: 60_000, backoff: { delay: 0 } },
      onError: (_error, { action, willRetry }) => failures.push(`${action} ${willRetry}`),
    });
    const received: string[] = [];
    const consume = async () => {
      for await (const delivery of queue) {
        received.push(delivery.message);
        await delivery.ack();
        if (delivery.message === "last") return;
      }
    };
    const consuming = consume();
    for (let round = 0; round < 3; round++) {
      await pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like '%cq_messages%'",
      ).catch(() => {});
      for (let sent = false; !sent;) sent = await queue.send(`${round}`).then(() => true, () => false);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    // Another process sends: only a notification tells, since this queue polls once in a minute.
    const other = new PostgresQueue<string>(sql, { name: "ended", codec, schema });
    await other.send("last");
    await consuming;
    assertEquals(new Set(received), new Set(["0", "1", "2", "last"]));
    assert(failures.every((failure) => failure.endsWith("true")), failures.join());
    await queue[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: `PostgresQueue says what is wrong with the password, the database and a closed pool${note}`,
  ...options,
  fn: async () => {
    const url = new globalThis.URL(URL);
    url.pathname = "/no_such_database";
    const wrong = new pg.Pool({ connectionString: url.href });
    const queue = new PostgresQueue<string>(wrong, { name: "mail", codec });
    const error = await assertRejects(() => queue.send("a"), Error);
    assertEquals(
      error.message,
      'Cannot use the table "public"."cq_messages" for the queue "mail": database "no_such_database" does not exist. ' +
        "Check the name of the database",
    );
    await assertRejects(() => queue[Symbol.asyncIterator]().next(), Error, "Check the name of the database");
    await wrong.end();
    const closed = await assertRejects(() => queue.send("a"), Error);
    assert(closed.message.endsWith("Dispose the queue before the client is closed"), closed.message);
    await queue[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: `PostgresQueue renews a lease whose row is locked, and counts it as held${note}`,
  ...options,
  fn: async () => {
    const driver = new PostgresDriver(pool, {
      ...{ name: "locked", tables: tableOf({ schema }), idWindowMs: 0, relaxed: false, prepare: true },
      listener: undefined,
    });
    const envelope = { id: "1", name: "json", version: 1, time: "2026-01-01T00:00:00.000Z", headers: {}, body: '"a"' };
    await driver.publish([{ envelope, delayMs: 0 }]);
    const { messages } = await driver.receive({ limit: 1, leaseMs: 60_000 });
    const client = await pool.connect();
    await client.query("begin");
    assertEquals(await driver.ackWith(client, messages[0]!), true);
    assertEquals(await driver.renew(messages, 60_000), []);
    await client.query("commit");
    assertEquals(await driver.renew(messages, 60_000), messages);
    client.release();
    await driver.dispose();
  },
});

Deno.test({
  name: `PostgresQueue leaves nothing behind${note}`,
  ...options,
  fn: async () => {
    await pool.query(`drop schema ${schema} cascade`);
    await Promise.all([pool.end(), sql.end()]);
  },
});
