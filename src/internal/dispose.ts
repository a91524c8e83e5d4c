import { isPromiseLike } from "./promise.ts";

/** Disposes one resource. */
export type Disposer = () => unknown;

/**
 * Says how to dispose a value: asynchronously if it offers both ways.
 *
 * @param value Any value.
 * @returns A function that disposes it, or `undefined` if the value cannot be disposed.
 */
export function disposerOf(value: unknown): Disposer | undefined {
  if (value === null || value === undefined) return undefined;
  const disposable = value as Partial<AsyncDisposable & Disposable>;
  const method = disposable[Symbol.asyncDispose] ?? disposable[Symbol.dispose];
  if (method === undefined) return undefined;
  return function dispose() {
    return method.call(value as AsyncDisposable & Disposable);
  };
}

/**
 * Runs disposers one after another, the last one first. All of them run, even if some fail.
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
 * Combines several errors into one. A single error stays what it is.
 *
 * @param errors The errors in their order, at least one.
 * @param message The message of the `AggregateError`.
 * @returns The error to throw.
 */
export function combineErrors(errors: readonly unknown[], message: string): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, message, { cause: errors[0] });
}

/**
 * Waits for an outcome, and then runs disposers. An error of a disposer takes its place.
 *
 * @typeParam T What the promise resolves to.
 * @param ending The promise of the outcome.
 * @param disposers What to run, the last one first.
 * @param message The message if several errors come out as one.
 * @returns The outcome.
 * @throws The error of the outcome or of a disposer; an `AggregateError` if there are several.
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

/**
 * Disposes what a container has built, the last one built first, and all of it, even if one fails.
 *
 * @param instances The instances, in the order in which they were built.
 * @param owner What they belong to, for the error.
 * @throws What an instance threw, or an `AggregateError` if several did.
 */
export async function disposeInstances(instances: readonly unknown[], owner: string): Promise<void> {
  const errors = await disposeAll(instances.map((instance): Disposer => {
    // A promise is disposed as what it resolves to. If it rejects, there is nothing to dispose.
    return isPromiseLike(instance)
      ? () => instance.then((resolved) => disposerOf(resolved)?.(), () => {})
      : () => disposerOf(instance)?.();
  }));
  if (errors.length > 0) throw combineErrors(errors, `Cannot dispose ${owner}: several of its instances failed`);
}
