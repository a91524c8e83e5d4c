/** A promise that has resolved. It keeps nothing of the code that awaits it, so all can share this one. */
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
 * Makes a promise of a value, as `Promise.resolve` does, and faster where the value is a promise already. An instance
 * of a class derived from `Promise` is wrapped: it may start its work when it is first awaited, as the queries of some
 * databases do, and then starts it here.
 *
 * @typeParam T What the promise resolves to.
 * @param value A value, or a promise of it.
 * @returns The same promise where the value is one.
 */
export function toPromise<T>(value: T | PromiseLike<T>): Promise<T> {
  const isOrdinary = value instanceof Promise && value.constructor === Promise;
  return isOrdinary ? value : Promise.resolve(value) as Promise<T>;
}

/** Does nothing. As a callback it says that an outcome is known and needs no reaction. */
export function ignore(): void {}
