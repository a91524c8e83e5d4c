/**
 * Runs a function, and collects the rejections that nobody has handled when the event loop has turned after it.
 *
 * @param run Runs what is observed, to its end.
 * @returns The reasons of the rejections.
 */
export async function unhandledRejections(run: () => PromiseLike<unknown>): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const note = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    reasons.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", note);
  try {
    await run();
    // A rejection counts as unhandled once the microtasks have run out, which a new task comes after.
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    globalThis.removeEventListener("unhandledrejection", note);
  }
  return reasons;
}
