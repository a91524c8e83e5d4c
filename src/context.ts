import type { MessageKind } from "./message.ts";
import type { RelatedEvents } from "./related_events.ts";

/**
 * Data that travels with a message and is no part of it: a request id, a tenant, a trace.
 *
 * Augment the interface to give your own keys a type.
 */
export interface Metadata {
  /** Any key, with whatever the caller put there. */
  readonly [key: string]: unknown;
}

/** What a caller may hand to a dispatch. A handler's context is one too: passing it on makes the child share it. */
export interface DispatchOptions {
  /**
   * Is handed to all that runs. One that has fired already rejects the dispatch before anything runs; one that fires
   * later keeps the handler of a command or a query from starting, and interrupts nothing that has started.
   */
  readonly signal?: AbortSignal | undefined;
  /** Travels with the message. Empty unless given. */
  readonly metadata?: Metadata | undefined;
}

/** What handles a message: a handler class, or a function that was subscribed. */
export type HandlerSource = (abstract new (...args: never) => object) | ((...args: never) => unknown);

/** What carries a message: a bus of one of the three kinds, a pipeline, or the pump of a queue. */
export type CarrierKind = MessageKind | "pipeline" | "queue";

/** What is known of a dispatch, whoever handles it. Listeners receive it. */
export interface DispatchContext {
  /** What carries the message. */
  readonly kind: CarrierKind;
  /** The caller's signal, `undefined` where the caller gave none. */
  readonly signal: AbortSignal | undefined;
  /** The caller's metadata, empty where the caller gave none. */
  readonly metadata: Metadata;
}

/**
 * What is known of a dispatch to one handler. Middlewares and handlers receive it.
 *
 * There is no ambient state: `bus.dispatch(next, context)` is how a child shares the signal and the metadata.
 */
export interface HandlerContext extends DispatchContext {
  /** The class or function that handles the message; the context class of a pipeline, `Pipe` for a pipe, the dispatcher of a pump. */
  readonly handler: HandlerSource;
  /** The events of one attempt to handle a command. Only the handler and its scope see it, middlewares do not. */
  readonly events?: RelatedEvents;
}

/** The context that a command's handler receives: it can add related events. */
export interface CommandContext extends HandlerContext {
  /** Always `"command"`. */
  readonly kind: "command";
  /** The events to publish once the handler has succeeded. */
  readonly events: RelatedEvents;
}

/** The context that a handler receives, by the kind of its message. */
export interface ContextByKind {
  /** What a command handler receives. */
  command: CommandContext;
  /** What a query handler receives. */
  query: HandlerContext;
  /** What an event handler receives. */
  event: HandlerContext;
}

/** The metadata of a dispatch whose caller gave none. */
export const NO_METADATA: Metadata = Object.freeze({});
