import type { DispatchOptions } from "../context.ts";
import { Bus } from "../bus/bus.ts";
import type { CommandBus } from "../bus/command_bus.ts";
import type { DispatcherFunction } from "../dispatcher.ts";
import type { EventBus } from "../bus/event_bus.ts";
import type { MessageType, ResultOf } from "../message.ts";
import { describe } from "../naming.ts";
import type { QueryBus } from "../bus/query_bus.ts";
import { BusRecorder } from "./recorder.ts";

/**
 * One dispatch.
 *
 * @typeParam M The message.
 */
export interface DispatchRecord<M = unknown> {
  /** The message. */
  readonly message: M;
  /** The signal and the metadata that the caller gave. */
  readonly options: DispatchOptions | undefined;
  /** How it ended: with a value or with a reason, as of `Promise.allSettled`. `undefined` as long as it runs. */
  readonly outcome: PromiseSettledResult<ResultOf<M>> | undefined;
}

/**
 * What a recording bus can do besides what the bus can.
 *
 * @typeParam M The messages that the bus takes.
 */
export interface Recorder<M = unknown> {
  /** Everything that was dispatched, in the order of the dispatches. */
  readonly records: readonly DispatchRecord<M>[];

  /**
   * The messages of a class that were dispatched.
   *
   * @typeParam T The messages.
   * @param type Their class, or a base of it.
   * @returns The messages, in the order of the dispatches.
   */
  messages<T extends M>(type: MessageType<T>): T[];

  /**
   * Waits until a message of a class has been dispatched and handled.
   *
   * It begins with the first message and gives each one once, so that it does not matter whether you ask before or after the
   * dispatch. A dispatch that fails counts too.
   *
   * @typeParam T The message.
   * @param type Its class, or a base of it.
   * @param options A signal that ends the wait. It takes no message away from others who wait.
   * @returns The dispatch, with its outcome.
   * @throws The reason of the signal.
   */
  next<T extends M>(
    type: MessageType<T>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<CompletedRecord<T>>;

  /**
   * Answers messages of a class in place of their handler. Neither handlers, middlewares nor listeners see them.
   *
   * The answer for the nearest class on the prototype chain is given. A second one for a class replaces the first.
   *
   * @typeParam T The message.
   * @param type Its class, or a base of it.
   * @param answer Gives the result, or throws.
   * @returns The recording bus itself.
   */
  answer<T extends M>(
    type: MessageType<T>,
    answer: (message: T, options: DispatchOptions | undefined) => ResultOf<T> | PromiseLike<ResultOf<T>>,
  ): this;
}

/**
 * A dispatch that has ended.
 *
 * @typeParam M The message.
 */
export interface CompletedRecord<M = unknown> extends DispatchRecord<M> {
  /** How it ended: with a value or with a reason, as of `Promise.allSettled`. */
  readonly outcome: PromiseSettledResult<ResultOf<M>>;
}

/**
 * A bus that records.
 *
 * @typeParam B The bus.
 */
export type RecordingBus<B extends AnyBus> = B & Recorder<Parameters<B["dispatch"]>[0]>;

/** A bus of any of the three kinds. */
export type AnyBus = CommandBus | QueryBus | EventBus;

/**
 * Wraps a bus, so that a test sees what was dispatched on it, waits for a message, and answers in place of handlers.
 *
 * It takes the place of the bus, by type as well: pass it to what is tested, or bind it in the container. What goes
 * to the wrapped bus directly is not recorded.
 *
 * @typeParam B The bus.
 * @param bus The bus.
 * @returns The bus that records.
 * @throws {TypeError} If it is no bus.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, type CommandBus, MessageRouter } from "@cq/core";
 * import { recordingBus } from "@cq/core/testing";
 *
 * class ChargeCard extends Command<boolean> {}
 * class SendReceipt extends Command {}
 *
 * async function checkOut(commands: CommandBus): Promise<string> {
 *   const isPaid = await commands.dispatch(new ChargeCard());
 *   // Nobody waits for the mail.
 *   if (isPaid) queueMicrotask(() => commands.dispatch(new SendReceipt()));
 *   return isPaid ? "paid" : "declined";
 * }
 *
 * const router = new MessageRouter();
 * const commands = recordingBus(router.newCommandBus())
 *   .answer(ChargeCard, () => true)
 *   .answer(SendReceipt, () => {});
 *
 * assertEquals(await checkOut(commands), "paid");
 *
 * const { outcome } = await commands.next(SendReceipt);
 * assertEquals(outcome.status, "fulfilled");
 * assertEquals(commands.records.map(({ message }) => message), [new ChargeCard(), new SendReceipt()]);
 * ```
 */
export function recordingBus<B extends AnyBus>(bus: B): RecordingBus<B> {
  if (!(bus instanceof Bus)) throw new TypeError(`Cannot record on ${describe(bus)}: it is no bus`);
  const { dispatch } = bus as { dispatch: DispatcherFunction<unknown> };
  const recorder = new BusRecorder((message, options) => Reflect.apply(dispatch, bus, [message, options]));
  const own = {
    records: recorder.records,
    messages: (type: MessageType) => recorder.messages(type),
    next: (type: MessageType, options: { signal?: AbortSignal } = {}) => recorder.next(type, options.signal),
    answer: (type: MessageType, answer: () => unknown) => {
      recorder.answer(type, answer);
      return recording;
    },
    dispatch: (message: unknown, options?: DispatchOptions) => recorder.dispatch(message, options),
    canHandle: (message: object) => recorder.answerFor(message) !== undefined || bus.canHandle(message),
  };
  const recording: RecordingBus<B> = new Proxy(bus, {
    get: (_bus, key) => {
      if (Object.hasOwn(own, key)) return own[key as keyof typeof own];
      const value: unknown = Reflect.get(bus, key);
      if (typeof value !== "function" || key === "constructor") return value;
      // A bus keeps its state in private fields, so its methods are called on itself, whoever passes for it.
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(value, bus, args);
        return result === bus ? recording : result;
      };
    },
  }) as RecordingBus<B>;
  return recording;
}
