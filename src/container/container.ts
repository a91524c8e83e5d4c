import type { HandlerContext } from "../context.ts";
import type { Constructor, DefaultBus, DIAdapter } from "../di_adapter.ts";
import { expectedArguments } from "./expected_arguments.ts";
import { disposeInstances } from "../internal/dispose.ts";
import { Bindings, tokenName } from "./bindings.ts";
import { construct, type Lifetime, pathWithin, type ResolutionContext } from "./inject.ts";
import { refuseUndefined } from "../refuse_undefined.ts";
import { Scope } from "./scope.ts";
import type { AbstractConstructor, Token } from "../token.ts";

/** How a token is bound. */
export interface BindOptions {
  /**
   * How long an instance is shared: for ever, within a scope, or never.
   *
   * @default {"singleton"}
   */
  readonly lifetime?: Lifetime | undefined;
}

/**
 * The built-in dependency-injection container: a map of tokens to factories.
 *
 * The container builds handler classes and what is bound, nothing else: an abstract port is never constructed by
 * accident. What it constructs asks for its dependencies with {@linkcode inject}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Container, inject } from "@cq/core";
 *
 * abstract class UserRepository {
 *   abstract count(): number;
 * }
 *
 * class MemoryUserRepository extends UserRepository {
 *   count = () => 2;
 * }
 *
 * class Statistics {
 *   readonly users = inject(UserRepository);
 * }
 *
 * const container = new Container();
 * container.bind(UserRepository, () => new MemoryUserRepository());
 * container.bind(Statistics, () => new Statistics());
 *
 * assertEquals(container.get(Statistics).users.count(), 2);
 * ```
 */
export class Container implements DIAdapter<Scope | HandlerContext> {
  readonly #bindings = new Bindings();
  /** The handler classes that are constructed without a binding. */
  readonly #unbound = new WeakSet<Token<unknown>>();
  #hasDefaults = false;
  #disposal: Promise<void> | undefined;

  /**
   * Whether the container alone decides what gets the context of a handler. A subclass, or an object that has copied the
   * container, may hand it on in ways of its own.
   *
   * @internal
   */
  get tracksContext(): boolean {
    return Object.getPrototypeOf(this) === Container.prototype;
  }

  /**
   * Binds a token to a factory. The last binding of a token before its first use wins.
   *
   * @typeParam T The dependency.
   * @param token The class of the dependency, or an {@linkcode InjectionToken}.
   * @param factory Makes an instance. A factory that returns a promise binds a promise: the container awaits nothing.
   * @param options How long an instance is shared.
   * @returns The container itself.
   * @throws {TypeError} If the token has been resolved already.
   */
  bind<T>(token: Token<T>, factory: () => NoInfer<T>, options: BindOptions = {}): this {
    if (token === undefined) refuseUndefined("bind a factory", "its token");
    if (typeof factory !== "function") {
      throw new TypeError(`Cannot bind "${tokenName(token)}": the second argument must be a factory, () => …`);
    }
    if (this.#unbound.has(token)) {
      throw new TypeError(
        `Cannot bind "${tokenName(token)}": a handler of the class has been built without a binding. ` +
          "Bind it before its first use",
      );
    }
    this.#bindings.add(token, factory, options.lifetime ?? "singleton", false);
    return this;
  }

  /**
   * Gives what is bound to a token.
   *
   * @typeParam T The dependency.
   * @param token The class of the dependency, or an {@linkcode InjectionToken}.
   * @returns The dependency.
   * @throws {ProviderNotFoundError} If nothing is bound to the token.
   * @throws {CircularDependencyError} If the dependencies lead back to the token.
   * @throws {TypeError} If the token is bound for a scope.
   */
  get<T>(token: Token<T>): T {
    return this.#bindings.resolve(token, undefined, pathWithin(this.#bindings));
  }

  /**
   * Opens a scope, which shares the instances that are bound as `"scoped"`.
   *
   * @returns The scope, to be disposed with `await using`, or by `await scope[Symbol.asyncDispose]()`.
   */
  createScope(): Scope;
  /**
   * Opens a scope for a handler. The buses call it.
   *
   * @param context The context of the handler.
   * @returns A scope; the context itself if nothing is bound for a scope, since there is nothing to dispose then.
   */
  createScope(context: HandlerContext): Scope | HandlerContext;
  createScope(context?: HandlerContext): Scope | HandlerContext {
    return context === undefined || this.#bindings.hasScoped ? new Scope(this.#bindings, context) : context;
  }

  /**
   * Prepares the construction of a handler class. The buses call it.
   *
   * A class that is bound is built as it is bound. Any other is constructed without arguments.
   *
   * @typeParam T The handler.
   * @param type The handler class.
   * @returns The function that builds a handler in a scope.
   * @throws {TypeError} If the constructor has parameters without a default.
   */
  wire<T extends object>(type: Constructor<T>): (scope: Scope | HandlerContext) => T {
    const resolver = this.#bindings;
    if (resolver.has(type)) {
      return function resolveHandler(scope) {
        return resolver.resolve(type, contextOf(scope), undefined);
      };
    }
    const count = expectedArguments(type);
    if (count > 0) {
      throw new TypeError(
        `Cannot construct "${tokenName(type)}": its constructor expects arguments (${count}). Give each ` +
          'parameter a default, such as inject(…), or bind the class with the lifetime "transient"',
      );
    }
    this.#unbound.add(type);
    const path = { token: type, lifetime: "transient", parent: undefined, resolver } as const;
    const construction = () => new type();
    return function buildHandler(scope) {
      return construct(path, contextOf(scope), construction);
    };
  }

  /**
   * Prepares the resolution of a class that may be bound later. The buses call it.
   *
   * @typeParam T The instance.
   * @param type The class.
   * @returns The function that resolves it.
   */
  lazy<T extends object>(type: AbstractConstructor<T>): () => T {
    const resolveLazily = (): T => this.get(type);
    return resolveLazily;
  }

  /**
   * Binds the buses of a router. A binding of the user comes first, even if it is made later. The router calls it.
   *
   * @param buses The buses.
   * @throws {TypeError} If the container serves another router already.
   */
  registerDefaults(buses: readonly DefaultBus[]): void {
    if (this.#hasDefaults) {
      throw new TypeError("Cannot give a container to a second router: both have buses. Give each router its own");
    }
    this.#hasDefaults = true;
    for (const { token, create } of buses) this.#bindings.add(token, create, "singleton", true);
  }

  /**
   * Disposes the singletons that have been built, the last one built first. It disposes all of them, even if one fails.
   * From then on no singleton is built. A second call waits for the first.
   *
   * @throws What an instance threw, or an {@linkcode AggregateError} if several did.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Container } from "@cq/core";
   *
   * const log: string[] = [];
   *
   * class Database {
   *   async [Symbol.asyncDispose]() {
   *     log.push("closed");
   *   }
   * }
   *
   * const container = new Container();
   * container.bind(Database, () => new Database());
   * container.get(Database);
   * await container[Symbol.asyncDispose]();
   *
   * assertEquals(log, ["closed"]);
   * ```
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposal ??= disposeInstances(this.#bindings.dispose(), "a container");
  }
}

/** Another adapter may use a container only to wire handlers. Then the scope is of another kind, or absent. */
function contextOf(scope: Scope | HandlerContext | undefined): ResolutionContext | undefined {
  const isContext = typeof scope === "object" && scope !== null && "handler" in scope;
  return isContext ? scope : scope instanceof Scope ? scope["~context"] : undefined;
}
