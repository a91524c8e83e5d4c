import { Bus } from "./bus.ts";
import { composeCommandRoute } from "./command_route.ts";
import type { DispatchOptions } from "../context.ts";
import type { EventBus } from "./event_bus.ts";
import type { Invoker } from "./invoker.ts";
import type { Dispatchable, DispatchResult } from "../message.ts";
import type { HandlerRegistry } from "../registry.ts";

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
    parts: { registry: HandlerRegistry; invoker: Invoker; eventBus: () => EventBus | PromiseLike<EventBus> },
  ) {
    const { registry, invoker, eventBus } = parts;
    super("command", { registry, compose: (route) => composeCommandRoute(route, { invoker, eventBus }) });
  }

  /**
   * Dispatches a command to its handler.
   *
   * @typeParam R The result of a command that extends no base: `unknown`, unless named as in `dispatch<User>(message)`.
   * @typeParam M The command.
   * @param message The command.
   * @param options A signal and metadata, or the context of the handler that dispatches.
   * @returns What the handler returned, once its related events have been handled.
   * @throws {HandlerNotFoundError} If no handler is registered.
   * @throws {AggregateError} If a listener failed; the command is then not handled.
   * @throws {EventDispatchError} If a related event failed. The command itself has succeeded: the error carries it
   * as `command`, and its `result`. One whose `command` is another's came out of the handler.
   */
  dispatch<R = unknown, M extends Dispatchable<"command", R> = Dispatchable<"command", R>>(
    message: M,
    options?: DispatchOptions,
  ): Promise<DispatchResult<R, M>> {
    return this.route(message, options) as Promise<DispatchResult<R, M>>;
  }
}
