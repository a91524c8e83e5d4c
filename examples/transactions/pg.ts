/** The unit of work with pg, whose transactions have no callback: twelve lines make one. */
import { type CommandBus, InjectionToken, MessageRouter, retry } from "@cq/core";
import { type Outbox, transaction } from "@cq/core/middlewares";
import type { Pool, PoolClient } from "pg";
import { OrderPlaced, PlaceOrder, toRow } from "./messages.ts";

export const TX: InjectionToken<PoolClient> = new InjectionToken("TX");

async function begin(pool: Pool, work: (tx: PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let error: Error | undefined;
  try {
    await client.query("begin");
    await work(client);
    const { command } = await client.query("commit");
    // The server rolls back, and pg reports no error, where a statement has failed whose error was swallowed.
    if (command !== "COMMIT") throw new Error(`Cannot commit: the server has answered ${command}`);
  } catch (reason) {
    await client.query("rollback").catch((failure: Error) => error = failure);
    throw reason;
  } finally {
    client.release(error); // What could not roll back does not go back to the pool.
  }
}

const outbox: Outbox<PoolClient> = {
  within: (tx) => ({
    send: async (event: object, options) => {
      const sql = "insert into outbox (name, body, metadata) values ($1, $2, $3)";
      await tx.query(sql, toRow(event, options?.metadata));
    },
  }),
};

export function openShop(pool: Pool): CommandBus {
  return new MessageRouter().newCommandBus()
    .use(retry({ attempts: 3 }), transaction(TX, (work) => begin(pool, work), { outbox }))
    .subscribe(PlaceOrder, async ({ id }, { values, events }) => {
      await values.get(TX)!.query("insert into orders (id) values ($1)", [id]);
      events.add(new OrderPlaced(id));
    });
}
