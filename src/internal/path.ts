/** How much of a path is shown. A circle has a path of its own for each turn. */
const MAX_PATH = 100;

/**
 * A path into some data, as it would be written in code.
 *
 * @param path Keys, outermost first, or objects that hold a key, as schemas have them.
 * @returns The path, cut where it is long.
 */
export function describePath(path: Iterable<PropertyKey | { readonly key: PropertyKey }>): string {
  const place = Array.from(path, (segment) => typeof segment === "object" && segment !== null ? segment.key : segment)
    .map(describeKey).join("");
  return place.length > MAX_PATH ? `${place.slice(0, MAX_PATH)}…` : place;
}

function describeKey(key: PropertyKey, index: number): string {
  if (typeof key === "string" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) {
    return index === 0 ? key : `.${key}`;
  }
  return `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
}
