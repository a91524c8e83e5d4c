/**
 * Refuses a class, or another token, that is `undefined`.
 *
 * @param action What cannot be done, with a name that the reader can look for.
 * @param what What is undefined.
 * @throws {TypeError} Always.
 */
export function refuseUndefined(action: string, what: string): never {
  throw new TypeError(
    `Cannot ${action}: ${what} is undefined. The usual cause is a circular import: move the class to a module of its own`,
  );
}
