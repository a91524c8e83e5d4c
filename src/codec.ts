import { type Envelope, flawOf, metadataFrom, outgoing, stamp, STANDARD_HEADERS } from "./envelope.ts";
import { NonRetryableError } from "./errors.ts";
import { isTooDeep, jsonLossOf, MAX_DEPTH, writeJson } from "./json_loss.ts";
import { type Metadata, NO_METADATA } from "./metadata.ts";
import { describe } from "./naming.ts";
import type { SchemaIssue } from "./standard_schema.ts";

/** What the sender may add to a message when it is encoded. */
export interface EncodeOptions {
  /** What goes along with the message, as far as the codec carries it. A handler's context has it. */
  readonly metadata?: Metadata | undefined;
  /** Messages of one key are handled in their order by queues that promise it. */
  readonly key?: string | undefined;
  /**
   * Identifies the message.
   *
   * @default {a new UUID of version 7}
   */
  readonly id?: string | undefined;
}

/**
 * Makes envelopes of messages, and messages of envelopes. Queues take one; a catalogue is one.
 *
 * @typeParam T The messages.
 */
export interface MessageCodec<T> {
  // Properties and not methods, so that the compiler compares the messages one way only.
  /** Makes an envelope of a message, plainly or by promise. It throws or rejects where the message cannot be encoded. */
  readonly encode: (message: T, options?: EncodeOptions) => Envelope | PromiseLike<Envelope>;
  /**
   * Makes a message of an envelope, plainly or by promise. It throws, or rejects with, an
   * {@linkcode UndecodableMessageError}, an {@linkcode UnknownMessageError} or a {@linkcode NewerVersionError}.
   */
  readonly decode: (envelope: Envelope) => T | PromiseLike<T>;
  /** Reads the metadata of a message. Its `messageId` is the id of the envelope. */
  readonly metadataOf: (envelope: Envelope) => Metadata;
}

/** What {@linkcode UndecodableMessageError} says beside its text. */
export interface UndecodableMessageErrorOptions extends ErrorOptions {
  /** What the schema finds wrong. */
  readonly issues?: readonly SchemaIssue[] | undefined;
}

/**
 * A message can never be decoded: its body is not JSON, or does not fit its schema, or what reads it throws. A queue gives
 * it up at once.
 *
 * The text of the error quotes no data. Its `cause`, its `issues` and its `envelope` may; the latter two are not
 * printed along with it.
 */
export class UndecodableMessageError extends NonRetryableError {
  /** The envelope, its body as it came. */
  declare readonly envelope: Envelope;
  /** What the schema finds wrong. Empty where the body did not get as far as the schema. */
  declare readonly issues: readonly SchemaIssue[];

  /**
   * Made by a codec.
   *
   * @param envelope The envelope.
   * @param reason Why it cannot be decoded, as the end of a sentence.
   * @param options The cause, and what the schema finds wrong.
   */
  constructor(envelope: Envelope, reason: string, options: UndecodableMessageErrorOptions = {}) {
    super(`Cannot decode ${nameIn(envelope)}: ${reason}`, options);
    this.name = "UndecodableMessageError";
    hide(this, { envelope, issues: options.issues ?? [] });
  }
}

/**
 * A codec does not know the name of a message. As a rule the sender is deployed already and the receiver is not: a queue
 * tries again later.
 */
export class UnknownMessageError extends Error {
  /** The envelope. */
  declare readonly envelope: Envelope;

  /**
   * Made by a codec.
   *
   * @param envelope The envelope.
   */
  constructor(envelope: Envelope) {
    super(
      `Cannot decode ${nameIn(envelope)}: its name is not known here. Deploy receivers before senders`,
    );
    this.name = "UnknownMessageError";
    hide(this, { envelope });
  }
}

/**
 * A message has a newer version than the codec knows. As a rule the sender is deployed already and the receiver is not: a
 * queue tries again later.
 */
export class NewerVersionError extends Error {
  /** The newest version that the codec knows. */
  readonly knownVersion: number;
  /** The envelope. */
  declare readonly envelope: Envelope;

  /**
   * Made by a codec.
   *
   * @param envelope The envelope.
   * @param knownVersion The newest version that the codec knows.
   */
  constructor(envelope: Envelope, knownVersion: number) {
    super(
      `Cannot decode ${nameIn(envelope)}: it has version ${envelope.version}, and ${knownVersion} is the newest one ` +
        "known here. Deploy receivers before senders",
    );
    this.name = "NewerVersionError";
    this.knownVersion = knownVersion;
    hide(this, { envelope });
  }
}

/** Gives an error what should not be printed along with it: it quotes data. */
function hide(error: Error, fields: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(error, name, { value });
}

/** How much of a name, which comes from outside, an error quotes. */
const MAX_NAME = 200;

function nameIn(envelope: Envelope): string {
  const name: unknown = (envelope as Envelope | undefined | null)?.name;
  return typeof name === "string" ? JSON.stringify(name.slice(0, MAX_NAME)) : "an envelope without a name";
}

