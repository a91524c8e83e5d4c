import type { Lifetime } from "../../container/inject.ts";
import type { Constructor, DIAdapter } from "../../di_adapter.ts";
import type { AbstractConstructor } from "../../token.ts";

/** How to bind a class for the suite. */
export interface TestBinding {
  /** What the constructor receives, in this order: bound classes, `RelatedEvents`, or the buses. */
  readonly dependencies: readonly AbstractConstructor[];
  /** Where an instance is shared: everywhere, within a scope, or nowhere. Handlers are transient. */
  readonly lifetime: Lifetime;
}

/**
 * An adapter for a new container, and functions that bind in that container's own way. A harness with
 * `Symbol.asyncDispose` or `Symbol.dispose` is disposed after each case.
 *
 * @typeParam Scope What stands for one run of a handler in the container.
 */
export interface DIAdapterHarness<Scope = unknown> {
  /** The adapter. */
  readonly adapter: DIAdapter<Scope>;
  /**
   * Binds a class to itself. The suite binds each class once, before it first needs it. A container without constructor
   * injection can bind the factory `() => new type(...dependencies.map(resolve))`.
   */
  readonly bind: (type: Constructor, binding: TestBinding) => void;
  /** Binds a class to an instance. The suite does this with buses, before and after the adapter binds its defaults. */
  readonly bindInstance: (type: Constructor, instance: object) => void;
}

/** What an adapter does with its container. The suite expects every feature that is not set to `false`. */
export interface DIAdapterFeatures {
  /**
   * A scoped value is shared within one run of a handler.
   *
   * @default {true}
   */
  readonly scopes?: boolean | undefined;
  /**
   * A scoped value is disposed with its scope, by its method `Symbol.asyncDispose`, `Symbol.dispose` or `dispose`. This
   * needs `scopes`.
   *
   * @default {true}
   */
  readonly disposal?: boolean | undefined;
  /**
   * `RelatedEvents` can be injected into command handlers, and into their dependencies.
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
