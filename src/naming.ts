/**
 * The name of a class or function, for people to read.
 *
 * @param value A class or a function.
 * @returns Its name, or what it is where it has none.
 */
export function nameOf(value: unknown): string {
  if (typeof value !== "function") return String(value);
  return value.name === "" ? "(anonymous)" : value.name;
}

/**
 * What a value is, for people to read.
 *
 * @param value Any value, such as one that should have been something else.
 * @returns The value where it is a primitive or has a name, or else what it is an instance of.
 */
export function describe(value: unknown): string {
  if (typeof value === "function") return `"${nameOf(value)}"`;
  return value === null || typeof value !== "object"
    ? `"${String(value)}"`
    : `an instance of "${nameOf(value.constructor)}"`;
}
