import { nameOf } from "../../naming.ts";
import type { Description, MessageDescription } from "./describe.ts";

/** What {@linkcode toAsyncApi} says of the application. */
export interface AsyncApiOptions {
  /** The name of the application. */
  readonly title: string;
  /** The version of the application. */
  readonly version: string;
}

/** A document of AsyncAPI 3.0: the part that {@linkcode toAsyncApi} writes. */
export interface AsyncApiDocument {
  /** The version of the specification. */
  readonly asyncapi: "3.0.0";
  /** The application. */
  readonly info: AsyncApiOptions;
  /** What all messages are. */
  readonly defaultContentType: "application/json";
  /** A channel for each message, with its stable name as the address. */
  readonly channels: Readonly<Record<string, unknown>>;
  /** What the application does with them: it receives what it has handlers for. */
  readonly operations: Readonly<Record<string, unknown>>;
  /** The messages, with the JSON Schemas of their data. */
  readonly components: { readonly messages: Readonly<Record<string, unknown>> };
}

/**
 * Writes a description as a document of AsyncAPI 3.0, for its tools: documentation, validation, generated code.
 *
 * @param description The messages. One without a JSON Schema has no `payload`.
 * @param options What to say of the application.
 * @returns The document, to be written as JSON.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 * import { describe, toAsyncApi } from "@cq/core/wire/describe";
 *
 * class OrderPlaced extends Event {}
 *
 * const catalogue = new MessageCatalogue().add("shop.order-placed", OrderPlaced, { schema: "unchecked" });
 * const document = toAsyncApi(describe(catalogue), { title: "Shop", version: "1.0.0" });
 *
 * assertEquals(Object.keys(document.channels), ["shop.order-placed"]);
 * ```
 */
export function toAsyncApi(description: Description, options: AsyncApiOptions): AsyncApiDocument {
  const { title, version } = options;
  const channels: Record<string, unknown> = {};
  const operations: Record<string, unknown> = {};
  const messages: Record<string, unknown> = {};
  const ids = new Set<string>();
  for (const message of description.messages) {
    const id = uniqueId(message.name, ids);
    channels[id] = { address: message.name, messages: { [id]: { $ref: `#/components/messages/${id}` } } };
    messages[id] = describeMessage(message, id);
    if (message.handlers.length > 0) {
      operations[`receive.${id}`] = {
        action: "receive",
        channel: { $ref: `#/channels/${id}` },
        summary: `Handled by ${message.handlers.map(nameOf).join(", ")}`,
      };
    }
  }
  return {
    asyncapi: "3.0.0",
    info: { title, version },
    defaultContentType: "application/json",
    channels,
    operations,
    components: { messages },
  };
}

/** The keys of a document are letters, digits and a few signs. Different names must not become the same key. */
function uniqueId(name: string, ids: Set<string>): string {
  const plain = name.replace(/[^\w.-]/g, "_");
  let id = plain;
  for (let count = 2; ids.has(id); count++) id = `${plain}_${count}`;
  ids.add(id);
  return id;
}

function describeMessage({ name, type, version, kind, jsonSchema }: MessageDescription, id: string): unknown {
  return {
    name,
    title: nameOf(type),
    ...(kind === undefined ? {} : { tags: [{ name: kind }] }),
    "x-version": version,
    ...(jsonSchema === undefined ? {} : { payload: withinDocument(jsonSchema, `#/components/messages/${id}/payload`) }),
  };
}

/** References within a schema are looked for from the top of the document. */
function withinDocument(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((part) => withinDocument(part, place));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, part]) =>
      key === "$ref" && typeof part === "string" && part.startsWith("#")
        ? [key, place + part.slice(1)]
        : [key, withinDocument(part, place)]
    ),
  );
}
