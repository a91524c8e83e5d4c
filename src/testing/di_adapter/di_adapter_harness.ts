import type { Lifetime } from "../../container/inject.ts";
import type { Constructor, DIAdapter } from "../../di_adapter.ts";
import type { AbstractConstructor } from "../../token.ts";

/** How the suite wants a class to be bound. */
export interface TestBinding {
  /** What the constructor receives, in this order: classes that are bound, `RelatedEvents` and the buses among them. */
  readonly dependencies: readonly AbstractConstructor[];
  /** How long an instance is shared: for ever, within a scope, or never. Handlers are transient. */
  readonly lifetime: Lifetime;
}

/**
 * An adapter with a new container behind it, and ways to bind in that container's own manner. One with `Symbol.asyncDispose`
 * or `Symbol.dispose` is disposed after each case.
 *
 * @typeParam Scope What stands for one run of a handler in the container.
 */
export interface DIAdapterHarness<Scope = unknown> {
  /** The adapter. */
  readonly adapter: DIAdapter<Scope>;
  /**
   * Binds a class to itself. Each class is bound once, before it is first needed. A container that knows no constructors
   * can bind the factory `() => new type(...dependencies.map(resolve))`.
   */
  readonly bind: (type: Constructor, binding: TestBinding) => void;
  /** Binds a class to an instance. It is done with buses, before and after the adapter has bound the default ones. */
  readonly bindInstance: (type: Constructor, instance: object) => void;
}

/** What an adapter does with its container. All of it is promised, unless it is said to be `false`. */
export interface DIAdapterFeatures {
  /**
   * What is bound as scoped is shared within one run of a handler.
   *
   * @default {true}
   */
  readonly scopes?: boolean | undefined;
  /**
   * What is bound as scoped is disposed with its scope, by a method `Symbol.asyncDispose`, `Symbol.dispose` or `dispose`. It
   * needs scopes.
   *
   * @default {true}
   */
  readonly disposal?: boolean | undefined;
  /**
   * `RelatedEvents` can be injected into command handlers, and into what they depend on.
   *
   * @default {true}
   */
  readonly relatedEvents?: boolean | undefined;
  /**
   * The buses of the router can be injected.
   *
   * @default {true}
   */
  readonly buses?: boolean | undefined;
}
