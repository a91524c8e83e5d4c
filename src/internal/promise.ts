/** What needs no waiting for. A settled promise keeps nothing of those who do wait, so that all can share one. */
export const RESOLVED: Promise<void> = Promise.resolve();

/**
 * Whether a value has to be awaited.
 *
 * @typeParam T What the promise resolves to.
 * @param value Any value.
 * @returns Whether it is a promise, or an object that acts as one.
 */
export function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/**
 * Makes a promise of whatever a handler returned, as `Promise.resolve` does, and faster where it is one already. What
 * extends `Promise` is wrapped: it may do its work when it is first awaited, as the queries of some databases do, and
 * then does it here.
 *
 * @typeParam T What the promise resolves to.
 * @param value A value, or a promise of it.
 * @returns The same promise where it was one.
 */
export function toPromise<T>(value: T | PromiseLike<T>): Promise<T> {
  const isOrdinary = value instanceof Promise && value.constructor === Promise;
  return isOrdinary ? value : Promise.resolve(value) as Promise<T>;
}

/** Takes note of an outcome, and does nothing about it. */
export function ignore(): void {}
