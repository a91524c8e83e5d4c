import { describePath } from "./internal/path.ts";
import { describe } from "./naming.ts";

/** How deep data may be nested: lists and objects within each other. */
export const MAX_DEPTH = 64;

/** What JSON would lose of some data, and where. */
export interface JsonLoss {
  /** The keys that lead to it, innermost first. */
  readonly path: PropertyKey[];
  /** What is wrong with it, as the end of a sentence that names it. */
  readonly reason: string;
}

/**
 * Which instances of classes may become JSON, as what their `toJSON` returns, or else as their own properties. What is
 * not allowed comes back as something else, and so counts as lost.
 */
export type AllowedInstances = "none" | "root" | "all";

/**
 * Looks for what JSON would lose in silence: what `JSON.stringify` leaves out or makes something else of, circles, and
 * data that is nested too deep. A property that is `undefined` does not count: it is missing afterwards. -0 becomes 0.
 *
 * @param data What is to become JSON.
 * @param allowed Which instances of classes may become JSON.
 * @returns What would be lost first; `undefined` where nothing is.
 */
export function jsonLossOf(data: unknown, allowed: AllowedInstances): JsonLoss | undefined {
  return lossAt(data, 0, allowed);
}

/**
 * Whether data that was JSON is nested deeper than what is sent ever is.
 *
 * @param data What `JSON.parse` has returned.
 * @param text What it was made of.
 * @returns Whether it is nested too deep.
 */
export function isTooDeep(data: unknown, text: string): boolean {
  // Each level has a bracket, and few messages have so many.
  return count(text, "{") + count(text, "[") > MAX_DEPTH && isDeeper(data, MAX_DEPTH);
}

/** How often a sign is in a text. More than enough is not counted. */
function count(text: string, sign: string): number {
  let found = 0;
  for (let at = text.indexOf(sign); at >= 0 && found <= MAX_DEPTH; at = text.indexOf(sign, at + 1)) found++;
  return found;
}

function isDeeper(data: unknown, levels: number): boolean {
  if (typeof data !== "object" || data === null) return false;
  return levels === 0 || Object.values(data).some((value) => isDeeper(value, levels - 1));
}

/** What {@linkcode writeJson} says where JSON would lose something. */
export interface WriteJsonOptions {
  /** Which instances of classes may become JSON. */
  readonly allowed: AllowedInstances;
  /** What is written, for people to read. */
  readonly name: string;
  /** The way out. */
  readonly advice: string;
}

/**
 * Writes data as JSON.
 *
 * @param data The data.
 * @param options Which instances may be in it, and what to say where something would be lost.
 * @returns The text.
 * @throws {TypeError} If JSON would lose something.
 */
export function writeJson(data: unknown, { allowed, name, advice }: WriteJsonOptions): string {
  const loss = jsonLossOf(data, allowed);
  if (loss === undefined) return JSON.stringify(data);
  const place = loss.path.length === 0 ? "it" : `"${describePath(loss.path.reverse())}"`;
  throw new TypeError(`Cannot encode ${name}: ${place} ${loss.reason}, and JSON does not keep that. ${advice}`);
}

/** `depth` is how many lists and objects the value is within. */
function lossAt(value: unknown, depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : lost(`is ${value}`);
    case "object":
      return value === null ? undefined : lossWithin(value, depth, allowed);
    case "undefined":
      return lost("is undefined");
    default:
      return lost(`is a ${typeof value}`);
  }
}

function lossWithin(value: object, depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  if (depth >= MAX_DEPTH) return lost(`is nested deeper than ${MAX_DEPTH} levels, or in a circle`);
  if (Array.isArray(value)) return lossInList(value, depth, allowed);
  const prototype: object | null = Object.getPrototypeOf(value);
  // What plain objects inherit from inherits from nothing, in each realm.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return lossInProperties(value, depth, allowed);
  if (allowed === "none" || (allowed === "root" && depth > 0)) return lost(`is ${describe(value)}`);
  return lossInInstance(value, depth, allowed);
}

function lossInInstance(value: object, depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== "function") return lossInOwnData(value, depth, allowed);
  if (value instanceof Date && Number.isNaN(value.getTime())) return lost("is an invalid Date");
  const json: unknown = toJSON.call(value, "");
  // JSON.stringify asks what toJSON has returned for no other toJSON.
  const isInstance = typeof json === "object" && json !== null && !Array.isArray(json);
  return isInstance ? lossInOwnData(json, depth, allowed) : lossAt(json, depth, allowed);
}

/** Maps, sets, errors and the like hold what is not among their properties. */
function lossInOwnData(value: object, depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  const isPlain = Object.prototype.toString.call(value) === "[object Object]";
  return isPlain ? lossInProperties(value, depth, allowed) : lost(`is ${describe(value)}`);
}

function lossInProperties(value: object, depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  for (const key of Object.keys(value)) {
    const property: unknown = value[key as keyof typeof value];
    if (typeof property === "string" || property === undefined) continue;
    const loss = lossAt(property, depth + 1, allowed);
    if (loss !== undefined) return at(key, loss);
  }
  for (const key of Object.getOwnPropertySymbols(value)) {
    if (Object.prototype.propertyIsEnumerable.call(value, key)) return at(key, lost("is under a symbol"));
  }
  return undefined;
}

function lossInList(list: readonly unknown[], depth: number, allowed: AllowedInstances): JsonLoss | undefined {
  for (let index = 0; index < list.length; index++) {
    const element = list[index];
    if (typeof element === "string") continue;
    const loss = lossAt(element, depth + 1, allowed);
    if (loss !== undefined) return at(index, loss);
  }
  // The list that a regular expression returns has properties of its own.
  const keys = Object.keys(list);
  return keys.length > list.length ? at(keys.at(-1)!, lost("is a property of a list")) : undefined;
}

function lost(reason: string): JsonLoss {
  return { path: [], reason };
}

function at(key: PropertyKey, loss: JsonLoss): JsonLoss {
  loss.path.push(key);
  return loss;
}
