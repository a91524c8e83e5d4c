import type { DispatchOptions, HandlerContext } from "./context.ts";

/**
 * Runs the rest of the chain, down to the handler. A second call runs the rest of the chain again.
 *
 * Await its promise, or return it, at once. The dispatch does not wait for a promise that the middleware drops. If such
 * a promise rejects, or rejects before the middleware awaits it, the runtime reports an unhandled rejection, which ends
 * Node and Deno.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 * @param message Replaces the message for the rest of the chain.
 * @param context Replaces the signal, the metadata and the values for the rest of the chain. An absent key changes
 * nothing.
 * @returns The result of the rest of the chain.
 */
export type Next<M = object, R = unknown> = (message?: M, context?: DispatchOptions) => Promise<R>;

/**
 * Code that runs around the handling of a message. The buses, the pipelines and the pump share this one contract.
 *
 * - **Classic**, `async (message, next) => { … return await next(); }`: it decides on the result, and may call `next` again.
 *   Return what `next()` resolves to: without `return` the dispatch resolves to `undefined`, and the compiler cannot tell.
 * - **Generator**, `async function* (message) { const result = yield; }`: it sees the result and cannot replace it. An
 *   error of the handler is thrown at the `yield`. If the generator catches it and yields again, the message is handled
 *   again. If it catches it and returns, the dispatch resolves to `undefined`. If it returns before its first `yield`,
 *   the handler does not run. Where nothing is awaited, a plain `function*` does the same at a third of the cost.
 *
 * The value that the call returns tells the two apart, so compiled and bound functions work, too.
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
 * What `use` accepts: a middleware function, or an object with one.
 *
 * @typeParam M The message.
 * @typeParam R The result.
 */
export type AnyMiddleware<M = object, R = unknown> = Middleware<M, R> | MiddlewareObject<M, R>;
