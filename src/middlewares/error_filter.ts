import type { AbstractConstructor } from "../token.ts";

/** Which errors a middleware acts on: instances of the given classes, or errors for which a function returns true. */
export type ErrorFilter = readonly AbstractConstructor<unknown>[] | ((error: unknown) => boolean);

/**
 * Turns a filter into a predicate.
 *
 * @param filter The filter. Without one every error is accepted.
 * @returns The predicate.
 */
export function toPredicate(filter: ErrorFilter | undefined): (error: unknown) => boolean {
  if (typeof filter === "function") return filter;
  return function isAccepted(error) {
    return filter === undefined || filter.some((type) => error instanceof type);
  };
}
