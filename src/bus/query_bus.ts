import { Bus } from "./bus.ts";
import type { DispatchOptions } from "../context.ts";
import type { Invoker } from "./invoker.ts";
import { composeQueryRoute, machineryOf } from "./query_route.ts";
import type { ItemStream } from "../item_stream.ts";
import type { ItemOf, StreamMessage } from "../message.ts";
import { describe } from "../naming.ts";
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

  /**
   * Gives the items of a stream query. It never throws and starts nothing: the first `next()` does, and rejects where
   * anything refuses the query. See {@linkcode StreamQuery} for an example.
   *
   * @typeParam M The stream query.
   * @param query The stream query.
   * @param options A signal, metadata and values, or the context of the handler that asks. The signal ends a stream that
   * no consumer is reading, too.
   * @returns The items, for one consumer.
   */
  stream<M extends StreamMessage<unknown>>(query: M, options?: DispatchOptions): ItemStream<ItemOf<M>> {
    const machinery = machineryOf(query);
    return (machinery === undefined ? refuseStream(query) : machinery.open(this, query, options)) as ItemStream<
      ItemOf<M>
    >;
  }
}

function refuseStream(query: unknown): AsyncGenerator<never, undefined> {
  // deno-lint-ignore require-yield -- its first step throws
  const refusal = (async function* refuseStream(): AsyncGenerator<never, undefined> {
    throw new TypeError(`Cannot stream ${describe(query)}: it does not extend StreamQuery. Call dispatch() instead`);
  })();
  // Generators of Node 20 cannot be disposed.
  return Object.assign(refusal, { [Symbol.asyncDispose]: async () => void await refusal.return(undefined) });
}
