import { abortable } from "./abort.ts";

/** The longest delay of a timer, in milliseconds: 24.8 days. Timers hold 32 bits, and would fire at once above it. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/**
 * Whether a value is a number of milliseconds. From JavaScript it may be anything.
 *
 * @param value Any value.
 * @returns Whether it is a number from 0, which may be `Infinity`.
 */
export function isDuration(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

/**
 * Waits for a time, until a signal fires.
 *
 * @param ms The time in milliseconds, at most {@linkcode MAX_DELAY_MS}.
 * @param signal The signal, if there is one.
 * @returns A promise that rejects with the signal's reason if the signal fires first.
 */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return abortable<void>(signal, (resolve) => {
    const timer = setTimeout(resolve, ms);
    return function wake() {
      clearTimeout(timer);
    };
  });
}

/**
 * Waits for a promise, but not longer than a time. What the promise does afterwards has no effect.
 *
 * @param promise The promise.
 * @param ms The time in milliseconds, at most {@linkcode MAX_DELAY_MS}.
 * @returns A promise that resolves when the other one does or the time is over, and rejects when the other one does.
 */
export function waitAtMost(promise: PromiseLike<unknown>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    promise.then(
      () => {
        clearTimeout(timer);
        resolve();
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
