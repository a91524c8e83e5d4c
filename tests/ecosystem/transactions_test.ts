import { assertEquals, assertRejects } from "@std/assert";
import { Command, type CommandBus, InjectionToken, MessageRouter, retry } from "@cq/core";
import { type Outbox, transaction } from "@cq/core/middlewares";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { drizzle as drizzleOnPg } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOnPglite } from "drizzle-orm/pglite";
import { Kysely, PGliteDialect, PostgresDialect } from "kysely";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import postgres from "postgres";
import { openShop as openDrizzle } from "../../examples/transactions/drizzle.ts";
import { openShop as openKysely } from "../../examples/transactions/kysely.ts";
import { OrderPlaced, PlaceOrder, TABLES, toRow } from "../../examples/transactions/messages.ts";
import { openShop as openSqlite } from "../../examples/transactions/node_sqlite.ts";
import { openShop as openPg, TX as PG_TX } from "../../examples/transactions/pg.ts";
import { openShop as openPostgresJs } from "../../examples/transactions/postgres_js.ts";

const URL = Deno.env.get("CQ_POSTGRES_URL") ?? "postgres://root@127.0.0.1:5432/test";
const SCHEMA = "cq_transactions_test";

/** A shop on a real database, which is empty. */
interface OpenShop {
  readonly commands: CommandBus;
  /** Runs SQL outside of every transaction. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

interface Client {
  readonly name: string;
  readonly open: () => Promise<OpenShop>;
  readonly needsServer: boolean;
}

/** Places several orders with nested commands, and does something at the end. */
class PlaceOrders extends Command {
  readonly ids: readonly string[];
  readonly act: () => void;

