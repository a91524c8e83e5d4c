/** The unit of work with postgres.js, in one line. */
import { type CommandBus, InjectionToken, MessageRouter, retry } from "@cq/core";
import { type Outbox, transaction } from "@cq/core/middlewares";
import type { Sql, TransactionSql } from "postgres";
import { OrderPlaced, PlaceOrder, toRow } from "./messages.ts";

const TX = new InjectionToken<TransactionSql>("TX");

const outbox: Outbox<TransactionSql> = {
  within: (tx) => ({
    send: async (event: object, options) => {
      const [name, body, metadata] = toRow(event, options?.metadata);
      await tx`insert into outbox (name, body, metadata) values (${name}, ${body}, ${metadata})`;
    },
  }),
};

export function openShop(sql: Sql): CommandBus {
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(TX, (work) => sql.begin(work), { outbox }))
    .subscribe(PlaceOrder, async ({ id }, { values, events }) => {
      const tx = values.get(TX)!;
      await tx`insert into orders (id) values (${id})`;
      events.add(new OrderPlaced(id));
    });
}
