/** The unit of work with kysely, on any of its dialects. */
import { type CommandBus, InjectionToken, MessageRouter, retry } from "@cq/core";
import { type Outbox, transaction } from "@cq/core/middlewares";
import type { Kysely, Transaction } from "kysely";
import { OrderPlaced, PlaceOrder, toRow } from "./messages.ts";

interface Tables {
  orders: { id: string };
  outbox: { name: string; body: string; metadata: string | null };
}

const TX = new InjectionToken<Transaction<Tables>>("TX");

const outbox: Outbox<Transaction<Tables>> = {
  within: (tx) => ({
    send: async (event: object, options) => {
      const [name, body, metadata] = toRow(event, options?.metadata);
      await tx.insertInto("outbox").values({ name, body, metadata }).execute();
    },
  }),
};

export function openShop(database: Kysely<Tables>): CommandBus {
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(TX, (work) => database.transaction().execute(work), { outbox }))
    .subscribe(PlaceOrder, async ({ id }, { values, events }) => {
      await values.get(TX)!.insertInto("orders").values({ id }).execute();
      events.add(new OrderPlaced(id));
    });
}
