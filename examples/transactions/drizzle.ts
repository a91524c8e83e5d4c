/** The unit of work with drizzle, on any of its drivers for PostgreSQL. */
import { type CommandBus, InjectionToken, MessageRouter, retry } from "@cq/core";
import { type Outbox, transaction } from "@cq/core/middlewares";
import { type PgDatabase, type PgQueryResultHKT, pgTable, text } from "drizzle-orm/pg-core";
import { OrderPlaced, PlaceOrder, toRow } from "./messages.ts";

const orders = pgTable("orders", { id: text().primaryKey() });
const events = pgTable("outbox", { name: text().notNull(), body: text().notNull(), metadata: text() });

type Database = PgDatabase<PgQueryResultHKT, Record<string, never>>;
type Tx = Parameters<Parameters<Database["transaction"]>[0]>[0];

const TX = new InjectionToken<Tx>("TX");

const outbox: Outbox<Tx> = {
  within: (tx) => ({
    send: async (event: object, options) => {
      const [name, body, metadata] = toRow(event, options?.metadata);
      await tx.insert(events).values({ name, body, metadata });
    },
  }),
};

export function openShop(database: Database): CommandBus {
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(TX, (work) => database.transaction(work), { outbox }))
    .subscribe(PlaceOrder, async ({ id }, { values, events }) => {
      await values.get(TX)!.insert(orders).values({ id });
      events.add(new OrderPlaced(id));
    });
}
