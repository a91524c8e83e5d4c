// Compiling this file is the test: where an assertion on types does not hold, or where the compiler accepts what it
// should refuse, `deno test` fails before anything runs. What is passed to `compiled` is never called.

import { Command, Event, type NonRetryableError } from "@cq/core";
import {
  type Envelope,
  envelopeCodec,
  type Json,
  jsonCodec,
  type Jsonify,
  type MessageCatalogue,
  type MessageCodec,
  type NotJson,
  type StandardSchema,
  toCloudEvent,
  type UndecodableMessageError,
  type WireOf,
} from "@cq/core/wire";

/** Whether two types are the same, which is more than that each is assignable to the other. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles where the type is `true`. */
function holds<T extends true>(this: T | void): void {}

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

declare function schema<Output, Input = Output>(): StandardSchema<Output, Input>;

declare const empty: MessageCatalogue;

class PlaceOrder extends Command<number> {
  readonly items: readonly string[] = [];
  readonly note?: string | undefined;

  count(): number {
    return this.items.length;
  }
}

class OrderPlaced extends Event {
  declare readonly id: number;
  declare readonly at: Date;
}

class Tagged extends Event {
  declare readonly tags: ReadonlySet<string>;
}

class Big extends Event {
  declare readonly amount: bigint;
}

class Secret extends Event {
  readonly #secret: number = 7;
  readonly open: string = "";

  reveal(): number {
    return this.#secret;
  }
}

class Square extends Event {
  readonly side: number = 1;

  get area(): number {
    return this.side ** 2;
  }
}

class Maybe extends Event {
  declare readonly value: string | undefined;
}

class Page<T> extends Event {
  declare readonly entries: readonly T[];
}

interface Branch {
  readonly value: number;
  readonly children: readonly Branch[];
}

class Tree extends Event {
  declare readonly root: Branch;
}

class Cents {
  readonly amount: number = 0;

  format(): string {
    return `${this.amount} ct`;
  }
}

class Priced extends Event {
  readonly price: Cents = new Cents();
}

class Open extends Event {
  declare readonly payload: unknown;
  // deno-lint-ignore no-explicit-any
  declare readonly anything: any;
  declare readonly data: Json;
}

type Brand = string & { readonly brand: "id" };

class Branded extends Event {
  declare readonly id: Brand;
  declare readonly pair: readonly [a: number, b: string];
  declare readonly state: { readonly kind: "open" } | { readonly kind: "closed"; readonly at: number };
}

type PlaceOrderJson = { items: string[]; note?: string | undefined };
type OrderPlacedJson = { id: number; at: string };

// What JSON makes of a type

Deno.test("WireOf is what JSON makes of a message", () => {
  holds<Equal<WireOf<PlaceOrder>, { readonly items: string[]; readonly note?: string }>>();
  holds<Equal<WireOf<OrderPlaced>, { readonly id: number; readonly at: string }>>();
  holds<Equal<WireOf<Tagged>, { readonly tags: NotJson<ReadonlySet<string>> }>>();
  holds<Equal<WireOf<Maybe>, { readonly value: string | undefined }>>();
  // deno-lint-ignore no-explicit-any
  holds<Equal<WireOf<Open>, { readonly payload: unknown; readonly anything: any; readonly data: Json }>>();
  holds<Equal<WireOf<Page<Date>>, { readonly entries: string[] }>>();
  holds<Equal<WireOf<Branded>["id"], Brand>>();
  holds<Equal<WireOf<Branded>["pair"], [a: number, b: string]>>();
});

Deno.test("Jsonify says what JSON loses, and fits nothing by accident", () => {
  holds<Equal<Jsonify<bigint>, NotJson<bigint>>>();
  holds<Equal<Jsonify<Map<string, number>>, NotJson<Map<string, number>>>>();
  holds<Equal<Jsonify<{ a: (() => void)[]; b(): void }>, { a: NotJson<() => void>[] }>>();
  holds<Equal<Jsonify<string | Date | null>, string | null>>();
  compiled(() => {
    // @ts-expect-error: what is lost is not a string, nor anything else.
    const lost: string | number | object[] = null! as NotJson<bigint>;
    return lost;
  });
});

// What is accepted

