import { InjectionToken } from "../token.ts";

/**
 * What a pump lets the middleware of a transaction decide: when its delivery is settled.
 *
 * @internal
 */
export interface DeliverySettler {
  /** Acks now. The pump nacks if that fails. */
  ackNow(): Promise<void>;
  /** Says that the transaction has settled the delivery: the pump neither acks nor nacks it any more. */
  settled(): void;
}

/**
 * What a transaction puts into the values on the way to the dispatch. The pump then does not ack behind the dispatch, but
 * leaves what settles the delivery there: an ack belongs behind the commit, or into the transaction.
 *
 * @internal
 */
export interface DeliveryHolder {
  /** Set by the pump, before it dispatches. */
  settler: DeliverySettler | undefined;
}

/**
 * Finds the transaction that decides when a delivery is settled.
 *
 * @internal
 */
export const DELIVERY_HOLDER: InjectionToken<DeliveryHolder> = /* @__PURE__ */ new InjectionToken("DELIVERY_HOLDER");
