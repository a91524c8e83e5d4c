import { PGlite, type Transaction } from "@electric-sql/pglite";
import { DatabaseSync } from "node:sqlite";
import { Command, Event, InjectionToken, MessageRouter, Pump } from "@cq/core";
import { type Inbox, type Outbox, transaction } from "@cq/core/middlewares";
import type { DurableQueue } from "@cq/core/queue/durable";
import { PostgresQueue } from "@cq/core/queue/postgres";
import { SqliteQueue } from "@cq/core/queue/sqlite";
import { crashConformance, type CrashScenario } from "@cq/core/testing";
import { MessageCatalogue } from "@cq/core/wire";

/** Orders with a key each: the customer. */
const ORDERS = [["1", "Ada"], ["2", "Grace"], ["3", "Ada"], ["4", "Ada"]] as const;

function customerOf({ id }: { readonly id: string }): string {
  return ORDERS.find(([order]) => order === id)![1];
}

class PlaceOrder extends Command {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

class OrderPlaced extends Event {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

const catalogue = new MessageCatalogue()
  .add("place-order", PlaceOrder, { schema: "unchecked", key: customerOf })
  .add("order-placed", OrderPlaced, { schema: "unchecked", key: customerOf });

type Queue<T, Tx> = DurableQueue<T> & Outbox<Tx> & Inbox<Tx>;

/** What a process has of a database. */
interface Process<Tx> {
  readonly orders: Queue<PlaceOrder, Tx>;
  readonly events: Queue<OrderPlaced, Tx>;
  readonly begin: (work: (tx: Tx) => Promise<void>) => Promise<void>;
}

interface Database<Tx> {
  /** Starts a process. What an earlier one held is free, as after its lease. */
  start(): Promise<Process<Tx>>;
  write(tx: Tx, table: "orders" | "mails", id: string): Promise<void>;
  mails(): Promise<string[]>;
  close(): Promise<void>;
}

/** A process that starts again sends its orders again: their ids are known for long enough. */
const OPTIONS = { backoff: { delay: 0 }, pollMs: 20, idWindowMs: 600_000 };

/** Orders come from a queue, are placed, and each event of that becomes a mail: the whole way of a message. */
function openShop<Tx>(database: Database<Tx>): CrashScenario {
  const TX = new InjectionToken<Tx>("TX");
  let mails: string[] = [];
  const toMessage = (id: string) => ({ id, key: customerOf({ id }) });
  return {
    async run(points) {
      const process = await database.start();
      const begin = points.wrap(process.begin, "begin");
      const orders = points.wrap(process.orders, "orders");
      const events = points.wrap(process.events, "events");
      const { write } = points.wrap({ write: database.write }, "database");
      const bus = new MessageRouter().newCommandBus().use(transaction(TX, begin, { outbox: events }));
      bus.subscribe(PlaceOrder, async ({ id }, context) => {
        await write(context.values.get(TX)!, "orders", id);
        context.events.add(new OrderPlaced(id));
      });
      for (const [id] of ORDERS) await orders.send(new PlaceOrder(id), { id });
      await orders.close();
      await new Pump(orders, bus).use(transaction(TX, begin, { inbox: orders })).drain();
      await events.close();
      await new Pump(events, ({ id }: OrderPlaced, options) => write(options!.values!.get(TX)!, "mails", id))
        .use(transaction(TX, begin, { inbox: events })).drain();
      mails = await database.mails();
    },
    accepted: () => ORDERS.map(([id]) => toMessage(id)),
    effects: () => mails.map(toMessage),
    close: () => database.close(),
  };
}

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
let files = 0;

async function openSqlite(): Promise<Database<DatabaseSync>> {
  const path = `${folder}/${++files}.db`;
  const opened: DatabaseSync[] = [];
  const queues: { [Symbol.asyncDispose](): Promise<void> }[] = [];
  const connect = () => {
    const database = new DatabaseSync(path);
    database.exec("pragma journal_mode = wal; pragma synchronous = off; pragma busy_timeout = 1000");
    opened.push(database);
    return database;
  };
  const main = connect();
  opened.pop();
  main.exec("create table orders (id text primary key); create table mails (id text)");
  await new SqliteQueue(main, { name: "setup", codec: catalogue }).setup();
  const end = async () => {
    // A process that ends takes its connections with it, and what was not committed.
    for (const database of opened.splice(0)) database.close();
    await Promise.all(queues.splice(0).map((queue) => queue[Symbol.asyncDispose]()));
  };
  return {
    async start() {
      await end();
      main.exec("update cq_messages set lease = 0 where lease is not null");
      const application = connect();
      let works: Promise<unknown> = Promise.resolve();
      const [orders, events] = [
        new SqliteQueue<PlaceOrder>(connect(), { ...OPTIONS, name: "orders", codec: catalogue.only(PlaceOrder) }),
        new SqliteQueue<OrderPlaced>(connect(), { ...OPTIONS, name: "events", codec: catalogue.only(OrderPlaced) }),
      ];
      queues.push(orders, events);
      const run = async (work: (tx: DatabaseSync) => Promise<void>) => {
        application.exec("begin immediate");
        try {
          await work(application);
          application.exec("commit");
        } catch (error) {
          if (application.isOpen) application.exec("rollback");
          throw error;
        }
      };
      // A connection has one transaction at a time.
      const begin = (work: (tx: DatabaseSync) => Promise<void>) => {
        const running = works.then(() => run(work));
        works = running.catch(() => {});
        return running;
      };
      return { orders, events, begin };
    },
    write: (tx, table, id) => Promise.resolve(void tx.prepare(`insert into ${table} values (?)`).run(id)),
    mails: () => Promise.resolve(main.prepare("select id from mails order by rowid").all().map(({ id }) => String(id))),
    close: async () => {
      await end();
      main.close();
    },
  };
}

const pglite = await PGlite.create();
await new PostgresQueue(pglite, { name: "setup", codec: catalogue }).setup();
await pglite.exec("create table orders (id text primary key); create table mails (id text, seq serial)");

async function openPglite(): Promise<Database<Transaction>> {
  const processes: { isAlive: boolean; end: () => void }[] = [];
  const queues: { [Symbol.asyncDispose](): Promise<void> }[] = [];
  const end = async () => {
    for (const process of processes.splice(0)) {
      process.isAlive = false;
      process.end();
    }
    await Promise.all(queues.splice(0).map((queue) => queue[Symbol.asyncDispose]()));
  };
  await pglite.exec("truncate orders, mails, cq_messages, cq_messages_ids restart identity");
  return {
    async start() {
      await end();
      await pglite.exec("update cq_messages set lease = now() - interval '1 second' where lease is not null");
      let crash!: () => void;
      const crashed = new Promise<never>((_resolve, reject) => crash = () => reject(new Error("the process is gone")));
      crashed.catch(() => {});
      const process = { isAlive: true, end: crash };
      processes.push(process);
      const client = {
        exec: true,
        query: (text: string, values?: unknown[]) => {
          if (!process.isAlive) throw new Error("the process is gone");
          return pglite.query(text, values) as Promise<{ rows: unknown[] }>;
        },
      };
      const [orders, events] = [
        new PostgresQueue<PlaceOrder>(client, { ...OPTIONS, name: "orders", codec: catalogue.only(PlaceOrder) }),
        new PostgresQueue<OrderPlaced>(client, { ...OPTIONS, name: "events", codec: catalogue.only(OrderPlaced) }),
      ];
      queues.push(orders, events);
      // The server rolls back what a process that has ended has not committed.
      const begin = (work: (tx: Transaction) => Promise<void>) =>
        pglite.transaction((tx) => Promise.race([work(tx), crashed])) as Promise<void>;
      return { orders, events, begin };
    },
    write: async (tx, table, id) => void await tx.query(`insert into ${table} (id) values ($1)`, [id]),
    mails: async () =>
      (await pglite.query<{ id: string }>("select id from mails order by seq")).rows.map(({ id }) => id),
    close: end,
  };
}

for (
  const { name, skip, run } of crashConformance(async () => openShop(await openSqlite()), {
    once: true,
    order: true,
    runs: 60,
  })
) {
  Deno.test({ name: `SqliteQueue as outbox and inbox ${name}`, ignore: skip, fn: run });
}

for (
  const { name, skip, run } of crashConformance(async () => openShop(await openPglite()), {
    once: true,
    order: true,
    runs: 15,
  })
) {
  const options = { sanitizeOps: false, sanitizeResources: false };
  Deno.test({ name: `PostgresQueue as outbox and inbox ${name}`, ignore: skip, fn: run, ...options });
}
