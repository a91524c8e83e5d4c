import type { HandlerContext } from "../context.ts";
import { disposeInstances } from "../internal/dispose.ts";
import { type Bindings, tokenName } from "./bindings.ts";
import { pathWithin, type ResolutionContext, type ScopeContext } from "./inject.ts";
import type { Token } from "../token.ts";

/**
 * Shares the instances that are bound as `"scoped"`, and disposes them when it is disposed. Open one with
 * {@linkcode Container.createScope}; the bus opens one for each run of a handler.
 *
 * @example
 * ```ts
 * import { assertStrictEquals } from "@std/assert";
 * import { Container } from "@cq/core";
 *
 * class UnitOfWork {
 *   async [Symbol.asyncDispose]() {}
 * }
 *
 * const container = new Container();
 * container.bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
 *
 * await using scope = container.createScope();
 * assertStrictEquals(scope.get(UnitOfWork), scope.get(UnitOfWork));
 * ```
 */
export class Scope {
  readonly #bindings: Bindings;
  readonly #context: ScopeContext & { readonly instances: Map<Token<unknown>, unknown> };
  #isDisposed = false;
  #disposal: Promise<void> | undefined;

  /**
   * Made by {@linkcode Container.createScope}.
   *
   * @param bindings What the container holds.
   * @param context The context of the handler that the scope is for.
   */
  constructor(bindings: Bindings, context?: HandlerContext) {
    this.#bindings = bindings;
    this.#context = { instances: new Map(), handlerContext: context };
  }

  /**
   * The context for what is built in the scope, for the container alone: it is another module, which cannot read
   * `#context`. A bundler keeps a class that nobody uses if the key of a member is a symbol.
   *
   * @internal
   */
  get "~context"(): ResolutionContext {
    return this.#context;
  }

  /**
   * Gives what is bound to a token: the scope's own instance, if it is bound as `"scoped"`.
   *
   * @typeParam T The dependency.
   * @param token The class of the dependency, or an {@linkcode InjectionToken}.
   * @returns The dependency.
   * @throws {TypeError} If the scope has been disposed.
   * @throws {ProviderNotFoundError} If nothing is bound to the token.
   * @throws {CircularDependencyError} If the dependencies lead back to the token.
   */
  get<T>(token: Token<T>): T {
    if (this.#isDisposed) {
      throw new TypeError(`Cannot resolve "${tokenName(token)}": the scope has been disposed`);
    }
    return this.#bindings.resolve(token, this.#context, pathWithin(this.#bindings));
  }

  /**
   * Disposes the instances of the scope, the last one built first. It disposes all of them, even if one fails. A second
   * call waits for the first.
   *
   * @throws What an instance threw, or an {@linkcode AggregateError} if several did.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    return this.#disposal ??= disposeInstances([...this.#context.instances.values()], "a scope");
  }
}
