import type { DispatchOptions } from "./context.ts";
import { describe } from "./naming.ts";

/**
 * Whatever dispatches messages: a bus, a pipeline, or a function.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R What comes back, plainly or by promise.
 */
export type Dispatcher<M = object, R = unknown> =
  | DispatcherObject<M, R>
  | DispatcherFunction<M, R>;

/**
 * An object that dispatches messages.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R What comes back, plainly or by promise.
 */
export interface DispatcherObject<M = object, R = unknown> {
  // A property and not a method, so that the compiler compares the messages one way only.
  /** Dispatches a message. */
  readonly dispatch: DispatcherFunction<M, R>;
}

/**
 * A function that dispatches messages.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R What comes back, plainly or by promise.
 */
export type DispatcherFunction<M = object, R = unknown> = (
  message: M,
  options?: DispatchOptions,
) => R | PromiseLike<R>;

/**
 * Makes a function of any dispatcher.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R What comes back, plainly or by promise.
 * @param dispatcher A bus, a pipeline, or a function.
 * @returns The function.
 * @throws {TypeError} If it is none of them.
 */
export function toDispatchFunction<M, R>(dispatcher: Dispatcher<M, R>): DispatcherFunction<M, R> {
  if (typeof dispatcher === "function") return dispatcher;
  if (typeof dispatcher?.dispatch === "function") return (message, options) => dispatcher.dispatch(message, options);
  throw new TypeError(`Cannot dispatch to ${describe(dispatcher)}: it is neither a bus, a pipeline nor a function`);
}

/**
 * Makes a dispatcher of one that is resolved for each message.
 *
 * @typeParam M The messages that it takes.
 * @param resolve Resolves the dispatcher.
 * @returns The function.
 */
export function lazyDispatcher<M>(
  resolve: () => DispatcherObject<M> | PromiseLike<DispatcherObject<M>>,
): DispatcherFunction<M> {
  return async (message, options) => {
    const dispatcher = await resolve();
    return await dispatcher.dispatch(message, options);
  };
}
