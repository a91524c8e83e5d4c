import type { Invoker } from "./invoker.ts";
import { compose, silence } from "../middleware_chain.ts";
import { toPromise } from "../internal/promise.ts";
import { afterListeners, refuse, type Route, type RouteParts } from "./route.ts";

/**
 * Composes the route of a class of query. Where nothing stands in between, the handler's own promise comes back.
 *
 * @param parts What the route is composed of.
 * @param invoker What runs the handler.
 * @returns The route.
 */
export function composeQueryRoute(parts: RouteParts, invoker: Invoker): Route {
  const { registrations: [registration], middlewares } = parts;
  if (registration === undefined) return refuse("query", parts);

  const { source: handler } = registration;
  const chain = compose(middlewares, invoker.prepare(registration));
  const handle = registration.failSilently ? silence(chain) : chain;

  return afterListeners("query", parts, function dispatchQuery(message, signal, metadata, values) {
    return toPromise(handle(message, { kind: "query", signal, metadata, values, handler }, undefined));
  });
}
