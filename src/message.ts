import type { StreamSource } from "./item_stream.ts";
import type { PrivateClass } from "./token.ts";

/**
 * What the type of a message says about it: which bus takes it, and what its handler returns. It does not exist at run
 * time.
 *
 * @typeParam Kind The kind of the message.
 * @typeParam Result The value that the handler returns.
 */
// Its key is a string: where a function of a user returns a class of message, the declarations have to name it, and they
// cannot name a symbol.
export interface Contract<Kind extends MessageKind | "stream", Result> {
  /** The kind of the message. */
  readonly kind: Kind;
  /** The value that the handler returns. */
  readonly result: Result;
}

/** The three kinds of message. Each has its own bus. */
export type MessageKind = "command" | "query" | "event";

/**
 * The intent to change the state, handled by exactly one handler.
 *
 * The class is empty at run time. It only tells the compiler that a command goes to the {@linkcode CommandBus},
 * and what comes back.
 *
 * @typeParam Result The value that the handler returns, `void` by default.
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
  declare readonly "~contract": Contract<"command", Result>;
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
  declare readonly "~contract": Contract<"query", Result>;
}

/**
 * The news that something has happened, for any number of handlers, or none.
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
  declare readonly "~contract": Contract<"event", void>;
}

/**
 * A stream query, as its type says it. The class is {@linkcode StreamQuery}.
 *
 * @typeParam Item One item.
 */
export interface StreamMessage<Item> {
  /** Exists for the compiler alone. */
  readonly "~contract": Contract<"stream", Item>;
}

/**
 * What a plain message must not be. Where it is, the compiler's error ends in the text of the property.
 */
export interface Unmistaken {
  /** A plain message has no kind. */
  readonly "~contract"?: "a message of another kind: dispatch it on the bus of its kind";
  /** An instance has no prototype of its own. */
  readonly prototype?: "the class itself: dispatch an instance, new …()";
  /** A promise has it. */
  readonly then?: "a promise: await it first";
}

/**
 * A message whose class does not extend one of the three bases. An instance of any class can be one; the compiler then
 * knows neither its bus nor its result.
 */
export type PlainMessage = object & Unmistaken;

/** The messages that each bus knows, by kind. */
export interface MessagesByKind {
  /** What a command bus accepts. */
  command: Command<unknown> | PlainMessage;
  /** What a query bus accepts. A stream query goes to its `stream()`, all others to `dispatch()`. */
  query: Query<unknown> | StreamMessage<unknown> | PlainMessage;
  /** What an event bus accepts. */
  event: Event | PlainMessage;
}

/**
 * The result that the type of a message promises: `number` for a `Command<number>`, `unknown` for a plain class. For a
 * stream query it is what its handler returns, the source of the items.
 *
 * @typeParam M The message. A union of messages gives the union of their results.
 */
export type ResultOf<M> = M extends { readonly "~contract": Contract<MessageKind, infer Result> } ? Result
  : M extends StreamMessage<infer Item> ? StreamSource<Item>
  : unknown;

/**
 * The items of a stream query: `Line` for a `StreamQuery<Line>`.
 *
 * @typeParam M The stream query. A union of them gives the union of their items.
 */
export type ItemOf<M> = M extends StreamMessage<infer Item> ? Item : never;

/**
 * What `dispatch` accepts. A caller may name the result of a plain message only.
 *
 * @typeParam K The kind of the bus.
 * @typeParam R The result that the caller names, `unknown` if there is none.
 */
export type Dispatchable<K extends MessageKind, R> = [unknown] extends [R]
  ? Exclude<MessagesByKind[K], StreamMessage<unknown>>
  : K extends "event" ? never
  : PlainMessage;

/**
 * What comes out of a dispatch: what the caller named, or else what the type of the message promises; nothing for an
 * event. It is never inferred from where the value goes.
 *
 * @typeParam K The kind of the bus.
 * @typeParam R The result that the caller names, `unknown` if there is none.
 * @typeParam M The message.
 */
export type DispatchResult<K extends MessageKind, R, M> = K extends "event" ? void
  : [unknown] extends [R] ? ResultOf<M>
  : NoInfer<R>;

/**
 * The class of a message. It may be abstract, and its constructor may be private.
 *
 * @typeParam M The instances of the class.
 */
export type MessageType<M = unknown> = (abstract new (...args: never) => M) | PrivateClass<M>;

/**
 * The message that a handler for `T` receives: the instances of a class, or of any class in a list.
 *
 * @typeParam T A message class, or a list of them.
 */
export type MessageOf<T> = T extends readonly (infer Element)[] ? InstanceOf<Element> : InstanceOf<T>;

/** @internal */
type InstanceOf<T> = T extends abstract new (...args: never) => infer M ? M
  : T extends PrivateClass<infer M> ? M
  : never;
