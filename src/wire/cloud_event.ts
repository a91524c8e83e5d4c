import { type Envelope, flawOf } from "../envelope.ts";

const JSON_TYPE = "application/json";

/**
 * An event of the CloudEvents specification, version 1.0, as its JSON format has it. All other attributes are extensions.
 */
export interface CloudEvent {
  /** The version of the specification. */
  readonly specversion: "1.0";
  /** Identifies the event among those of its source. */
  readonly id: string;
  /** Where the event comes from: a URI, such as `/shop` or `https://shop.example.com`. */
  readonly source: string;
  /** What has happened: the stable name of the message. */
  readonly type: string;
  /** When it has happened: RFC 3339. */
  readonly time: string;
  /** What the data is. */
  readonly datacontenttype: string;
  /** The data. */
  readonly data: unknown;
  /** The key of the message. */
  readonly partitionkey?: string | undefined;
  /** The version of the message. */
  readonly cqversion: number;
  /** A header of the message. */
  readonly [extension: string]: unknown;
}

/** What {@linkcode toCloudEvent} has to know beside the envelope. */
export interface CloudEventOptions {
  /** Where the event comes from: a URI, such as `/shop` or `https://shop.example.com`. */
  readonly source: string;
}

/**
 * Makes a cloud event of an envelope. The headers become extensions, the key becomes `partitionkey`, and the version of
 * the message `cqversion`.
 *
 * @param envelope The envelope.
 * @param options Where the event comes from.
 * @returns The event.
 * @throws {SyntaxError} If the body of the envelope is not JSON.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type Envelope, fromCloudEvent, toCloudEvent } from "@cq/core/wire";
 *
 * const envelope: Envelope = {
 *   id: "m7",
 *   name: "shop.order-placed",
 *   version: 3,
 *   time: "2026-11-27T12:00:00.000Z",
 *   headers: { correlationid: "request 7" },
 *   body: '{"id":7}',
 * };
 * const event = toCloudEvent(envelope, { source: "/shop" });
 *
 * assertEquals(event, {
 *   specversion: "1.0",
 *   id: "m7",
 *   source: "/shop",
 *   type: "shop.order-placed",
 *   time: "2026-11-27T12:00:00.000Z",
 *   datacontenttype: "application/json",
 *   correlationid: "request 7",
 *   cqversion: 3,
 *   data: { id: 7 },
 * });
 * assertEquals(fromCloudEvent(event), envelope);
 * ```
 */
export function toCloudEvent(envelope: Envelope, options: CloudEventOptions): CloudEvent {
  const { id, name, version, time, key, headers, body } = envelope;
  const { source } = options;
  if (!source) throw new TypeError("Cannot make a cloud event: its source must not be empty");
  return {
    ...headers,
    specversion: "1.0",
    id,
    source,
    type: name,
    time,
    datacontenttype: JSON_TYPE,
    ...(key === undefined ? {} : { partitionkey: key }),
    cqversion: version,
    data: JSON.parse(body),
  };
}

/**
 * Makes an envelope of a cloud event: the opposite of {@linkcode toCloudEvent}. It takes those of other libraries, too: what
 * has no `cqversion` has version 1, and what has no time is of now. The source and the subject are left out.
 *
 * @param event The event.
 * @returns The envelope. A codec decides whether its name and its body are good.
 * @throws {TypeError} If it is not an event, or if its data is not JSON.
 */
export function fromCloudEvent(event: object): Envelope {
  const {
    specversion,
    id,
    source: _source,
    type: name,
    time = new Date().toISOString(),
    datacontenttype = JSON_TYPE,
    dataschema: _dataschema,
    subject: _subject,
    partitionkey: key,
    cqversion: version = 1,
    // An event without data is a message without properties.
    data = {},
    data_base64,
    ...extensions
  } = Object(event) as Partial<CloudEvent>;
  if (specversion !== "1.0") throw flawed("its specversion must be 1.0");
  if (!/^application\/(?:[^;]+\+)?json\s*(?:;|$)/i.test(datacontenttype)) {
    throw flawed("its datacontenttype must be JSON");
  }
  if (data_base64 !== undefined) throw flawed("its data must not be in base64");
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(extensions)) {
    // Extensions are strings, numbers and booleans, under names that headers have, too.
    if (/^[a-z0-9]+$/.test(name) && typeof value !== "object") headers[name] = String(value);
  }
  const body = JSON.stringify(data);
  const envelope = { id, name, version, time, ...(key === undefined ? {} : { key }), headers, body };
  const flaw = flawOf(envelope);
  if (flaw !== undefined) throw flawed(flaw);
  return envelope as Envelope;
}

function flawed(flaw: string): TypeError {
  return new TypeError(`Cannot read a cloud event: ${flaw}`);
}
