import { CommandBus } from "./bus/command_bus.ts";
import { Container } from "./container/container.ts";
import { type HandlerDecorator, handlerDecorator, type OneOrMore } from "./decorators.ts";
import type { DIAdapter } from "./di_adapter.ts";
import { lazyDispatcher } from "./dispatcher.ts";
import { EventBus, type EventBusOptions } from "./bus/event_bus.ts";
import type { HandlerClassFor, HandlerOptions, HandlerResult, RegisteredHandler } from "./handler.ts";
import { Invoker } from "./bus/invoker.ts";
import type { Dispatchable, MessagesByKind, MessageType } from "./message.ts";
import { describe, type MessageNames } from "./naming.ts";
import { type CommandPipeline, ContextPipeline } from "./pipeline/context_pipeline.ts";
import { MethodPipeline } from "./pipeline/method_pipeline.ts";
import { QueryBus } from "./bus/query_bus.ts";
import { HandlerRegistries } from "./registries.ts";
import { refuseUndefined } from "./refuse_undefined.ts";

/** How a {@linkcode MessageRouter} keeps its handlers. */
export interface MessageRouterOptions {
  /**
   * Whether a handler takes the place of a former one of its own name: see {@linkcode MessageRouter.hotReload}.
   *
   * @default {false}
   */
  readonly hotReload?: boolean | undefined;
  /**
   * Knows the stable names of messages, which a {@linkcode MessageCatalogue} does. Errors about handlers then name
   * messages by them, whatever a minifier makes of the names of classes.
   *
   * @default {the names of the classes}
   */
  readonly catalogue?: MessageNames | undefined;
}

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
  readonly #registries: HandlerRegistries;
  readonly #container: DIAdapter;
  readonly #invoker: Invoker;

  /**
   * Makes a router without handlers, and offers its buses to the container.
   *
   * @param adapter The container that builds the handlers; by default a new {@linkcode Container}.
   * @param options How the router keeps its handlers.
   * @throws {TypeError} If the container lacks a method, or serves another router already.
   */
  constructor(adapter?: DIAdapter<Scope>, options: MessageRouterOptions = {}) {
    // A fork passes the router that it is of.
    const { parent, hotReload, catalogue } = options as MessageRouterOptions & {
      readonly parent?: MessageRouter | undefined;
    };
    this.#registries = new HandlerRegistries(parent === undefined ? undefined : parent.#registries);
    if (hotReload !== undefined) this.hotReload = hotReload;
    if (catalogue !== undefined) this.#registries.catalogue = catalogue;
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

  /**
   * Whether the router runs under hot reload, which evaluates a module again: a handler that is registered again under its
   * own name, for the same message, then takes the place of the former. Dispatches that have begun go on with the former.
   *
   * Set it before the first reload, on the default router with `router.hotReload = true`. A handler without a name cannot
   * be told from others. Two handlers of an event that have the same name are one then: leave it `false` in production.
   *
   * @default {false}
   */
  get hotReload(): boolean {
    return this.#registries.hotReload;
  }

  set hotReload(value: boolean) {
    this.#registries.hotReload = value;
  }

  /** The classes of command that have a handler. */
  get commandTypes(): readonly MessageType[] {
    return this.#registries.command.messageTypes;
  }

  /** The classes of query that have a handler. */
  get queryTypes(): readonly MessageType[] {
    return this.#registries.query.messageTypes;
  }

  /** The classes of event that have a handler. */
  get eventTypes(): readonly MessageType[] {
    return this.#registries.event.messageTypes;
  }

  /**
   * Finds what would handle a class of message, on the buses of any kind. Handlers of a base class are among it.
   *
   * @param type The class of message.
   * @returns The handlers, those of commands first, with the kind of their bus.
   */
  handlersOf(type: MessageType): readonly RegisteredHandler[] {
    return this.#registries.handlersOf(type);
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
    return handlerDecorator(this.#registries.command, { kind: "command", types, options });
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
    return handlerDecorator(this.#registries.query, { kind: "query", types, options });
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
    return handlerDecorator(this.#registries.event, { kind: "event", types, options });
  }

  /**
   * Makes a router with the same handlers, those included that are registered later, another container and other buses.
   * What is registered with it stays with it; for a command or a query its own handler comes before that of this router.
   * Middlewares and listeners belong to buses, so it has none of them.
   *
   * It is how an application is tested with fakes, whichever router its handlers are registered with.
   *
   * @typeParam S What stands for one run of a handler in the container.
   * @param adapter The container that builds the handlers; by default a new {@linkcode Container}.
   * @returns The router.
   * @throws {TypeError} If the container lacks a method, or serves another router already.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Command, CommandBus, commandHandler, Container, inject, router } from "@cq/core";
   *
   * abstract class UserRepository {
   *   abstract add(name: string): number;
   * }
   *
   * class CreateUser extends Command<number> {}
   *
   * @commandHandler(CreateUser)
   * class CreateUserHandler {
   *   readonly #users = inject(UserRepository);
   *
   *   handle(_command: CreateUser): number {
   *     return this.#users.add("Ada");
   *   }
   * }
   *
   * // In each test:
   * const container = new Container();
   * container.bind(UserRepository, () => ({ add: () => 7 }));
   * router.fork(container);
   *
   * assertEquals(await container.get(CommandBus).dispatch(new CreateUser()), 7);
   * ```
   */
  fork<S = unknown>(adapter?: DIAdapter<S>): MessageRouter<S> {
    return new MessageRouter(adapter, { parent: this } as MessageRouterOptions);
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
    ...contexts: [] | [new () => Context]
  ): unknown {
    if (type === undefined) refuseUndefined("make a pipeline", "the class of its first message");
    const dispatchers = {
      dispatcher: lazyDispatcher<MessagesByKind["command"]>(this.#container.lazy(CommandBus)),
      queryDispatcher: lazyDispatcher<Dispatchable<"query", unknown>>(this.#container.lazy(QueryBus)),
    };
    // A context that is given and undefined is refused there.
    return contexts.length === 0
      ? new MethodPipeline<First, MessagesByKind["command"], Dispatchable<"query", unknown>>(dispatchers)
      : new ContextPipeline({ message: type, context: contexts[0] }, dispatchers);
  }

  /**
   * Makes a command bus. Related events go to the event bus of the container, which is resolved when they are
   * published. Configure that bus, with `container.get(EventBus).use(…)` or `container.bind(EventBus, …)`.
   *
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newCommandBus(): CommandBus {
    const eventBus = this.#container.lazy(EventBus);
    return new CommandBus({ registries: this.#registries, invoker: this.#invoker, eventBus });
  }

  /**
   * Makes a query bus. The bus that is injected, and that pipelines use, is the one of the container.
   *
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newQueryBus(): QueryBus {
    return new QueryBus({ registries: this.#registries, invoker: this.#invoker });
  }

  /**
   * Makes an event bus. The bus that is injected, and that publishes related events, is the one of the container.
   *
   * @param options How the bus runs the handlers of an event.
   * @returns The bus. Its middlewares and listeners are its own.
   */
  newEventBus(options?: EventBusOptions): EventBus {
    return new EventBus({ registries: this.#registries, invoker: this.#invoker }, options);
  }
}
