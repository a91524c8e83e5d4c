/**
 * Counts the listeners that are on a signal.
 *
 * @param signal The signal, before anybody listens to it.
 * @returns What gives their number.
 */
export function countAbortListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  // By the type of their event too: one that is taken off as a listener of another event is still there.
  signal.addEventListener = (type: string, listener: never, options?: AddEventListenerOptions | boolean) => {
    if (type === "abort") listeners.add(listener);
    addEventListener.call(signal, type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: never, options?: EventListenerOptions | boolean) => {
    if (type === "abort") listeners.delete(listener);
    removeEventListener.call(signal, type, listener, options);
  };
  return () => listeners.size;
}
