import type { CommandBus } from "./bus/command_bus.ts";
import { Container } from "./container/container.ts";
import type { HandlerDecorator, OneOrMore } from "./decorators.ts";
import type { EventBus, EventBusOptions } from "./bus/event_bus.ts";
import type { HandlerClassFor, HandlerOptions, HandlerResult } from "./handler.ts";
import type { Dispatchable, MessagesByKind, MessageType } from "./message.ts";
import type { CommandPipeline } from "./pipeline/context_pipeline.ts";
import type { MethodPipeline } from "./pipeline/method_pipeline.ts";
import type { QueryBus } from "./bus/query_bus.ts";
import { MessageRouter } from "./router.ts";

// The only global state of the library. The container gets its buses from the router, so that a bundler keeps both of
// them or neither of them.
const defaults: { readonly container: Container; readonly router: MessageRouter } = /* @__PURE__ */ makeDefaults();

/** The container of the default router: `container.get(CommandBus)` is where an application starts. */
export const container: Container = /* @__PURE__ */ (() => defaults.container)();

/** The default router, which the functions of the module use. */
export const router: MessageRouter = /* @__PURE__ */ (() => defaults.router)();

function makeDefaults(): typeof defaults {
  const container = new Container();
  return { container, router: new MessageRouter(container) as MessageRouter };
}

/**
 * Registers the decorated class as the handler of a command, with the default router.
 *
 * @typeParam T The class of command, or a list of them.
 * @param types The class of command, or a list of them.
 * @param options How the handler is registered.
 * @returns A class decorator. Called as a function, it does the same.
 * @throws {DuplicateHandlerError} From the decorator, if the command has a handler already.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, CommandBus, commandHandler, container } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 *
 * @commandHandler(CreateUser)
 * class CreateUserHandler {
 *   handle(_command: CreateUser): number {
 *     return 42;
 *   }
 * }
 *
 * assertEquals(await container.get(CommandBus).dispatch(new CreateUser()), 42);
 * ```
 */
export function commandHandler<const T extends OneOrMore<MessagesByKind["command"]>>(
  types: T,
  options?: HandlerOptions<HandlerResult<"command", T>>,
): HandlerDecorator<HandlerClassFor<"command", T>> {
  return router.commandHandler(types, options);
}

/**
 * Registers the decorated class as the handler of a query, with the default router.
 *
 * @typeParam T The class of query, or a list of them.
 * @param types The class of query, or a list of them.
 * @param options How the handler is registered.
 * @returns A class decorator. Called as a function, it does the same.
 * @throws {DuplicateHandlerError} From the decorator, if the query has a handler already.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { container, Query, QueryBus, queryHandler } from "@cq/core";
 *
 * class CountUsers extends Query<number> {}
 *
 * @queryHandler(CountUsers)
 * class CountUsersHandler {
 *   handle(_query: CountUsers): number {
 *     return 2;
 *   }
 * }
 *
 * assertEquals(await container.get(QueryBus).dispatch(new CountUsers()), 2);
 * ```
 */
export function queryHandler<const T extends OneOrMore<MessagesByKind["query"]>>(
  types: T,
  options?: HandlerOptions<HandlerResult<"query", T>>,
): HandlerDecorator<HandlerClassFor<"query", T>> {
  return router.queryHandler(types, options);
}

/**
 * Registers the decorated class as a handler of an event, with the default router.
 *
 * @typeParam T The class of event, or a list of them.
 * @param types The class of event, or a list of them.
 * @param options How the handler is registered.
 * @returns A class decorator. Called as a function, it does the same.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { container, Event, EventBus, eventHandler } from "@cq/core";
 *
 * class UserCreated extends Event {}
 *
 * let mails = 0;
 *
 * @eventHandler(UserCreated)
 * class SendWelcomeMail {
 *   handle(_event: UserCreated): void {
 *     mails++;
 *   }
 * }
 *
 * await container.get(EventBus).dispatch(new UserCreated());
 *
 * assertEquals(mails, 1);
 * ```
 */
export function eventHandler<const T extends OneOrMore<MessagesByKind["event"]>>(
  types: T,
  options?: HandlerOptions,
): HandlerDecorator<HandlerClassFor<"event", T>> {
  return router.eventHandler(types, options);
}

/**
 * Makes a command bus on the default router. The bus that is injected is `container.get(CommandBus)`.
 *
 * @returns The bus. Its middlewares and listeners are its own.
 *
 * @example
 * ```ts
 * import { container, CommandBus, newCommandBus, retry } from "@cq/core";
 *
 * container.bind(CommandBus, () => newCommandBus().use(retry({ attempts: 3 })));
 * ```
 */
export function newCommandBus(): CommandBus {
  return router.newCommandBus();
}

/**
 * Makes a query bus on the default router. The bus that is injected is `container.get(QueryBus)`.
 *
 * @returns The bus. Its middlewares and listeners are its own.
 *
 * @example
 * ```ts
 * import { container, newQueryBus, QueryBus, timeout } from "@cq/core";
 *
 * container.bind(QueryBus, () => newQueryBus().use(timeout(1_000)));
 * ```
 */
export function newQueryBus(): QueryBus {
  return router.newQueryBus();
}

/**
 * Makes an event bus on the default router. The bus that is injected is `container.get(EventBus)`.
 *
 * @param options How the bus runs the handlers of an event.
 * @returns The bus. Its middlewares and listeners are its own.
 *
 * @example
 * ```ts
 * import { container, EventBus, newEventBus } from "@cq/core";
 *
 * container.bind(EventBus, () => newEventBus({ order: "sequential" }));
 * ```
 */
export function newEventBus(options?: EventBusOptions): EventBus {
  return router.newEventBus(options);
}

/**
 * Makes a pipeline on the default router, whose steps are functions that share a context.
 *
 * @typeParam First The first command.
 * @typeParam Context What the steps of a run share.
 * @param type The class of the first command, whose result the first step receives.
 * @param context The class of the context.
 * @returns The pipeline.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, commandHandler, commandPipeline } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 *
 * @commandHandler(CreateUser)
 * class CreateUserHandler {
 *   handle(_command: CreateUser): number {
 *     return 42;
 *   }
 * }
 *
 * class SignUp {
 *   userId = 0;
 * }
 *
 * const signUp = commandPipeline(CreateUser, SignUp).step((id, context) => {
 *   context.userId = id;
 * });
 *
 * assertEquals((await signUp.dispatch(new CreateUser())).userId, 42);
 * ```
 */
export function commandPipeline<First extends MessagesByKind["command"], Context extends object>(
  type: MessageType<First>,
  context: new () => Context,
): CommandPipeline<First, Context>;
/**
 * Makes a pipeline on the default router, whose steps are methods of its context class.
 *
 * @typeParam First The first command.
 * @param type The class of the first command.
 * @returns The pipeline.
 */
export function commandPipeline<First extends MessagesByKind["command"]>(
  type: MessageType<First>,
): MethodPipeline<First, MessagesByKind["command"], Dispatchable<"query", unknown>>;
export function commandPipeline<First extends MessagesByKind["command"], Context extends object>(
  type: MessageType<First>,
  context?: new () => Context,
): unknown {
  return context === undefined ? router.commandPipeline(type) : router.commandPipeline(type, context);
}
