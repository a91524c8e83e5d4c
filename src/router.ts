import { CommandBus } from "./bus/command_bus.ts";
import { Container } from "./container/container.ts";
import { type HandlerDecorator, handlerDecorator, type OneOrMore } from "./decorators.ts";
import type { DIAdapter } from "./di_adapter.ts";
import { lazyDispatcher } from "./dispatcher.ts";
import { EventBus, type EventBusOptions } from "./bus/event_bus.ts";
import type { HandlerClassFor, HandlerOptions, HandlerResult, RegisteredHandler } from "./handler.ts";
import { Invoker } from "./bus/invoker.ts";
import type { Dispatchable, MessageKind, MessagesByKind, MessageType } from "./message.ts";
import { describe } from "./naming.ts";
import { type CommandPipeline, ContextPipeline } from "./pipeline/context_pipeline.ts";
import { MethodPipeline } from "./pipeline/method_pipeline.ts";
import { QueryBus } from "./bus/query_bus.ts";
import { HandlerRegistry } from "./registry.ts";

/**
 * The composition root: it knows the handlers and makes the buses. Two routers share nothing.
 *
 * An application with one set of handlers can use the functions of the module, which belong to a default router.
 *
 * @typeParam Scope What the container opens for one run of a handler.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, CommandBus, Container, MessageRouter } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 *
 * const container = new Container();
 * const router = new MessageRouter(container);
 *
 * @router.commandHandler(CreateUser)
 * class CreateUserHandler {
 *   handle(_command: CreateUser): number {
 *     return 42;
 *   }
 * }
 *
 * assertEquals(await container.get(CommandBus).dispatch(new CreateUser()), 42);
 * assertEquals(router.commandTypes, [CreateUser]);
 * ```
 */
export class MessageRouter<Scope = unknown> {
  readonly #commands = new HandlerRegistry("single");
  readonly #queries = new HandlerRegistry("single");
  readonly #events = new HandlerRegistry("multiple");
  readonly #container: DIAdapter;
  readonly #invoker: Invoker;

  /**
   * Makes a router without handlers, and offers its buses to the container.
   *
   * @param adapter The container that builds the handlers; by default a new {@linkcode Container}.
   * @throws {TypeError} If the container lacks a method, or serves another router already.
   */
  constructor(adapter?: DIAdapter<Scope>) {
    const container = (adapter ?? new Container()) as DIAdapter;
    if (typeof container.wire !== "function" || typeof container.lazy !== "function") {
      throw new TypeError(`Cannot use ${describe(container)} as a container: it has no methods "wire" and "lazy"`);
    }
    this.#container = container;
    this.#invoker = new Invoker(container);
    container.registerDefaults?.([
      { token: CommandBus, create: () => this.newCommandBus() },
      { token: QueryBus, create: () => this.newQueryBus() },
      { token: EventBus, create: () => this.newEventBus() },
    ]);
  }

  /** The classes of command that have a handler. */
  get commandTypes(): readonly MessageType[] {
    return this.#commands.messageTypes;
  }

  /** The classes of query that have a handler. */
  get queryTypes(): readonly MessageType[] {
    return this.#queries.messageTypes;
  }

  /** The classes of event that have a handler. */
  get eventTypes(): readonly MessageType[] {
    return this.#events.messageTypes;
  }

