import type { DispatchOptions } from "../context.ts";
import { NO_VALUES } from "../context_values.ts";
import type { HandlerFunctionFor, HandlerOptions, HandlerResult } from "../handler.ts";
import type { Listener } from "./listener.ts";
import { reasonOfAbort } from "../internal/abort.ts";
import { classOf, prototypeOf } from "../message_class.ts";
import { describe, nameOf } from "../naming.ts";
import type { Dispatchable, DispatchResult, MessageKind, MessagesByKind, MessageType } from "../message.ts";
import { NO_METADATA } from "../metadata.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { requireMiddlewares } from "../middleware_chain.ts";
import type { HandlerRegistry, Registration } from "../registry.ts";
import type { HandlerRegistries } from "../registries.ts";
import type { Route, RouteParts } from "./route.ts";

interface CachedRoute {
  readonly dispatch: Route;
  readonly registrations: readonly Registration[];
  /** The version of the registry at which the route was last found right. */
  version: number;
}

/**
 * What the three buses have in common. Make one with a {@linkcode MessageRouter}.
 *
 * @typeParam K The kind of message that the bus dispatches.
 */
export abstract class Bus<K extends MessageKind> {
  readonly #kind: K;
  readonly #registries: HandlerRegistries;
  readonly #registry: HandlerRegistry;
  readonly #compose: (parts: RouteParts) => Route;
  /** By the prototype that identifies a class of message. Weak, so that the bus keeps no class alive. */
  #routes = new WeakMap<object, CachedRoute>();
  readonly #listeners: Listener[] = [];
  readonly #middlewares: AnyMiddleware[] = [];

  /**
   * Makes a bus without listeners and middlewares.
   *
   * @param kind The kind of message that the bus dispatches.
   * @param registries The handlers, shared by all the buses of a router.
   * @param compose Composes the route of a class of message.
   */
  constructor(
    kind: K,
    { registries, compose }: { registries: HandlerRegistries; compose: (parts: RouteParts) => Route },
  ) {
    this.#kind = kind;
    this.#registries = registries;
    this.#registry = registries[kind];
    this.#compose = compose;
  }

  /**
   * Puts middlewares around every handler of the bus. The first one registered is the outermost, within a call and
   * across calls.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The bus itself.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): this {
    requireMiddlewares(middlewares);
    this.#middlewares.push(...middlewares);
    this.#routes = new WeakMap();
    return this;
  }

  /**
   * Adds listeners, which are told of every message on the bus that has a handler, and of every event that is not refused. They run
   * concurrently.
   *
   * @param listeners The listeners.
   * @returns The bus itself.
   * @throws {TypeError} If one of them is not a function.
   */
  listen(...listeners: Listener<MessagesByKind[K]>[]): this {
    for (const listener of listeners) {
      if (typeof listener !== "function") {
        throw new TypeError(`Cannot use ${describe(listener)} as a listener: it is not a function`);
      }
    }
    this.#listeners.push(...listeners as Listener[]);
    this.#routes = new WeakMap();
    return this;
  }

  /**
   * Registers a function as a handler, with every bus of the router.
   *
   * @typeParam T The class of message.
   * @typeParam H The function. A type of its own, so that a literal in it is checked against the result as it is.
   * @param type The class of message.
   * @param handler The function.
   * @param options Whether errors are dropped.
   * @returns The bus itself.
   * @throws {DuplicateHandlerError} If a command or a query of the class has a handler already.
   * @throws {TypeError} If the handler is not a function.
   */
  subscribe<T extends MessageType<MessagesByKind[K]>, H extends HandlerFunctionFor<K, T>>(
    type: T,
    handler: H,
    options: HandlerOptions<HandlerResult<K, T>> = {},
  ): this {
    if (typeof handler !== "function") {
      throw new TypeError(
        `Cannot subscribe ${describe(handler)} to "${nameOf(type)}": it is not a function. ` +
          `A handler class is registered with @${this.#kind}Handler(${nameOf(type)})`,
      );
    }
    this.#registry.register(type, { source: handler, isClass: false, failSilently: options.failSilently ?? false });
    return this;
  }

