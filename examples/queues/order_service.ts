/** An order service with an outbox in SQLite, and no server: the order and its event are in one commit. */
import { DatabaseSync } from "node:sqlite";
import { Pump } from "@cq/core";
import { jsonCodec, SqliteQueue } from "@cq/core/queue/sqlite";
import { idle } from "@cq/core/testing";

/** Places two orders, one of which fails, and returns what it did. */
export async function runOrders(file: string): Promise<string[]> {
  const lines: string[] = [];
  const database = new DatabaseSync(file);
  const connection = new DatabaseSync(file); // That of the queue.
  const outbox = new SqliteQueue<{ orderId: number }>(connection, { name: "outbox", codec: jsonCodec() });
  await outbox.setup();
  database.exec("create table orders (id integer primary key)");

  async function placeOrder(orderId: number, fails: boolean): Promise<void> {
    database.exec("begin immediate");
    try {
      database.prepare("insert into orders values (?)").run(orderId);
      await outbox.within(database).send({ orderId });
      if (fails) throw new Error("The card was refused");
      database.exec("commit");
      outbox.committed();
      lines.push(`placed order ${orderId}`);
    } catch (error) {
      database.exec("rollback");
      lines.push(`order ${orderId} never existed: ${(error as Error).message}`);
    }
  }

  await placeOrder(1, false);
  await placeOrder(2, true);
  const draining = new Pump(outbox, ({ orderId }) => void lines.push(`mailed about order ${orderId}`)).draining();
  await idle(outbox);
  await draining.stop();
  await outbox[Symbol.asyncDispose]();
  connection.close();
  database.close();
  return lines;
}

if (import.meta.main) {
  const file = await Deno.makeTempFile({ suffix: ".db" });
  for (const line of await runOrders(file)) console.log(line);
}
