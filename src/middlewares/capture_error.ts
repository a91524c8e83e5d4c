import type { HandlerContext } from "../context.ts";
import { textOf } from "../internal/text.ts";
import type { Middleware } from "../middleware.ts";
import { type ErrorFilter, toPredicate } from "./error_filter.ts";

/** Which errors {@linkcode captureError} reports, and whether they still come out. */
export interface CaptureErrorOptions {
  /**
   * Which errors are reported: a class of error, a list of classes, or a predicate, whose promise is awaited.
   *
   * @default {every error}
   */
  readonly on?: ErrorFilter | undefined;
  /**
   * Whether a reported error still comes out. With `false` the dispatch resolves to `undefined` instead.
   *
   * @default {true}
   */
  readonly rethrow?: boolean | undefined;
}

/**
 * Makes a middleware that reports errors, to a log or an error tracker. On the command bus it does not see the failures
 * of related events: use one on the event bus too.
 *
 * @param report Receives the error, the message and the context. It is awaited. What it throws comes out instead.
 * @param options Which errors are reported, and whether they still come out.
 * @returns The middleware.
 * @throws {TypeError} If `report` is not a function, or `on` is neither a class, nor a list of classes, nor a function.
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
  if (typeof report !== "function") {
    throw new TypeError(`Cannot report errors to ${textOf(report)}: it is not a function`);
  }
  const isWanted = toPredicate(on, "capture errors");

  return async function captureError(message, next, context) {
    try {
      return await next();
    } catch (error) {
      if (!await isWanted(error)) throw error;
      await report(error, message, context);
      if (rethrow) throw error;
      return undefined;
    }
  };
}
