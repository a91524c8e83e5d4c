import { isInstance } from "../internal/instance_of.ts";
import { textOf } from "../internal/text.ts";
import type { AbstractConstructor } from "../token.ts";

/**
 * Which errors a middleware acts on: instances of a class, or of one of several classes, or errors for which a function
 * returns true. The function may return a promise, which is awaited.
 */
export type ErrorFilter =
  | AbstractConstructor<unknown>
  | readonly AbstractConstructor<unknown>[]
  | ((error: unknown) => boolean | PromiseLike<boolean>);

/**
 * Turns a filter into a predicate.
 *
 * @param filter The filter. Without one every error is accepted.
 * @param verb What is done with the errors, for the error message: "retry".
 * @returns The predicate.
 * @throws {TypeError} If the filter is neither a class, nor a list of classes, nor a function.
 */
export function toPredicate(
  filter: ErrorFilter | undefined,
  verb: string,
): (error: unknown) => boolean | PromiseLike<boolean> {
  if (filter === undefined) {
    return function acceptAll() {
      return true;
    };
  }
  if (typeof filter === "function" && !isClass(filter)) return filter as (error: unknown) => boolean;

  const types = (Array.isArray(filter) ? [...filter] : [filter]) as AbstractConstructor<unknown>[];
  for (const type of types) {
    if (canHaveInstances(type)) continue;
    throw new TypeError(
      `Cannot ${verb} on ${textOf(type)}: it is not a class. Pass a class, a list of classes, or a function`,
    );
  }
  return function isInstanceOfOne(error) {
    return types.some((type) => isInstance(error, type));
  };
}

/**
 * Whether a function is a class. A compiler may have turned a class of errors into a plain function, which still inherits
 * from `Error`.
 */
function isClass(value: object): boolean {
  const prototype = Object.getOwnPropertyDescriptor(value, "prototype");
  return prototype?.writable === false || prototype?.value instanceof Error;
}

/** Whether `instanceof` takes it. An arrow function, a string and the like would make it throw at the first error. */
function canHaveInstances(type: AbstractConstructor<unknown>): boolean {
  try {
    return typeof ({} instanceof type) === "boolean";
  } catch {
    return false;
  }
}