  /**
   * Finds what handles a class of message, on the buses of any kind. A handler of a base class is among them where a
   * message would reach it.
   *
   * @param type The class of message.
   * @returns The handlers, those of commands first, with the kind of their bus.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Event, MessageRouter } from "@cq/core";
   *
   * class OrderPlaced extends Event {}
   * function sendReceipt(): void {}
   *
   * const router = new MessageRouter();
   * router.newEventBus().subscribe(OrderPlaced, sendReceipt);
   *
   * assertEquals(router.handlersOf(OrderPlaced), [{ kind: "event", handler: sendReceipt }]);
   * ```
   */
  handlersOf(type: MessageType): readonly RegisteredHandler[] {
    const registries = { command: this.#commands, query: this.#queries, event: this.#events };
    return (Object.keys(registries) as MessageKind[]).flatMap((kind) =>
      registries[kind].find(type.prototype).map(({ source }) => ({ kind, handler: source }))
    );
  }

  /**
   * Registers the decorated class as the handler of a command.
   *
   * @typeParam T The class of command, or a list of them.
   * @param types The class of command, or a list of them.
   * @param options How the handler is registered.
   * @returns A class decorator. Called as a function, it does the same.
   * @throws {DuplicateHandlerError} From the decorator, if the command has a handler already.
   */
  commandHandler<const T extends OneOrMore<MessagesByKind["command"]>>(
    types: T,
    options?: HandlerOptions<HandlerResult<"command", T>>,
  ): HandlerDecorator<HandlerClassFor<"command", T>> {
    return handlerDecorator(this.#commands, { kind: "command", types, options });
  }

  /**
   * Registers the decorated class as the handler of a query.
   *
   * @typeParam T The class of query, or a list of them.
   * @param types The class of query, or a list of them.
   * @param options How the handler is registered.
   * @returns A class decorator. Called as a function, it does the same.
   * @throws {DuplicateHandlerError} From the decorator, if the query has a handler already.
   */
  queryHandler<const T extends OneOrMore<MessagesByKind["query"]>>(
    types: T,
    options?: HandlerOptions<HandlerResult<"query", T>>,
  ): HandlerDecorator<HandlerClassFor<"query", T>> {
    return handlerDecorator(this.#queries, { kind: "query", types, options });
  }

  /**
   * Registers the decorated class as a handler of an event.
   *
   * @typeParam T The class of event, or a list of them.
   * @param types The class of event, or a list of them.
   * @param options How the handler is registered.
   * @returns A class decorator. Called as a function, it does the same.
   */
  eventHandler<const T extends OneOrMore<MessagesByKind["event"]>>(
    types: T,
    options?: HandlerOptions,
  ): HandlerDecorator<HandlerClassFor<"event", T>> {
    return handlerDecorator(this.#events, { kind: "event", types, options });
  }

  /**
   * Makes a pipeline whose steps are functions that share a context. Commands and queries go to the buses of the
   * container. Each message resolves its bus again, so that a bus that is configured later is used.
   *
   * @typeParam First The first command.
   * @typeParam Context What the steps of a run share.
   * @param type The class of the first command, whose result the first step receives.
   * @param context The class of the context.
   * @returns The pipeline.
   */
  commandPipeline<First extends MessagesByKind["command"], Context extends object>(
    type: MessageType<First>,
    context: new () => Context,
  ): CommandPipeline<First, Context>;
  /**
   * Makes a pipeline whose steps are methods of its context class, marked by the decorators of the pipeline.
   *
   * @typeParam First The first command.
   * @param type The class of the first command.
   * @returns The pipeline.
   */
  commandPipeline<First extends MessagesByKind["command"]>(
    type: MessageType<First>,
  ): MethodPipeline<First, MessagesByKind["command"], Dispatchable<"query", unknown>>;
  commandPipeline<First extends MessagesByKind["command"], Context extends object>(
    type: MessageType<First>,
    context?: new () => Context,
  ): unknown {
    const dispatchers = {
      dispatcher: lazyDispatcher<MessagesByKind["command"]>(this.#container.lazy(CommandBus)),
      queryDispatcher: lazyDispatcher<Dispatchable<"query", unknown>>(this.#container.lazy(QueryBus)),
    };
    return context === undefined
      ? new MethodPipeline<First, MessagesByKind["command"], Dispatchable<"query", unknown>>(dispatchers)
      : new ContextPipeline({ message: type, context }, dispatchers);
  }

  /**
   * Makes a command bus. Related events go to the event bus of the container, which is resolved when they are
   * published. Configure that bus, with `container.get(EventBus).use(…)` or `container.bind(EventBus, …)`.
   *
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newCommandBus(): CommandBus {
    const eventBus = this.#container.lazy(EventBus);
    return new CommandBus({ registry: this.#commands, invoker: this.#invoker, eventBus });
  }

  /**
   * Makes a query bus. The bus that is injected, and that pipelines use, is the one of the container.
   *
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newQueryBus(): QueryBus {
    return new QueryBus({ registry: this.#queries, invoker: this.#invoker });
  }

  /**
   * Makes an event bus. The bus that is injected, and that publishes related events, is the one of the container.
   *
   * @param options How the bus runs the handlers of an event.
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newEventBus(options?: EventBusOptions): EventBus {
    return new EventBus({ registry: this.#events, invoker: this.#invoker }, options);
  }
}
