import type { MessageData } from "../standard_schema.ts";

/** What JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * What JSON would lose of a type. It is a type of its own, so that nothing fits it by accident.
 *
 * @typeParam T What would be lost, such as a `Map` or a `bigint`.
 */
export interface NotJson<T> {
  /** Exists for the compiler alone. */
  readonly "JSON loses": T;
}

/** @internal */
type Lost =
  | bigint
  | symbol
  | undefined
  | ((...args: never) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | RegExp
  | Error
  | PromiseLike<unknown>;

/**
 * Whether a type is `any`.
 *
 * @typeParam T The type.
 */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/**
 * Whether a property may be missing. Any value may be in an `unknown` one, and is taken to be there.
 *
 * @internal
 */
type MayBeMissing<V> = unknown extends V ? false : undefined extends V ? true : false;

/**
 * Methods and what is under a symbol do not become JSON.
 *
 * @internal
 */
type DataKey<K, V, Kept> = K extends symbol ? never : V extends (...args: never) => unknown ? never : Kept;

// It is written in one, because the compiler would show the two halves of an alias.
/** @internal */
type JsonObject<T> = (
  & { [K in keyof T as DataKey<K, T[K], MayBeMissing<T[K]> extends true ? never : K>]: Jsonify<T[K]> }
  & {
    [K in keyof T as DataKey<K, T[K], MayBeMissing<T[K]> extends true ? K : never>]?: Jsonify<
      Exclude<T[K], undefined>
    >;
  }
) extends infer Both ? { [K in keyof Both]: Both[K] } : never;

/**
 * What is left of a type after `JSON.parse(JSON.stringify(value))`: a string of a `Date`, and {@linkcode NotJson} where
 * something is lost.
 *
 * @typeParam T The type of the value.
 */
export type Jsonify<T> = IsAny<T> extends true ? T
  : unknown extends T ? T
  // What is JSON already stays as it is written: it is readable, and recursive types come to an end.
  : T extends Json ? T
  : T extends Lost ? NotJson<T>
  : T extends { toJSON(...args: never): infer J } ? Jsonify<J>
  // A schema of a list puts out, and takes, one that is not readonly.
  : T extends readonly unknown[] ? { -readonly [I in keyof T]: Jsonify<T[I]> }
  : T extends object ? JsonObject<T>
  : NotJson<T>;

/**
 * The shape in which a message travels unless it has an `encode`: its data, or what its `toJSON` returns, as JSON.
 *
 * @typeParam M The message.
 */
export type WireOf<M> = M extends { toJSON(...args: never): infer J } ? Jsonify<J> : Jsonify<MessageData<M>>;
