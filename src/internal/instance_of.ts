/**
 * Whether a value is an instance of a class. `instanceof` throws where the value is a revoked proxy; this does not.
 *
 * @typeParam T The instances of the class.
 * @param value Any value, such as one that was thrown.
 * @param type The class.
 * @returns Whether it is one.
 */
export function isInstance<T>(value: unknown, type: abstract new (...args: never) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}
