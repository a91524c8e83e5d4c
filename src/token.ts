/**
 * A class, abstract ones included.
 *
 * @typeParam T The instances of the class.
 */
// deno-lint-ignore no-explicit-any -- the container knows the arguments
export type AbstractConstructor<T = object> = abstract new (...args: any[]) => T;

/**
 * Names a dependency that is no class: an interface, a number, a promise.
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
  /** What error messages call it. */
  readonly name: string;
  /** Exists for the compiler alone. */
  declare protected readonly type: T;

  /**
   * Makes a token. Two tokens of one name are two tokens.
   *
   * @param name What error messages call it.
   */
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * What a dependency is asked for by: its class, an abstract one included, or an {@linkcode InjectionToken}.
 *
 * @typeParam T The dependency.
 */
export type Token<T> = AbstractConstructor<T> | InjectionToken<T>;
