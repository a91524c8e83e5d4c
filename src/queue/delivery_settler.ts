import type { Delivery } from "./queue.ts";

/**
 * Lets the middleware of a transaction decide when a pump acks, since an ack belongs behind the commit or into it.
 *
 * @internal
 */
export interface DeliverySettler {
  /** Keeps the pump from acking inside of its middlewares. It still settles the delivery when they have ended. */
  hold(): void;
  /** Acks now. The pump nacks if that fails. */
  ackNow(): Promise<void>;
  /** Says that the transaction has settled the delivery: the pump neither acks nor nacks it any more. */
  settled(): void;
}

/**
 * What settles the deliveries that pumps with middlewares handle. Not among the values, where users would see it.
 *
 * @internal
 */
export const DELIVERY_SETTLERS: WeakMap<Delivery<unknown>, DeliverySettler> = /* @__PURE__ */ new WeakMap();
