import { uuidV7 } from "./internal/uuid.ts";
import type { Metadata } from "./metadata.ts";

/**
 * A message outside of the process: what a codec makes of it, and what a queue stores. All of it is strings but the
 * version, so that it fits the columns of a table, the headers of a broker and those of HTTP.
 *
 * @example
 * ```ts
 * import type { Envelope } from "@cq/core/wire";
 *
 * const envelope: Envelope = {
 *   id: "01936a7e-5c4d-7b3a-9f21-6a0f3c8d2e41",
 *   name: "shop.order-placed",
 *   version: 3,
 *   time: "2026-11-27T12:00:00.000Z",
 *   headers: { correlationid: "request 7" },
 *   body: '{"id":7}',
 * };
 * ```
 */
export interface Envelope {
  /** Identifies the message among all others. */
  readonly id: string;
  /** The stable name of the message, which is not the name of its class. */
  readonly name: string;
  /** The version of the shape of its body, a whole number from 1. */
  readonly version: number;
  /** When it was encoded: RFC 3339, in UTC. */
  readonly time: string;
  /** Messages of one key are handled in their order by queues that promise it. */
  readonly key?: string | undefined;
  /** The part of the metadata that leaves the process. The names are lower-case letters and digits. */
  readonly headers: Readonly<Record<string, string>>;
  /** The data of the message, as JSON text. */
  readonly body: string;
}

/** The metadata that each codec carries, by the names of their headers. */
export const STANDARD_HEADERS: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["correlationid", "correlationId"],
  ["causationid", "causationId"],
  ["traceparent", "traceparent"],
  ["tracestate", "tracestate"],
]);

/**
 * What is wrong with the shape of what should be an envelope. It says nothing of the body.
 *
 * @param value What should be an envelope.
 * @returns The end of a sentence about it; `undefined` where nothing is wrong.
 */
export function flawOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "an envelope must be an object";
  const { id, name, version, time, key, headers, body } = value as Partial<Record<keyof Envelope, unknown>>;
  const other = typeof id !== "string"
    ? "id"
    : typeof name !== "string"
    ? "name"
    : typeof time !== "string"
    ? "time"
    : typeof body !== "string"
    ? "body"
    : undefined;
  if (other !== undefined) return `its ${other} must be a string`;
  if (!Number.isSafeInteger(version) || (version as number) < 1) return "its version must be a whole number from 1";
  if (key !== undefined && typeof key !== "string") return "its key must be a string";
  return typeof headers === "object" && headers !== null ? undefined : "its headers must be an object";
}

/**
 * Metadata as it leaves the process with a message: the message that is being handled becomes the cause of the one that is
 * sent.
 *
 * @param metadata The metadata of the handler that sends, or what a caller gives.
 * @returns The metadata without the id of a message.
 */
export function outgoing(metadata: Metadata): Metadata {
  if (metadata["messageId"] === undefined) return metadata;
  const { messageId, ...rest } = metadata;
  return { ...rest, correlationId: rest["correlationId"] ?? messageId, causationId: messageId };
}

/**
 * Reads the metadata of a message from the headers of its envelope.
 *
 * @param envelope The envelope.
 * @param names The keys of the metadata, by the names of their headers.
 * @returns The metadata, with the id of the message.
 */
export function metadataFrom({ id, headers }: Envelope, names: ReadonlyMap<string, string>): Metadata {
  const metadata: Record<string, unknown> = { messageId: id };
  for (const [header, key] of names) {
    const value = headers[header];
    if (typeof value === "string") metadata[key] = value;
  }
  return metadata;
}

/**
 * What a new envelope begins with.
 *
 * @param id The id; a new one unless given.
 * @returns The id, and the time.
 */
export function stamp(id: string = uuidV7()): { readonly id: string; readonly time: string } {
  return { id, time: timeStamp() };
}

let lastTime = NaN;
let lastText = "";

/** The time, RFC 3339 in UTC. To write it costs as much as to write a message, so it is written once in a millisecond. */
function timeStamp(): string {
  const now = Date.now();
  if (now !== lastTime) lastText = new Date(lastTime = now).toISOString();
  return lastText;
}
