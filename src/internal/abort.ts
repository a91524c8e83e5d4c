import { ignore } from "./promise.ts";

/**
 * Calls a function when a signal fires, and at once if it has fired already.
 *
 * @param signal The signal, if there is one.
 * @param act Receives the signal's reason. It is called once at most.
 * @returns Stops listening. Call it as soon as the wait is over: a signal may live longer than all that listens to it.
 */
export function onAbort(signal: AbortSignal | undefined, act: (reason: unknown) => void): () => void {
  if (signal === undefined) return ignore;
  if (signal.aborted) {
    act(signal.reason);
    return ignore;
  }
  const fire = () => {
    forget();
    act(signal.reason);
  };
  const forget = () => signal.removeEventListener("abort", fire);
  signal.addEventListener("abort", fire);
  return forget;
}

/**
 * Makes a promise whose wait a signal can end: it then rejects with the signal's reason.
 *
 * @typeParam T What the promise resolves to.
 * @param signal The signal, if there is one. If it has fired already, nothing is started.
 * @param start Starts what is waited for, as the function given to `new Promise` does. It must neither throw nor
 * fire the signal. It may return a function that cancels what it started; the signal that ends the wait calls it.
 * @returns The promise. When it settles, it no longer listens to the signal.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => (() => void) | void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const forget = onAbort(signal, (reason) => {
      reject(reason);
      if (typeof cancel === "function") cancel();
    });
    const cancel = start(
      (value) => {
        forget();
        resolve(value);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}
