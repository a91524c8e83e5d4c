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

/** The one listener of a signal, and what it calls. */
interface Relay {
  readonly acts: Set<(reason: unknown) => void>;
  readonly fire: () => void;
}

/** One listener for each signal, however many wait for it: from eleven on, Node 20 warns of a leak that there is not. */
const relays = new WeakMap<AbortSignal, Relay>();

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
  const { acts } = relays.get(signal) ?? openRelay(signal);
  // A function of its own for each wait, of which two may share one `act`.
  const own = (reason: unknown) => act(reason);
  acts.add(own);
  return function forget() {
    if (acts.delete(own) && acts.size === 0) closeRelay(signal);
  };
}

function openRelay(signal: AbortSignal): Relay {
  const acts: Relay["acts"] = new Set();
  const fire = () => {
    closeRelay(signal);
    const reason = reasonOfAbort(signal);
    for (const act of acts) {
      acts.delete(act);
      act(reason);
    }
  };
  const relay = { acts, fire };
  relays.set(signal, relay);
  signal.addEventListener("abort", fire);
  return relay;
}

function closeRelay(signal: AbortSignal): void {
  const relay = relays.get(signal);
  if (relay === undefined) return;
  relays.delete(signal);
  signal.removeEventListener("abort", relay.fire);
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
      cancel?.();
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
