import { classOf } from "./message_class.ts";

/**
 * The name of a class or function, for people to read.
 *
 * @param value A class or a function.
 * @returns Its name, or what it is where it has none.
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
 * @returns The name of its class, or the value itself where it has none.
 */
export function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return nameOf(classOf(Object.getPrototypeOf(value) ?? Object.prototype));
}

/**
 * What a value is, for people to read.
 *
 * @param value Any value, such as one that should have been something else.
 * @returns The value where it is a primitive or has a name, or else what it is an instance of.
 */
export function describe(value: unknown): string {
  return typeof value === "object" && value !== null ? `an instance of "${typeNameOf(value)}"` : `"${nameOf(value)}"`;
}

/**
 * What was thrown, in words. What cannot be told must not keep an error from being made of it.
 *
 * @param error Whatever was thrown.
 * @returns Its message, or what it is.
 */
export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message || error.name : error);
  } catch {
    return typeNameOf(error);
  }
}
