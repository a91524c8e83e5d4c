/**
 * Data that travels with a message and is not a part of it: a request id, a tenant, a trace.
 *
 * It goes to child dispatches with the context, to related events, and into queues and over the wire as far as the codec
 * carries it. What lives in this process alone, such as a transaction, belongs into {@linkcode ContextValues}.
 *
 * Augment the interface to give your own keys a type.
 */
export interface Metadata {
  /** Any key, with what the caller has put there. */
  readonly [key: string]: unknown;
}

/** The metadata of a dispatch whose caller gave none. */
export const NO_METADATA: Metadata = Object.freeze({});
