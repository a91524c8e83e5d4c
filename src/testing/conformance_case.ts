/** One promise, and what holds a part of yours against it. Bound to no test runner: give name and run to yours. */
export interface ConformanceCase {
  /** The promise, in words that go on from the name of the part. */
  readonly name: string;
  /** Whether the part does not make the promise. Tell the test runner, so that it shows in its report. */
  readonly skip: boolean;
  /**
   * Holds the part against the promise. It needs no `this`, and takes no arguments.
   *
   * @returns A promise that rejects with an `Error` where the promise is broken. It says what was expected, what
   * happened, and how to see it again.
   */
  readonly run: () => Promise<void>;
}

/**
 * Makes the error of a broken promise.
 *
 * @param expected What was expected.
 * @param actual What happened instead.
 * @returns The error, to be thrown.
 */
export function brokenPromise(expected: string, actual: string): Error {
  return new Error(`expected ${expected}, but ${actual}`);
}

/**
 * Waits for a promise, and no longer than the limit.
 *
 * @typeParam T What the promise resolves to.
 * @param promise The promise.
 * @param options How long to wait, and what to say that was expected.
 * @returns What the promise resolves to.
 */
export async function within<T>(
  promise: PromiseLike<T>,
  { timeoutMs, expected }: { timeoutMs: number; expected: string },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(brokenPromise(expected, `waited ${timeoutMs} ms in vain`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