Deno.test("A message needs nothing more where its schema fits", () => {
  compiled(() => [
    empty.add("a", PlaceOrder, { schema: "unchecked" }),
    empty.add("a", PlaceOrder, { schema: schema<PlaceOrderJson>() }),
    empty.add("a", PlaceOrder, { schema: schema<PlaceOrderJson, unknown>() }),
    empty.add("a", OrderPlaced, { schema: schema<{ id: number; at: Date }, OrderPlacedJson>() }),
    empty.add("a", Branded, { schema: "unchecked" }),
    empty.add("a", Open, { schema: "unchecked" }),
    empty.add("a", Page<string>, { schema: "unchecked" }),
    empty.add("a", Tree, { schema: "unchecked" }),
    empty.add("a", Priced, { schema: schema<{ price: Cents }, { price: { amount: number } }>() }),
    empty.add("a", Secret, { schema: schema<Secret, { open: string }>() }),
    // deno-lint-ignore no-explicit-any
    empty.add("a", OrderPlaced, { schema: schema<any>() }),
  ]);
});

Deno.test("The parameters of encode, decode, key and versions are inferred", () => {
  compiled(() => [
    empty.add("a", Tagged, {
      schema: schema<{ tags: Set<string> }, { tags: string[] }>(),
      encode: (tagged) => ({ tags: [...tagged.tags] }),
      key: (tagged) => [...tagged.tags][0],
    }),
    empty.add("a", OrderPlaced, {
      schema: schema<OrderPlacedJson>(),
      decode: (data) => Object.assign(new OrderPlaced(), { id: data.id, at: new Date(data.at) }),
    }),
    empty.add("a", Square, { schema: "unchecked", decode: (data) => Object.assign(new Square(), { side: data.side }) }),
    empty.add("a", Big, {
      schema: "unchecked",
      encode: (big) => ({ amount: String(big.amount) }),
      decode: (data: { amount: string }) => Object.assign(new Big(), { amount: BigInt(data.amount) }),
    }),
    empty.add("a", PlaceOrder, {
      schema: schema<PlaceOrderJson>(),
      versions: [
        (data: { item: string }) => ({ first: data.item }),
        (data) => ({ all: [data.first] }),
        (data) => ({ items: data.all }),
      ],
    }),
    empty.add("a", PlaceOrder, {
      schema: "unchecked",
      versions: [
        (data: { v1: string }) => ({ v2: data.v1 }),
        (data) => ({ v3: data.v2 }),
        (data) => ({ v4: data.v3 }),
        (data) => ({ v5: data.v4 }),
        (data) => ({ v6: data.v5 }),
        (data) => ({ v7: data.v6 }),
        (data) => ({ v8: data.v7 }),
        (data) => ({ items: [data.v8] }),
      ],
    }),
  ]);
});

Deno.test("A catalogue is a codec of exactly its messages", () => {
  compiled(() => {
    const both = empty.add("a", PlaceOrder, { schema: "unchecked" }).add("b", Branded, { schema: "unchecked" });
    holds<Equal<typeof both, MessageCatalogue<PlaceOrder | Branded>>>();
    const part = both.only(Branded);
    holds<Equal<typeof part, MessageCatalogue<Branded>>>();
    const joined = part.include(empty.add("c", Square, { schema: "unchecked", decode: () => new Square() }));
    holds<Equal<typeof joined, MessageCatalogue<Branded | Square>>>();
    const codec: MessageCodec<PlaceOrder | Branded> = both;
    const ofPart: MessageCodec<Branded> = part;
    return [codec, ofPart, both.decode(null! as Envelope) satisfies PlaceOrder | Branded];
  });
});

Deno.test("The codecs and the errors have their types", () => {
  compiled(() => {
    const numbers: MessageCodec<number> = jsonCodec<number>();
    const relay: MessageCodec<Envelope> = envelopeCodec;
    const error: NonRetryableError = null! as UndecodableMessageError;
    return [numbers, relay, error];
  });
});

// What is refused

