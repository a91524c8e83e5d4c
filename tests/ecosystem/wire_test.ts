import { assert, assertEquals, assertThrows } from "@std/assert";
import { cataloguePage } from "../../examples/catalogue.ts";
import { Parser } from "@asyncapi/parser";
import { Event, MessageRouter } from "@cq/core";
import {
  type Envelope,
  fromCloudEvent,
  MessageCatalogue,
  type StandardSchema,
  toCloudEvent,
  UndecodableMessageError,
} from "@cq/core/wire";
import { describe, toAsyncApi } from "@cq/core/wire/describe";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { CloudEvent } from "cloudevents";
import * as v from "valibot";
import { z } from "zod";

class OrderPlaced extends Event {
  readonly id: number;
  readonly items: readonly string[];
  readonly at: Date;
  readonly note?: string | undefined;

  constructor(id: number, items: readonly string[], at: Date) {
    super();
    this.id = id;
    this.items = items;
    this.at = at;
  }
}

const zodSchema = z.object({
  id: z.number().int(),
  items: z.array(z.string().min(1)),
  at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() }),
  note: z.string().optional(),
});
const valibotSchema = v.object({
  id: v.pipe(v.number(), v.integer()),
  items: v.array(v.pipe(v.string(), v.minLength(1))),
  at: v.pipe(v.string(), v.isoTimestamp(), v.transform((text) => new Date(text))),
  note: v.optional(v.string()),
});
const arkSchema = type({
  id: "number.integer",
  items: "(string >= 1)[]",
  at: "string.date.iso.parse",
  "note?": "string",
});

const AT = new Date("2026-11-27T12:00:00.000Z");

const ORDER = new OrderPlaced(7, ["tea"], AT);

/** What the three of them make of the same options. */
const catalogues: Record<string, MessageCatalogue<OrderPlaced>> = {
  zod: new MessageCatalogue().add("order", OrderPlaced, { schema: zodSchema }),
  valibot: new MessageCatalogue().add("order", OrderPlaced, { schema: valibotSchema }),
  arktype: new MessageCatalogue().add("order", OrderPlaced, { schema: arkSchema }),
};

for (const [library, catalogue] of Object.entries(catalogues)) {
  Deno.test(`A message with a schema of ${library} comes back as an equal instance of its class`, () => {
    const back = catalogue.decode(catalogue.encode(ORDER));

    assert(back instanceof OrderPlaced);
    assertEquals(JSON.stringify(back), JSON.stringify(ORDER));
    assertEquals(back.at, AT);
  });

  Deno.test(`A body that ${library} refuses is undecodable, and the error says where and quotes nothing`, () => {
    const envelope = { ...catalogue.encode(ORDER), body: '{"id":"secret","items":["tea",""],"at":"now"}' };
    const error = assertThrows(() => catalogue.decode(envelope), UndecodableMessageError);

    for (const place of ["id", "items[1]", "at"]) assert(error.message.includes(place), error.message);
    assert(!error.message.includes("secret"), error.message);
    assert(error.issues.length >= 3);
  });

  Deno.test(`Own data named __proto__ gets past ${library} without harm`, () => {
    const { body, ...rest } = catalogue.encode(ORDER);
    const back = catalogue.decode({ ...rest, body: body.replace("{", '{"__proto__":{"polluted":true},') });

    assertEquals(Object.getPrototypeOf(back), OrderPlaced.prototype);
    assertEquals(Reflect.get(back, "polluted"), undefined);
    assertEquals(Reflect.get({}, "polluted"), undefined);
  });
}

class Amount extends Event {
  readonly cents: bigint;

  constructor(cents: bigint) {
    super();
    this.cents = cents;
  }
}

Deno.test("A transformation that throws makes a message undecodable, in each library", () => {
  const schemas: Record<string, StandardSchema<{ cents: bigint }, { cents: string }>> = {
    zod: z.object({ cents: z.string().transform((text) => BigInt(text)) }),
    valibot: v.object({ cents: v.pipe(v.string(), v.transform((text) => BigInt(text))) }),
    arktype: type({ cents: type("string").pipe((text) => BigInt(text)) }),
  };
  for (const [library, schema] of Object.entries(schemas)) {
    const catalogue = new MessageCatalogue()
      .add("amount", Amount, { schema, encode: ({ cents }) => ({ cents: String(cents) }) });
    const envelope = catalogue.encode(new Amount(7n));

    assertEquals(catalogue.decode(envelope), new Amount(7n), library);
    assertThrows(() => catalogue.decode({ ...envelope, body: '{"cents":"x"}' }), UndecodableMessageError);
  }
});

Deno.test("A schema that validates asynchronously is refused", () => {
  const schema = z.object({ cents: z.number().refine(async () => await Promise.resolve(true)) });
  const catalogue = new MessageCatalogue()
    .add("amount", Amount, { schema: schema as unknown as StandardSchema<{ cents: bigint }>, encode: () => null! });

  const envelope: Envelope = { id: "m1", name: "amount", version: 1, time: "", headers: {}, body: '{"cents":1}' };
  assertThrows(() => catalogue.decode(envelope), UndecodableMessageError, "its schema is asynchronous");
});

