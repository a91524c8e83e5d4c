import type { HandlerContext } from "../context.ts";
import type { Middleware } from "../middleware.ts";
import { type ErrorFilter, toPredicate } from "./error_filter.ts";

/** What {@linkcode captureError} captures, and what becomes of it. */
export interface CaptureErrorOptions {
  /**
   * Which errors are reported: classes of error, or a predicate.
   *
   * @default {all of them}
   */
  readonly on?: ErrorFilter;
  /**
   * Whether a reported error comes out all the same. With `false` the dispatch resolves to `undefined` instead.
   *
   * @default {true}
   */
  readonly rethrow?: boolean;
}

/**
 * Makes a middleware that reports errors, to a log or an error tracker. On the command bus it does not see the failures
 * of related events: put one on the event bus too.
 *
 * @param report Is given the error, the message and the context. It is awaited; what it throws comes out instead.
 * @param options Which errors, and whether they come out all the same.
 * @returns The middleware.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { captureError, Command, MessageRouter } from "@cq/core";
 *
 * class CreateUser extends Command {}
 *
 * const reported: string[] = [];
 * const commands = new MessageRouter().newCommandBus()
 *   .use(captureError((error) => reported.push(String(error))))
 *   .subscribe(CreateUser, () => {
 *     throw new Error("The disk is full");
 *   });
 *
 * await assertRejects(() => commands.dispatch(new CreateUser()), Error, "The disk is full");
 * assertEquals(reported, ["Error: The disk is full"]);
 * ```
 */
export function captureError(
  report: (error: unknown, message: object, context: HandlerContext) => unknown,
  options: CaptureErrorOptions = {},
): Middleware {
  const { on, rethrow = true } = options;
  const isWanted = toPredicate(on);

  return async function captureError(message, next, context) {
    try {
      return await next();
    } catch (error) {
      if (!isWanted(error)) throw error;
      await report(error, message, context);
      if (rethrow) throw error;
      return undefined;
    }
  };
}
