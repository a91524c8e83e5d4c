/**
 * The part of Standard Schema that validation needs. The schemas of zod, valibot, arktype and others have it.
 *
 * @typeParam Output What the schema makes of a value that it accepts.
 * @typeParam Input What the schema accepts, as far as the types tell.
 */
export interface StandardSchema<Output = unknown, Input = unknown> {
  /** The property under which all libraries offer the interface. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** Validates a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | PromiseLike<SchemaResult<Output>>;
    /** The types of what goes in and comes out. It does not exist at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/**
 * What a schema says of a value: what it makes of it, or what is wrong with it.
 *
 * @typeParam Output What the schema makes of a value that it accepts.
 */
export type SchemaResult<Output = unknown> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that a schema finds wrong with a value. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where in the value it is: keys, or objects that hold a key. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The data of a message, which a schema has to put out: all its properties but the methods.
 *
 * @typeParam M The message.
 */
export type MessageData<M> = M extends object ? {
    // The base classes have a property for the compiler alone.
    [K in keyof M as K extends symbol | "~contract" ? never : M[K] extends (...args: never) => unknown ? never : K]:
      M[K];
  }
  : M;

/**
 * A schema whose output fits a message. With `satisfies` the compiler checks the static `schema` of a message class.
 *
 * @typeParam M The message.
 *
 * @example
 * ```ts ignore
 * import { z } from "zod";
 * import { Command } from "@cq/core";
 * import type { SchemaFor } from "@cq/core/middlewares";
 *
 * class CreateUser extends Command<number> {
 *   static readonly schema = z.object({ name: z.string().trim().min(1) }) satisfies SchemaFor<CreateUser>;
 *
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 * ```
 */
export type SchemaFor<M> = StandardSchema<MessageData<M>>;

/**
 * Makes sure that a value is a schema.
 *
 * @param value What should be a schema. With some libraries a schema is a function.
 * @returns Whether it has what a schema has.
 */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as Partial<StandardSchema>)["~standard"]?.validate === "function";
}
