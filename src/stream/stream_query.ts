import { afterListeners, refusingRoute, type Route, type RouteParts } from "../bus/route.ts";
import type { Invoker } from "../bus/invoker.ts";
import type { StreamMachinery } from "../bus/query_route.ts";
import type { DispatchOptions } from "../context.ts";
import { ContextValues } from "../context_values.ts";
import type { ItemStream } from "../item_stream.ts";
import type { Contract, MessageType } from "../message.ts";
import { compose, start } from "../middleware_chain.ts";
import { nameOf } from "../naming.ts";
import type { Registration } from "../registry.ts";
import { StreamRun } from "./stream_run.ts";

/** How the run of a stream comes through the dispatch of its query to its route. It goes no further. */
class StreamValues extends ContextValues {
  readonly run: StreamRun;

  constructor(run: StreamRun) {
    super();
    this.run = run;
  }
}

const MACHINERY: StreamMachinery = { open: openStream, checkRegistration: refuseSilence, compose: composeStreamRoute };

/**
 * The wish to read items one by one: lines of a log, rows of a table, the progress of some work. `queries.stream(query)`
 * gives them.
 *
 * Its handler, registered as that of any query, returns an async iterable, an iterable object or a `ReadableStream`, or a
 * promise of one; as a rule it is `async *handle()`. Its scope and the middlewares around it last until the iteration
 * ends.
 *
 * @typeParam Item One item.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MessageRouter, type StreamContext, StreamQuery } from "@cq/core";
 *
 * class CountDown extends StreamQuery<number> {
 *   readonly from: number;
 *
 *   constructor(from: number) {
 *     super();
 *     this.from = from;
 *   }
 * }
 *
 * const router = new MessageRouter();
 *
 * @router.queryHandler(CountDown)
 * class CountDownHandler {
 *   async *handle({ from }: CountDown, { signal }: StreamContext) {
 *     for (let number = from; number > 0 && !signal.aborted; number--) yield number;
 *   }
 * }
 *
 * const seen: number[] = [];
 * for await (const number of router.newQueryBus().stream(new CountDown(1_000_000))) {
 *   seen.push(number);
 *   if (seen.length === 3) break; // closes the generator
 * }
 *
 * assertEquals(seen, [1_000_000, 999_999, 999_998]);
 * ```
 */
export abstract class StreamQuery<Item> {
  /** Exists for the compiler alone. */
  declare readonly "~contract": Contract<"stream", Item>;

  /**
   * What runs the query. A bundle without stream queries does not have it.
   *
   * @internal
   */
  get "~stream"(): StreamMachinery {
    return MACHINERY;
  }
}

function openStream(
  bus: Parameters<StreamMachinery["open"]>[0],
  query: object,
  options: DispatchOptions = {},
): ItemStream<unknown> {
  const { signal, metadata } = options;
  return new StreamRun(query, options, function dispatchStream(run) {
    return bus.dispatch(query, { signal, metadata, values: new StreamValues(run) });
  });
}

/** A stream that has broken off would look as if it were complete. */
function refuseSilence(type: MessageType, { source, failSilently }: Registration): void {
  if (!failSilently) return;
  throw new TypeError(
    `Cannot register "${nameOf(source)}" for "${nameOf(type)}" with failSilently: a stream that breaks off has to fail`,
  );
}

function composeStreamRoute(parts: RouteParts, invoker: Invoker): Route {
  const { type, registrations: [registration], middlewares } = parts;
  if (registration === undefined) return refusingRoute("query", parts);

  const { source: handler } = registration;
  const invoke = invoker.prepare(registration);
  const chain = compose<StreamRun>(middlewares, function iterateItems(message, context, run) {
    return run.iterate(invoke, message, context);
  });

  return function dispatchStream(message, _signal, metadata, given) {
    if (!(given instanceof StreamValues)) {
      throw new TypeError(`Cannot dispatch "${nameOf(type)}": it is a stream query. Read its items from stream()`);
    }
    const { run } = given;
    const { signal, values, progress: stream } = run;
    const route = afterListeners("query", parts, function streamItems() {
      return run.conclude(start(chain, message, { kind: "query", signal, metadata, values, handler, stream }, run));
    });
    return route(message, signal, metadata, values);
  };
}
