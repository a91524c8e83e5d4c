/**
 * Runs a function, and collects what goes to `console.error` meanwhile.
 *
 * @param run Runs what is observed, to its end.
 * @returns The arguments of each call.
 */
export async function consoleErrors(run: () => Promise<void>): Promise<unknown[][]> {
  const calls: unknown[][] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void calls.push(args);
  try {
    await run();
  } finally {
    console.error = error;
  }
  return calls;
}
