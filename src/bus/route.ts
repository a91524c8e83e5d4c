import type { Metadata } from "../context.ts";
import type { Listener } from "./listener.ts";
import type { MessageType } from "../message.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { HandlerRegistry, Registration } from "../registry.ts";

/** Dispatches the messages of one class. Composed at the first of them, so that a dispatch decides nothing. */
export type Route = (message: unknown, signal: AbortSignal | undefined, metadata: Metadata) => Promise<unknown>;

/** What a route is composed of. */
export interface RouteParts {
  /** The class of the messages. */
  readonly type: MessageType;
  /** Where its handlers were found. */
  readonly registry: HandlerRegistry;
  /** The handlers of the class. */
  readonly registrations: readonly Registration[];
  /** The listeners of the bus. */
  readonly listeners: readonly Listener[];
  /** The middlewares of the bus. */
  readonly middlewares: readonly AnyMiddleware[];
}
