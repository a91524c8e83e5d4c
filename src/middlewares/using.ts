import type { HandlerContext } from "../context.ts";
import { disposerOf, settleThenDispose } from "../internal/dispose.ts";
import { describe, typeNameOf } from "../naming.ts";
import type { Middleware } from "../middleware.ts";

/** Something with `Symbol.asyncDispose` or `Symbol.dispose`. */
export type AnyDisposable =
  | { [Symbol.asyncDispose](): PromiseLike<void> }
  | { [Symbol.dispose](): void };

/**
 * Makes a middleware that opens a disposable around each call, such as a lock, a span or a connection. It disposes it
 * when the call has succeeded, and also when it has failed.
 *
 * @param open Opens it, for a message and its context.
 * @returns The middleware. If both the call and the disposal fail, it rejects with an `AggregateError` of both errors.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter, using } from "@cq/core";
 *
 * class CreateUser extends Command {}
 *
 * const log: string[] = [];
 * const commands = new MessageRouter().newCommandBus()
 *   .use(using(() => {
 *     log.push("locked");
 *     return { [Symbol.dispose]: () => void log.push("unlocked") };
 *   }))
 *   .subscribe(CreateUser, () => void log.push("created"));
 *
 * await commands.dispatch(new CreateUser());
 *
 * assertEquals(log, ["locked", "created", "unlocked"]);
 * ```
 */
export function using(
  open: (message: object, context: HandlerContext) => AnyDisposable | PromiseLike<AnyDisposable>,
): Middleware {
  if (typeof open !== "function") throw new TypeError(`Cannot open with ${describe(open)}: it is not a function`);

  return async function using(message, next, context) {
    const dispose = disposerOf(await open(message, context));
    if (dispose === undefined) {
      throw new TypeError(
        `Cannot handle "${typeNameOf(message)}" with what was opened for it: it has neither ` +
          "Symbol.asyncDispose nor Symbol.dispose",
      );
    }
    return await settleThenDispose(next(), [dispose], "Cannot dispose what was opened for a call that has failed too");
  };
}
