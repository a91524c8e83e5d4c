import { Bus } from "./bus.ts";
import type { DispatchOptions } from "../context.ts";
import type { Invoker } from "./invoker.ts";
import type { Dispatchable, DispatchResult } from "../message.ts";
import { composeQueryRoute } from "./query_route.ts";
import type { HandlerRegistry } from "../registry.ts";

/**
 * Dispatches queries, each to its one handler. The class is its own injection token.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MessageRouter, Query } from "@cq/core";
 *
 * class FindUserName extends Query<string> {}
 *
 * const queries = new MessageRouter().newQueryBus();
 * queries.subscribe(FindUserName, () => "Ada");
 *
 * assertEquals(await queries.dispatch(new FindUserName()), "Ada");
 * ```
 */
export class QueryBus extends Bus<"query"> {
  /**
   * Made by {@linkcode MessageRouter.newQueryBus}.
   *
   * @param parts The handlers, and what runs them.
   */
  constructor(parts: { registry: HandlerRegistry; invoker: Invoker }) {
    const { registry, invoker } = parts;
    super("query", { registry, compose: (route) => composeQueryRoute(route, invoker) });
  }

  /**
   * Dispatches a query to its handler.
   *
   * @typeParam R The result of a query that extends no base: `unknown`, unless named as in `dispatch<User>(message)`.
   * @typeParam M The query.
   * @param message The query.
   * @param options A signal and metadata, or the context of the handler that dispatches.
   * @returns What the handler returned.
   * @throws {HandlerNotFoundError} If no handler is registered.
   * @throws {AggregateError} If a listener failed; the query is then not handled.
   */
  dispatch<R = unknown, M extends Dispatchable<"query", R> = Dispatchable<"query", R>>(
    message: M,
    options?: DispatchOptions,
  ): Promise<DispatchResult<R, M>> {
    return this.route(message, options) as Promise<DispatchResult<R, M>>;
  }
}
