/** One case of a suite. It belongs to no test runner: pass its name and its function to yours. */
export interface ConformanceCase {
  /** What the case expects, in words that continue a sentence which starts with the name of the tested part. */
  readonly name: string;
  /** Whether the tested part does not promise this. Pass it to the test runner, so that its report shows it. */
  readonly skip: boolean;
  /**
   * Runs the case. It needs no `this`, and takes no arguments.
   *
   * @returns A promise that rejects with an `Error` if the case fails. The error says what was expected, what happened, and
   * how to repeat it.
   */
  readonly run: () => Promise<void>;
}

/**
 * Creates the error of a case that fails.
 *
 * @param expected What was expected.
 * @param actual What happened instead.
 * @returns The error, to be thrown.
 */
export function caseFailure(expected: string, actual: string): Error {
  return new Error(`expected ${expected}, but ${actual}`);
}

/**
 * Waits for a promise, up to a limit.
 *
 * @typeParam T What the promise resolves to.
 * @param promise The promise.
 * @param options How long to wait, and what was expected.
 * @returns What the promise resolves to.
 */
export async function within<T>(
  promise: PromiseLike<T>,
  { timeoutMs, expected }: { timeoutMs: number; expected: string },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(caseFailure(expected, `it did not happen within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
