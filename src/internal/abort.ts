import { newDOMException } from "./dom_exception.ts";
import { ignore } from "./promise.ts";

/**
 * The reason of a signal that has fired. Some runtimes, such as React Native, have signals without a reason: an
 * `AbortError` takes its place there.
 *
 * @param signal The signal.
 * @returns The reason.
 */
export function reasonOfAbort(signal: AbortSignal): unknown {
  // By the standard a reason is never undefined.
  return signal.reason === undefined ? newDOMException("The operation was aborted", "AbortError") : signal.reason;
}

/**
 * Whether an error says that work was called off. An error of another realm, as under Jest, is an instance of another
 * class: the name is what they share.
 *
 * @param error Any value that was thrown.
 * @returns Whether it is named "AbortError".
 */
export function isAbortError(error: unknown): boolean {
  try {
    return (error as { readonly name?: unknown } | null | undefined)?.name === "AbortError";
  } catch {
    return false;
  }
}

/**
 * What waits for each signal. It shares one listener: from eleven listeners on, Node 20 warns of a leak that there is not.
 */
const waiting = new WeakMap<EventTarget, Set<{ readonly act: (reason: unknown) => void }>>();

/**
 * Calls a function when a signal fires, and at once if it has fired already.
 *
 * @param signal The signal, if there is one.
 * @param act Receives the signal's reason. It is called once at most. It must not throw.
 * @returns Stops listening. Call it as soon as the wait is over: a signal may live longer than all that listens to it.
 */
export function onAbort(signal: AbortSignal | undefined, act: (reason: unknown) => void): () => void {
  if (signal === undefined) return ignore;
  if (signal.aborted) {
    act(reasonOfAbort(signal));
    return ignore;
  }
  let waits = waiting.get(signal);
  if (waits === undefined) {
    waiting.set(signal, waits = new Set());
    signal.addEventListener("abort", fire);
  }
  const own = { act };
  waits.add(own);
  return function forget() {
    if (!waits.delete(own) || waits.size > 0) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", fire);
  };
}

function fire({ target }: Event): void {
  const signal = target as AbortSignal;
  const waits = waiting.get(signal)!;
  waiting.delete(signal);
  signal.removeEventListener("abort", fire);
  const reason = reasonOfAbort(signal);
  // What one of them stops is not called any more.
  for (const { act } of waits) act(reason);
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
    if (signal?.aborted) return reject(reasonOfAbort(signal));
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

/**
 * Makes a signal that fires when one of two fires. (`AbortSignal.any` is not everywhere, and leaks on a long-lived signal.)
 *
 * @param some A signal.
 * @param other Another one.
 * @returns The signal, and what stops listening to the two. Call it as soon as nobody needs the signal.
 */
export function joinSignals(some: AbortSignal, other: AbortSignal): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const abort = (reason: unknown) => controller.abort(reason);
  const forgets = [some, other].map((signal) => onAbort(signal, abort));
  const forget = () => {
    for (const forgetOne of forgets) forgetOne();
  };
  return { signal: controller.signal, forget };
}
