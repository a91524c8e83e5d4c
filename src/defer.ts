import type { DispatchOptions } from "./context.ts";
import { type Dispatcher, toDispatchFunction } from "./dispatcher.ts";
import { describe } from "./naming.ts";

/** How {@linkcode defer} reports failures. */
export interface DeferOptions<M = object> {
  /**
   * Receives the error of a dispatch that failed, and its message. If it fails itself, both errors go to
   * `console.error`.
   *
   * @default {console.error}
   */
  readonly onError?: ((error: unknown, message: M) => unknown) | undefined;
}

/**
 * Dispatches without making the caller wait.
 *
 * @typeParam M The messages that it takes.
 */
export interface DeferredDispatcher<M = object> {
  /**
   * Starts a dispatch and returns at once.
   *
   * @param message The message.
   * @param options A signal and metadata. The signal of a request fires when its client hangs up: leave it out if the
   * work must be done nevertheless.
   */
  readonly dispatch: (message: M, options?: DispatchOptions) => void;
}

/**
 * Makes a dispatcher that does not wait for the work: it returns when the handler has come to its first `await`. It
 * hands the promise of the work to a function that keeps the process alive, such as `ctx.waitUntil` of an edge function.
 * A failure goes to `onError`, never to the process.
 *
 * @typeParam M The messages that it takes.
 * @param dispatcher A bus, a pipeline, or a function.
 * @param waitUntil Receives a promise of the work, which never rejects.
 * @param options How failures are reported.
 * @returns The dispatcher.
 * @throws {TypeError} If the first argument is not a dispatcher, or the second is not a function.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { defer, Event, MessageRouter } from "@cq/core";
 *
 * class UserCreated extends Event {}
 *
 * const mails: string[] = [];
 * const events = new MessageRouter().newEventBus();
 * events.subscribe(UserCreated, async () => {
 *   await Promise.resolve();
 *   mails.push("Welcome");
 * });
 *
 * // What an edge runtime does with the promises it is given.
 * const pending: Promise<unknown>[] = [];
 * const deferred = defer(events, (work) => pending.push(work));
 *
 * deferred.dispatch(new UserCreated());
 * assertEquals(mails, []);
 *
 * await Promise.all(pending);
 * assertEquals(mails, ["Welcome"]);
 * ```
 */
export function defer<M = object>(
  dispatcher: Dispatcher<M>,
  waitUntil: (work: Promise<void>) => unknown,
  options: DeferOptions<M> = {},
): DeferredDispatcher<M> {
  const dispatch = toDispatchFunction(dispatcher);
  if (typeof waitUntil !== "function") {
    throw new TypeError(`Cannot defer to ${describe(waitUntil)}: it is not a function`);
  }
  const { onError = (error: unknown) => console.error(error) } = options;

  async function dispatchAndReport(message: M, dispatchOptions: DispatchOptions | undefined): Promise<void> {
    try {
      await dispatch(message, dispatchOptions);
    } catch (error) {
      try {
        await onError(error, message);
      } catch (failure) {
        console.error(failure, error);
      }
    }
  }

  return {
    dispatch: (message, dispatchOptions) => {
      waitUntil(dispatchAndReport(message, dispatchOptions));
    },
  };
}
