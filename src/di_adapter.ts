import type { HandlerContext } from "./context.ts";

/**
 * A class that can be constructed, with any arguments.
 *
 * @typeParam T The instances of the class.
 */
// deno-lint-ignore no-explicit-any -- only the container knows the arguments
export type Constructor<T = object> = new (...args: any[]) => T;

/**
 * A bus of the router, for a container to bind so that it can be injected.
 *
 * @typeParam T The bus.
 */
export interface DefaultBus<T extends object = object> {
  /** The class of the bus, which is its injection token. */
  readonly token: Constructor<T>;
  /** Makes the bus. Call it at most once, and only if the user has not bound the token. */
  readonly create: () => T;
}

/**
 * What the core needs of a dependency-injection container. {@linkcode Container} implements it; an adapter for any
 * other container takes a few lines.
 *
 * @typeParam Scope What the container opens for one run of a handler.
 *
 * @example
 * ```ts
 * import { type Constructor, type DIAdapter, MessageRouter } from "@cq/core";
 *
 * const services = new Map<unknown, object>();
 *
 * const adapter: DIAdapter = {
 *   wire: (type) => () => new type(services),
 *   lazy: <T>(type: unknown) => () => services.get(type) as T,
 *   registerDefaults: (buses) => {
 *     for (const { token, create } of buses) services.set(token, create());
 *   },
 * };
 *
 * const router = new MessageRouter(adapter);
 * ```
 */
export interface DIAdapter<Scope = unknown> {
  /**
   * Prepares the construction of a handler class.
   *
   * @typeParam T The handler.
   * @param type The handler class. The method is called once for each handler class, before its first message is
   * handled.
   * @returns The function that builds a handler. It is called for every dispatch, with the scope.
   */
  wire<T extends object>(type: Constructor<T>): (scope: Scope) => T | PromiseLike<T>;

  /**
   * Prepares the resolution of a bus that may be bound later.
   *
   * @typeParam T The bus.
   * @param type The class of the bus, such as `EventBus`.
   * @returns The function that resolves the bus. It is called for every use of the bus.
   */
  lazy<T extends object>(type: Constructor<T>): () => T | PromiseLike<T>;

  /**
   * Opens a scope each time a handler runs. Each attempt of a retry has its own scope. A scope with
   * `Symbol.asyncDispose` or `Symbol.dispose` is disposed after the handler has settled, and for a command after its
   * related events too, even if they failed. Without this method the scope is `undefined`. Return the context itself,
   * or `undefined`, if there is nothing to open: that costs nothing.
   *
   * @param context What the handler will receive.
   * @returns The scope.
   */
  createScope?(context: HandlerContext): Scope | PromiseLike<Scope>;

  /**
   * Binds the buses of the router, so that they can be injected. A binding of the user has to come first.
   *
   * @param buses The three buses.
   */
  registerDefaults?(buses: readonly DefaultBus[]): void;
}

/**
 * An adapter that may tell the bus what has the context of a handler. One that does not is waited for where it has a
 * `createScope`, because it may keep the context.
 *
 * @internal
 */
export interface TrackedAdapter extends DIAdapter {
  /**
   * Whether what the adapter builds gets the context of a handler, or its events, only by asking for it while it is built,
   * and the adapter tells the context so: it reads `events` for the one, and calls {@linkcode TrackedContext.shareContext}
   * for the other. Where nothing has asked, no event can be added after the handler has returned.
   */
  readonly tracksContext?: boolean | undefined;
}

/**
 * A context that may have to know who has it.
 *
 * @internal
 */
export interface TrackedContext extends HandlerContext {
  /** Is told, before the handler returns, that something else has the context. */
  readonly shareContext?: (() => void) | undefined;
}
