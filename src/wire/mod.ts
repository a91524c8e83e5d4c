/**
 * Messages that leave the process, for durable queues and for HTTP: a catalogue of their names, schemas and versions,
 * envelopes, and codecs that make them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 *
 * class PlaceOrder extends Command<number> {
 *   readonly items: readonly string[];
 *
 *   constructor(items: readonly string[]) {
 *     super();
 *     this.items = items;
 *   }
 * }
 *
 * const catalogue: MessageCatalogue<PlaceOrder> = new MessageCatalogue()
 *   .add("shop.place-order", PlaceOrder, { schema: "unchecked" });
 *
 * const envelope = catalogue.encode(new PlaceOrder(["tea"]));
 *
 * assertEquals(catalogue.decode(envelope), new PlaceOrder(["tea"]));
 * ```
 *
 * @module
 */

export type { Envelope } from "../envelope.ts";
export {
  type EncodeOptions,
  envelopeCodec,
  jsonCodec,
  type MessageCodec,
  NewerVersionError,
  UndecodableMessageError,
  type UndecodableMessageErrorOptions,
  UnknownMessageError,
} from "../codec.ts";
export { type CatalogueOptions, type InstancesOf, MessageCatalogue } from "./catalogue.ts";
export type { CatalogueMessage } from "./catalogue_entry.ts";
export { type CloudEvent, type CloudEventOptions, fromCloudEvent, toCloudEvent } from "./cloud_event.ts";
export type { Json, Jsonify, NotJson, WireOf } from "./jsonify.ts";
export type {
  DecodeIsNeeded,
  DecodeIsOptional,
  Decoding,
  EncodeIsNeeded,
  EncodeIsOptional,
  Encoding,
  Incoming,
  MessageOptions,
  UncheckedDecode,
  Versions,
} from "./message_options.ts";
export type { MessageData, SchemaIssue, SchemaResult, StandardSchema } from "../standard_schema.ts";