Deno.test("The compiler refuses fifteen misuses, and more", () => {
  compiled(() => [
    // @ts-expect-error: 1. a schema is always demanded.
    empty.add("a", PlaceOrder, {}),
    // @ts-expect-error: 2. a word that is not "unchecked".
    empty.add("a", PlaceOrder, { schema: "none" }),
    // @ts-expect-error: 3. the schema has a typing error in a name.
    empty.add("a", PlaceOrder, { schema: schema<{ itemz: string[] }>() }),
    // @ts-expect-error: 4. the schema has another type.
    empty.add("a", PlaceOrder, { schema: schema<{ items: number[] }>() }),
    // @ts-expect-error: 5. the schema wants a Date, and JSON has a string.
    empty.add("a", OrderPlaced, { schema: schema<{ id: number; at: Date }>() }),
    // @ts-expect-error: 6. the schema leaves the string a string, and the message has a Date.
    empty.add("a", OrderPlaced, { schema: schema<OrderPlacedJson>() }),
    // @ts-expect-error: 7. JSON loses a bigint.
    empty.add("a", Big, { schema: "unchecked" }),
    // @ts-expect-error: 8. JSON loses a set, whatever the schema makes of a list.
    empty.add("a", Tagged, { schema: schema<{ tags: Set<string> }, { tags: string[] }>() }),
    // @ts-expect-error: 9. private members need a decode.
    empty.add("a", Secret, { schema: "unchecked" }),
    // @ts-expect-error: 10. so does a getter.
    empty.add("a", Square, { schema: schema<{ side: number }>() }),
    // @ts-expect-error: 11. so does a property that is there and may be undefined.
    empty.add("a", Maybe, { schema: schema<{ value?: string }>() }),
    // @ts-expect-error: 12. so does a nested class with methods.
    empty.add("a", Priced, { schema: schema<{ price: { amount: number } }>() }),
    empty.add("a", PlaceOrder, {
      schema: schema<PlaceOrderJson>(),
      // @ts-expect-error: 13. the last of the versions has to give what the schema takes.
      versions: [(data: { item: string }) => ({ item: data.item })],
    }),
    empty.add("a", PlaceOrder, {
      schema: schema<PlaceOrderJson>(),
      // @ts-expect-error: 14. each of the versions takes what the one before gives.
      versions: [(data: { item: string }) => ({ first: data.item }), fromSecond],
    }),
    empty.add("a", Tagged, {
      schema: schema<{ tags: Set<string> }, { tags: string[] }>(),
      // @ts-expect-error: 15. encode has to give what the schema takes.
      encode: tagsAsText,
    }),
    empty.add("a", Tagged, {
      schema: schema<{ tags: Set<string> }, { tags: string; more: string }>(),
      // @ts-expect-error: all that it takes, whatever a function with a name returns.
      encode: tagsAsText,
    }),
    empty.add("a", OrderPlaced, {
      schema: schema<OrderPlacedJson>(),
      // @ts-expect-error: 16. decode has to give the message.
      decode: () => new PlaceOrder(),
    }),
    // @ts-expect-error: 17. a Date comes back as a string where there is no schema.
    empty.add("a", OrderPlaced, { schema: "unchecked" }),
    // @ts-expect-error: 18. a key is a string.
    empty.add("a", OrderPlaced, { schema: schema<{ id: number; at: Date }, OrderPlacedJson>(), key: ({ id }) => id }),
    // @ts-expect-error: 19. an instance is not a class.
    empty.add("a", new PlaceOrder(), { schema: "unchecked" }),
    // @ts-expect-error: 20. an option that there is not.
    empty.add("a", PlaceOrder, { schema: "unchecked", version: 2 }),
  ]);
});

function fromSecond(data: { second: string }): PlaceOrderJson {
  return { items: [data.second] };
}

function tagsAsText(tagged: Tagged): { tags: string } {
  return { tags: [...tagged.tags].join() };
}

Deno.test("The compiler refuses messages that are not in the catalogue", () => {
  compiled(() => {
    const orders = empty.add("a", PlaceOrder, { schema: "unchecked" });
    const both = orders.add("b", Branded, { schema: "unchecked" });
    return [
      // @ts-expect-error: it encodes nothing else.
      orders.encode(new OrderPlaced()),
      // @ts-expect-error: it holds nothing else.
      both.only(OrderPlaced),
      // @ts-expect-error: a codec of more would be asked for what it does not have.
      orders satisfies MessageCodec<PlaceOrder | Branded>,
      // @ts-expect-error: a codec of less would give what was not expected.
      both satisfies MessageCodec<PlaceOrder>,
      // @ts-expect-error: the same of catalogues.
      orders satisfies MessageCatalogue<PlaceOrder | Branded>,
      // @ts-expect-error: a cloud event has a source.
      toCloudEvent(null! as Envelope),
    ];
  });
});
