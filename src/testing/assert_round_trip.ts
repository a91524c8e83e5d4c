import type { MessageCodec } from "../codec.ts";
import { describePath } from "../internal/path.ts";
import { describe, typeNameOf } from "../naming.ts";

/**
 * Makes sure that messages come back from a codec as they were sent: the same data, and instances of the same classes, nested
 * ones too. Properties that are `undefined` count as missing, and -0 as 0.
 *
 * The compiler cannot see all that JSON changes. Nested instances of classes without methods come back as plain objects, for
 * one. So hold each message of a catalogue against this, with samples that have all of their optional properties, and
 * samples that have none.
 *
 * @typeParam T The messages.
 * @param codec The codec, such as a catalogue.
 * @param samples The messages.
 * @returns When all of them have come back.
 * @throws {TypeError} If one of them comes back otherwise. The error says which property.
 *
 * @example
 * ```ts
 * import { Event } from "@cq/core";
 * import { assertRoundTrip } from "@cq/core/testing";
 * import { MessageCatalogue } from "@cq/core/wire";
 *
 * class OrderPlaced extends Event {
 *   readonly id: number;
 *
 *   constructor(id: number) {
 *     super();
 *     this.id = id;
 *   }
 * }
 *
 * const catalogue = new MessageCatalogue().add("shop.order-placed", OrderPlaced, { schema: "unchecked" });
 *
 * await assertRoundTrip(catalogue, [new OrderPlaced(0), new OrderPlaced(7)]);
 * ```
 */
export async function assertRoundTrip<T>(codec: MessageCodec<T>, samples: readonly T[]): Promise<void> {
  for (const sample of samples) {
    const back = await codec.decode(await codec.encode(sample));
    const difference = differenceOf(sample, back, new Map());
    if (difference === undefined) continue;
    const place = difference.path.length === 0 ? "it" : `"${describePath(difference.path.reverse())}"`;
    throw new TypeError(`Cannot send "${typeNameOf(sample)}" and get it back as it was: ${place} ${difference.reason}`);
  }
}

/** Where two values differ. */
interface Difference {
  /** Innermost first. */
  readonly path: PropertyKey[];
  readonly reason: string;
}

/** `compared` holds what each object that was sent is compared with, for values that lead back to themselves. */
function differenceOf(sent: unknown, back: unknown, compared: Map<object, unknown>): Difference | undefined {
  if (sent === back || (Number.isNaN(sent) && Number.isNaN(back))) return undefined;
  if (typeof sent !== "object" || sent === null || typeof back !== "object" || back === null) {
    return { path: [], reason: `is ${describe(sent)}, and comes back as ${describe(back)}` };
  }
  if (compared.get(sent) === back) return undefined;
  compared.set(sent, back);
  if (Object.getPrototypeOf(sent) !== Object.getPrototypeOf(back)) {
    return { path: [], reason: `is ${describe(sent)}, and comes back as ${describe(back)}` };
  }
  const [before, after] = [partsOf(sent), partsOf(back)];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const difference = differenceOf(before.get(key), after.get(key), compared);
    if (difference === undefined) continue;
    difference.path.push(key);
    return difference;
  }
  return undefined;
}

/** What an object holds: its own properties, what a map and a set have, and what a date, a URL and the like are as text. */
function partsOf(value: object): Map<PropertyKey, unknown> {
  if (Array.isArray(value)) return new Map(value.entries());
  const parts = new Map<PropertyKey, unknown>(Reflect.ownKeys(value).map((key) => [key, Reflect.get(value, key)]));
  if (value instanceof Map || value instanceof Set) parts.set("its entries", [...value]);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") parts.set("toJSON()", toJSON.call(value));
  return parts;
}