Deno.test("The compiler takes what the three libraries infer, and refuses what does not fit", () => {
  const add = () => {
    const empty: MessageCatalogue = new MessageCatalogue();
    return [
      empty.add("a", OrderPlaced, {
        schema: zodSchema,
        versions: [(old: { id: number }) => ({ id: old.id, items: [], at: "" })],
      }),
      empty.add("a", Amount, {
        schema: z.object({ cents: z.string() }),
        encode: ({ cents }) => ({ cents: `${cents}` }),
        decode: ({ cents }) => new Amount(BigInt(cents)),
      }),
      // @ts-expect-error: zod takes dates, and JSON has none.
      empty.add("a", OrderPlaced, { schema: zodSchema.extend({ at: z.date() }) }),
      // @ts-expect-error: a typing error in a name.
      empty.add("a", OrderPlaced, { schema: zodSchema.omit({ items: true }).extend({ itemz: z.array(z.string()) }) }),
      // @ts-expect-error: valibot leaves the date a string.
      empty.add("a", OrderPlaced, { schema: v.object({ ...valibotSchema.entries, at: v.string() }) }),
      // @ts-expect-error: arktype takes a number.
      empty.add("a", OrderPlaced, { schema: type({ id: "string", items: "string[]", at: "string.date.iso.parse" }) }),
      // @ts-expect-error: JSON loses a bigint, whatever the schema takes.
      empty.add("a", Amount, { schema: z.object({ cents: z.bigint() }) }),
      empty.add("a", OrderPlaced, {
        schema: zodSchema,
        // @ts-expect-error: an old version lacks what zod demands.
        versions: [(old: { id: number }) => ({ id: old.id })],
      }),
    ];
  };
  assertEquals(typeof add, "function");
});

// CloudEvents and AsyncAPI

Deno.test("A cloud event of an envelope is valid for the library of CloudEvents, there and back", () => {
  const envelope = { ...catalogues.zod!.encode(ORDER, { metadata: { correlationId: "r1" }, key: "order 7" }) };
  const event = new CloudEvent(toCloudEvent(envelope, { source: "/shop" }));

  assert(event.validate());
  assertEquals(fromCloudEvent(JSON.parse(JSON.stringify(event.toJSON()))), envelope);
});

interface Branch {
  readonly value: number;
  readonly children: readonly Branch[];
}

class TreeGrown extends Event {
  declare readonly root: Branch;
}

const branch: z.ZodType<Branch, Branch> = z.object({
  value: z.number(),
  get children() {
    return z.array(branch).readonly();
  },
}).readonly();

Deno.test("The AsyncAPI document of a description is valid, with recursive schemas and odd names", async () => {
  class Loose extends Event {}
  class Odd extends Event {}
  const router = new MessageRouter();
  router.newEventBus().subscribe(OrderPlaced, function sendReceipt() {});
  const catalogue = new MessageCatalogue()
    .add("shop.order-placed", OrderPlaced, { schema: zodSchema })
    .add("shop.tree", TreeGrown, { schema: z.object({ root: branch }) })
    .add("odd/a b", Loose, { schema: toStandardJsonSchema(v.object({})) })
    .add("odd_a b", Odd, { schema: type({}) });
  const document = toAsyncApi(describe(catalogue, router), { title: "Shop", version: "1.2.3" });

  const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
  const errors = diagnostics.filter(({ severity }) => severity === 0).map((
    { message, path },
  ) => [message, path.join(".")]);
  assertEquals(errors, []);
  assertEquals(parsed!.messages().all().length, 4);
  assertEquals(parsed!.operations().all().map((operation) => operation.action()), ["receive"]);
  const payload = parsed!.messages().get("shop.order-placed")!.payload()!;
  assertEquals(Object.keys(payload.properties()!), ["id", "items", "at", "note"]);
});

Deno.test("describe() has the JSON Schemas of the three libraries, of what travels", () => {
  const library = { zod: zodSchema, valibot: toStandardJsonSchema(valibotSchema), arktype: type({ id: "number" }) };
  for (const [name, schema] of Object.entries(library)) {
    const catalogue = new MessageCatalogue().add("a", OrderPlaced, { schema } as never);
    const [message] = describe(catalogue).messages;
    assertEquals(
      (message!.jsonSchema as { properties: { id: { type: string } } }).properties.id.type.length > 0,
      true,
      name,
    );
  }
  const coerced = new MessageCatalogue().add("a", OrderPlaced, { schema: z.object({ at: z.date() }) } as never);
  assertEquals(describe(coerced).messages[0]!.jsonSchema, undefined);
});

Deno.test("The page of the example has the picture, as text, and what each message is", () => {
  const page = cataloguePage();

  for (
    const text of ["m0[&#34;shop.place-order v1&#34;]:::command", "h0 -.-&#62; m1", ">shop.order-placed</td><td>2</td>"]
  ) {
    assert(page.includes(text), text);
  }
});
