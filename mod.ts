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

// What you write: messages, handlers and routers, and what is put together with them.

export { Command, Event, Query } from "./src/message.ts";
export { StreamQuery } from "./src/stream/stream_query.ts";
export {
  commandHandler,
  commandPipeline,
  container,
  eventHandler,
  newCommandBus,
  newEventBus,
  newQueryBus,
  queryHandler,
  router,
} from "./src/default_router.ts";
export { MessageRouter, type MessageRouterOptions } from "./src/router.ts";
export { CommandBus } from "./src/bus/command_bus.ts";
export { QueryBus } from "./src/bus/query_bus.ts";
export { EventBus, type EventBusOptions } from "./src/bus/event_bus.ts";
export type { Handler, HandlerFunction, HandlerOptions } from "./src/handler.ts";
export type { CommandContext, DispatchOptions, HandlerContext, StreamContext } from "./src/context.ts";
export { HANDLER_CONTEXT } from "./src/context.ts";
export type { ItemStream, StreamEnd, StreamProgress, StreamSource } from "./src/item_stream.ts";
export { ContextValues } from "./src/context_values.ts";
export type { Metadata } from "./src/metadata.ts";
export { RelatedEvents } from "./src/related_events.ts";
export type { Listener } from "./src/bus/listener.ts";

export type { Middleware, MiddlewareObject } from "./src/middleware.ts";
export { captureError, type CaptureErrorOptions } from "./src/middlewares/capture_error.ts";
export { retry, type RetryOptions } from "./src/middlewares/retry.ts";
export { timeout, type TimeoutOptions } from "./src/middlewares/timeout.ts";
export { using } from "./src/middlewares/using.ts";

export { dispatchSequentially } from "./src/dispatch_sequentially.ts";
export { defer, type DeferOptions } from "./src/defer.ts";
export { byKind } from "./src/by_kind.ts";
export { type CommandPipeline, ContextPipeline, type PipelineDispatchers } from "./src/pipeline/context_pipeline.ts";
export { MethodPipeline } from "./src/pipeline/method_pipeline.ts";
export { Pipe, type StepOptions } from "./src/pipeline/pipe.ts";

export { MemoryQueue, type MemoryQueueOptions } from "./src/queue/memory/memory_queue.ts";
export { Pump } from "./src/queue/pump/pump.ts";
export type { PumpOptions } from "./src/queue/pump/pump_options.ts";
export type { DrainingOptions } from "./src/queue/pump/draining.ts";
export { type Consumer, DELIVERY, type Delivery, type Producer, type Queue } from "./src/queue/queue.ts";

export { type BindOptions, Container } from "./src/container/container.ts";
export { inject } from "./src/container/inject.ts";
export { InjectionToken } from "./src/token.ts";
export type { DIAdapter } from "./src/di_adapter.ts";

export {
  CircularDependencyError,
  DuplicateHandlerError,
  EventDispatchError,
  HandlerNotFoundError,
  MiddlewareError,
  NonRetryableError,
  ProviderNotFoundError,
  QueueClosedError,
} from "./src/errors.ts";

// What the signatures of the above are made of.

export type { MessageNames } from "./src/naming.ts";
export type {
  Contract,
  Dispatchable,
  DispatchResult,
  ItemOf,
  MessageKind,
  MessageOf,
  MessagesByKind,
  MessageType,
  PlainMessage,
  ResultOf,
  StreamMessage,
  Unmistaken,
} from "./src/message.ts";
export type { CarrierKind, ContextByKind, ContextFor, DispatchContext, HandlerSource } from "./src/context.ts";
export type {
  HandlerClass,
  HandlerClassFor,
  HandlerFunctionFor,
  HandlerResult,
  RegisteredHandler,
  SharedResult,
} from "./src/handler.ts";
export type { HandlerDecorator, OneOrMore } from "./src/decorators.ts";
export { HandlerRegistry, type Registration } from "./src/registry.ts";
export { Bus } from "./src/bus/bus.ts";
export type { Dispatcher, DispatcherFunction, DispatcherObject } from "./src/dispatcher.ts";
export type { DeferredDispatcher } from "./src/defer.ts";
export type { DispatchersByKind, MessagesByDispatchers } from "./src/by_kind.ts";
export type { EventFailure } from "./src/errors.ts";

export type { AnyMiddleware, Next } from "./src/middleware.ts";
export type { ErrorFilter } from "./src/middlewares/error_filter.ts";
export type { BackoffOptions } from "./src/internal/backoff.ts";
export type { AnyDisposable } from "./src/middlewares/using.ts";

export type { PipelineAfter } from "./src/pipeline/context_pipeline.ts";
export type { StepDecorator } from "./src/pipeline/method_pipeline.ts";
export type { PipeAfter } from "./src/pipeline/pipe.ts";
export type { MessageIn, Nothing, ResultAfter, StepFunction, StepMessage } from "./src/pipeline/step.ts";

export type { LocalQueue, NackOptions, SendOptions } from "./src/queue/queue.ts";
export type { Draining } from "./src/queue/pump/draining.ts";

export type { Constructor, DefaultBus } from "./src/di_adapter.ts";
export type { Lifetime } from "./src/container/inject.ts";
export { Scope } from "./src/container/scope.ts";
export type { AbstractConstructor, PrivateClass, Token } from "./src/token.ts";
