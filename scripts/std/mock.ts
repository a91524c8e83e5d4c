/**
 * The part of `@std/testing/mock` that the tests use, for machines that cannot load it.
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any

import { assertEquals, AssertionError, assertIsError } from "./assert.ts";

type Method<Self, Args extends unknown[], Return> = (this: Self, ...args: Args) => Return;
type ArgsOf<Self, Prop extends keyof Self> = Self[Prop] extends (...args: infer Args) => unknown ? Args
  : unknown[];
type ReturnOf<Self, Prop extends keyof Self> = Self[Prop] extends (...args: any[]) => infer Return ? Return
  : unknown;

/** The error for a wrong use of this module. */
export class MockError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MockError";
  }
}

/** A call as a spy records it. */
export interface SpyCall<Self = any, Args extends unknown[] = any[], Return = any> {
  args: Args;
  returned?: Return;
  error?: Error;
  self?: Self;
}

/** A function that records its calls. */
export interface Spy<Self = any, Args extends unknown[] = any[], Return = any> {
  (this: Self, ...args: Args): Return;
  original: Method<Self, Args, Return>;
  calls: SpyCall<Self, Args, Return>[];
  restored: boolean;
  restore(): void;
}

/** A spy that replaces a method and calls it. */
export interface MethodSpy<Self = any, Args extends unknown[] = any[], Return = any>
  extends Spy<Self, Args, Return>, Disposable {}

/** A spy that replaces a method and what the method does. */
export interface Stub<Self = any, Args extends unknown[] = any[], Return = any> extends MethodSpy<Self, Args, Return> {
  fake: Method<Self, Args, Return>;
}

type AnyMethod = Method<any, any[], any>;

function record(original: AnyMethod, fake: AnyMethod, more: object): any {
  const calls: SpyCall[] = [];
  function spied(this: unknown, ...args: unknown[]): unknown {
    const call: SpyCall = { args };
    if (this) call.self = this;
    try {
      return call.returned = fake.apply(this, args);
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      // A call is recorded when it ends: the calls that it makes itself come first.
      calls.push(call);
    }
  }
  const properties = Object.getOwnPropertyDescriptors({ original, fake, calls });
  return Object.defineProperties(spied, { ...properties, ...Object.getOwnPropertyDescriptors(more) });
}

function isSpy(value: unknown): boolean {
  return typeof value === "function" && "original" in value && "calls" in value;
}

function spyFunction(original: AnyMethod): Spy {
  return record(original, original, {
    restored: false,
    restore(): void {
      throw new MockError("Cannot restore: function cannot be restored");
    },
  });
}

function replace(self: any, property: PropertyKey, fake?: AnyMethod): Stub {
  const original = self[property];
  if (typeof original !== "function" && !(original === undefined && fake)) {
    throw new MockError("Cannot spy: property is not an instance method");
  }
  if (isSpy(original)) throw new MockError("Cannot spy: already spying on instance method");
  const own = Object.getOwnPropertyDescriptor(self, property);
  if (own && !own.configurable) throw new MockError("Cannot spy: non-configurable instance method");
  let restored = false;
  const restore = (): void => {
    if (restored) throw new MockError("Cannot restore: instance method already restored");
    if (own) Object.defineProperty(self, property, own);
    else delete self[property];
    restored = true;
  };
  const spied = record(original, fake ?? original, {
    get restored(): boolean {
      return restored;
    },
    restore,
    [Symbol.dispose]: restore,
  });
  Object.defineProperty(self, property, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    writable: own?.writable ?? false,
    value: spied,
  });
  return spied;
}

/** Makes a function that records its calls, or replaces a method by one. */
export function spy<Self = any, Args extends unknown[] = any[], Return = undefined>(): Spy<
  Self,
  Args,
  Return
>;
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): MethodSpy<Self, ArgsOf<Self, Prop>, ReturnOf<Self, Prop>>;
export function spy(target?: unknown, property?: PropertyKey): unknown {
  return property === undefined ? spyFunction((target ?? (() => {})) as AnyMethod) : replace(target, property);
}

