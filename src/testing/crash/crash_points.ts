import { isPromiseLike } from "../../internal/promise.ts";
import { Random } from "../queue/random.ts";
import { turns } from "../queue/schedule.ts";

/** Methods that return at once, and that have no effect outside of the process. */
const SYNC: ReadonlySet<PropertyKey> = new Set<PropertyKey>(["within", "settled", "committed", Symbol.asyncIterator]);

/** When a process crashes, and in which order things happen in it. */
export interface CrashPointsOptions {
  /**
   * Decides on the order of what happens at the same time.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /** The number of the point at which the process crashes, from 1. Without it, it does not. */
  readonly crashAt?: number | undefined;
}

/**
 * A process that can crash at each call of what it uses: a queue, an outbox, a store, a function that begins a
 * transaction.
 *
 * Each call of what {@linkcode wrap} has wrapped has two points: before its effect and after it. The promise of a call at
 * whose point the process crashes never settles. Nor does any later call of the process, and none has an effect. A call
 * that is under way at the crash may still have its effect, as at a server.
 *
 * Wrap everything that has an effect outside of the process. What is not wrapped goes on after the crash.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CrashPoints } from "@cq/core/testing";
 *
 * const rows: string[] = [];
 * const store = { add: async (row: string) => void rows.push(row) };
 *
 * // The first call has the points 1 and 2, the second one the points 3 and 4: before and after it.
 * const points = new CrashPoints({ crashAt: 4 });
 * const wrapped = points.wrap(store, "store");
 * await wrapped.add("a");
 * wrapped.add("b"); // never settles
 * await points.crashed;
 *
 * assertEquals(rows, ["a", "b"]);
 * assertEquals(points.passed.at(-1), "store.add: after");
 * ```
 */
export class CrashPoints {
  /** Resolves when the process crashes, to the name of the point. */
  readonly crashed: Promise<string>;
  /** The points that have been passed, and the one of the crash. */
  readonly passed: readonly string[];
  readonly #passed: string[];
  readonly #random: Random;
  readonly #crashAt: number | undefined;
  readonly #originals = new WeakMap<object, object>();
  #crash!: (point: string) => void;
  #isDead = false;

  /**
   * Makes a process that has not started.
   *
   * @param options When it crashes, and in which order things happen.
   * @throws {RangeError} If a number is out of its range.
   */
  constructor(options: CrashPointsOptions = {}) {
    const { seed = 1, crashAt } = options;
    requireWhole("seed", seed, -Infinity);
    if (crashAt !== undefined) requireWhole("crashAt", crashAt, 1);
    this.#random = new Random(seed);
    this.#crashAt = crashAt;
    this.passed = this.#passed = [];
    this.crashed = new Promise((resolve) => this.#crash = resolve);
  }

  /** Whether the process has crashed. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /**
   * Wraps an object or a function, so that the process can crash at each call. What the calls return, and what they pass to
   * callbacks, is wrapped too where it has methods. A wrapped object that is passed to a wrapped call is unwrapped.
   *
   * All methods return promises, except for `within`, `settled`, `committed` and `Symbol.asyncIterator`.
   *
   * @typeParam T The object or function.
   * @param target The object or function.
   * @param name What the points are called.
   * @returns What the process is to use.
   */
  wrap<T extends object>(target: T, name: string): T {
    const wrapped = typeof target === "function"
      ? (...args: unknown[]) => this.#call(name, target as unknown as AnyFunction, undefined, args)
      : new Proxy(Object.create(Object.getPrototypeOf(target)), {
        get: (_stand, key) => {
          const value: unknown = Reflect.get(target, key, target);
          if (typeof value !== "function" || key === "constructor") return value;
          const call = `${name}.${String(key)}`;
          return (...args: unknown[]) =>
            SYNC.has(key)
              ? this.#callSync(call, value as AnyFunction, target, args)
              : this.#call(call, value as AnyFunction, target, args);
        },
        has: (_stand, key) => key in target,
      });
    this.#originals.set(wrapped, target);
    return wrapped as T;
  }

  async #call(name: string, method: AnyFunction, self: unknown, args: unknown[]): Promise<unknown> {
    await this.#pass(`${name}: before`);
    let outcome: { result: unknown } | { error: unknown };
    try {
      outcome = { result: await method.apply(self, this.#unwrapAll(args, name)) };
    } catch (error) {
      outcome = { error };
    }
    await this.#pass(`${name}: after`);
    if ("error" in outcome) throw outcome.error;
    return this.#wrapResult(outcome.result, name);
  }

  #callSync(name: string, method: AnyFunction, self: unknown, args: unknown[]): unknown {
    if (this.#isDead) return undefined;
    return this.#wrapResult(method.apply(self, this.#unwrapAll(args, name)), name);
  }

  /** Lets others go first, as the seed decides, and does not come back where the process crashes. */
  async #pass(point: string): Promise<void> {
    await turns(this.#random.below(4));
    if (!this.#isDead) {
      this.#passed.push(point);
      if (this.#passed.length !== this.#crashAt) return;
      this.#isDead = true;
      this.#crash(point);
    }
    await new Promise(() => {});
  }

  #unwrapAll(args: unknown[], name: string): unknown[] {
    return args.map((arg) => {
      if (typeof arg === "function") {
        return (...inner: unknown[]) => arg(...inner.map((value) => this.#wrapResult(value, name)));
      }
      return this.#originals.get(arg as object) ?? arg;
    });
  }

  #wrapResult(result: unknown, name: string): unknown {
    if (typeof result !== "object" || result === null || Array.isArray(result)) return result;
    if (isPromiseLike(result)) return result.then((value) => this.#wrapResult(value, name));
    if ("done" in result && "value" in result) return { ...result, value: this.#wrapResult(result.value, name) };
    return hasMethods(result) ? this.wrap(result, name) : result;
  }
}

// deno-lint-ignore no-explicit-any -- what is wrapped knows its arguments
type AnyFunction = (...args: any[]) => unknown;

function hasMethods(value: object): boolean {
  for (let owner: object | null = value; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const key of Reflect.ownKeys(owner)) {
      const property = Object.getOwnPropertyDescriptor(owner, key);
      if (key !== "constructor" && typeof property?.value === "function") return true;
    }
  }
  return false;
}

/**
 * Refuses a number that is out of its range.
 *
 * @param name What the number is.
 * @param value The number.
 * @param first The lowest that it may be.
 */
export function requireWhole(name: string, value: number, first: number): void {
  if (Number.isSafeInteger(value) && value >= first) return;
  const range = first === -Infinity ? "" : ` from ${first}`;
  throw new RangeError(`Cannot test with a ${name} of ${value}: it must be a whole number${range}`);
}
