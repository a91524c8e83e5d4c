/**
 * CQRS for TypeScript: command, query and event buses, with handlers that the compiler checks.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, CommandBus, commandHandler, container } from "@cq/core";
 *
 * class CreateUser extends Command<number> {
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 *
 * @commandHandler(CreateUser)
 * class CreateUserHandler {
 *   async handle(command: CreateUser): Promise<number> {
 *     console.log(`Creating ${command.name}`);
 *     return await Promise.resolve(42);
 *   }
 * }
 *
 * const userId = await container.get(CommandBus).dispatch(new CreateUser("Ada"));
 *
 * assertEquals(userId, 42);
 * ```
 *
 * @module
 */

export {
  Command,
  type Dispatchable,
  type DispatchResult,
  Event,
  type MessageKind,
  type MessageOf,
  type MessagesByKind,
  type MessageType,
  type PlainMessage,
  Query,
  type ResultOf,
} from "./src/message.ts";
export type {
  CarrierKind,
  CommandContext,
  ContextByKind,
  DispatchContext,
  DispatchOptions,
  HandlerContext,
  HandlerSource,
} from "./src/context.ts";
export { HANDLER_CONTEXT } from "./src/context.ts";
export { ContextValues } from "./src/context_values.ts";
export type { Metadata } from "./src/metadata.ts";
export {
  CircularDependencyError,
  DuplicateHandlerError,
  EventDispatchError,
  type EventFailure,
  HandlerNotFoundError,
  MiddlewareError,
  NonRetryableError,
  ProviderNotFoundError,
  QueueClosedError,
} from "./src/errors.ts";
export type {
  Handler,
  HandlerClass,
  HandlerClassFor,
  HandlerFunction,
  HandlerFunctionFor,
  HandlerOptions,
  HandlerResult,
} from "./src/handler.ts";
export type { AnyMiddleware, Middleware, MiddlewareObject, Next } from "./src/middleware.ts";
export { HandlerRegistry, type Registration } from "./src/registry.ts";
export { RelatedEvents } from "./src/related_events.ts";
export type { Listener } from "./src/bus/listener.ts";
export { Bus } from "./src/bus/bus.ts";
export { CommandBus } from "./src/bus/command_bus.ts";
export { QueryBus } from "./src/bus/query_bus.ts";
export { EventBus, type EventBusOptions } from "./src/bus/event_bus.ts";

export type { Dispatcher, DispatcherFunction, DispatcherObject } from "./src/dispatcher.ts";
export { dispatchSequentially } from "./src/dispatch_sequentially.ts";
export { ContextPipeline, type PipelineAfter, type PipelineDispatchers } from "./src/pipeline/context_pipeline.ts";
export { MethodPipeline, type StepDecorator } from "./src/pipeline/method_pipeline.ts";
export { Pipe, type PipeAfter, type StepOptions } from "./src/pipeline/pipe.ts";
export type { MessageIn, Nothing, ResultAfter, StepFunction, StepMessage } from "./src/pipeline/step.ts";
export { defer, type DeferOptions, type DeferredDispatcher } from "./src/defer.ts";

export {
  type Consumer,
  DELIVERY,
  type Delivery,
  type LocalQueue,
  type NackOptions,
  type Producer,
  type Queue,
  type SendOptions,
} from "./src/queue/queue.ts";
export { MemoryQueue, type MemoryQueueOptions } from "./src/queue/memory/memory_queue.ts";
export type { Draining, DrainingOptions } from "./src/queue/pump/draining.ts";
export { Pump, type PumpOptions } from "./src/queue/pump/pump.ts";

export { captureError, type CaptureErrorOptions } from "./src/middlewares/capture_error.ts";
export type { ErrorFilter } from "./src/middlewares/error_filter.ts";
export { retry, type RetryOptions } from "./src/middlewares/retry.ts";
export type { BackoffOptions } from "./src/internal/backoff.ts";
export { timeout, type TimeoutOptions } from "./src/middlewares/timeout.ts";
export { type AnyDisposable, using } from "./src/middlewares/using.ts";

export type { Constructor, DefaultBus, DIAdapter } from "./src/di_adapter.ts";
export { type BindOptions, Container } from "./src/container/container.ts";
export { inject, type Lifetime } from "./src/container/inject.ts";
export { Scope } from "./src/container/scope.ts";
export { type AbstractConstructor, InjectionToken, type Token } from "./src/token.ts";

export type { HandlerDecorator, OneOrMore } from "./src/decorators.ts";
export { MessageRouter } from "./src/router.ts";
export {
  commandHandler,
  commandPipeline,
  commandTypes,
  container,
  eventHandler,
  eventTypes,
  newCommandBus,
  newEventBus,
  newQueryBus,
  queryHandler,
  queryTypes,
  router,
} from "./src/default_router.ts";
