import type { DispatchOptions } from "./context.ts";
import { describe } from "./naming.ts";

/**
 * Dispatches messages: a bus, a pipeline, or a function.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R The result, or what its promise resolves to.
 */
export type Dispatcher<M = object, R = unknown> =
  | DispatcherObject<M, R>
  | DispatcherFunction<M, R>;

/**
 * An object that dispatches messages.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R The result, or what its promise resolves to.
 */
export interface DispatcherObject<M = object, R = unknown> {
  // A property, not a method: the compiler compares the parameters of methods in both directions.
  /** Dispatches a message. */
  readonly dispatch: DispatcherFunction<M, R>;
}

/**
 * A function that dispatches messages.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R The result, or what its promise resolves to.
 */
export type DispatcherFunction<M = object, R = unknown> = (
  message: M,
  options?: DispatchOptions,
) => R | PromiseLike<R>;

/**
 * Turns any dispatcher into a function.
 *
 * @typeParam M The messages that it takes.
 * @typeParam R The result, or what its promise resolves to.
 * @param dispatcher A bus, a pipeline, or a function.
 * @returns The function.
 * @throws {TypeError} If the value is not a dispatcher.
 */
export function toDispatchFunction<M, R>(dispatcher: Dispatcher<M, R>): DispatcherFunction<M, R> {
  if (typeof dispatcher === "function") return dispatcher;
  if (typeof dispatcher?.dispatch === "function") {
    return function dispatchTo(message, options) {
      return dispatcher.dispatch(message, options);
    };
  }
  throw new TypeError(`Cannot dispatch to ${describe(dispatcher)}: it is neither a bus, a pipeline nor a function`);
}

/**
 * Makes a dispatcher that resolves another one for each message.
 *
 * @typeParam M The messages that it takes.
 * @param resolve Resolves the other dispatcher.
 * @returns The function.
 */
export function lazyDispatcher<M>(
  resolve: () => DispatcherObject<M> | PromiseLike<DispatcherObject<M>>,
): DispatcherFunction<M> {
  return async function dispatchLazily(message, options) {
    const dispatcher = await resolve();
    return await dispatcher.dispatch(message, options);
  };
}
