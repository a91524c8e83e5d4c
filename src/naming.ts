import { classOf } from "./message_class.ts";

/** What knows the stable names of messages: a {@linkcode MessageCatalogue}. */
export interface MessageNames {
  /** The stable name of a message, or of a class of messages; `undefined` if it has none. */
  nameOf(message: unknown): string | undefined;
}

/**
 * The name of a class or function, for people to read.
 *
 * @param value A class or a function.
 * @returns Its name, or "(anonymous)". Any other value is converted to a string.
 */
export function nameOf(value: unknown): string {
  if (typeof value !== "function") return String(value);
  const name: unknown = value.name; // A class may have a static member of that name.
  return typeof name === "string" && name !== "" ? name : "(anonymous)";
}

/**
 * The name of the class of a value, for people to read.
 *
 * @param value Any value.
 * @returns The name of its class; "null" or "undefined" for a value without a class.
 */
export function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return nameOf(classOf(Object.getPrototypeOf(value) ?? Object.prototype));
}

/**
 * What a value is, for an error message that refuses it.
 *
 * @param value Any value.
 * @returns The value if it is a primitive, its name if it has one, or else the class that it is an instance of.
 */
export function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? `an instance of "${typeNameOf(value)}"` : `"${nameOf(value)}"`;
}

/**
 * What was thrown, in words. It never throws: an error message is made of it.
 *
 * @param error Any value that was thrown.
 * @returns Its message. If the value cannot be converted to a string, the name of its class.
 */
export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message || error.name : error);
  } catch {
    return typeNameOf(error);
  }
}
