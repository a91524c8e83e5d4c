import { outgoing, STANDARD_HEADERS } from "../envelope.ts";
import type { Metadata } from "../metadata.ts";
import { describe } from "../naming.ts";

/** What an envelope says itself, and what a cloud event says of one. */
const RESERVED: ReadonlySet<string> = /* @__PURE__ */ new Set(
  "messageid id source specversion type time subject data datacontenttype dataschema partitionkey cqversion".split(" "),
);

/**
 * The names of the headers in which metadata travels: lower-case letters and digits, as HTTP and CloudEvents want them.
 *
 * @param keys The keys of the metadata, beside those that each codec carries.
 * @returns All keys, by the names of their headers.
 * @throws {TypeError} If a key cannot be a header, or if two keys have the same header.
 */
export function namesOf(keys: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map(STANDARD_HEADERS);
  for (const key of keys) {
    if (typeof key !== "string" || !/^[A-Za-z0-9]+$/.test(key)) {
      throw new TypeError(`Cannot make a header of ${describe(key)}: it must be letters and digits`);
    }
    const header = key.toLowerCase();
    const other = names.get(header);
    if (other !== undefined || RESERVED.has(header)) {
      const owner = other === undefined ? "" : ` by "${other}"`;
      throw new TypeError(`Cannot make a header of "${key}": its name "${header}" is taken${owner}`);
    }
    names.set(header, key);
  }
  return names;
}

/**
 * Makes the headers of a message of the metadata of its sender.
 *
 * @param metadata The metadata.
 * @param names The keys that travel, by the names of their headers.
 * @param message The name of the message, for people to read.
 * @returns The headers.
 * @throws {TypeError} If a value is not a string.
 */
export function headersFrom(
  metadata: Metadata,
  names: ReadonlyMap<string, string>,
  message: string,
): Record<string, string> {
  const headers: Record<string, string> = {};
  const sent = outgoing(metadata);
  for (const [header, key] of names) {
    const value = sent[key];
    if (value === undefined) continue;
    if (typeof value !== "string") {
      throw new TypeError(
        `Cannot encode "${message}": "${key}" of its metadata must be a string, and is ${describe(value)}`,
      );
    }
    headers[header] = value;
  }
  return headers;
}
