import { type Call, compose } from "../middleware_chain.ts";
import { HandlerNotFoundError } from "../errors.ts";
import { callListeners } from "./listener.ts";
import { nameOf, reasonOf } from "../naming.ts";
import type { MessageKind } from "../message.ts";
import type { Registration } from "../registry.ts";
import type { Route, RouteParts } from "./route.ts";

/**
 * Composes the route of a message that has exactly one handler: the listeners settle before the handler starts, and a
 * failure of theirs means that the message is not handled.
 *
 * @param kind The kind of message.
 * @param parts What the route is composed of.
 * @param composeHandling Composes the part behind the listeners.
 * @returns The route.
 */
export function composeSingleRoute(
  kind: MessageKind,
  parts: RouteParts,
  composeHandling: (registration: Registration) => Route,
): Route {
  const { type, registry, listeners, registrations: [registration] } = parts;
  if (registration === undefined) {
    return () => {
      throw new HandlerNotFoundError(type, { kind, hasNamesake: registry.hasNamesake(type) });
    };
  }
  const handle = composeHandling(registration);
  if (listeners.length === 0) return handle;

  return async (message, signal, metadata) => {
    const outcomes = await callListeners(listeners, message, { kind, signal, metadata });
    const errors = outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason] : []);
    if (errors.length > 0) {
      const reasons = errors.map(reasonOf).join("; ");
      throw new AggregateError(errors, `Cannot dispatch "${nameOf(type)}": its listeners failed: ${reasons}`);
    }
    return await handle(message, signal, metadata);
  };
}

/**
 * Puts the middlewares around a handler. Whatever they or the listeners waited for, a handler never starts on a signal
 * that has fired.
 *
 * @typeParam State What reaches the handler's step.
 * @param parts What the route is composed of.
 * @param innermost The handler's step.
 * @returns The chain.
 */
export function composeChain<State>({ middlewares, listeners }: RouteParts, innermost: Call<State>): Call<State> {
  const mayStartLate = middlewares.length + listeners.length > 0;
  return compose(middlewares, mayStartLate ? unlessAborted(innermost) : innermost);
}

function unlessAborted<State>(step: Call<State>): Call<State> {
  return (message, context, state) => {
    context.signal?.throwIfAborted();
    return step(message, context, state);
  };
}
