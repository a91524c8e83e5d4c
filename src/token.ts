/**
 * A class. It may be abstract.
 *
 * @typeParam T The instances of the class.
 */
// deno-lint-ignore no-explicit-any -- the container knows the arguments
export type AbstractConstructor<T = object> = abstract new (...args: any[]) => T;

/**
 * A class whose constructor is private or protected: a static method makes its instances.
 *
 * @typeParam T The instances of the class.
 */
export interface PrivateClass<T = object> extends NewableFunction {
  // The intersection has the compiler infer from a constructor first: the prototype of a generic class is of `any`.
  /** What its instances inherit. */
  readonly prototype: NonNullable<T>;
}

/**
 * Names a dependency that has no class of its own: an interface, a number, a promise.
 *
 * @typeParam T The dependency.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Container, InjectionToken } from "@cq/core";
 *
 * const DATABASE_URL = new InjectionToken<string>("DATABASE_URL");
 *
 * const container = new Container();
 * container.bind(DATABASE_URL, () => "sqlite:users.db");
 *
 * assertEquals(container.get(DATABASE_URL), "sqlite:users.db");
 * ```
 */
export class InjectionToken<T> {
  /** The name of the token in error messages. */
  readonly name: string;
  /** Exists for the compiler alone. */
  declare readonly "~type": T;

  /**
   * Makes a token. Two tokens with the same name are still two tokens.
   *
   * @param name The name of the token in error messages.
   */
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * What identifies a dependency: its class, which may be abstract, or an {@linkcode InjectionToken}.
 *
 * @typeParam T The dependency.
 */
export type Token<T> = AbstractConstructor<T> | PrivateClass<T> | InjectionToken<T>;
