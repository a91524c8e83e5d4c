import type { HandlerContext } from "../context.ts";
import { type ContextValues, NO_VALUES } from "../context_values.ts";
import { adviceOnCopies } from "../copies.ts";
import { refuseUndefined } from "../refuse_undefined.ts";
import type { Token } from "../token.ts";

/** How long an instance is shared: for ever, within a scope, or never. */
export type Lifetime = "singleton" | "scoped" | "transient";

/** What led to the construction of an instance: a list that grows at its end. Its branches share their beginning. */
export interface ResolutionPath {
  /** What is being constructed. */
  readonly token: Token<unknown>;
  /** How long the instance will be shared. */
  readonly lifetime: Lifetime;
  /** What asked for it. */
  readonly parent: ResolutionPath | undefined;
  /** What finds its dependencies. */
  readonly resolver: Resolver;
}

/** What a construction takes place in: a scope, or only the context of a handler if no binding is scoped. */
export type ResolutionContext = ScopeContext | HandlerContext;

/** What a scope offers to what is built in it. */
export interface ScopeContext {
  /** The instances of the scope. */
  readonly instances?: Map<Token<unknown>, unknown> | undefined;
  /** The context of the handler that the scope is for. */
  readonly handlerContext?: HandlerContext | undefined;
  /** The values of a dispatch that must not reach a singleton, which would keep them. */
  readonly hiddenValues?: ContextValues | undefined;
}

/** Finds dependencies for what is being constructed. */
export interface Resolver {
  /** Resolves a token for what is at the end of the path. */
  resolve<T>(token: Token<T>, context: ResolutionContext | undefined, path: ResolutionPath | undefined): T;
}

/** The path of what a container is constructing now. Construction is synchronous: between two of them there is none. */
let current: ResolutionPath | undefined;

/** The context of that construction. It is not in the path: all instances of a handler class share one path. */
let currentContext: ResolutionContext | undefined;

/**
 * Asks the container that is constructing for a dependency.
 *
 * It works in a field initialiser, in the default of a constructor parameter and in a bound factory, synchronously. As
 * the default of a parameter it lets a unit test pass a fake, without a container.
 *
 * @typeParam T The dependency.
 * @param token The class of the dependency, or an {@linkcode InjectionToken}.
 * @returns The dependency.
 * @throws {TypeError} If no container is constructing, or if a singleton asks for a scoped dependency.
 * @throws {ProviderNotFoundError} If nothing is bound to the token.
 * @throws {CircularDependencyError} If the dependencies lead back to the token.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Container, inject } from "@cq/core";
 *
 * class Clock {
 *   now = () => 1;
 * }
 *
 * class Greeter {
 *   readonly #clock: Clock;
 *
 *   constructor(clock = inject(Clock)) {
 *     this.#clock = clock;
 *   }
 *
 *   greet = () => `Hello at ${this.#clock.now()}`;
 * }
 *
 * const container = new Container();
 * container.bind(Clock, () => new Clock());
 * container.bind(Greeter, () => new Greeter());
 *
 * assertEquals(container.get(Greeter).greet(), "Hello at 1");
 * ```
 */
export function inject<T>(token: Token<T>): T {
  if (current === undefined) {
    if (token === undefined) refuseUndefined("inject a dependency", "its token");
    throw new TypeError(
      `Cannot inject "${token.name}": no container is constructing anything. Call inject() in a field initialiser, ` +
        `a constructor default or a bound factory, and before its first await${adviceOnCopies()}`,
    );
  }
  return current.resolver.resolve(token, currentContext, current);
}

/**
 * Builds an instance that may call {@linkcode inject}.
 *
 * @typeParam T The instance.
 * @param path What is being constructed.
 * @param context The context of the construction.
 * @param build Builds the instance, synchronously.
 * @returns The instance.
 */
export function construct<T>(path: ResolutionPath, context: ResolutionContext | undefined, build: () => T): T {
  const outer = current;
  const outerContext = currentContext;
  current = path;
  currentContext = context;
  try {
    return build();
  } finally {
    current = outer;
    currentContext = outerContext;
  }
}

/**
 * The context of the handler that something is built for.
 *
 * @param context The context of the construction.
 * @returns The context, `undefined` outside of a handler.
 */
export function handlerContextOf(context: ResolutionContext | undefined): HandlerContext | undefined {
  if (context === undefined) return undefined;
  return "handler" in context ? context : context.handlerContext;
}

/**
 * The values of the dispatch that something is built for.
 *
 * @param context The context of the construction.
 * @returns The values, none outside of a handler.
 */
export function valuesOf(context: ResolutionContext | undefined): ContextValues {
  return handlerContextOf(context)?.values ?? NO_VALUES;
}

/**
 * The path of what a resolver is constructing now, if anything.
 *
 * @param resolver The resolver.
 * @returns The path.
 */
export function pathWithin(resolver: Resolver): ResolutionPath | undefined {
  return current?.resolver === resolver ? current : undefined;
}
