/**
 * Consumes until it is killed. Takes the address of a store, and whether the ack is in the transaction of the effect.
 *
 * @module
 */

import { openStore } from "./store.ts";

const [address, mode] = Deno.args;
const store = await openStore(address!);

async function work(): Promise<void> {
  for await (const delivery of store.queue) {
    // Some handlers take longer than others, so that a kill finds messages in each state.
    if (delivery.message % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      if (mode === "inbox") {
        await store.effectWithAck(delivery);
      } else {
        await store.effect(delivery.message);
        await delivery.ack();
      }
    } catch (error) {
      await delivery.nack({ reason: error, delay: 0 });
    }
  }
}

await Promise.all(Array.from({ length: 5 }, work));
