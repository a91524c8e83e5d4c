import type { HandlerClass, HandlerClassFor, HandlerOptions, HandlerResult } from "./handler.ts";
import { nameOf, withArticle } from "./naming.ts";
import type { MessageKind, MessagesByKind, MessageType } from "./message.ts";
import { refuseOldDecorator } from "./refuse_old_decorator.ts";
import type { HandlerRegistry } from "./registry.ts";

/**
 * One message class, or a list of them.
 *
 * @typeParam M The messages.
 */
export type OneOrMore<M> = MessageType<M> | readonly [MessageType<M>, ...MessageType<M>[]];

/**
 * Registers a handler class. It works as a decorator, and called as a function.
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
 * @param registry The registry of the handlers.
 * @param kind The kind of message.
 * @param types The message class, or a list of them.
 * @param options How the handler is registered.
 * @returns The decorator.
 * @throws {TypeError} If the list is empty.
 */
export function handlerDecorator<K extends MessageKind, T extends OneOrMore<MessagesByKind[K]>>(
  registry: HandlerRegistry,
  { kind, types, options = {} }: { kind: K; types: T; options: HandlerOptions<HandlerResult<K, T>> | undefined },
): HandlerDecorator<HandlerClassFor<K, T>> {
  // The list comes from JavaScript, where it may have been filtered. The compiler refuses an empty one.
  if (Array.isArray(types) && types.length === 0) {
    throw new TypeError(`Cannot register a ${kind} handler for an empty list: name at least one class of message`);
  }
  const failSilently = options.failSilently ?? false;
  const register = (type: HandlerClass) => registry.register(types, { source: type, isClass: true, failSilently });

  return function decorateHandler(type, context) {
    refuseOldDecorator(type, `${withArticle(kind)} handler`);
    const isClass = typeof type === "function" && type.prototype !== undefined;
    if (!isClass || (context !== undefined && context.kind !== "class")) {
      throw new TypeError(
        `Cannot use "${nameOf(type)}" as ${withArticle(kind)} handler: it is not a class. ` +
          `A function is registered with subscribe() on the ${kind} bus`,
      );
    }
    // A legacy decorator and a plain call pass no context: the class is registered as it is.
    if (context === undefined) return register(type);
    // An initializer runs after all decorators: one of them may have replaced the class.
    context.addInitializer(function registerHandler() {
      register(this);
    });
  };
}
