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
  return count < 2
    ? ""
    : ". @cq/core is loaded twice in this process, and each copy has its own classes, tokens, router and container. Have " +
      "one copy: remove the second one from the lock file, or keep the package out of the bundle";
}
