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
 * What is left of a type after `JSON.parse(JSON.stringify(value))`: a string of a `Date`, and {@linkcode NotJson} where
 * something is lost.
 *
 * @typeParam T The type of the value.
 */
// What is JSON stays as it is written: it is readable, recursive types come to an end, and the compiler has less to do.
// So does `any`.
export type Jsonify<T> = [T] extends [Json] ? T : unknown extends T ? T : JsonifyEach<T>;

/**
 * The same of each member of a union.
 *
 * @internal
 */
type JsonifyEach<T> = T extends Json ? T
  : T extends Lost ? NotJson<T>
  : T extends { toJSON(...args: never): infer J } ? Jsonify<J>
  // A schema of a list puts out, and takes, one that is not readonly.
  : T extends readonly unknown[] ? { -readonly [I in keyof T]: Jsonify<T[I]> }
  : JsonData<T>;

/**
 * The same of what is not looked at as a whole: of all properties but methods, what is under a symbol, and the brand.
 *
 * @internal
 */
type JsonData<T> = T extends object ? {
    [K in keyof T as K extends symbol | "~contract" ? never : T[K] extends (...args: never) => unknown ? never : K]:
      undefined extends T[K] ? unknown extends T[K] ? T[K] : JsonMaybe<T, K> : Jsonify<T[K]>;
  }
  : NotJson<T>;

/**
 * What may be `undefined` is missing then. If it may not be missing, it stays what no schema takes that demands it.
 *
 * @internal
 */
type JsonMaybe<T, K extends keyof T> =
  | Jsonify<Exclude<T[K], undefined>>
  | (Record<never, never> extends Pick<T, K> ? never : undefined);

/**
 * The shape in which a message travels unless it has an `encode`: its data, or what its `toJSON` returns, as JSON.
 *
 * @typeParam M The message.
 */
export type WireOf<M> = M extends { toJSON(...args: never): infer J } ? Jsonify<J> : JsonData<M>;
