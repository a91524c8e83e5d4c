/**
 * The deep equality of `@std/assert`. Unlike that of Node it compares properties that are not enumerable, and those of
 * the prototypes, so that two errors differ by their stacks. For it 0 equals -0, and an object without a prototype
 * equals a plain one.
 *
 * @module
 */

const TypedArray = Object.getPrototypeOf(Uint8Array);
const COMPARED_AS_TEXT: readonly unknown[] = [RegExp, URL, URLSearchParams, Intl.Locale].map((type) => type.prototype);

type Anything = Record<PropertyKey, unknown>;
type Compare = (a: unknown, b: unknown) => boolean;

/** Tells whether two values are deeply equal. */
export function equal(left: unknown, right: unknown): boolean {
  const seen = new Map<unknown, unknown>();
  function compare(a: unknown, b: unknown): boolean {
    if (a === b || Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
    if (prototypeOf(a) !== prototypeOf(b)) return false;
    if (a instanceof TypedArray) return isEach(a as unknown[], b as unknown[], (one, other) => one === other);
    if (a instanceof WeakMap || a instanceof WeakSet) throw new TypeError("Cannot compare weak collections");
    if (a instanceof WeakRef) return compare(a.deref(), (b as WeakRef<object>).deref());
    if (seen.get(a) === b) return true;
    if (Object.keys(a).length !== Object.keys(b).length) return false;
    seen.set(a, b);
    if (a instanceof Set) return isSameSet(a, b as Set<unknown>, compare);
    if (a instanceof Map) return isSameSet(new Set(a), new Set(b as Map<unknown, unknown>), compare);
    if (COMPARED_AS_TEXT.includes(prototypeOf(a))) return String(a) === String(b);
    return [...keysOf(a), ...keysOf(b)].every((key) =>
      key in a === key in b && compare((a as Anything)[key], (b as Anything)[key])
    );
  }
  return compare(left, right);
}

function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

function isEach(a: unknown[], b: unknown[], compare: Compare): boolean {
  return a.length === b.length && Array.from(a).every((one, index) => compare(one, b[index]));
}

function isSameSet(a: Set<unknown>, b: Set<unknown>, compare: Compare): boolean {
  const others = [...b];
  return a.size === b.size && [...a].every((one) => b.has(one) || others.some((other) => compare(one, other)));
}

function keysOf(value: object): PropertyKey[] {
  const prototype = prototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) {
    return [...Object.keys(value), ...enumerableSymbolsOf(value)];
  }
  const keys: PropertyKey[] = [];
  for (
    let holder: object | null = value;
    holder && holder !== Object.prototype && holder !== Array.prototype;
    holder = Object.getPrototypeOf(holder)
  ) keys.push(...Reflect.ownKeys(holder));
  return keys;
}

function enumerableSymbolsOf(value: object): symbol[] {
  return Object.getOwnPropertySymbols(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}
