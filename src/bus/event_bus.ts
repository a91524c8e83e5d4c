import { Bus } from "./bus.ts";
import { composeEventRoute } from "./event_route.ts";
import type { Invoker } from "./invoker.ts";
import type { HandlerRegistries } from "../registries.ts";

/** How an event bus runs the handlers of an event. */
export interface EventBusOptions {
  /**
   * Whether all handlers start at once, those of the event's own class first, or one by one in the order of their
   * registration. Either way all of them run to their end.
   *
   * @default {"concurrent"}
   */
  readonly order?: "concurrent" | "sequential" | undefined;
}

/**
 * Dispatches events, each to all of its handlers. The class is its own injection token.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event, MessageRouter } from "@cq/core";
 *
 * class UserCreated extends Event {}
 *
 * const done: string[] = [];
 * const events = new MessageRouter().newEventBus();
 * events.subscribe(UserCreated, () => done.push("mail sent"));
 * events.subscribe(UserCreated, () => done.push("counted"));
 *
 * await events.dispatch(new UserCreated());
 *
 * assertEquals(done, ["mail sent", "counted"]);
 * ```
 */
export class EventBus extends Bus<"event"> {
  /**
   * Made by {@linkcode MessageRouter.newEventBus}.
   *
   * @param parts The handlers, and what runs them.
   * @param options How the handlers are run.
   * @throws {RangeError} If the order is neither of the two.
   */
  constructor(parts: { registries: HandlerRegistries; invoker: Invoker }, options: EventBusOptions = {}) {
    const { registries, invoker } = parts;
    const { order = "concurrent" } = options;
    const isSequential = order === "sequential";
    if (!isSequential && order !== "concurrent") {
      throw new RangeError(`Cannot run handlers in the order "${order}": it must be "concurrent" or "sequential"`);
    }
    super("event", { registries, compose: (route) => composeEventRoute(route, { invoker, isSequential }) });
  }
}
