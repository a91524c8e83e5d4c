/**
 * The part of `@std/assert` that the tests use, for machines that cannot load it.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert/strict";
import { inspect, stripVTControlCharacters } from "node:util";
import { equal } from "./equal.ts";

// deno-lint-ignore no-explicit-any
type AnyConstructor<T = any> = abstract new (...args: any[]) => T;
type Falsy = false | 0 | 0n | "" | null | undefined;

/** The error that each assertion throws. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 10, sorted: true, compact: false, breakLength: 80 });
}

function failWith(message: string, msg?: string): never {
  throw new AssertionError(msg ? `${message}: ${msg}` : `${message}.`);
}

function failWithDiff(actual: unknown, expected: unknown, operator: string, msg = "Values are not equal"): never {
  const diff = new NodeAssertionError({ actual, expected, operator }).message;
  throw new AssertionError(`${msg}\n\n${stripVTControlCharacters(diff)}`);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` is falsy. */
export function assertFalse(expr: unknown, msg?: string): asserts expr is Falsy {
  if (expr) failWith("Expected value to be falsy", msg);
}

/** Fails unless the two are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  failWithDiff(actual, expected, "deepStrictEqual", msg);
}

/** Fails if the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    failWith(`Expected actual: ${show(actual)} not to be: ${show(expected)}`, msg);
  }
}

/** Fails unless the two are the same value. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  failWithDiff(actual, expected, "strictEqual", msg);
}

/** Fails if the two are the same value. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) {
    failWith(`Expected "actual" to not be strictly equal to: ${show(actual)}`, msg);
  }
}

/** Fails unless the numbers lie within `tolerance` of each other. */
export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(expected - actual) <= allowed) return;
  failWith(`Expected actual: "${actual}" to be close to "${expected}"`, msg);
}

/** Fails if `actual` is `null` or `undefined`. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    failWith(`Expected actual: "${actual}" to not be null or undefined`, msg);
  }
}

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  failWith(`Expected object to be an instance of "${expectedType.name}" but was ${show(actual)}`, msg);
}

/** Fails if `actual` is an instance of `unexpectedType`. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: AnyConstructor<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (actual instanceof unexpectedType) {
    failWith(`Expected object to not be an instance of "${unexpectedType.name}"`, msg);
  }
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) failWith(`Expected actual: "${actual}" to contain: "${expected}"`, msg);
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) failWith(`Expected actual: "${actual}" to match: "${expected}"`, msg);
}

/** Fails if `actual` matches `expected`. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) failWith(`Expected actual: "${actual}" to not match: "${expected}"`, msg);
}

/** Fails unless each of `expected` is in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((one) => !Array.from(actual).some((other) => equal(other, one)));
  if (missing.length > 0) failWith(`Expected actual: "${show(actual)}" to include: "${show(expected)}"`, msg);
}

function matches(actual: unknown, expected: unknown): boolean {
  const open = (value: unknown): value is Record<PropertyKey, unknown> =>
    Array.isArray(value) || Object.prototype.toString.call(value) === "[object Object]";
  if (!open(actual) || !open(expected) || Array.isArray(actual) !== Array.isArray(expected)) {
    return equal(actual, expected);
  }
  return Reflect.ownKeys(expected).every((key) => key in actual && matches(actual[key], expected[key]));
}

/** Fails unless `actual` has everything that `expected` has, at any depth. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (!matches(actual, expected)) {
    failWithDiff(actual, expected, "deepStrictEqual", msg);
  }
}

/** Fails unless `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) failWith(`Expect ${show(actual)} > ${show(expected)}`, msg);
}

/** Fails unless `actual` is greater than `expected` or equal to it. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) failWith(`Expect ${show(actual)} >= ${show(expected)}`, msg);
}

/** Fails unless `actual` is less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) failWith(`Expect ${show(actual)} < ${show(expected)}`, msg);
}

/** Fails unless `actual` is less than `expected` or equal to it. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) failWith(`Expect ${show(actual)} <= ${show(expected)}`, msg);
}

/** Fails unless `error` is of the given class and its message includes the given text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: AnyConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) failWith('Expected "error" to be an Error object', msg);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    failWith(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor.name}"`,
      msg,
    );
  }
  const message = stripVTControlCharacters(error.message);
  const matched = typeof msgMatches === "string"
    ? message.includes(stripVTControlCharacters(msgMatches))
    : msgMatches?.test(message) ?? true;
  if (!matched) {
    failWith(`Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}`, msg);
  }
}

type ThrownArgs = [ErrorClassOrMsg?: AnyConstructor<Error> | string, msgIncludes?: string, msg?: string];

function checkThrown(error: unknown, verb: string, [first, msgIncludes, msg]: ThrownArgs): unknown {
  if (typeof first !== "function") return error;
  if (!(error instanceof Error)) failWith(`A non-Error object was ${verb}`, msg);
  assertIsError(error, first, msgIncludes, msg);
  return error;
}

function ownMessage([first, , msg]: ThrownArgs): string | undefined {
  return typeof first === "string" ? first : msg;
}

/** Fails unless `fn` throws, and returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...args: ThrownArgs): unknown {
  try {
    fn();
  } catch (error) {
    return checkThrown(error, "thrown", args);
  }
  failWith("Expected function to throw", ownMessage(args));
}

/** Fails unless the promise of `fn` rejects, and resolves to what it rejected with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AnyConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(fn: () => PromiseLike<unknown>, ...args: ThrownArgs): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    failWith("Function throws when expected to reject", ownMessage(args));
  }
  if (typeof promise?.then !== "function") {
    failWith("Function throws when expected to reject", ownMessage(args));
  }
  try {
    await promise;
  } catch (error) {
    return checkThrown(error, "rejected", args);
  }
  failWith("Expected function to reject", ownMessage(args));
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(msg ? `Failed assertion: ${msg}` : "Failed assertion.");
}

/** Fails: the flow of control must never come here. */
export function unreachable(reason?: string): never {
  throw new AssertionError(reason ? `Unreachable: ${reason}` : "Unreachable.");
}
