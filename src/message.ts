/**
 * Carries the kind and the result of a message through the type system; it does not exist at run time.
 *
 * @internal
 */
declare const contract: unique symbol;

/**
 * What a message's type says about it: on which bus it belongs, and what its handler returns.
 *
 * @internal
 */
interface Contract<Kind extends MessageKind, Result> {
  readonly kind: Kind;
  readonly result: Result;
}

/** The three kinds of message, each with a bus of its own. */
export type MessageKind = "command" | "query" | "event";

/**
 * The intent to change the state, handled by exactly one handler.
 *
 * The class is empty at run time. It only tells the compiler that a command goes to the {@linkcode CommandBus},
 * and what comes back.
 *
 * @typeParam Result The value that the handler returns. `void` unless named.
 *
 * @example
 * ```ts
 * import { Command } from "@cq/core";
 *
 * class CreateUser extends Command<number> {
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 * ```
 */
export abstract class Command<Result = void> {
  /** Exists for the compiler alone. */
  declare readonly [contract]: Contract<"command", Result>;
}

/**
 * The wish to read the state, answered by exactly one handler.
 *
 * @typeParam Result The value that the handler returns.
 *
 * @example
 * ```ts
 * import { Query } from "@cq/core";
 *
 * class FindUserName extends Query<string | undefined> {
 *   readonly id: number;
 *
 *   constructor(id: number) {
 *     super();
 *     this.id = id;
 *   }
 * }
 * ```
 */
export abstract class Query<Result> {
  /** Exists for the compiler alone. */
  declare readonly [contract]: Contract<"query", Result>;
}

/**
 * The news that something has happened, for any number of handlers, none included.
 *
 * The name shadows the DOM's global `Event` in modules that import it.
 *
 * @example
 * ```ts
 * import { Event } from "@cq/core";
 *
 * class UserCreated extends Event {
 *   readonly id: number;
 *
 *   constructor(id: number) {
 *     super();
 *     this.id = id;
 *   }
 * }
 * ```
 */
export abstract class Event {
  /** Exists for the compiler alone. */
  declare readonly [contract]: Contract<"event", void>;
}

/**
 * A message whose class extends none of the three bases. Any value that has a class will do; the compiler then knows
 * neither its bus nor its result.
 */
export type PlainMessage = (object | string | number | boolean | bigint | symbol) & { readonly [contract]?: never };

/** The messages that each bus accepts, by kind. */
export interface MessagesByKind {
  /** What a command bus accepts. */
  command: Command<unknown> | PlainMessage;
  /** What a query bus accepts. */
  query: Query<unknown> | PlainMessage;
  /** What an event bus accepts. */
  event: Event | PlainMessage;
}

/**
 * The result that a message's type promises: `number` for a `Command<number>`, `unknown` for a plain class.
 *
 * @typeParam M The message. A union of messages gives the union of their results.
 */
export type ResultOf<M> = M extends { readonly [contract]: Contract<MessageKind, infer Result> } ? Result : unknown;

/** Stands for the result that the message's own type promises, where the caller of `dispatch` names none. */
export interface FromMessage {
  /** Exists for the compiler alone. */
  readonly [contract]: "the result that the message's type promises";
}

/**
 * What a bus accepts. A caller may name the result of a plain message, and of no other.
 *
 * @typeParam K The kind of the bus.
 * @typeParam R The result that the caller names.
 */
export type Dispatchable<K extends MessageKind, R> = [R] extends [FromMessage] ? MessagesByKind[K] : PlainMessage;

/**
 * What comes out of a dispatch: what the caller named, or else what the message's type promises. It is never inferred
 * from where the value goes.
 *
 * @typeParam R The result that the caller names.
 * @typeParam M The message.
 */
export type DispatchResult<R, M> = [R] extends [FromMessage] ? ResultOf<M> : NoInfer<R>;

/**
 * The class of a message, abstract ones included.
 *
 * @typeParam M The instances of the class.
 */
export type MessageType<M = unknown> = abstract new (...args: never) => M;

/**
 * The message that a handler for `T` receives: the instances of a class, or of any class in a list.
 *
 * @typeParam T A message class, or a list of them.
 */
export type MessageOf<T> = T extends readonly (infer Element)[] ? InstanceOf<Element> : InstanceOf<T>;

/** @internal */
type InstanceOf<T> = T extends MessageType<infer M> ? M : never;

/**
 * The prototype that identifies the class of a message.
 *
 * Identity is the prototype and never a name: names collide, and minifiers change them. The prototype also holds
 * where a message carries data of its own named `constructor`.
 *
 * @param message The message to identify. A primitive is identified by its wrapper class.
 * @returns The prototype of the message's class.
 * @throws {TypeError} If the value has no class.
 */
export function prototypeOf(message: unknown): object {
  const prototype = message === null || message === undefined ? null : Object.getPrototypeOf(message);
  if (prototype === null) {
    const value = message === null || message === undefined ? String(message) : "an object with a null prototype";
    throw new TypeError(`Cannot dispatch ${value}: a message is an instance of a class`);
  }
  return prototype;
}

/**
 * The class that a prototype belongs to.
 *
 * @param prototype A prototype, as {@linkcode prototypeOf} returns it.
 * @returns The class; `Object` where the prototype names none.
 */
export function classOf(prototype: object): MessageType {
  const type: unknown = prototype.constructor;
  return (typeof type === "function" ? type : Object) as MessageType;
}

/**
 * The name of a class or function, for people to read.
 *
 * @param value A class or a function.
 * @returns Its name, or what it is where it has none.
 */
export function nameOf(value: unknown): string {
  if (typeof value !== "function") return String(value);
  return value.name === "" ? "(anonymous)" : value.name;
}
