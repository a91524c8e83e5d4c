import { assertEquals, assertRejects } from "@std/assert";
import { Event } from "@cq/core";
import { assertRoundTrip } from "@cq/core/testing";
import { MessageCatalogue, type MessageCodec } from "@cq/core/wire";
import { checkSchema } from "./support/check_schema.ts";

class Note extends Event {
  readonly content: unknown;
  readonly title?: string | undefined;

  constructor(content: unknown) {
    super();
    this.content = content;
  }
}

class Money {
  readonly amount = 7;
}

/** A schema that accepts all, and rebuilds nothing. */
const lenient = new MessageCatalogue().add("note", Note, { schema: checkSchema<{ content: unknown }>() });

/** A codec that gives back another message than it was given. */
function swap(back: unknown): MessageCodec<unknown> {
  return {
    encode: () => ({ id: "m1", name: "note", version: 1, time: "", headers: {}, body: "" }),
    decode: () => Promise.resolve(back),
    metadataOf: () => ({}),
  };
}

async function messageOf<T>(codec: MessageCodec<T>, sample: NoInfer<T>): Promise<string> {
  return (await assertRejects(() => assertRoundTrip(codec, [sample]), TypeError)).message;
}

Deno.test("assertRoundTrip() accepts what comes back as it was, but for undefined and -0", async () => {
  await assertRoundTrip(lenient, [new Note({ a: [1, null, "b"] }), new Note({ a: undefined, b: -0 }), new Note(null)]);
});

Deno.test("assertRoundTrip() says which property comes back as something else", async () => {
  const start = 'Cannot send "Note" and get it back as it was: ';

  assertEquals(
    await messageOf(lenient, new Note({ at: [new Date(0)] })),
    `${start}"content.at[0]" is an instance of "Date", and comes back as "1970-01-01T00:00:00.000Z"`,
  );
  assertEquals(
    await messageOf(lenient, new Note({ price: new Money() })),
    `${start}"content.price" is an instance of "Money", and comes back as an instance of "Object"`,
  );
  assertEquals(
    await messageOf(swap(new Note({ a: 1, b: 2 })), new Note({ a: 1 })),
    `${start}"content.b" is "undefined", and comes back as "2"`,
  );
  assertEquals(
    await messageOf(swap({ content: 1 }), new Note(1)),
    `${start}it is an instance of "Note", and comes back as an instance of "Object"`,
  );
});

Deno.test("assertRoundTrip() compares what maps, sets, dates and the like hold", async () => {
  const same = new Note([new Map([["a", 1]]), new Set([1]), new Date(0), new URL("https://example.com/a"), NaN]);
  const copy = new Note([new Map([["a", 1]]), new Set([1]), new Date(0), new URL("https://example.com/a"), NaN]);
  await assertRoundTrip(swap(copy), [same]);

  for (
    const [sent, back] of [
      [new Map([["a", 1]]), new Map([["a", 2]])],
      [new Set([1]), new Set([2])],
      [new Date(0), new Date(1)],
      [new URL("https://example.com/a"), new URL("https://example.com/b")],
      [[1], [1, 2]],
    ]
  ) {
    await assertRejects(() => assertRoundTrip(swap(new Note(back)), [new Note(sent)]), TypeError, '"content');
  }
});

Deno.test("assertRoundTrip() compares what leads back to itself", async () => {
  const [sent, back] = [0, 1].map(() => {
    const data: { self?: unknown } = {};
    data.self = data;
    return new Note(data);
  });
  await assertRoundTrip(swap(back), [sent]);
});

Deno.test("assertRoundTrip() lets out what the codec throws", async () => {
  await assertRejects(() => assertRoundTrip(lenient, [new Note(1n)]), TypeError, '"content" is a bigint');
});
