import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Event } from "@cq/core";
import {
  type Envelope,
  fromCloudEvent,
  jsonCodec,
  MessageCatalogue,
  NewerVersionError,
  toCloudEvent,
  UndecodableMessageError,
  UnknownMessageError,
} from "@cq/core/wire";

class Note extends Event {
  readonly content: unknown;
  readonly title?: string | undefined;

  constructor(content: unknown, title?: string) {
    super();
    this.content = content;
    this.title = title;
  }
}

const NEWEST = 4;

/** Each version notes that it was passed. */
const catalogue = new MessageCatalogue({ headers: ["tenantId"] }).add("note", Note, {
  schema: "unchecked",
  versions: [
    ({ text }: { text: unknown }) => ({ body: text, title: "1" }),
    ({ body, title }) => ({ data: body, title: `${title}2` }),
    ({ data, title }) => ({ content: data, title: `${title}3` }),
  ],
});

const plain = jsonCodec<unknown>();

/** Keys that mean something to JavaScript, or that are hard to write. */
const key = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "prototype", "toString", "toJSON", "then", "", "0", "a b", "\u0000"),
  fc.string({ unit: "binary" }),
);

/** Any string, with lone surrogates, too. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("\ud800", "a\udfff", "\u2028\u2029", '"\\', "\u0000"),
);

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value === 0 ? 0 : value),
  fc.constantFrom(2 ** 53, 2 ** 53 + 2, -(2 ** 53), Number.MAX_VALUE, Number.MIN_VALUE, 1e21, 0),
);

const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("json"), { maxLength: 5 }),
    fc.dictionary(key, tie("json"), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

/** Whether data is the same, -0 and lone surrogates included, by the keys of each object in their order. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  return `{${Object.keys(value).map((name) => `${JSON.stringify(name)}:${canonical(Reflect.get(value, name))}`)}}`;
}

function nest(levels: number): unknown {
  let data: unknown = [];
  for (let level = 1; level < levels; level++) data = level % 2 === 0 ? [data] : { data };
  return data;
}

Deno.test("decode(encode(message)) equals the message, whatever JSON it holds", () => {
  fc.assert(
    fc.property(json, fc.option(text, { nil: undefined }), (content, title) => {
      const back = catalogue.decode(catalogue.encode(new Note(content, title)));

      assertEquals(Object.getPrototypeOf(back), Note.prototype);
      assertEquals(canonical(back.content), canonical(content));
      assertEquals(back.title, title);
      assertEquals(canonical(plain.decode(plain.encode(content) as Envelope)), canonical(content));
    }),
    { numRuns: 500 },
  );
});

Deno.test("decode(encode(message)) keeps numbers but the sign of zero", () => {
  const content = [2 ** 53, 2 ** 53 + 2, Number.MIN_VALUE, 0.1 + 0.2];

  assertEquals(catalogue.decode(catalogue.encode(new Note(content))).content, content);
  assertEquals(Object.is(catalogue.decode(catalogue.encode(new Note(-0))).content, 0), true);
});

Deno.test("What can be encoded can be decoded, at each depth", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 100 }), (levels) => {
    const message = new Note(nest(levels));
    let envelope: Envelope;
    try {
      envelope = catalogue.encode(message);
    } catch (error) {
      // The message is a level of its own.
      assertEquals([error instanceof TypeError, levels > 63], [true, true]);
      assertEquals(/is nested deeper than 64 levels/.test((error as Error).message), true);
      return;
    }
    assertEquals(canonical(catalogue.decode(envelope).content), canonical(message.content));
  }));
});

Deno.test("An old version always becomes the newest one", () => {
  const names = ["text", "body", "data", "content"];
  fc.assert(fc.property(json, fc.integer({ min: 1, max: NEWEST }), (content, version) => {
    const title = "0".slice(0, version - 1);
    const body = JSON.stringify({ [names[version - 1]!]: content, ...(version === 1 ? {} : { title }) });
    const note = catalogue.decode({ ...catalogue.encode(new Note(null)), version, body });

    assertEquals(canonical(note.content), canonical(JSON.parse(JSON.stringify(content))));
    assertEquals(note.title, version === 1 ? "123" : `${title}${"23".slice(version - 2)}`);
  }));
});

Deno.test("Metadata comes back, and an envelope survives CloudEvents", () => {
  const id = fc.option(text, { nil: undefined });
  fc.assert(fc.property(id, id, id, text, (tenantId, correlationId, cause, content) => {
    const metadata = { tenantId, correlationId, messageId: cause, secret: "no" };
    const envelope = catalogue.encode(new Note(content), { metadata, key: content });
    const expected: Record<string, unknown> = {
      messageId: envelope.id,
      tenantId,
      correlationId: correlationId ?? cause,
      causationId: cause,
    };

    assertEquals(
      catalogue.metadataOf(envelope),
      Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== undefined)),
    );
    assertEquals(fromCloudEvent(JSON.parse(JSON.stringify(toCloudEvent(envelope, { source: "/test" })))), envelope);
  }));
});

/** Anything in the place of a part of an envelope. */
const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true });

const mangledBody = fc.oneof(
  fc.string({ unit: "binary" }),
  json.map((data) => JSON.stringify(data)),
  fc.json(),
  fc.tuple(fc.json(), fc.nat()).map(([body, at]) => body.slice(0, at % (body.length + 1))),
  fc.integer({ min: 1, max: 20_000 }).map((levels) => "[".repeat(levels) + "]".repeat(levels)),
  fc.integer({ min: 1, max: 20_000 }).map((levels) => '{"a":'.repeat(levels) + "1" + "}".repeat(levels)),
  fc.constantFrom(
    '{"__proto__":{"polluted":true}}',
    '{"content":1,"__proto__":null}',
    '{"constructor":{"prototype":{"polluted":true}}}',
  ),
);

const mangled = fc.oneof(
  anything,
  fc.record({
    id: fc.oneof(fc.string(), anything),
    name: fc.oneof(fc.constantFrom("note", "json", "other", "__proto__", "constructor"), anything),
    version: fc.oneof(fc.integer({ min: -1, max: 6 }), anything),
    time: fc.oneof(fc.string(), anything),
    key: fc.oneof(fc.constant(undefined), anything),
    headers: fc.oneof(fc.dictionary(key, fc.string()), fc.dictionary(key, anything), anything),
    body: fc.oneof(mangledBody, anything),
  }),
  fc.record({
    id: fc.constant("m1"),
    name: fc.constant("note"),
    version: fc.constant(NEWEST),
    time: fc.constant("2026-11-27T12:00:00.000Z"),
    headers: fc.constant({}),
    body: mangledBody,
  }),
);

Deno.test("A mangled envelope gives one of the three errors, or a message, and pollutes no prototype", () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(mangled, (value) => {
      const envelope = value as Envelope;
      const calls = [
        () => catalogue.decode(envelope),
        () => catalogue.metadataOf(envelope),
        () => plain.decode(envelope),
        () => plain.metadataOf(envelope),
      ];
      for (const [index, call] of calls.entries()) {
        try {
          const result = call();
          if (index === 0) assertEquals(Object.getPrototypeOf(result), Note.prototype);
        } catch (error) {
          const isKnown = error instanceof UndecodableMessageError || error instanceof UnknownMessageError ||
            error instanceof NewerVersionError;
          if (!isKnown) throw error;
        }
      }
      assertEquals(Object.getOwnPropertyNames(Object.prototype), before);
      assertEquals(Reflect.get({}, "polluted"), undefined);
      assertEquals(Object.keys(Note.prototype), []);
    }),
    { numRuns: 2_000 },
  );
});
