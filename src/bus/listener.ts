import type { DispatchContext } from "../context.ts";

/**
 * Is told of every message on a bus that has a handler, and of every event. Its value is ignored, and awaited where it is a promise.
 *
 * @typeParam M The message.
 * @param message The message.
 * @param context What is known of the dispatch.
 */
export type Listener<M = object> = (message: M, context: DispatchContext) => unknown;

/**
 * Calls listeners concurrently and waits for all of them. One that fails does not end the others.
 *
 * @param listeners The listeners.
 * @param message The message.
 * @param context What is known of the dispatch.
 * @returns How each of them ended, in their order.
 */
export function callListeners(
  listeners: readonly Listener[],
  message: unknown,
  context: DispatchContext,
): Promise<PromiseSettledResult<unknown>[]> {
  // An async function turns a synchronous throw into a rejection, and starts at once.
  return Promise.allSettled(listeners.map(async (listener) => await listener(message as object, context)));
}