/**
 * Makes sure that an envelope has the shape of one.
 *
 * @param envelope What should be an envelope.
 * @throws {UndecodableMessageError} If it has not.
 */
export function checkEnvelope(envelope: Envelope): void {
  const flaw = flawOf(envelope);
  if (flaw !== undefined) throw new UndecodableMessageError(envelope, flaw);
}

/**
 * Reads the body of an envelope.
 *
 * @param envelope The envelope.
 * @returns What is in it.
 * @throws {UndecodableMessageError} If it is not JSON, or is nested too deep.
 */
export function parseBody(envelope: Envelope): unknown {
  let data: unknown;
  try {
    data = JSON.parse(envelope.body);
  } catch (cause) {
    throw new UndecodableMessageError(envelope, "its body is not JSON", { cause });
  }
  if (isTooDeep(data, envelope.body)) {
    throw new UndecodableMessageError(envelope, `its body is nested deeper than ${MAX_DEPTH} levels`);
  }
  return data;
}

/** The name of what {@linkcode jsonCodec} makes. */
const JSON_NAME = "json";

/**
 * Makes a codec for plain data, which has no class: objects, lists, strings, numbers, booleans and `null`. The name of
 * its envelopes is `json`.
 *
 * All of the metadata that is JSON goes along: the ids of correlation and tracing as headers of their own, the rest
 * together in one. Nothing is validated when a message comes back; a {@linkcode MessageCatalogue} does that.
 *
 * @typeParam T The messages.
 * @returns The codec.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { jsonCodec } from "@cq/core/wire";
 *
 * const codec = jsonCodec<{ to: string; at?: Date }>();
 * const envelope = await codec.encode({ to: "ada@example.com" }, { metadata: { tenant: { id: 7 } } });
 *
 * assertEquals(envelope.body, '{"to":"ada@example.com"}');
 * assertEquals(await codec.decode(envelope), { to: "ada@example.com" });
 * assertEquals(codec.metadataOf(envelope), { messageId: envelope.id, tenant: { id: 7 } });
 * assertThrows(() => codec.encode({ to: "ada@example.com", at: new Date() }), TypeError, '"at" is an instance of "Date"');
 * ```
 */
export function jsonCodec<T>(): MessageCodec<T> {
  return {
    encode: function encodeJson(message, { metadata = NO_METADATA, key, id } = {}) {
      const body = writeJson(message, { allowed: "none", name: describe(message), advice: "Send plain data" });
      const headers = jsonHeadersOf(metadata);
      return { ...stamp(id), name: JSON_NAME, version: 1, ...(key === undefined ? {} : { key }), headers, body };
    },
    decode: function decodeJson(envelope) {
      checkEnvelope(envelope);
      if (envelope.name !== JSON_NAME) throw new UnknownMessageError(envelope);
      if (envelope.version > 1) throw new NewerVersionError(envelope, 1);
      return parseBody(envelope) as T;
    },
    metadataOf: jsonMetadataOf,
  };
}

function jsonHeadersOf(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {};
  const rest = new Map(
    Object.entries(outgoing(metadata)).filter(([, value]) => jsonLossOf(value, "none") === undefined),
  );
  for (const [header, key] of STANDARD_HEADERS) {
    const value = rest.get(key);
    if (typeof value === "string" && rest.delete(key)) headers[header] = value;
  }
  if (rest.size > 0) headers["metadata"] = JSON.stringify(Object.fromEntries(rest));
  return headers;
}

function jsonMetadataOf(envelope: Envelope): Metadata {
  checkEnvelope(envelope);
  const known = metadataFrom(envelope, STANDARD_HEADERS);
  const { metadata: text } = envelope.headers;
  if (text === undefined) return known;
  try {
    return { ...JSON.parse(text), ...known };
  } catch (cause) {
    throw new UndecodableMessageError(envelope, "its metadata is not JSON", { cause });
  }
}

/**
 * Leaves envelopes as they are. Two queues with it make a relay that needs no class, and keeps the id, the key and the
 * headers of each message. A key or an id that the sender names takes the place of that of the envelope.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { envelopeCodec, jsonCodec } from "@cq/core/wire";
 *
 * const envelope = await jsonCodec<string>().encode("Ada");
 *
 * assertEquals(await envelopeCodec.encode(envelope), envelope);
 * assertEquals(envelopeCodec.metadataOf(envelope), { messageId: envelope.id });
 * ```
 */
export const envelopeCodec: MessageCodec<Envelope> = {
  encode: function encodeEnvelope(envelope, { key = envelope.key, id = envelope.id } = {}) {
    const flaw = flawOf(envelope);
    if (flaw !== undefined) throw new TypeError(`Cannot send ${describe(envelope)} as an envelope: ${flaw}`);
    return key === envelope.key && id === envelope.id ? envelope : { ...envelope, id, key };
  },
  decode: function decodeEnvelope(envelope) {
    checkEnvelope(envelope);
    return envelope;
  },
  metadataOf: function metadataOfEnvelope(envelope) {
    checkEnvelope(envelope);
    return metadataFrom(envelope, STANDARD_HEADERS);
  },
};