  constructor(ids: readonly string[], act: () => void = () => {}) {
    super();
    this.ids = ids;
    this.act = act;
  }
}

/** Whether there is a server. It has to be there where nothing may be skipped. */
async function hasPostgres(): Promise<boolean> {
  const client = new pg.Client({ connectionString: URL, connectionTimeoutMillis: 2000 });
  try {
    await client.connect();
    await client.query(`drop schema if exists ${SCHEMA} cascade; create schema ${SCHEMA}`);
    return true;
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function makePool(): pg.Pool {
  return new pg.Pool({ connectionString: URL, options: `-c search_path=${SCHEMA}`, max: 3 });
}

/** One for all tests: it takes a second to start. */
const pglite = await PGlite.create();
await pglite.exec(TABLES);

const EMPTY = "delete from orders; delete from outbox";

async function onPool(open: (pool: pg.Pool) => CommandBus): Promise<OpenShop> {
  const pool = makePool();
  await pool.query(TABLES);
  await pool.query(EMPTY);
  return {
    commands: open(pool),
    query: async (sql) => (await pool.query(sql)).rows,
    close: () => pool.end(),
  };
}

async function onPglite(open: () => CommandBus): Promise<OpenShop> {
  await pglite.exec(EMPTY);
  return {
    commands: open(),
    query: async (sql) => (await pglite.query<Record<string, unknown>>(sql)).rows,
    close: () => Promise.resolve(),
  };
}

/** PGlite itself has a transaction with a callback, too. */
function openPglite(): CommandBus {
  const TX = new InjectionToken<Transaction>("TX");
  const outbox: Outbox<Transaction> = {
    within: (tx) => ({
      send: async (event: object, options) => {
        const row = toRow(event, options?.metadata);
        await tx.query("insert into outbox (name, body, metadata) values ($1, $2, $3)", row);
      },
    }),
  };
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(TX, (work) => pglite.transaction(work), { outbox }))
    .subscribe(PlaceOrder, async ({ id }, { values, events }) => {
      await values.get(TX)!.query("insert into orders (id) values ($1)", [id]);
      events.add(new OrderPlaced(id));
    });
}

const CLIENTS: readonly Client[] = [
  { name: "pg", needsServer: true, open: () => onPool(openPg) },
  {
    name: "postgres.js",
    needsServer: true,
    open: async () => {
      const sql = postgres(URL, { connection: { search_path: SCHEMA }, max: 3, onnotice: () => {} });
      await sql.unsafe(TABLES);
      await sql.unsafe(EMPTY);
      return {
        commands: openPostgresJs(sql),
        query: async (text) => [...await sql.unsafe(text)],
        close: () => sql.end(),
      };
    },
  },
  { name: "drizzle on pg", needsServer: true, open: () => onPool((pool) => openDrizzle(drizzleOnPg(pool))) },
  {
    name: "kysely on pg",
    needsServer: true,
    open: () => onPool((pool) => openKysely(new Kysely({ dialect: new PostgresDialect({ pool }) }))),
  },
  { name: "PGlite", needsServer: false, open: () => onPglite(openPglite) },
  {
    name: "drizzle on PGlite",
    needsServer: false,
    open: () => onPglite(() => openDrizzle(drizzleOnPglite(pglite))),
  },
  {
    name: "kysely on PGlite",
    needsServer: false,
    open: () => onPglite(() => openKysely(new Kysely({ dialect: new PGliteDialect({ pglite }) }))),
  },
  {
    name: "node:sqlite",
    needsServer: false,
    open: () => {
      const database = new DatabaseSync(":memory:");
      database.exec(TABLES);
      return Promise.resolve({
        commands: openSqlite(database),
        query: (sql) => Promise.resolve(database.prepare(sql).all() as Record<string, unknown>[]),
        close: () => Promise.resolve(database.close()),
      });
    },
  },
];

const isServed = await hasPostgres();

function testWith(
  { name, open, needsServer }: Client,
  promise: string,
  run: (shop: OpenShop & { state: () => Promise<unknown> }) => Promise<void>,
): void {
  Deno.test({
    name: `transaction() with ${name} ${promise}`,
    ignore: needsServer && !isServed,
    fn: async () => {
      const shop = await open();
      shop.commands.subscribe(PlaceOrders, async ({ ids, act }, context) => {
        for (const id of ids) await shop.commands.dispatch(new PlaceOrder(id), context);
        act();
      });
      const state = async () => ({
        orders: (await shop.query("select id from orders order by id")).map(({ id }) => id),
        events: (await shop.query("select body from outbox order by body")).map(({ body }) => JSON.parse(String(body))),
      });
      try {
        await run({ ...shop, state });
      } finally {
        await shop.close();
      }
    },
  });
}

for (const client of CLIENTS) {
  testWith(
    client,
    "commits the state and the event together, with its metadata",
    async ({ commands, query, state }) => {
      await commands.dispatch(new PlaceOrder("a"), { metadata: { tenant: "acme" } });
      assertEquals(await state(), { orders: ["a"], events: [{ id: "a" }] });
      const [row] = await query("select name, metadata from outbox");
      assertEquals({ ...row }, { name: "OrderPlaced", metadata: '{"tenant":"acme"}' });
    },
  );

  testWith(client, "stores no event where the state cannot be written", async ({ commands, state }) => {
    await commands.dispatch(new PlaceOrder("a"));
    await assertRejects(() => commands.dispatch(new PlaceOrder("a")), Error);
    assertEquals(await state(), { orders: ["a"], events: [{ id: "a" }] });
  });

  testWith(client, "keeps no state where the event cannot be stored", async ({ commands, query, state }) => {
    await query("alter table outbox rename to outbox_away");
    try {
      await assertRejects(() => commands.dispatch(new PlaceOrder("a")), Error);
    } finally {
      await query("alter table outbox_away rename to outbox");
    }
    assertEquals(await state(), { orders: [], events: [] });
  });

  testWith(client, "has nested commands join: all of them or none", async ({ commands, state }) => {
    await assertRejects(
      () =>
        commands.dispatch(
          new PlaceOrders(["a", "b"], () => {
            throw new RangeError("Too many");
          }),
        ),
      RangeError,
      "Too many",
    );
    assertEquals(await state(), { orders: [], events: [] });
    await commands.dispatch(new PlaceOrders(["a", "b"]));
    assertEquals(await state(), { orders: ["a", "b"], events: [{ id: "a" }, { id: "b" }] });
  });

  testWith(
    client,
    "rolls back where a nested command fails, though its error is caught",
    async ({ commands, state }) => {
      class PlaceTwice extends Command {}
      commands.subscribe(PlaceTwice, async (_command, context) => {
        await commands.dispatch(new PlaceOrder("a"), context);
        await commands.dispatch(new PlaceOrder("a"), context).catch(() => {});
      });
      await assertRejects(() => commands.dispatch(new PlaceTwice()), Error);
      assertEquals(await state(), { orders: [], events: [] });
    },
  );

  testWith(client, "makes a new transaction for a retry", async ({ commands, state }) => {
    let attempts = 0;
    await commands.dispatch(
      new PlaceOrders(["a"], () => {
        if (++attempts < 3) throw new Error("The shop is busy");
      }),
    );
    assertEquals(attempts, 3);
    assertEquals(await state(), { orders: ["a"], events: [{ id: "a" }] });
  });

  testWith(client, "rolls back with the reason of a signal that has fired", async ({ commands, state }) => {
    const controller = new AbortController();
    const dispatched = commands.dispatch(
      new PlaceOrders(["a"], () => controller.abort(new Error("The client has gone"))),
      { signal: controller.signal },
    );
    await assertRejects(() => dispatched, Error, "The client has gone");
    assertEquals(await state(), { orders: [], events: [] });
  });

  testWith(client, "keeps apart what happens at the same time", async ({ commands, state }) => {
    const ids = Array.from({ length: 20 }, (_, index) => `order ${String(index).padStart(2, "0")}`);
    const outcomes = await Promise.allSettled(ids.map((id, index) =>
      commands.dispatch(
        new PlaceOrders([id], () => {
          if (index % 4 === 0) throw new Error("no");
        }),
      )
    ));
    assertEquals(outcomes.filter(({ status }) => status === "rejected").length, 5);
    const kept = ids.filter((_, index) => index % 4 !== 0);
    assertEquals(await state(), { orders: kept, events: kept.map((id) => ({ id })) });
  });
}

Deno.test({
  name: "transaction() with pg fails where the server has rolled back a statement whose error was swallowed",
  ignore: !isServed,
  fn: async () => {
    const shop = await onPool(openPg);
    try {
      class Swallow extends Command {}
      shop.commands.subscribe(Swallow, async (_command, { values }) => {
        await values.get(PG_TX)!.query("select nothing from nowhere").catch(() => {});
      });
      await assertRejects(() => shop.commands.dispatch(new Swallow()), Error, "the server has answered ROLLBACK");
    } finally {
      await shop.close();
    }
  },
});
