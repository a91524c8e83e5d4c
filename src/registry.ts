import type { HandlerSource } from "./context.ts";
import { DuplicateHandlerError } from "./errors.ts";
import { ANONYMOUS } from "./internal/function_name.ts";
import { STREAM } from "./item_stream.ts";
import { classOf } from "./message_class.ts";
import { haveOneName, type MessageNames, nameOf } from "./naming.ts";
import { refuseUndefined } from "./refuse_undefined.ts";
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
 * The registries that a registry belongs to.
 *
 * @internal
 */
interface Relatives {
  /** What it is a fork of. */
  readonly parent?: HandlerRegistry | undefined;
  /** One for another kind of message, with which it counts its versions. */
  readonly sibling?: HandlerRegistry | undefined;
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
  /**
   * Whether a handler that is registered again under its own name, for the same class, takes the place of the former: what
   * hot reload needs, which evaluates a module again.
   *
   * @default {false}
   */
  hotReload = false;
  /** Knows the stable names of messages, for errors. */
  catalogue: MessageNames | undefined = undefined;
  readonly #kind: "single" | "multiple";
  readonly #parent: HandlerRegistry | undefined;
  readonly #registrations = new Map<object, Registration[]>();
  readonly #order: WeakMap<Registration, number>;
  readonly #count: { value: number };

  /**
   * Makes an empty registry.
   *
   * @param kind Whether a class of message has a single handler, or multiple handlers.
   */
  constructor(kind: "single" | "multiple");
  /**
   * Makes a registry that belongs to others. {@linkcode HandlerRegistry.fork} and the router call it.
   *
   * @internal
   */
  constructor(kind: "single" | "multiple", relatives: Relatives);
  constructor(kind: "single" | "multiple", { parent, sibling }: Relatives = {}) {
    this.#kind = kind;
    this.#parent = parent;
    const relative = parent ?? sibling;
    this.#order = relative === undefined ? new WeakMap() : relative.#order;
    this.#count = relative === undefined ? { value: 0 } : relative.#count;
    this.hotReload = parent?.hotReload ?? false;
    this.catalogue = parent?.catalogue;
  }

  /** Changes each time a handler is registered, with the registry or a relative of it. */
  get version(): number {
    return this.#count.value;
  }

  /** The classes that have a handler, in the order of their registration. */
  get messageTypes(): readonly MessageType[] {
    return Array.from(this.#prototypes(), classOf);
  }

  /**
   * Makes a registry that has the same handlers, those included that are registered later, and handlers of its own. Of two
   * single handlers for a class its own comes first.
   *
   * @returns The registry. What is registered with it stays with it.
   */
  fork(): HandlerRegistry {
    return new HandlerRegistry(this.#kind, { parent: this });
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
    const { source } = registration;
    // The spread turns a hole of a list into undefined, which is refused.
    const list: readonly MessageType[] = Array.isArray(types) ? [...types] : [types];
    const prototypes = new Set(list.map((type) => prototypeOfClass(type, source)));
    if (prototypes.size === 0) {
      throw new TypeError(`Cannot register "${nameOf(source)}" for an empty list: name at least one class of message`);
    }
    if (this.#kind === "single") {
      for (const prototype of prototypes) {
        this.#refuseDuplicate(prototype, source);
        (prototype as Checked)[STREAM]?.checkRegistration(classOf(prototype), registration);
      }
    }
    this.#order.set(registration, ++this.#count.value);
    for (const prototype of prototypes) this.#add(prototype, registration);
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
      const registered = this.#registeredFor(current);
      if (registered === undefined) continue;
      if (this.#kind === "single") return registered;
      for (const registration of registered) {
        if (!found.has(registration.source)) found.set(registration.source, registration);
      }
    }
    return [...found.values()];
  }

  /**
   * Tells whether a class has a handler that is not one for everything.
   *
   * @param prototype The prototype of the class.
   * @returns Whether the class has one, or a base class of it other than `Object`.
   */
  knows(prototype: object): boolean {
    for (let current = prototype, base; (base = Object.getPrototypeOf(current)) !== null; current = base) {
      if (this.#registeredFor(current) !== undefined) return true;
    }
    return false;
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
    const isNamesake = (other: MessageType) =>
      // A minifier gives many classes the same name. Those of a catalogue are known to be different.
      other !== type && nameOf(other) === name && !(this.#isListed(other) && this.#isListed(type));
    return name !== ANONYMOUS && this.messageTypes.some(isNamesake);
  }

  /**
   * Names a class of message, for an error.
   *
   * @param type The class.
   * @returns The stable name; the name of the class if there is none.
   */
  nameOf(type: MessageType): string {
    return this.catalogue?.nameOf(type) ?? nameOf(type);
  }

  #isListed(type: MessageType): boolean {
    return this.catalogue?.nameOf(type) !== undefined;
  }

  #prototypes(): Set<object> {
    const inherited = this.#parent === undefined ? [] : this.#parent.#prototypes();
    return new Set([...inherited, ...this.#registrations.keys()]);
  }

  #registeredFor(prototype: object): readonly Registration[] | undefined {
    const own = this.#registrations.get(prototype);
    const inherited = this.#parent === undefined ? undefined : this.#parent.#registeredFor(prototype);
    if (own === undefined || inherited === undefined) return own ?? inherited;
    return this.#kind === "single" ? own : [...inherited, ...own];
  }

  #refuseDuplicate(prototype: object, source: HandlerSource): void {
    const registered = this.#registrations.get(prototype)?.[0];
    if (registered === undefined || this.#isEvaluatedAgain(registered, source)) return;
    const type = classOf(prototype);
    throw new DuplicateHandlerError(type, { registered: registered.source, refused: source, name: this.nameOf(type) });
  }

  #add(prototype: object, registration: Registration): void {
    // A copy, since buses compare what they have found with what they find.
    const registered = [...this.#registrations.get(prototype) ?? []];
    this.#registrations.set(prototype, registered);
    const place = registered.findIndex((former) => this.#isEvaluatedAgain(former, registration.source));
    if (place < 0) return void registered.push(registration);
    const [former] = registered.splice(place, 1, registration);
    this.#order.set(registration, this.#order.get(former!)!);
  }

  /** A handler without a name could be any other. */
  #isEvaluatedAgain(former: Registration, source: HandlerSource): boolean {
    return this.hotReload && haveOneName(former.source, source);
  }
}

/** The prototype of a class. It has to name the class, since a message leads to its class by its prototype. */
function prototypeOfClass(type: MessageType, handler: HandlerSource): object {
  if (type === undefined) refuseUndefined(`register "${nameOf(handler)}"`, "the class of its message");
  // A bound class has no prototype of its own, and would be taken for its base.
  const prototype: unknown = typeof type === "function" && Object.hasOwn(type, "prototype") && type.prototype;
  if (typeof prototype !== "object" || prototype === null || classOf(prototype).prototype !== prototype) {
    throw new TypeError(`Cannot register a handler for "${nameOf(type)}": it is not a class`);
  }
  return prototype;
}
