import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { NonRetryableError } from "@cq/core";
import {
  type Envelope,
  envelopeCodec,
  jsonCodec,
  NewerVersionError,
  UndecodableMessageError,
  UnknownMessageError,
} from "@cq/core/wire";

const ENVELOPE: Envelope = {
  id: "m1",
  name: "json",
  version: 1,
  time: "2026-11-27T12:00:00.000Z",
  headers: {},
  body: '{"a":1}',
};

const codec = jsonCodec<unknown>();

function encode(message: unknown, metadata?: Record<string, unknown>): Envelope {
  return codec.encode(message, { metadata }) as Envelope;
}

// jsonCodec

Deno.test("jsonCodec() makes an envelope that says all in strings", () => {
  const { id, time, ...rest } = encode({ a: [1, "b", null, { c: true }] });

  assertEquals(rest, { name: "json", version: 1, headers: {}, body: '{"a":[1,"b",null,{"c":true}]}' });
  assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

Deno.test("jsonCodec() takes the id and the key of the sender", () => {
  const { id, key } = codec.encode(1, { id: "m7", key: "order 7" }) as Envelope;

  assertEquals([id, key], ["m7", "order 7"]);
});

Deno.test("jsonCodec() gives each envelope an id of its own that begins with the time", () => {
  const before = Date.now();
  const ids = Array.from({ length: 1_000 }, () => encode(1).id);
  const times = ids.map((id) => parseInt(id.replace("-", "").slice(0, 12), 16));

  assertEquals(new Set(ids).size, 1_000);
  assertEquals(times.every((time) => time >= before && time <= Date.now()), true);
});

Deno.test("jsonCodec() gives back what was sent, primitives too", () => {
  for (const message of [{ a: { b: [] } }, [], "Ada", 7, true, null]) {
    assertEquals(codec.decode(encode(message)), message);
  }
});

Deno.test("jsonCodec() carries the metadata that is JSON", () => {
  const metadata = { correlationId: "r1", traceparent: "t1", tenant: { id: 7 }, at: new Date(), big: 1n };
  const envelope = encode(1, metadata);

  assertEquals(envelope.headers, { correlationid: "r1", traceparent: "t1", metadata: '{"tenant":{"id":7}}' });
  assertEquals(codec.metadataOf(envelope), {
    messageId: envelope.id,
    correlationId: "r1",
    traceparent: "t1",
    tenant: { id: 7 },
  });
});

Deno.test("jsonCodec() makes the message that is handled the cause of the one that is sent", () => {
  const metadata = { messageId: "m6", correlationId: "r1", causationId: "m5" };

  assertEquals(encode(1, metadata).headers, { correlationid: "r1", causationid: "m6" });
  assertEquals(encode(1, { messageId: "m6" }).headers, { correlationid: "m6", causationid: "m6" });
});

Deno.test("jsonCodec() keeps ids that are not strings as they are", () => {
  const envelope = encode(1, { correlationId: 7 });

  assertEquals(codec.metadataOf(envelope), { messageId: envelope.id, correlationId: 7 });
});

Deno.test("jsonCodec() refuses a name and a version that are not its own", () => {
  const unknown = assertThrows(() => codec.decode({ ...ENVELOPE, name: "shop.order" }), UnknownMessageError);
  const newer = assertThrows(() => codec.decode({ ...ENVELOPE, version: 2 }), NewerVersionError);

  assertEquals(
    unknown.message,
    'Cannot decode "shop.order": its name is not known here. Deploy receivers before senders',
  );
  assertEquals(unknown.envelope.name, "shop.order");
  assertEquals(
    newer.message,
    'Cannot decode "json": it has version 2, and 1 is the newest one known here. Deploy receivers before senders',
  );
  assertEquals([newer.knownVersion, newer.envelope.version], [1, 2]);
});

Deno.test("jsonCodec() refuses a body that is not JSON, and quotes nothing of it", () => {
  const envelope = { ...ENVELOPE, body: '{"password":"secret"' };
  const error = assertThrows(() => codec.decode(envelope), UndecodableMessageError);

  assertEquals(error.message, 'Cannot decode "json": its body is not JSON');
  assertEquals(error.cause instanceof SyntaxError, true);
  assertEquals(error instanceof NonRetryableError, true);
  assertStrictEquals(error.envelope, envelope);
  assertEquals(error.issues, []);
  // What is enumerable is printed along with an error.
  assertEquals(Object.keys(error).filter((key) => key !== "name"), []);
});

Deno.test("jsonCodec() refuses metadata that is not JSON", () => {
  const error = assertThrows(
    () => codec.metadataOf({ ...ENVELOPE, headers: { metadata: "{" } }),
    UndecodableMessageError,
  );

  assertEquals(error.message, 'Cannot decode "json": its metadata is not JSON');
});

Deno.test("jsonCodec() refuses a body that is nested deeper than it would send one", () => {
  const nest = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  const error = assertThrows(() => codec.decode({ ...ENVELOPE, body: nest(65) }), UndecodableMessageError);

  assertEquals(error.message, 'Cannot decode "json": its body is nested deeper than 64 levels');
  assertEquals(encode(codec.decode({ ...ENVELOPE, body: nest(64) })).body, nest(64));
  assertThrows(() => encode(JSON.parse(nest(65))), TypeError, "is nested deeper than 64 levels");
});

Deno.test("A codec refuses what has not the shape of an envelope", () => {
  const flawed: [unknown, string][] = [
    [null, "Cannot decode an envelope without a name: an envelope must be an object"],
    ["text", "Cannot decode an envelope without a name: an envelope must be an object"],
    [{ ...ENVELOPE, id: 7 }, 'Cannot decode "json": its id must be a string'],
    [{ ...ENVELOPE, name: 7 }, "Cannot decode an envelope without a name: its name must be a string"],
    [{ ...ENVELOPE, version: 0 }, 'Cannot decode "json": its version must be a whole number from 1'],
    [{ ...ENVELOPE, version: 1.5 }, 'Cannot decode "json": its version must be a whole number from 1'],
    [{ ...ENVELOPE, version: "1" }, 'Cannot decode "json": its version must be a whole number from 1'],
    [{ ...ENVELOPE, time: 7 }, 'Cannot decode "json": its time must be a string'],
    [{ ...ENVELOPE, key: 7 }, 'Cannot decode "json": its key must be a string'],
    [{ ...ENVELOPE, headers: undefined }, 'Cannot decode "json": its headers must be an object'],
    [{ ...ENVELOPE, body: {} }, 'Cannot decode "json": its body must be a string'],
  ];

  for (const [value, message] of flawed) {
    for (const each of [codec, envelopeCodec]) {
      assertEquals(assertThrows(() => each.decode(value as Envelope), UndecodableMessageError).message, message);
      assertEquals(assertThrows(() => each.metadataOf(value as Envelope), UndecodableMessageError).message, message);
    }
  }
});

Deno.test("An error quotes a name that comes from outside only in part", () => {
  const { message } = assertThrows(() => codec.decode({ ...ENVELOPE, name: "x".repeat(9_999) }), UnknownMessageError);

  assertEquals(message.length < 400, true);
});

// What JSON loses

class Money {
  readonly amount = 7;
}

/** What leads back to itself. */
function circle(): unknown {
  const data: { a: { self?: unknown } } = { a: {} };
  data.a.self = data;
  return data;
}

Deno.test("encode() refuses all that JSON loses, and says where it is", () => {
  const hole = [1];
  hole[2] = 3;
  const refused: [unknown, string][] = [
    [{ a: NaN }, '"a" is NaN'],
    [{ a: [1, -Infinity] }, '"a[1]" is -Infinity'],
    [{ "a b": { c: 1n } }, '"["a b"].c" is a bigint'],
    [{ a: new Map([[1, 2]]) }, '"a" is an instance of "Map"'],
    [{ a: new Set() }, '"a" is an instance of "Set"'],
    [{ a: new Date() }, '"a" is an instance of "Date"'],
    [{ a: new Money() }, '"a" is an instance of "Money"'],
    [{ a: Object("text") }, '"a" is an instance of "String"'],
    [{ a: () => {} }, '"a" is a function'],
    [{ toJSON: () => 1 }, '"toJSON" is a function'],
    [{ a: Symbol("b") }, '"a" is a symbol'],
    [{ [Symbol("b")]: 1 }, '"[Symbol(b)]" is under a symbol'],
    [{ a: [undefined] }, '"a[0]" is undefined'],
    [hole, '"[1]" is undefined'],
    [/a(b)/.exec("ab"), '"groups" is a property of a list'],
    [circle(), '"a.self.a.self.'],
    [undefined, "it is undefined"],
  ];

  for (const [message, text] of refused) {
    assertThrows(() => encode(message), TypeError, text);
  }
});

Deno.test("encode() says the whole of what is wrong", () => {
  assertEquals(
    assertThrows(() => encode({ a: [1n] }), TypeError).message,
    'Cannot encode an instance of "Object": "a[0]" is a bigint, and JSON does not keep that. Send plain data',
  );
});

Deno.test("encode() refuses a circle, and cuts its path", () => {
  const { message } = assertThrows(() => encode(circle()), TypeError);

  assertEquals(message.includes("is nested deeper than 64 levels, or in a circle"), true);
  assertEquals(message.length < 300, true);
});

Deno.test("encode() takes the same object twice, which is not a circle", () => {
  const shared = { a: 1 };

  assertEquals(encode([shared, shared]).body, '[{"a":1},{"a":1}]');
});

Deno.test("encode() leaves out what is undefined, and makes -0 a 0", () => {
  assertEquals(encode({ a: undefined, b: -0 }).body, '{"b":0}');
});

Deno.test("encode() takes objects without a prototype, and data under the names of methods", () => {
  const message = Object.assign(Object.create(null), { constructor: "a", toJSON: "b" });

  assertEquals(encode(message).body, '{"constructor":"a","toJSON":"b"}');
});

// envelopeCodec

Deno.test("envelopeCodec leaves an envelope as it is", () => {
  assertStrictEquals(envelopeCodec.encode(ENVELOPE), ENVELOPE);
  assertStrictEquals(envelopeCodec.encode(ENVELOPE, { metadata: { correlationId: "other" } }), ENVELOPE);
  assertStrictEquals(envelopeCodec.decode(ENVELOPE), ENVELOPE);
});

Deno.test("envelopeCodec takes an id and a key that the sender names", () => {
  assertEquals(envelopeCodec.encode(ENVELOPE, { id: "m9", key: "k" }), { ...ENVELOPE, id: "m9", key: "k" });
});

Deno.test("envelopeCodec reads the metadata that all codecs carry", () => {
  const headers = { correlationid: "r1", causationid: "m0", tenantid: "t" };

  assertEquals(envelopeCodec.metadataOf({ ...ENVELOPE, headers }), {
    messageId: "m1",
    correlationId: "r1",
    causationId: "m0",
  });
});

Deno.test("envelopeCodec refuses to send what is not an envelope", () => {
  assertEquals(
    assertThrows(() => envelopeCodec.encode({ ...ENVELOPE, version: 0 }), TypeError).message,
    'Cannot send an instance of "Object" as an envelope: its version must be a whole number from 1',
  );
});
