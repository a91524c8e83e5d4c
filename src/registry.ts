import type { HandlerSource } from "./context.ts";
import { DuplicateHandlerError } from "./errors.ts";
import { ANONYMOUS } from "./internal/function_name.ts";
import { STREAM } from "./item_stream.ts";
import { classOf } from "./message_class.ts";
import { nameOf } from "./naming.ts";
import type { MessageType } from "./message.ts";

/** A handler as a registry keeps it. */
export interface Registration {
  /** The class or function that handles the messages. */
  readonly source: HandlerSource;
  /** Whether `source` is a class. Each dispatch builds a new instance of it. */
  readonly isClass: boolean;
  /** Whether the handler's errors are dropped. */
  readonly failSilently: boolean;
}

/** The prototype of a class of message, which may have a say in how its handler is registered. */
interface Checked {
  readonly [STREAM]?: { readonly checkRegistration: (type: MessageType, registration: Registration) => void };
}

/**
 * Knows which handler handles which class of message.
 *
 * A registry is polymorphic: a handler of a base class receives the messages of every subclass. In a `"single"`
 * registry a class has one handler, and the nearest handler on the prototype chain receives the message. In a
 * `"multiple"` registry a class has any number of handlers, and every handler on the chain receives the message: those
 * of the message's own class first, each handler once.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event, HandlerRegistry } from "@cq/core";
 *
 * class UserCreated extends Event {}
 *
 * const registry = new HandlerRegistry("multiple");
 * registry.register(UserCreated, { source: () => {}, isClass: false, failSilently: false });
 *
 * assertEquals(registry.messageTypes, [UserCreated]);
 * ```
 */
export class HandlerRegistry {
  readonly #kind: "single" | "multiple";
  readonly #registrations = new Map<object, Registration[]>();
  readonly #order = new Map<Registration, number>();
  #version = 0;

  /**
   * Makes an empty registry.
   *
   * @param kind Whether a class of message has a single handler, or multiple handlers.
   */
  constructor(kind: "single" | "multiple") {
    this.#kind = kind;
  }

  /** Changes each time a handler is registered. */
  get version(): number {
    return this.#version;
  }

  /** The classes that have a handler, in the order of their registration. */
  get messageTypes(): readonly MessageType[] {
    return Array.from(this.#registrations.keys(), classOf);
  }

  /**
   * Registers a handler, for all of the classes or, if it throws, for none.
   *
   * @param types The class that the handler handles, or a list of classes.
   * @param registration The handler.
   * @throws {DuplicateHandlerError} If one of the classes has its single handler already.
   * @throws {TypeError} If one of the types is not a class, if the list is empty, or if errors of a stream query would be
   * dropped.
   */
  register(types: MessageType | readonly MessageType[], registration: Registration): void {
    // The spread turns a hole of a list into undefined, which is refused.
    const prototypes = new Set((Array.isArray(types) ? [...types] : [types]).map(prototypeOfClass));
    if (prototypes.size === 0) {
      throw new TypeError(
        `Cannot register "${nameOf(registration.source)}" for an empty list: name at least one class of message`,
      );
    }
    if (this.#kind === "single") {
      for (const prototype of prototypes) {
        this.#refuseDuplicate(prototype, registration);
        (prototype as Checked)[STREAM]?.checkRegistration(classOf(prototype), registration);
      }
    }
    for (const prototype of prototypes) {
      const registered = this.#registrations.get(prototype);
      if (registered === undefined) this.#registrations.set(prototype, [registration]);
      else registered.push(registration);
    }
    if (!this.#order.has(registration)) this.#order.set(registration, this.#order.size);
    this.#version++;
  }

  /**
   * Finds the handlers of a class of message.
   *
   * @param prototype The prototype of the class.
   * @returns The handlers; at most one if the registry is of the kind `"single"`.
   */
  find(prototype: object): readonly Registration[] {
    const found = new Map<HandlerSource, Registration>();
    for (let current: object | null = prototype; current !== null; current = Object.getPrototypeOf(current)) {
      const registered = this.#registrations.get(current);
      if (registered === undefined) continue;
      if (this.#kind === "single") return registered;
      for (const registration of registered) {
        if (!found.has(registration.source)) found.set(registration.source, registration);
      }
    }
    return [...found.values()];
  }

  /**
   * Sorts handlers in the order of their registration.
   *
   * @param registrations The handlers.
   * @returns A sorted copy.
   */
  inOrder(registrations: readonly Registration[]): readonly Registration[] {
    return [...registrations].sort((a, b) => this.#order.get(a)! - this.#order.get(b)!);
  }

  /**
   * Tells whether another class with the same name has a handler, which is the sign of a module that was loaded twice.
   *
   * @param type The class.
   * @returns Whether another class has one.
   */
  hasNamesake(type: MessageType): boolean {
    const name = nameOf(type);
    return name !== ANONYMOUS && this.messageTypes.some((other) => other !== type && nameOf(other) === name);
  }

  #refuseDuplicate(prototype: object, { source }: Registration): void {
    const registered = this.#registrations.get(prototype)?.[0];
    if (registered !== undefined) {
      throw new DuplicateHandlerError(classOf(prototype), { registered: registered.source, refused: source });
    }
  }
}

/** The prototype of a class. It has to name the class, since a message leads to its class by its prototype. */
function prototypeOfClass(type: MessageType): object {
  // A bound class has no prototype of its own, and would be taken for its base.
  const prototype: unknown = typeof type === "function" && Object.hasOwn(type, "prototype") && type.prototype;
  if (typeof prototype !== "object" || prototype === null || classOf(prototype).prototype !== prototype) {
    throw new TypeError(`Cannot register a handler for "${nameOf(type)}": it is not a class`);
  }
  return prototype;
}
