import type { HandlerClass, HandlerClassFor, HandlerOptions, HandlerResult } from "./handler.ts";
import { nameOf } from "./naming.ts";
import type { MessageKind, MessagesByKind, MessageType } from "./message.ts";
import type { HandlerRegistry } from "./registry.ts";

/**
 * One message class, or a list of them.
 *
 * @typeParam M The messages.
 */
export type OneOrMore<M> = MessageType<M> | readonly [MessageType<M>, ...MessageType<M>[]];

/**
 * Registers a handler class, as a decorator or called as a function.
 *
 * @typeParam C The handler classes that the compiler accepts.
 */
export type HandlerDecorator<C extends HandlerClass> = <T extends C>(
  type: T,
  context?: ClassDecoratorContext<T>,
) => void;

/**
 * Makes a decorator that registers handler classes.
 *
 * @typeParam K The kind of message.
 * @typeParam T The message class, or a list of them.
 * @param registry Where the handlers are registered.
 * @param kind The kind of message.
 * @param types The message class, or a list of them.
 * @param options How the handler is registered.
 * @returns The decorator.
 */
export function handlerDecorator<K extends MessageKind, T extends OneOrMore<MessagesByKind[K]>>(
  registry: HandlerRegistry,
  { kind, types, options = {} }: { kind: K; types: T; options: HandlerOptions<HandlerResult<K, T>> | undefined },
): HandlerDecorator<HandlerClassFor<K, T>> {
  const failSilently = options.failSilently ?? false;
  const register = (type: HandlerClass) => registry.register(types, { source: type, isClass: true, failSilently });

  return (type, context) => {
    // Legacy decorators and plain calls pass no context: the class is final as it is.
    const isClass = typeof type === "function" && type.prototype !== undefined;
    if (!isClass || (context !== undefined && context.kind !== "class")) {
      throw new TypeError(
        `Cannot use "${nameOf(type)}" as a ${kind} handler: it is not a class. ` +
          `A function is registered with subscribe() on the ${kind} bus`,
      );
    }
    if (context === undefined) return register(type);
    // Runs when all decorators have: the class may have been replaced by one of them.
    context.addInitializer(function () {
      register(this);
    });
  };
}
