/** The unit of work with node:sqlite, which has one connection: works wait for each other. */
import { DatabaseSync } from "node:sqlite";
import { type CommandBus, MessageRouter, retry } from "@cq/core";
import { type BeginTransaction, type Outbox, transaction } from "@cq/core/middlewares";
import { OrderPlaced, PlaceOrder, toRow } from "./messages.ts";

/** A handler may await, so another work could come in between: each begins when the one before has ended. */
function beginOn(database: DatabaseSync): BeginTransaction<DatabaseSync> {
  let last: Promise<unknown> = Promise.resolve();

  async function begin(work: (tx: DatabaseSync) => Promise<void>): Promise<void> {
    database.exec("begin immediate");
    try {
      await work(database);
      database.exec("commit");
    } catch (error) {
      if (database.isTransaction) database.exec("rollback");
      throw error;
    }
  }

  return function beginNext(work) {
    const next = last.then(() => begin(work));
    last = next.catch(() => {});
    return next;
  };
}

const outbox: Outbox<DatabaseSync> = {
  within: (tx) => ({
    // deno-lint-ignore require-await -- what is thrown has to come out as a rejection
    send: async (event: object, options) => {
      const insert = tx.prepare("insert into outbox (name, body, metadata) values (?, ?, ?)");
      insert.run(...toRow(event, options?.metadata));
    },
  }),
};

export function openShop(database: DatabaseSync): CommandBus {
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(DatabaseSync, beginOn(database), { outbox }))
    .subscribe(PlaceOrder, ({ id }, { values, events }) => {
      values.get(DatabaseSync)!.prepare("insert into orders (id) values (?)").run(id);
      events.add(new OrderPlaced(id));
    });
}