  /**
   * Whether a dispatch of the message would find a handler.
   *
   * @param message The message.
   * @returns Whether one is registered for its class or a base of it.
   * @throws {TypeError} If the message is a primitive, or has no class.
   */
  canHandle(message: MessagesByKind[K]): boolean {
    return this.#registry.find(prototypeOfObject(message)).length > 0;
  }

  /**
   * Dispatches a message to its handler; an event to all of its handlers, which may be none. It rejects where it might
   * have thrown.
   *
   * @typeParam R The result of a message that extends no base: `unknown`, unless named as in `dispatch<User>(message)`.
   * @typeParam M The message.
   * @param message The message.
   * @param options A signal, metadata and values, or the context of the handler that dispatches.
   * @returns What the handler of a command or a query returned, once the related events of a command have been handled;
   * nothing for an event, once all of its handlers and listeners have settled.
   * @throws What the handler or a middleware threw, and the reason of a signal that had fired before the handler started.
   * @throws {HandlerNotFoundError} If no handler is registered for a command or a query, or an event has one on another bus
   * alone.
   * @throws {TypeError} If the message is not an object, or has lost its class and no handler is registered for it.
   * @throws {AggregateError} If a listener of a command or a query failed; the message is then not handled.
   * @throws {EventDispatchError} If handlers or listeners of an event failed, all the others ran to their end; or if a
   * related event of a command failed. The command itself has succeeded then: the error carries it as `command`, and its
   * `result`. One whose `command` is another's came out of the handler.
   */
  dispatch<R = unknown, M extends Dispatchable<K, R> = Dispatchable<K, R>>(
    message: M,
    options?: DispatchOptions,
  ): Promise<DispatchResult<K, R, M>> {
    try {
      const signal = options?.signal;
      if (signal?.aborted) return Promise.reject(reasonOfAbort(signal));
      // Not by `message.constructor`, which is a little faster to read: a message may have data of that name.
      let route = message === undefined || message === null
        ? undefined
        : this.#routes.get(Object.getPrototypeOf(message));
      if (route === undefined || route.version !== this.#registry.version) route = this.#routeOf(message);
      const metadata = options?.metadata ?? NO_METADATA;
      return route.dispatch(message, signal, metadata, options?.values ?? NO_VALUES) as Promise<
        DispatchResult<K, R, M>
      >;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A route outlives a registration that leaves its handlers as they are. */
  #routeOf(message: unknown): CachedRoute {
    const prototype = prototypeOfObject(message);
    const type = classOf(prototype);
    const version = this.#registry.version;
    const cached = this.#routes.get(prototype);
    if (cached?.version === version) return cached;

    const registrations = this.#registry.find(prototype);
    // Without a handler, the route depends on the handlers of the other buses too.
    const isHandled = registrations.length > 0;
    if (cached !== undefined && isHandled && haveSameElements(cached.registrations, registrations)) {
      cached.version = version;
      return cached;
    }
    const dispatch = this.#compose({
      type,
      registry: this.#registry,
      registrations,
      elsewhere: isHandled ? undefined : this.#registries.kindElsewhere(prototype),
      listeners: [...this.#listeners],
      middlewares: [...this.#middlewares],
    });
    const route = { dispatch, registrations, version };
    this.#routes.set(prototype, route);
    return route;
  }
}

/** A queue may carry a primitive; to a bus, a message is an object. */
function prototypeOfObject(message: unknown): object {
  const prototype = prototypeOf(message);
  if (typeof message === "object") return prototype;
  throw new TypeError(`Cannot dispatch a ${typeof message}: a message is an instance of a class, new …()`);
}

function haveSameElements(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((element, index) => element === others[index]);
}
