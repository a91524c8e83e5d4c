import type { ContextValues } from "./context_values.ts";
import type { StreamProgress } from "./item_stream.ts";
import type { MessageKind, MessageOf, StreamMessage } from "./message.ts";
import type { Metadata } from "./metadata.ts";
import type { RelatedEvents } from "./related_events.ts";
import { InjectionToken } from "./token.ts";

/** What a caller may hand to a dispatch. A handler's context is one too: passing it on makes the child share it. */
export interface DispatchOptions {
  /**
   * Is handed to all that runs. One that has fired already rejects the dispatch before anything runs; one that fires
   * later keeps the handler of a command or a query from starting, and interrupts nothing that has started.
   */
  readonly signal?: AbortSignal | undefined;
  /** Travels with the message, into queues and over the wire too. Empty unless given. */
  readonly metadata?: Metadata | undefined;
  /** Goes along within this process: a transaction, the current user as an object, a logger. Empty unless given. */
  readonly values?: ContextValues | undefined;
}

/** What handles a message: a handler class, or a function that was subscribed. */
export type HandlerSource = (abstract new (...args: never) => object) | ((...args: never) => unknown);

/** What carries a message: a bus of one of the three kinds, a pipeline, or the pump of a queue. */
export type CarrierKind = MessageKind | "pipeline" | "queue";

/** What is known of a dispatch before its handler is. Listeners receive it. */
export interface DispatchContext {
  /** What carries the message. */
  readonly kind: CarrierKind;
  /** The caller's signal, `undefined` where the caller gave none. */
  readonly signal: AbortSignal | undefined;
  /** The caller's metadata, empty where the caller gave none. */
  readonly metadata: Metadata;
  /** The caller's values, and those that middlewares have added; empty where there are none. */
  readonly values: ContextValues;
}

/**
 * What is known of a dispatch to one handler. Middlewares and handlers receive it.
 *
 * There is no ambient state: `bus.dispatch(next, context)` is how a child shares the signal, the metadata and the values.
 */
export interface HandlerContext extends DispatchContext {
  /** The class or function that handles the message; the context class of a pipeline, `Pipe` for a pipe, the dispatcher of a pump. */
  readonly handler: HandlerSource;
  /**
   * The related events of a command. Its handler adds to them. A middleware of a command bus sees what the last attempt
   * to succeed has added, once `next()` has resolved, and may take it.
   */
  readonly events?: RelatedEvents | undefined;
  /** How far the stream of a stream query has come; `undefined` for all other messages. */
  readonly stream?: StreamProgress | undefined;
}

/** The context that a command's handler receives: it can add related events. */
export interface CommandContext extends HandlerContext {
  /** Always `"command"`. */
  readonly kind: "command";
  /** The events to publish once the handler has succeeded. */
  readonly events: RelatedEvents;
}

/** The context that the handler of a stream query receives. */
export interface StreamContext extends HandlerContext {
  /** Always `"query"`. */
  readonly kind: "query";
  /**
   * Fires when the caller's signal does, and when the consumer leaves while an item is being made. It does not fire when
   * the consumer leaves between two items: a `finally` may still dispatch with the context.
   */
  readonly signal: AbortSignal;
  /** How far the stream has come. */
  readonly stream: StreamProgress;
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

/**
 * The context that the handler of a message class receives.
 *
 * @typeParam K The kind of the message.
 * @typeParam T The message class, or a list of them.
 */
export type ContextFor<K extends MessageKind, T> = [MessageOf<T>] extends [StreamMessage<unknown>] ? StreamContext
  : ContextByKind[K];

/**
 * Gives the context of the handler that is being built to what is built for it: `inject(HANDLER_CONTEXT)`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, Container, HANDLER_CONTEXT, inject, MessageRouter } from "@cq/core";
 *
 * class AuditLog {
 *   readonly tenant = inject(HANDLER_CONTEXT).metadata.tenant;
 * }
 *
 * class CloseAccount extends Command<unknown> {}
 *
 * class CloseAccountHandler {
 *   readonly #audit = inject(AuditLog);
 *
 *   handle(_command: CloseAccount): unknown {
 *     return this.#audit.tenant;
 *   }
 * }
 *
 * const container = new Container();
 * container.bind(AuditLog, () => new AuditLog(), { lifetime: "scoped" });
 * const router = new MessageRouter(container);
 * router.commandHandler(CloseAccount)(CloseAccountHandler);
 *
 * const metadata = { tenant: "acme" };
 *
 * assertEquals(await router.newCommandBus().dispatch(new CloseAccount(), { metadata }), "acme");
 * ```
 */
export const HANDLER_CONTEXT: InjectionToken<HandlerContext> = /* @__PURE__ */ new InjectionToken("HANDLER_CONTEXT");
