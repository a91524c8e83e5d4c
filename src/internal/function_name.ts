/** Stands for the name of a class or function that has none. */
export const ANONYMOUS = "(anonymous)";

/**
 * The name of a class or function, for people to read. It never throws.
 *
 * @param value The class or function.
 * @returns Its name, or {@linkcode ANONYMOUS}.
 */
export function functionNameOf(value: object): string {
  try {
    // A class may have a static member of that name, a getter that throws among others.
    const { name } = value as { readonly name?: unknown };
    return typeof name === "string" && name !== "" ? name : ANONYMOUS;
  } catch {
    return ANONYMOUS;
  }
}
