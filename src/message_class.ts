import { functionNameOf } from "./internal/function_name.ts";
import type { MessageType } from "./message.ts";

/**
 * The prototype that identifies the class of a message.
 *
 * The prototype is the identity, never the name: names collide, and minifiers change them. The prototype is also right
 * for a message that has data named `constructor`.
 *
 * @param message The message to identify. A primitive is identified by its wrapper class.
 * @returns The prototype of the message's class.
 * @throws {TypeError} If the value has no class.
 */
export function prototypeOf(message: unknown): object {
  if (message === null || message === undefined) {
    throw new TypeError(`Cannot dispatch ${message}: a message is an instance of a class`);
  }
  // With a forgotten `new` or `await` an event would have no handler, and nothing would say so.
  if (typeof message === "function") {
    throw new TypeError(
      `Cannot dispatch "${functionNameOf(message)}" itself: a message is an instance of a class, new …()`,
    );
  }
  if (typeof (message as { then?: unknown }).then === "function") {
    throw new TypeError("Cannot dispatch a promise: a message is what it resolves to, await it first");
  }
  const prototype: object | null = Object.getPrototypeOf(message);
  if (prototype === null || nearestClass(prototype) === undefined) {
    throw new TypeError("Cannot dispatch an object with a null prototype: a message is an instance of a class");
  }
  return prototype;
}

/**
 * The class that a prototype belongs to: the nearest one on its chain. A `constructor` counts only where it stands on
 * its own prototype: data of that name, on an object that serves as a prototype, is not a class.
 *
 * @param prototype A prototype, as {@linkcode prototypeOf} returns it.
 * @returns The class; `Object` if the chain has none.
 */
export function classOf(prototype: object): MessageType {
  return nearestClass(prototype) ?? Object;
}

/**
 * Whether a message is an instance of a class. Unlike with `instanceof`, a primitive is an instance of its wrapper
 * class, and `Symbol.hasInstance` has no effect.
 *
 * @param message Any value. A value without a class is not an instance of any class.
 * @param type The class.
 * @returns Whether it is an instance of the class or of a derived class.
 */
export function isInstanceOf(message: unknown, type: MessageType): boolean {
  if (message === null || message === undefined) return false;
  return Object.prototype.isPrototypeOf.call(type.prototype as object, Object(message));
}

/**
 * Whether a class is one of the language or the runtime, in any realm: what a message has that has lost its own class.
 *
 * @param type The class.
 * @returns Whether it is one, as far as the runtime tells.
 */
export function isBuiltIn(type: MessageType): boolean {
  return Function.prototype.toString.call(type).match(/\{\s*\[native code\]\s*\}$/) !== null;
}

function nearestClass(prototype: object): MessageType | undefined {
  for (let current: object | null = prototype; current !== null; current = Object.getPrototypeOf(current)) {
    const type: unknown = Object.hasOwn(current, "constructor") ? current.constructor : undefined;
    if (typeof type === "function" && type.prototype === current) return type as unknown as MessageType;
  }
  return undefined;
}
