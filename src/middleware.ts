import type { DispatchOptions, HandlerContext } from "./context.ts";

/**
 * Runs the rest of the chain, down to the handler. It may be called again, which starts the rest of the chain afresh.
 *
 * Await its promise, or return it, at once. One that is dropped, or that fails before the middleware awaits it, is the
 * middleware's own, as anywhere: the dispatch does not wait for it, and the runtime reports the error as an unhandled
 * rejection, which ends Node and Deno.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 * @param message Replaces the message for the rest of the chain.
 * @param context Replaces the signal and the metadata for the rest of the chain. A key that is absent stays as it is.
 * @returns The result of the rest of the chain.
 */
export type Next<M = object, R = unknown> = (message?: M, context?: DispatchOptions) => Promise<R>;

/**
 * Code that runs around the handling of a message. The buses, the pipelines and the pump share this one contract.
 *
 * - **Classic**, `async (message, next) => { … await next() … }`: it decides on the result, and may call `next` again.
 * - **Generator**, `async function* (message) { const result = yield; }`: it sees the result and cannot replace it. An
 *   error of the handler is thrown at the `yield`. Caught and followed by another `yield`, the message is handled
 *   again; caught and not, the dispatch resolves to `undefined`. A generator that returns before its first `yield`
 *   keeps the handler from running. Where nothing is awaited, a plain `function*` does the same at a third of the cost.
 *
 * Which of them it is shows in what the call returns, so that compiled and bound functions work alike.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 *
 * @example
 * ```ts
 * import type { Middleware } from "@cq/core";
 *
 * const log: Middleware = async (message, next) => {
 *   console.log("before", message);
 *   const result = await next();
 *   console.log("after", result);
 *   return result;
 * };
 *
 * const logFailures: Middleware = function* (message) {
 *   try {
 *     yield;
 *   } catch (error) {
 *     console.error(message, error);
 *     throw error;
 *   }
 * };
 * ```
 */
export type Middleware<M = object, R = unknown> = (
  message: M,
  next: Next<M, R>,
  context: HandlerContext,
) => // No bare R: an `unknown` would swallow the union, and an inline generator would lose the type of its `yield`.
PromiseLike<R> | Generator<void, unknown, R> | AsyncGenerator<void, unknown, R>;

/**
 * A middleware with dependencies of its own: an object whose method does the work.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 */
export interface MiddlewareObject<M = object, R = unknown> {
  /** The middleware. */
  readonly invoke: Middleware<M, R>;
}

/**
 * Whatever `use` accepts: a middleware function, or an object with one.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 */
export type AnyMiddleware<M = object, R = unknown> = Middleware<M, R> | MiddlewareObject<M, R>;
