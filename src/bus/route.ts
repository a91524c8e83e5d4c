import type { ContextValues } from "../context_values.ts";
import { HandlerNotFoundError } from "../errors.ts";
import { callListeners, type Listener } from "./listener.ts";
import type { MessageKind, MessageType } from "../message.ts";
import { isBuiltIn } from "../message_class.ts";
import type { Metadata } from "../metadata.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { nameOf, reasonOf } from "../naming.ts";
import type { HandlerRegistry, Registration } from "../registry.ts";

/** Dispatches the messages of one class. Composed at the first of them, so that a dispatch decides nothing. */
export type Route = (
  message: unknown,
  signal: AbortSignal | undefined,
  metadata: Metadata,
  values: ContextValues,
) => Promise<unknown>;

/** What a route is composed of. */
export interface RouteParts {
  /** The class of the messages. */
  readonly type: MessageType;
  /** Where its handlers were found. */
  readonly registry: HandlerRegistry;
  /** The handlers of the class. */
  readonly registrations: readonly Registration[];
  /** The kind of message that the class has a handler as, on another bus, if it has none on this one. */
  readonly elsewhere: MessageKind | undefined;
  /** The listeners of the bus. */
  readonly listeners: readonly Listener[];
  /** The middlewares of the bus. */
  readonly middlewares: readonly AnyMiddleware[];
}

/**
 * Makes the route of a command or a query that has no handler.
 *
 * @param kind The kind of message.
 * @param parts What the route would be composed of.
 * @returns A route that throws.
 */
export function refusingRoute(kind: MessageKind, { type, registry, elsewhere }: RouteParts): Route {
  return function refuseDispatch() {
    if (elsewhere === undefined && isBuiltIn(type)) {
      throw new TypeError(
        `Cannot dispatch an instance of "${
          nameOf(type)
        }": no ${kind} handler is registered for it. Parsed JSON, clones and ` +
          "lists have lost the class of the message: make one of their data, new …()",
      );
    }
    throw new HandlerNotFoundError(type, {
      kind,
      elsewhere,
      hasNamesake: registry.hasNamesake(type),
      name: registry.nameOf(type),
    });
  };
}

/**
 * Puts the listeners before the route of a command or a query: they settle before the handler starts, and where one of
 * them fails the message is not handled.
 *
 * @param kind The kind of message.
 * @param parts What the route is composed of.
 * @param route The route.
 * @returns The route behind the listeners; the route itself where there are none.
 */
export function afterListeners(kind: MessageKind, { type, listeners }: RouteParts, route: Route): Route {
  if (listeners.length === 0) return route;

  return async function dispatchAfterListeners(message, signal, metadata, values) {
    const outcomes = await callListeners(listeners, message, { kind, signal, metadata, values });
    const errors = outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason] : []);
    if (errors.length > 0) {
      const reasons = errors.map(reasonOf).join("; ");
      throw new AggregateError(errors, `Cannot dispatch "${nameOf(type)}": its listeners failed: ${reasons}`);
    }
    return await route(message, signal, metadata, values);
  };
}
