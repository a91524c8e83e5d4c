/**
 * Messages that leave the process: envelopes, and codecs that make them.
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
