import { assertEquals } from "@std/assert";
import { runOrders } from "../../examples/queues/order_service.ts";

Deno.test("the order service mails about the order that was committed, and not about the other", async () => {
  const folder = await Deno.makeTempDir();
  try {
    assertEquals(await runOrders(`${folder}/orders.db`), [
      "placed order 1",
      "order 2 never existed: The card was refused",
      "mailed about order 1",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
