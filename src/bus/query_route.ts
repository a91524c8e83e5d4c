import { silence } from "../middleware_chain.ts";
import type { Invoker } from "./invoker.ts";
import { toPromise } from "../internal/promise.ts";
import type { Route, RouteParts } from "./route.ts";
import { composeChain, composeSingleRoute } from "./single_route.ts";

/**
 * Composes the route of a class of query. Where nothing stands in between, the handler's own promise comes back.
 *
 * @param parts What the route is composed of.
 * @param invoker What runs the handler.
 * @returns The route.
 */
export function composeQueryRoute(parts: RouteParts, invoker: Invoker): Route {
  return composeSingleRoute("query", parts, (registration) => {
    const { source: handler } = registration;
    const chain = composeChain(parts, invoker.prepare(registration));
    const handle = registration.failSilently ? silence(chain) : chain;

    return (message, signal, metadata) =>
      toPromise(handle(message, { kind: "query", signal, metadata, handler }, undefined));
  });
}
