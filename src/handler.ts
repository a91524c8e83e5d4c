import type { ContextFor, HandlerContext, HandlerSource } from "./context.ts";
import type { MessageKind, MessageOf, ResultOf } from "./message.ts";

/**
 * Handles a message without a class.
 *
 * @typeParam M The message.
 * @typeParam R What the handler returns, or what its promise resolves to.
 * @typeParam C The context that the bus passes.
 */
export type HandlerFunction<M, R = ResultOf<M>, C extends HandlerContext = HandlerContext> = (
  message: M,
  context: C,
) => R | Promise<R> | PromiseLike<R>;

/**
 * An object that handles a message. A new one is built each time that the handler runs, unless the container shares it.
 *
 * @typeParam M The message.
 * @typeParam R What the handler returns, or what its promise resolves to.
 * @typeParam C The context that the bus passes.
 *
 * @example
 * ```ts
 * import { type Handler, Query } from "@cq/core";
 *
 * class FindUserName extends Query<string> {}
 *
 * class FindUserNameHandler implements Handler<FindUserName> {
 *   handle(_query: FindUserName): string {
 *     return "Ada";
 *   }
 * }
 * ```
 */
export interface Handler<M, R = ResultOf<M>, C extends HandlerContext = HandlerContext> {
  // A property, not a method: the compiler compares the parameters of methods in both directions, and would accept a
  // handler that demands more than the message has.
  /** Handles the message. */
  readonly handle: HandlerFunction<M, R, C>;
}

/**
 * A class whose instances handle a message.
 *
 * @typeParam H The instances of the class.
 */
// deno-lint-ignore no-explicit-any -- only the container knows the arguments of the constructor
export type HandlerClass<H = object> = new (...args: any[]) => H;

/**
 * What the handler of a message class has to return. It is `unknown` for an event: the results of its handlers are not
 * used. A handler of several classes has to return what all of them promise.
 *
 * @typeParam K The kind of the message.
 * @typeParam T The message class, or a list of them.
 */
export type HandlerResult<K extends MessageKind, T> = K extends "event" ? unknown : SharedResult<MessageOf<T>>;

/**
 * The intersection of the results of a union of messages. The compiler infers an intersection where a type is the
 * parameter of several functions.
 *
 * @typeParam M The messages.
 */
export type SharedResult<M> = (M extends unknown ? (result: ResultOf<M>) => void : never) extends
  (result: infer Result) => void ? Result : never;

/**
 * The function that handles a message class, as the compiler checks it.
 *
 * @typeParam K The kind of the message.
 * @typeParam T The message class, or a list of them.
 */
export type HandlerFunctionFor<K extends MessageKind, T> = HandlerFunction<
  MessageOf<T>,
  HandlerResult<K, T>,
  ContextFor<K, T>
>;

/**
 * The class that handles a message class, as the compiler checks it.
 *
 * @typeParam K The kind of the message.
 * @typeParam T The message class, or a list of them.
 */
export type HandlerClassFor<K extends MessageKind, T> = HandlerClass<
  Handler<MessageOf<T>, HandlerResult<K, T>, ContextFor<K, T>>
>;

/**
 * How a handler is registered.
 *
 * @typeParam R The result of the message.
 */
export interface HandlerOptions<R = unknown> {
  /**
   * Drops an error of the handler, or of the middlewares around it; the dispatch then resolves to `undefined`. Failures
   * of listeners, of related events and of the disposal of a command's scope still reject it. The compiler accepts `true` only if the result of the message
   * may be `undefined`.
   *
   * @default {false}
   */
  readonly failSilently?: (undefined extends R ? boolean : false) | undefined;
}

/** A handler of a class of message. */
export interface RegisteredHandler {
  /** The kind of bus that it is registered with. */
  readonly kind: MessageKind;
  /** The class or function. */
  readonly handler: HandlerSource;
}
