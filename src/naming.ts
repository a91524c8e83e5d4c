import { ANONYMOUS, functionNameOf } from "./internal/function_name.ts";
import { classOf } from "./message_class.ts";

/** What knows the stable names of messages: a {@linkcode MessageCatalogue}. */
export interface MessageNames {
  /** The stable name of a message, or of a class of messages; `undefined` if it has none. */
  nameOf(message: unknown): string | undefined;
}

// An error message is made of what these functions return, often where nothing else may fail: in a timer, while a queue is
// closed, before a span is ended. So none of them throws, whatever the value: a getter of it may throw, and a proxy may
// have been revoked.

/**
 * The name of a class or function, for people to read. It never throws.
 *
 * @param value A class or a function.
 * @returns Its name, or "(anonymous)". Any other value is converted to a string.
 */
export function nameOf(value: unknown): string {
  return typeof value === "function" ? functionNameOf(value) : safely(() => String(value)) ?? typeNameOf(value);
}

/**
 * Whether two classes or functions have the same name, which is the sign of a module that was evaluated twice.
 *
 * @param one A class or a function.
 * @param other Another one, or the same.
 * @returns Whether both have a name, and it is the same.
 */
export function haveOneName(one: unknown, other: unknown): boolean {
  const name = nameOf(one);
  return name !== ANONYMOUS && name === nameOf(other);
}

/**
 * Puts the indefinite article before a word.
 *
 * @param word The word.
 * @returns Both.
 */
export function withArticle(word: string): string {
  return `${/^[aeiou]/.test(word) ? "an" : "a"} ${word}`;
}

/**
 * The name of the class of a value, for people to read. It never throws.
 *
 * @param value Any value.
 * @returns The name of its class; "null" or "undefined" for a value without a class.
 */
export function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return nameOf(safely(() => classOf(Object.getPrototypeOf(value) ?? Object.prototype)) ?? Object);
}

/**
 * What a value is, for an error message that refuses it. It never throws.
 *
 * @param value Any value.
 * @returns The value if it is a primitive, its name if it has one, or else the class that it is an instance of.
 */
export function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? `an instance of "${typeNameOf(value)}"` : `"${nameOf(value)}"`;
}

/**
 * What was thrown, in words. It never throws. An error of another realm, as under Jest, and an object that is not an error
 * have their message read as well.
 *
 * @param error Any value that was thrown.
 * @returns Its message or its name, or what it says of itself as a string, or else the class that it is an instance of.
 */
export function reasonOf(error: unknown): string {
  if (typeof error === "function") return nameOf(error);
  if (typeof error !== "object" || error === null) return String(error);
  for (const key of ["message", "name"] as const) {
    const text = safely(() => (error as { readonly [K in typeof key]?: unknown })[key]);
    if (typeof text === "string" && text !== "") return text;
  }
  const text = safely(() => String(error));
  return text === undefined || text === "" || text.startsWith("[object ") ? describe(error) : text;
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
