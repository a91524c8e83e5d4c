import type { MessageData, StandardSchema } from "../standard_schema.ts";
import type { WireOf } from "./jsonify.ts";

/**
 * What a catalogue has to know of a message, beside its name and its class.
 *
 * `encode` and `decode` are optional where the types fit, and demanded where they do not.
 *
 * @typeParam M The message.
 * @typeParam In What the schema takes, `"unchecked"` where there is none.
 * @typeParam Out What the schema puts out, `"unchecked"` where there is none.
 * @typeParam V1 The data of version 1, where there are later ones; `V2` and so on are those of the next versions.
 */
export interface MessageOptions<M, In, Out, V1, V2, V3, V4, V5, V6, V7, V8> {
  /**
   * Decides which bodies are accepted: a Standard Schema that validates synchronously, such as one of zod, valibot or
   * arktype. `"unchecked"` accepts all that is JSON, as it is.
   */
  readonly schema: StandardSchema<Out, In> | "unchecked";
  /**
   * Brings the data of old versions to the next one, oldest first: data that is JSON to data that is JSON. The current
   * version is one more than there are functions. What the data of an old version was is what the type of the first
   * parameter says; the compiler follows from there.
   */
  readonly versions?: Versions<NoInfer<Incoming<M, In>>, V1, V2, V3, V4, V5, V6, V7, V8> | undefined;
  /** Gives the key of a message: messages of one key are handled in their order by queues that promise it. */
  readonly key?: ((message: M) => string | undefined) | undefined;
}

/**
 * The functions that bring old versions to the current one, up to eight.
 *
 * @typeParam In What the schema takes.
 */
export type Versions<In, V1, V2, V3, V4, V5, V6, V7, V8> =
  | readonly []
  | readonly [(data: V1) => In]
  | readonly [(data: V1) => V2, (data: V2) => In]
  | readonly [(data: V1) => V2, (data: V2) => V3, (data: V3) => In]
  | readonly [(data: V1) => V2, (data: V2) => V3, (data: V3) => V4, (data: V4) => In]
  | readonly [(data: V1) => V2, (data: V2) => V3, (data: V3) => V4, (data: V4) => V5, (data: V5) => In]
  | readonly [
    (data: V1) => V2,
    (data: V2) => V3,
    (data: V3) => V4,
    (data: V4) => V5,
    (data: V5) => V6,
    (data: V6) => In,
  ]
  | readonly [
    (data: V1) => V2,
    (data: V2) => V3,
    (data: V3) => V4,
    (data: V4) => V5,
    (data: V5) => V6,
    (data: V6) => V7,
    (data: V7) => In,
  ]
  | readonly [
    (data: V1) => V2,
    (data: V2) => V3,
    (data: V3) => V4,
    (data: V4) => V5,
    (data: V5) => V6,
    (data: V6) => V7,
    (data: V7) => V8,
    (data: V8) => In,
  ];

/**
 * What the last of the functions that bring old versions to the current one returns.
 *
 * @typeParam M The message.
 * @typeParam In What the schema takes, `"unchecked"` where there is none.
 */
export type Incoming<M, In> = [In] extends ["unchecked"] ? IsKept<M> extends true ? WireOf<M> : unknown : In;

/**
 * Whether a message needs an `encode`: where the schema does not take what JSON makes of the message, or where there is
 * no schema to repair what JSON makes of it.
 *
 * @typeParam M The message.
 * @typeParam In What the schema takes, `"unchecked"` where there is none.
 */
export type Encoding<M, In> = 0 extends 1 & In ? EncodeIsOptional<M, In>
  : [In] extends ["unchecked"]
    ? IsKept<M> extends true ? EncodeIsOptional<M, WireOf<M>> : EncodeIsNeeded<M, WireOf<M>, unknown>
  : WireOf<M> extends In ? EncodeIsOptional<M, In>
  : EncodeIsNeeded<M, WireOf<M>, In>;

/**
 * Whether a message needs a `decode`: where it has private members, or where the schema does not put out the data of the
 * message. A schema may put out the message itself.
 *
 * @typeParam M The message.
 * @typeParam Out What the schema puts out, `"unchecked"` where there is none.
 */
export type Decoding<M, Out> = 0 extends 1 & Out ? DecodingOf<M, Out>
  : [Out] extends ["unchecked"] ? IsKept<M> extends true ? DecodingOf<M, WireOf<M>> : UncheckedDecode<M>
  : DecodingOf<M, Out>;

/** @internal */
type DecodingOf<M, Out> = IsOpen<M> extends true
  ? Out extends MessageData<M> ? DecodeIsOptional<M, Out> : DecodeIsNeeded<M, Out, MessageData<M>>
  : Out extends M ? DecodeIsOptional<M, Out>
  : DecodeIsNeeded<M, Out, "private members">;

/**
 * Whether JSON gives back what it is given of a message, or the message itself says what JSON it becomes.
 *
 * @internal
 */
type IsKept<M> = M extends { toJSON(...args: never): unknown } ? true
  : WireOf<M> extends MessageData<M> ? true
  : false;

/**
 * Whether a type is all of its public members.
 *
 * @internal
 */
type IsOpen<M> = { [K in keyof M]: M[K] } extends M ? true : false;

/**
 * The schema takes what JSON makes of the message.
 *
 * @typeParam M The message.
 * @typeParam In What the schema takes.
 */
export interface EncodeIsOptional<M, In> {
  /** Makes data that is JSON of a message. Its own properties unless given. */
  readonly encode?: ((message: M) => In) | undefined;
}

/**
 * The schema does not take what JSON makes of the message.
 *
 * @typeParam M The message.
 * @typeParam _Wire What JSON makes of it, for the compiler to show.
 * @typeParam In What the schema takes.
 */
export interface EncodeIsNeeded<M, _Wire, In> {
  /** Makes data of a message that is JSON and that the schema takes. */
  readonly encode: (message: M) => In;
}

/**
 * The schema puts out the data of the message.
 *
 * @typeParam M The message.
 * @typeParam Out What the schema puts out.
 */
export interface DecodeIsOptional<M, Out> {
  /** Makes a message of data. It gets the data as its own properties, and its constructor does not run, unless given. */
  readonly decode?: ((data: Out) => M) | undefined;
}

/**
 * The schema does not put out the data of the message.
 *
 * @typeParam M The message.
 * @typeParam Out What the schema puts out.
 * @typeParam _Data What it should put out, for the compiler to show.
 */
export interface DecodeIsNeeded<M, Out, _Data> {
  /** Makes a message of what the schema puts out. */
  readonly decode: (data: Out) => M;
}

/**
 * There is no schema, and JSON does not give back what it is given of the message.
 *
 * @typeParam M The message.
 */
export interface UncheckedDecode<M> {
  // A method, so that the type of the parameter may say what the `encode` beside it returns.
  /** Makes a message of what its `encode` has returned. */
  decode(data: unknown): M;
}
