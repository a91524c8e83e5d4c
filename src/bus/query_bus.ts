import { Bus } from "./bus.ts";
import type { Invoker } from "./invoker.ts";
import { composeQueryRoute } from "./query_route.ts";
import type { HandlerRegistries } from "../registries.ts";

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
  constructor(parts: { registries: HandlerRegistries; invoker: Invoker }) {
    const { registries, invoker } = parts;
    super("query", { registries, compose: (route) => composeQueryRoute(route, invoker) });
  }
}
