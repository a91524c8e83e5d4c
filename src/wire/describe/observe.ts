import type { MessageType } from "../../message.ts";
import { classOf, prototypeOf } from "../../message_class.ts";
import type { AnyMiddleware } from "../../middleware.ts";

/** That handling one message has sent another one. */
export interface FlowEdge {
  /** The class of the message that was handled. */
  readonly from: MessageType;
  /** The class of the message that was sent. */
  readonly to: MessageType;
  /** How often. */
  readonly count: number;
}

/** What {@linkcode observe} gives. */
export interface Observer {
  /** Goes onto all buses, and pumps, behind {@linkcode correlate}. */
  readonly middleware: AnyMiddleware;
  /** What has been seen up to now, in the order in which it was first seen. */
  readonly flow: readonly FlowEdge[];
}

/** How many messages are remembered as possible causes. */
const MAX_MESSAGES = 10_000;

/**
 * Watches which messages send which, for a picture of an application. It is for development: it remembers the ids of the
 * last ten thousand messages.
 *
 * The ids are those of {@linkcode correlate}, in front of it. What is dispatched without the context of the handler, and
 * without its metadata, has no known cause. An event that nothing handles is not seen.
 *
 * @returns A middleware, and what it has seen.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, CommandBus, Container, Event, EventBus, MessageRouter } from "@cq/core";
 * import { correlate } from "@cq/core/middlewares";
 * import { observe } from "@cq/core/wire/describe";
 *
 * class PlaceOrder extends Command {}
 * class OrderPlaced extends Event {}
 *
 * const container = new Container();
 * new MessageRouter(container); // offers its buses to the container
 * const observer = observe();
 * const correlating = correlate();
 * container.get(EventBus).use(correlating, observer.middleware).subscribe(OrderPlaced, () => {});
 * const commands = container.get(CommandBus).use(correlating, observer.middleware)
 *   .subscribe(PlaceOrder, (_command, { events }) => void events.add(new OrderPlaced()));
 *
 * await commands.dispatch(new PlaceOrder());
 *
 * assertEquals(observer.flow, [{ from: PlaceOrder, to: OrderPlaced, count: 1 }]);
 * ```
 */
export function observe(): Observer {
  const types = new Map<unknown, MessageType>();
  const edges = new Map<MessageType, Map<MessageType, number>>();

  function note(message: unknown, id: unknown, cause: unknown): void {
    // Each handler of an event sees it, and each attempt of a retry.
    if (id === undefined || types.has(id)) return;
    const to = classOf(prototypeOf(message));
    types.set(id, to);
    if (types.size > MAX_MESSAGES) types.delete(types.keys().next().value);
    const from = types.get(cause);
    if (from === undefined) return;
    let counts = edges.get(from);
    if (counts === undefined) edges.set(from, counts = new Map());
    counts.set(to, (counts.get(to) ?? 0) + 1);
  }

  return {
    middleware: function observe(message, next, { metadata }) {
      note(message, metadata["messageId"], metadata["causationId"]);
      return next();
    },
    get flow() {
      return [...edges].flatMap(([from, counts]) => Array.from(counts, ([to, count]) => ({ from, to, count })));
    },
  };
}
