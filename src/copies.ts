/** The key on `globalThis` under which the copies of the package count each other. It is the same in all of them. */
const KEY = Symbol.for("@cq/core");

countCopy();

/** Runs once in each copy: a bundle keeps it, because it is neither pure nor within a function that is not called. */
function countCopy(): void {
  try {
    const counter = globalThis as { [KEY]?: number };
    counter[KEY] = (counter[KEY] ?? 0) + 1;
  } catch {
    // A global object that is frozen has no room for a mark; the errors then say nothing of copies.
  }
}

/**
 * What an error adds if the package is loaded twice: the two copies have different classes, and neither of them finds what
 * belongs to the other.
 *
 * @returns The advice, which follows a sentence; an empty string if there is one copy.
 */
export function adviceOnCopies(): string {
  const count = (globalThis as { [KEY]?: number })[KEY] ?? 1;
  if (count < 2) return "";
  return ". @cq/core is loaded twice, each copy with its own classes and router. Install it once, and keep it out of bundles";
}
