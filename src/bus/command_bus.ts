import { Bus } from "./bus.ts";
import { composeCommandRoute } from "./command_route.ts";
import type { EventBus } from "./event_bus.ts";
import type { Invoker } from "./invoker.ts";
import type { HandlerRegistries } from "../registries.ts";

/**
 * Dispatches commands, each to its one handler, and publishes the events that the handler has added. The class is its
 * own injection token.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 *
 * const commands = new MessageRouter().newCommandBus();
 * commands.subscribe(CreateUser, () => 42);
 *
 * assertEquals(await commands.dispatch(new CreateUser()), 42);
 * ```
 */
export class CommandBus extends Bus<"command"> {
  /**
   * Made by {@linkcode MessageRouter.newCommandBus}.
   *
   * @param parts The handlers, what runs them, and what resolves the bus that publishes related events.
   */
  constructor(
    parts: { registries: HandlerRegistries; invoker: Invoker; eventBus: () => EventBus | PromiseLike<EventBus> },
  ) {
    const { registries, invoker, eventBus } = parts;
    super("command", { registries, compose: (route) => composeCommandRoute(route, { invoker, eventBus }) });
  }
}
