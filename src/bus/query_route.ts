import type { DispatchOptions } from "../context.ts";
import type { Invoker } from "./invoker.ts";
import { type ItemStream, STREAM } from "../item_stream.ts";
import { compose, silence } from "../middleware_chain.ts";
import { toPromise } from "../internal/promise.ts";
import type { MessageType } from "../message.ts";
import type { Registration } from "../registry.ts";
import { afterListeners, refusingRoute, type Route, type RouteParts } from "./route.ts";

/** What runs stream queries. It hangs on the prototype of their base class, so that only who imports that has it. */
export interface StreamMachinery {
  /**
   * Makes the stream of a query. Nothing starts.
   *
   * @param bus Dispatches the query at the first `next()`.
   * @param query The query.
   * @param options The options of the caller.
   * @returns The stream.
   */
  readonly open: (
    bus: { dispatch(query: object, options: DispatchOptions): Promise<unknown> },
    query: object,
    options: DispatchOptions | undefined,
  ) => ItemStream<unknown>;
  /**
   * Refuses a handler whose errors would be dropped.
   *
   * @param type The class of stream query.
   * @param registration The handler.
   * @throws {TypeError} If they would.
   */
  readonly checkRegistration: (type: MessageType, registration: Registration) => void;
  /**
   * Composes the route of a class of stream query.
   *
   * @param parts What the route is composed of.
   * @param invoker What runs the handler.
   * @returns The route.
   */
  readonly compose: (parts: RouteParts, invoker: Invoker) => Route;
}

/**
 * The machinery that a stream query brings along.
 *
 * @param query A query, or the prototype of its class.
 * @returns The machinery, `undefined` for any other query.
 */
export function machineryOf(query: unknown): StreamMachinery | undefined {
  return (query as { readonly [STREAM]?: StreamMachinery } | null | undefined)?.[STREAM];
}

/**
 * Composes the route of a class of query. Where nothing stands in between, the handler's own promise comes back.
 *
 * @param parts What the route is composed of.
 * @param invoker What runs the handler.
 * @returns The route.
 */
export function composeQueryRoute(parts: RouteParts, invoker: Invoker): Route {
  const { registrations: [registration], middlewares } = parts;
  if (registration === undefined) return refusingRoute("query", parts);

  const machinery = machineryOf(parts.type.prototype);
  if (machinery !== undefined) return machinery.compose(parts, invoker);

  const { source: handler } = registration;
  const chain = compose(middlewares, invoker.prepare(registration));
  const handle = registration.failSilently ? silence(chain) : chain;

  return afterListeners("query", parts, function dispatchQuery(message, signal, metadata, values) {
    return toPromise(handle(message, { kind: "query", signal, metadata, values, handler }, undefined));
  });
}