/** Replaces a method by `func`, or by a function that does nothing. */
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
): Stub<Self, ArgsOf<Self, Prop>, ReturnOf<Self, Prop>>;
export function stub<Self, Prop extends keyof Self>(
  self: Self,
  property: Prop,
  func: (this: Self, ...args: ArgsOf<Self, Prop>) => ReturnOf<Self, Prop>,
): Stub<Self, ArgsOf<Self, Prop>, ReturnOf<Self, Prop>>;
export function stub(self: unknown, property: PropertyKey, func: AnyMethod = () => {}): unknown {
  return replace(self, property, func);
}

/** Makes a function that returns the next of `values` at each call, and throws those that are errors. */
export function returnsNext<Return, Self = any, Args extends unknown[] = any[]>(
  values: Iterable<Return | Error>,
): (this: Self, ...args: Args) => Return {
  const iterator = values[Symbol.iterator]();
  let calls = 0;
  return () => {
    const next = iterator.next();
    if (next.done) {
      throw new MockError(`Not expected to be called more than ${calls} time(s)`);
    }
    calls++;
    if (next.value instanceof Error) throw next.value;
    return next.value;
  };
}

/** Fails unless `spy` was called `expectedCalls` times. */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  if (spy.calls.length === expectedCalls) return;
  const errors = spy.calls.flatMap((call) => call.error ? [`\n\n${call.error.stack ?? call.error}`] : []);
  throw new AssertionError(
    `Expected spy to be called ${expectedCalls} time(s), got ${spy.calls.length} time(s)${errors.join("")}`,
  );
}

/** What `assertSpyCall` expects of a call. */
export interface ExpectedSpyCall<Self = any, Args extends unknown[] = any[], Return = any> {
  args?: [...Args, ...unknown[]];
  returned?: Return;
  self?: Self;
  error?: { Class?: new (...args: any[]) => Error; msgIncludes?: string };
}

function callOf<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  index: number,
): SpyCall<Self, Args, Return> {
  const call = spy.calls[index];
  if (!call) {
    throw new AssertionError(
      `Expected spy to be called at least ${index + 1} time(s), got ${spy.calls.length}`,
    );
  }
  return call;
}

/** Fails unless the call `callIndex` of `spy` was as `expected`. */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  expected: ExpectedSpyCall<Self, Args, Return> = {},
): void {
  const call = callOf(spy, callIndex);
  if (expected.args) {
    assertEquals<unknown[]>(call.args, expected.args, "Expected spy to be called with these args");
  }
  if ("self" in expected) {
    assertEquals(call.self, expected.self, "Expected spy to be called as method of object");
  }
  if ("error" in expected && "returned" in call) {
    throw new AssertionError("Expected spy call to throw, but it returned a value");
  }
  if ("returned" in expected) {
    if ("error" in expected) throw new TypeError("Cannot use error and returned together");
    if (call.error) {
      throw new AssertionError("Expected spy call to return a value, but it threw", { cause: call.error });
    }
    assertEquals(call.returned, expected.returned, "Expected spy call to return this value");
  }
  if ("error" in expected) assertIsError(call.error, expected.error?.Class, expected.error?.msgIncludes);
}

/** Fails unless the argument `argIndex` of the call `callIndex` of `spy` was `expected`. */
export function assertSpyCallArg<Self, Args extends unknown[], Return, ExpectedArg>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  argIndex: number,
  expected: ExpectedArg,
): ExpectedArg {
  const arg = callOf(spy, callIndex).args[argIndex];
  assertEquals<unknown>(arg, expected);
  return arg as ExpectedArg;
}

/** Fails unless the arguments of the call `callIndex` of `spy`, or a range of them, were `expected`. */
export function assertSpyCallArgs<Self, Args extends unknown[], Return, ExpectedArgs extends unknown[]>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  ...range: [expected: ExpectedArgs] | [start: number, ExpectedArgs] | [start: number, end: number, ExpectedArgs]
): ExpectedArgs {
  const args = callOf(spy, callIndex).args.slice(...range.slice(0, -1) as number[]);
  assertEquals<unknown>(args, range.at(-1));
  return args as ExpectedArgs;
}
