/** Disposes one resource. */
export type Disposer = () => unknown;

/**
 * How to dispose a value, asynchronously where it offers both ways.
 *
 * @param value Any value.
 * @returns What disposes it, or `undefined` where nothing does.
 */
export function disposerOf(value: unknown): Disposer | undefined {
  if (value === null || value === undefined) return undefined;
  const disposable = value as Partial<AsyncDisposable & Disposable>;
  const method = disposable[Symbol.asyncDispose] ?? disposable[Symbol.dispose];
  return method === undefined ? undefined : () => method.call(value as AsyncDisposable & Disposable);
}

/**
 * Runs disposers one after another, last one first, every one of them whatever the others do.
 *
 * @param disposers What to run.
 * @returns The errors of those that failed.
 */
export async function disposeAll(disposers: readonly Disposer[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (let index = disposers.length - 1; index >= 0; index--) {
    try {
      await disposers[index]!();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

/**
 * Makes one error of several. A single one stays what it is.
 *
 * @param errors The errors, at least one, the one that came first at the start.
 * @param message What to say of them together.
 * @returns The error to throw.
 */
export function combineErrors(errors: readonly unknown[], message: string): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, message, { cause: errors[0] });
}

/**
 * Runs disposers once something has come to its end, and leaves the outcome as it is.
 *
 * @typeParam T What it resolves to.
 * @param ending The outcome.
 * @param disposers What to run, last one first.
 * @param message What to say if several errors have to come out as one.
 * @returns The outcome.
 * @throws What it rejects with, or what disposers threw; an `AggregateError` where there are several.
 */
export async function settleThenDispose<T>(
  ending: T | PromiseLike<T>,
  disposers: readonly Disposer[],
  message: string,
): Promise<Awaited<T>> {
  const [outcome] = await Promise.allSettled([ending]);
  const errors = await disposeAll(disposers);
  if (outcome.status === "rejected") errors.unshift(outcome.reason);
  if (errors.length > 0) throw combineErrors(errors, message);
  return (outcome as PromiseFulfilledResult<Awaited<T>>).value;
}
