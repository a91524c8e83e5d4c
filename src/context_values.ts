import { adviceOnCopies } from "./copies.ts";
import { refuseUndefined } from "./refuse_undefined.ts";
import { describe } from "./naming.ts";
import { InjectionToken, type Token } from "./token.ts";

/**
 * What a dispatch carries for this process alone: a transaction, the current user as an object, a logger.
 *
 * A caller gives values to `dispatch`, a middleware adds to them with `next(undefined, { values })`, a handler reads them
 * from its context or has them injected. They never leave the process: data that travels is metadata. Values never
 * change: {@linkcode with} gives new ones.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, ContextValues, InjectionToken, MessageRouter } from "@cq/core";
 *
 * const USER = new InjectionToken<{ readonly name: string }>("USER");
 *
 * class Rename extends Command<string> {}
 *
 * const commands = new MessageRouter().newCommandBus();
 * commands.subscribe(Rename, (_command, { values }) => values.get(USER)?.name ?? "a stranger");
 *
 * const values = new ContextValues().with(USER, { name: "Ada" });
 *
 * assertEquals(await commands.dispatch(new Rename(), { values }), "Ada");
 * ```
 */
export class ContextValues implements Iterable<[token: Token<unknown>, value: unknown]> {
  // A single value needs no map: a pump makes values with one for each message.
  #token: Token<unknown> | undefined = undefined;
  #value: unknown = undefined;
  /** All of them, from the second one on. */
  #byToken: ReadonlyMap<Token<unknown>, unknown> | undefined = undefined;

  /**
   * Adds a value, or replaces the one that the token has.
   *
   * @typeParam T The value.
   * @param token The class of the value, or an {@linkcode InjectionToken}.
   * @param value The value.
   * @returns New values. Those that it is called on stay as they are.
   * @throws {TypeError} If the first argument is not a token.
   */
  with<T>(token: Token<T>, value: NoInfer<T>): ContextValues {
    if (token === undefined) refuseUndefined("give a value to a token", "the token");
    if (typeof token !== "function" && !(token instanceof InjectionToken)) {
      throw new TypeError(
        `Cannot give a value to ${describe(token)}: it is neither a class nor an InjectionToken${adviceOnCopies()}`,
      );
    }
    const values = new ContextValues();
    if (this.#byToken === undefined && (this.#token === undefined || this.#token === token)) {
      values.#token = token;
      values.#value = value;
    } else {
      // A copy, as a dispatch carries few values; one that shared them would also keep those that were replaced.
      values.#byToken = new Map(this).set(token, value);
    }
    return values;
  }

  /**
   * Gives the value of a token.
   *
   * @typeParam T The value.
   * @param token The class of the value, or an {@linkcode InjectionToken}.
   * @returns The value, `undefined` where there is none.
   */
  get<T>(token: Token<T>): T | undefined {
    const value = this.#byToken === undefined
      ? token === this.#token ? this.#value : undefined
      : this.#byToken.get(token);
    return value as T | undefined;
  }

  /**
   * Tells whether a token has a value, which may be `undefined`.
   *
   * @param token The class of the value, or an {@linkcode InjectionToken}.
   * @returns Whether it has one.
   */
  has(token: Token<unknown>): boolean {
    return this.#byToken === undefined ? token !== undefined && token === this.#token : this.#byToken.has(token);
  }

  /** Goes through the tokens with their values, as for a container that provides them to a scope. */
  *[Symbol.iterator](): Iterator<[token: Token<unknown>, value: unknown]> {
    if (this.#byToken !== undefined) yield* this.#byToken;
    else if (this.#token !== undefined) yield [this.#token, this.#value];
  }
}

/** The values of a dispatch whose caller gave none. */
export const NO_VALUES: ContextValues = /* @__PURE__ */ new ContextValues();
