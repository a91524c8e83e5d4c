import type { AbstractConstructor } from "../token.ts";

/** Which errors a middleware is about: those of the given classes, or those that a function says yes to. */
export type ErrorFilter = readonly AbstractConstructor<unknown>[] | ((error: unknown) => boolean);

/**
 * Makes a predicate of a filter.
 *
 * @param filter The filter; every error unless given.
 * @returns The predicate.
 */
export function toPredicate(filter: ErrorFilter | undefined): (error: unknown) => boolean {
  if (filter === undefined) return () => true;
  if (typeof filter === "function") return filter;
  return (error) => filter.some((type) => error instanceof type);
}
