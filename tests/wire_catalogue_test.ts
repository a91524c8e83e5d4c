import { assertEquals, assertInstanceOf, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Command, Event } from "@cq/core";
import {
  type Envelope,
  MessageCatalogue,
  type MessageCodec,
  NewerVersionError,
  UndecodableMessageError,
  UnknownMessageError,
} from "@cq/core/wire";
import { checkSchema } from "./support/check_schema.ts";

class PlaceOrder extends Command<number> {
  readonly items: readonly string[];
  readonly note?: string | undefined;

  constructor(items: readonly string[], note?: string) {
    super();
    this.items = items;
    this.note = note;
  }

  count(): number {
    return this.items.length;
  }
}

class OrderPlaced extends Event {
  readonly id: number;
  readonly at: Date;

  constructor(id: number, at: Date) {
    super();
    this.id = id;
    this.at = at;
  }
}

class OrderShipped extends Event {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

class ExpressOrder extends PlaceOrder {}

/** What a library makes of `{ id: number, at: iso date }`. */
const orderPlaced = checkSchema<{ id: number; at: Date }, { id: number; at: string }>(
  (data) => typeof data?.id === "number" ? undefined : [{ message: `expected number, got ${data?.id}`, path: ["id"] }],
  ({ id, at }) => ({ id, at: new Date(at) }),
);

const catalogue: MessageCatalogue<PlaceOrder | OrderPlaced> = new MessageCatalogue({ headers: ["tenantId"] })
  .add("shop.place-order", PlaceOrder, { schema: "unchecked" })
  .add("shop.order-placed", OrderPlaced, { schema: orderPlaced, key: ({ id }) => `order ${id}` });

const AT = new Date("2026-11-27T12:00:00.000Z");

function envelopeOf(name: string, body: string, version = 1): Envelope {
  return { id: "m1", name, version, time: AT.toISOString(), headers: {}, body };
}

// encode

Deno.test("MessageCatalogue.encode() makes an envelope under the stable name", () => {
  using _time = new FakeTime(AT.getTime() + 7);
  const envelope = catalogue.encode(new OrderPlaced(7, AT), { id: "m7" });

  assertEquals(envelope, {
    id: "m7",
    name: "shop.order-placed",
    version: 1,
    time: "2026-11-27T12:00:00.007Z",
    key: "order 7",
    headers: {},
    body: '{"id":7,"at":"2026-11-27T12:00:00.000Z"}',
  });
});

Deno.test("MessageCatalogue.encode() leaves the key out where there is none, and takes that of the sender", () => {
  assertEquals("key" in catalogue.encode(new PlaceOrder([])), false);
  assertEquals(catalogue.encode(new PlaceOrder([]), { key: "k" }).key, "k");
  assertEquals(catalogue.encode(new OrderPlaced(7, AT), { key: "k" }).key, "k");
});

Deno.test("MessageCatalogue.encode() writes what encode makes of the message", () => {
  const codec = new MessageCatalogue().add("a", OrderPlaced, {
    schema: "unchecked",
    encode: ({ id }) => [id],
    decode: ([id]: [number]) => new OrderPlaced(id, AT),
  });

  assertEquals(codec.encode(new OrderPlaced(7, AT)).body, "[7]");
  assertEquals(codec.decode(envelopeOf("a", "[8]")), new OrderPlaced(8, AT));
});

Deno.test("MessageCatalogue.encode() writes what toJSON makes of the message", () => {
  class Money {
    readonly cents: number;

    constructor(cents: number) {
      this.cents = cents;
    }

    toJSON(): string {
      return `${this.cents} cents`;
    }
  }
  const codec = new MessageCatalogue().add("money", Money, {
    schema: "unchecked",
    decode: (text) => new Money(parseInt(text)),
  });

  assertEquals(codec.encode(new Money(7)).body, '"7 cents"');
  assertEquals(codec.decode(codec.encode(new Money(7))), new Money(7));
});

Deno.test("MessageCatalogue.encode() takes along the metadata that it is told of, and the ids", () => {
  const metadata = {
    tenantId: "t1",
    messageId: "m6",
    correlationId: "r1",
    causationId: "m5",
    traceparent: "tp",
    user: {},
  };

  assertEquals(catalogue.encode(new PlaceOrder([]), { metadata }).headers, {
    correlationid: "r1",
    causationid: "m6",
    traceparent: "tp",
    tenantid: "t1",
  });
});

Deno.test("MessageCatalogue.encode() correlates with the message that is handled where nothing else is known", () => {
  const { headers } = catalogue.encode(new PlaceOrder([]), { metadata: { messageId: "m6" } });

  assertEquals(headers, { correlationid: "m6", causationid: "m6" });
});

Deno.test("MessageCatalogue.encode() refuses a header that is not a string", () => {
  assertEquals(
    assertThrows(() => catalogue.encode(new PlaceOrder([]), { metadata: { tenantId: 7 } }), TypeError).message,
    'Cannot encode "shop.place-order": "tenantId" of its metadata must be a string, and is "7"',
  );
  assertThrows(() => catalogue.encode(new PlaceOrder([]), { metadata: { correlationId: 7 } }), TypeError);
});

Deno.test("MessageCatalogue.encode() refuses a key that is not a string", () => {
  const codec = new MessageCatalogue().add("a", OrderShipped, { schema: "unchecked", key: () => 7 as never });

  assertEquals(
    assertThrows(() => codec.encode(new OrderShipped(7)), TypeError).message,
    'Cannot encode "a": its key must be a string, and is "7"',
  );
});

Deno.test("MessageCatalogue.encode() refuses what is not in the catalogue", () => {
  const refused: [unknown, string][] = [
    [
      new OrderShipped(7),
      'Cannot encode an instance of "OrderShipped": its class is not in the catalogue. Add it with add()',
    ],
    [
      new ExpressOrder([]),
      'Cannot encode an instance of "ExpressOrder": its class is not in the catalogue, only its base "PlaceOrder" is. Add it with add()',
    ],
    [{ items: [] }, 'Cannot encode an instance of "Object": its class is not in the catalogue. Add it with add()'],
    [
      Object.create(null),
      'Cannot encode an instance of "Object": its class is not in the catalogue. Add it with add()',
    ],
    [null, 'Cannot encode "null": its class is not in the catalogue. Add it with add()'],
    [undefined, 'Cannot encode "undefined": its class is not in the catalogue. Add it with add()'],
    ["text", 'Cannot encode "text": its class is not in the catalogue. Add it with add()'],
    [PlaceOrder, 'Cannot encode "PlaceOrder": its class is not in the catalogue. Add it with add()'],
  ];

  for (const [message, text] of refused) {
    assertEquals(assertThrows(() => catalogue.encode(message as PlaceOrder), TypeError).message, text);
  }
});

Deno.test("MessageCatalogue.encode() refuses what JSON loses, and says how to send it", () => {
  assertEquals(
    assertThrows(() => catalogue.encode(new PlaceOrder([undefined as never])), TypeError).message,
    'Cannot encode "shop.place-order": "items[0]" is undefined, and JSON does not keep that. ' +
      "Give the message an encode that returns plain data",
  );
});

Deno.test("MessageCatalogue.encode() refuses dates and instances that no schema rebuilds", () => {
  const unchecked = new MessageCatalogue().add("a", OrderPlaced, { schema: "unchecked" } as never);
  const own = new MessageCatalogue().add("a", OrderPlaced, { schema: orderPlaced, encode: (order) => order as never });

  assertThrows(() => unchecked.encode(new OrderPlaced(7, AT)), TypeError, '"at" is an instance of "Date"');
  assertEquals(
    assertThrows(() => own.encode(new OrderPlaced(7, AT)), TypeError).message,
    'Cannot encode "a": it is an instance of "OrderPlaced", and JSON does not keep that. ' +
      "Give the message an encode that returns plain data",
  );
});

Deno.test("MessageCatalogue.encode() refuses an invalid date, and what is lost within what a toJSON returns", () => {
  const refused: [unknown, string][] = [
    [new Date(NaN), '"at" is an invalid Date'],
    [{ toJSON: () => 1 }, '"at.toJSON" is a function'],
    [new Map(), '"at" is an instance of "Map"'],
    [new Error("text"), '"at" is an instance of "Error"'],
    [new Uint8Array(1), '"at" is an instance of "Uint8Array"'],
    [
      new (class Lossy {
        toJSON(): unknown {
          return { a: [1n] };
        }
      })(),
      '"at.a[0]" is a bigint',
    ],
    [
      new (class Dated {
        toJSON(): unknown {
          return AT;
        }
      })(),
      '"at" is an instance of "Date"',
    ],
    [
      new (class Nothing {
        toJSON(): unknown {
          return undefined;
        }
      })(),
      '"at" is undefined',
    ],
  ];

  for (const [at, text] of refused) {
    assertThrows(() => catalogue.encode(new OrderPlaced(7, at as Date)), TypeError, text);
  }
});

Deno.test("MessageCatalogue.encode() takes instances as their own properties where a schema rebuilds them", () => {
  class Point {
    readonly x = 1;
  }
  assertEquals(catalogue.encode(new OrderPlaced(7, new Point() as never)).body, '{"id":7,"at":{"x":1}}');
});

Deno.test("MessageCatalogue.encode() refuses a message that holds more than its properties", () => {
  class Failure extends Error {}
  const codec = new MessageCatalogue().add("failure", Failure, { schema: orderPlaced } as never);

  assertThrows(() => codec.encode(new Failure("text")), TypeError, 'it is an instance of "Failure"');
});

// decode

Deno.test("MessageCatalogue.decode() gives an instance of the class, equal to what was sent", () => {
  const message = new PlaceOrder(["tea"], "soon");
  const back = catalogue.decode(catalogue.encode(message));

  assertEquals(back, message);
  assertInstanceOf(back, PlaceOrder);
  assertEquals(back.count(), 1);
});

Deno.test("MessageCatalogue.decode() leaves out what was undefined", () => {
  assertEquals(Object.keys(catalogue.decode(catalogue.encode(new PlaceOrder([])))), ["items"]);
});

Deno.test("MessageCatalogue.decode() gives what the schema puts out", () => {
  assertEquals(catalogue.decode(catalogue.encode(new OrderPlaced(7, AT))), new OrderPlaced(7, AT));
});

Deno.test("MessageCatalogue.decode() passes on an instance of the class that the schema puts out", () => {
  const message = new OrderShipped(7);
  const codec = new MessageCatalogue().add("a", OrderShipped, {
    schema: checkSchema<OrderShipped, { id: number }>(undefined, () => message),
  });

  assertStrictEquals(codec.decode(envelopeOf("a", "{}")), message);
});

Deno.test("MessageCatalogue.decode() builds a message without its constructor, unless it has a decode", () => {
  let built = 0;
  class Counted {
    readonly id: number;

    constructor(id: number) {
      this.id = id;
      built++;
    }
  }
  const plain = new MessageCatalogue().add("a", Counted, { schema: "unchecked" });
  const own = new MessageCatalogue().add("a", Counted, { schema: "unchecked", decode: ({ id }) => new Counted(id) });

  assertEquals((plain.decode(envelopeOf("a", '{"id":1}')) as Counted).id, 1);
  assertEquals(built, 0);
  assertEquals(own.decode(envelopeOf("a", '{"id":1}')).id, 1);
  assertEquals(built, 1);
});

Deno.test("MessageCatalogue.decode() brings each old version to the current one", () => {
  const steps: string[] = [];
  const codec = new MessageCatalogue().add("a", OrderShipped, {
    schema: "unchecked",
    versions: [
      (data: { no: string }) => (steps.push("1"), { number: Number(data.no) }),
      (data) => (steps.push("2"), { id: data.number }),
    ],
  });

  assertEquals(codec.encode(new OrderShipped(7)).version, 3);
  assertEquals(codec.decode(envelopeOf("a", '{"no":"7"}', 1)), new OrderShipped(7));
  assertEquals(codec.decode(envelopeOf("a", '{"number":8}', 2)), new OrderShipped(8));
  assertEquals(codec.decode(envelopeOf("a", '{"id":9}', 3)), new OrderShipped(9));
  assertEquals(steps, ["1", "2", "2"]);
});

Deno.test("MessageCatalogue.decode() refuses a name and a version that it does not know", () => {
  assertThrows(() => catalogue.decode(envelopeOf("PlaceOrder", "{}")), UnknownMessageError);
  assertThrows(() => catalogue.decode(envelopeOf("__proto__", "{}")), UnknownMessageError);
  const error = assertThrows(() => catalogue.decode(envelopeOf("shop.place-order", "{", 2)), NewerVersionError);
  assertEquals(error.knownVersion, 1);
});

Deno.test("MessageCatalogue.decode() refuses what the schema refuses, says where, and quotes nothing", () => {
  const error = assertThrows(
    () => catalogue.decode(envelopeOf("shop.order-placed", '{"id":"secret"}')),
    UndecodableMessageError,
  );

  assertEquals(error.message, 'Cannot decode "shop.order-placed": its schema refuses id');
  assertEquals(error.issues, [{ message: "expected number, got secret", path: ["id"] }]);
});

Deno.test("MessageCatalogue.decode() names the first few places that a schema refuses, each once", () => {
  const issues = [["a", 0], ["a", 0], [{ key: "b" }], undefined, ["c"], ["d"], ["e"], ["f"]]
    .map((path) => ({ message: "no", path }));
  const codec = new MessageCatalogue().add("a", OrderShipped, {
    schema: checkSchema<{ id: number }>(() => issues as never),
  });

  assertEquals(
    assertThrows(() => codec.decode(envelopeOf("a", "{}")), UndecodableMessageError).message,
    'Cannot decode "a": its schema refuses a[0], b, it as a whole, c, d, …',
  );
});

Deno.test("MessageCatalogue.decode() takes what throws on the way for a message that cannot be read", () => {
  const failure = new Error("secret");
  const fail = () => {
    throw failure;
  };
  const cases: [object, string][] = [
    [{ schema: checkSchema(fail) }, "its schema fails"],
    [{ schema: "unchecked", versions: [fail] }, "its upgrade from version 1 fails"],
    [{ schema: "unchecked", decode: fail }, "its decode fails"],
  ];

  for (const [options, reason] of cases) {
    const codec = new MessageCatalogue().add("a", OrderShipped, options as never);
    const error = assertThrows(() => codec.decode(envelopeOf("a", "{}")), UndecodableMessageError);
    assertEquals(error.message, `Cannot decode "a": ${reason}`);
    assertStrictEquals(error.cause, failure);
  }
});

Deno.test("MessageCatalogue.decode() refuses data that cannot become the message", () => {
  for (const body of ["[]", "7", "null", '"text"']) {
    assertEquals(
      assertThrows(() => catalogue.decode(envelopeOf("shop.place-order", body)), UndecodableMessageError).message,
      'Cannot decode "shop.place-order": its data must be an object',
    );
  }
  for (const decoded of [{ id: 7 }, null, 7]) {
    const codec = new MessageCatalogue().add("a", OrderShipped, {
      schema: "unchecked",
      decode: () => decoded as never,
    });
    assertEquals(
      assertThrows(() => codec.decode(envelopeOf("a", "{}")), UndecodableMessageError).message,
      'Cannot decode "a": its decode must return an instance of "OrderShipped"',
    );
  }
});

Deno.test("MessageCatalogue.decode() refuses a schema that answers with a promise, and leaves no rejection behind", async () => {
  const schema = { "~standard": { version: 1 as const, validate: () => Promise.reject(new Error("later")) } };
  const codec = new MessageCatalogue().add("a", OrderShipped, { schema } as never);

  assertEquals(
    assertThrows(() => codec.decode(envelopeOf("a", "{}")), UndecodableMessageError).message,
    'Cannot decode "a": its schema is asynchronous, which is for validate() on a bus, or has thrown',
  );
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("MessageCatalogue.decode() lets no hostile key change a class", () => {
  class Strict {
    declare readonly id: number;
    set danger(_value: unknown) {
      throw new Error("A setter has run");
    }
  }
  const codec = new MessageCatalogue().add("a", Strict, { schema: "unchecked" } as never);
  const body = '{"id":1,"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"danger":1,"toString":2}';
  const message = codec.decode(envelopeOf("a", body)) as Strict & Record<string, unknown>;

  assertStrictEquals(Object.getPrototypeOf(message), Strict.prototype);
  assertEquals(message.admin, undefined);
  assertEquals(({} as Record<string, unknown>).admin, undefined);
  assertEquals(Object.keys(message), ["id", "__proto__", "constructor", "danger", "toString"]);
  assertEquals(codec.encode(message as never).body, body);
});

// metadataOf

Deno.test("MessageCatalogue.metadataOf() gives back what has travelled, and the id of the message", () => {
  const headers = { tenantid: "t1", correlationid: "r1", unknown: "x", traceparent: 7 as never };

  assertEquals(catalogue.metadataOf({ ...envelopeOf("a", ""), headers }), {
    messageId: "m1",
    tenantId: "t1",
    correlationId: "r1",
  });
});

// The catalogue itself

Deno.test("MessageCatalogue.add() leaves the catalogue as it was", () => {
  const before = catalogue.messages.length;
  const more = catalogue.add("shop.order-shipped", OrderShipped, { schema: "unchecked" });

  assertEquals([catalogue.messages.length, more.messages.length], [before, before + 1]);
  assertEquals(catalogue.nameOf(new OrderShipped(7)), undefined);
  assertThrows(() => catalogue.decode(envelopeOf("shop.order-shipped", "{}")), UnknownMessageError);
});

Deno.test("MessageCatalogue.add() refuses a name and a class a second time", () => {
  assertEquals(
    assertThrows(() => catalogue.add("shop.place-order", OrderShipped, { schema: "unchecked" }), TypeError).message,
    'Cannot add "OrderShipped" as "shop.place-order": "PlaceOrder" is there already, as "shop.place-order"',
  );
  assertEquals(
    assertThrows(() => catalogue.add("shop.other", PlaceOrder, { schema: "unchecked" }), TypeError).message,
    'Cannot add "PlaceOrder" as "shop.other": "PlaceOrder" is there already, as "shop.place-order"',
  );
});

Deno.test("MessageCatalogue.add() takes classes that have the same name, or none", () => {
  const [first, second] = [0, 1].map((id) =>
    (() =>
      class {
        readonly id = id;
      })()
  );
  const codec = new MessageCatalogue()
    .add("first", first!, { schema: "unchecked" })
    .add("second", second!, { schema: "unchecked" });

  assertInstanceOf(codec.decode(codec.encode(new second!())), second!);
});

Deno.test("MessageCatalogue.add() refuses what the compiler would refuse", () => {
  const add = (name: unknown, type: unknown, options: unknown) =>
    assertThrows(() => new MessageCatalogue().add(name as never, type as never, options as never), TypeError).message;
  const place = 'Cannot add "OrderShipped" as "a"';

  assertEquals(
    add("", OrderShipped, { schema: "unchecked" }),
    'Cannot add "OrderShipped" as "": a name must be a string that is not empty',
  );
  assertEquals(
    add(7, OrderShipped, { schema: "unchecked" }),
    'Cannot add "OrderShipped" as "7": a name must be a string that is not empty',
  );
  assertEquals(
    add("a", () => {}, { schema: "unchecked" }),
    'Cannot add "(anonymous)" as "a": the message must be a class',
  );
  assertEquals(
    add("a", OrderShipped, {}),
    `${place}: its schema must be a Standard Schema or the word "unchecked", and is "undefined"`,
  );
  assertEquals(
    add("a", OrderShipped, { schema: "unchecked", versions: [7] }),
    `${place}: its versions, its key, its encode and its decode must be functions`,
  );
  assertEquals(
    add("a", OrderShipped, { schema: "unchecked", decode: 7 }),
    `${place}: its versions, its key, its encode and its decode must be functions`,
  );
});

Deno.test("MessageCatalogue refuses headers that cannot be headers", () => {
  const make = (...headers: unknown[]) =>
    assertThrows(() => new MessageCatalogue({ headers: headers as string[] }), TypeError).message;

  assertEquals(make("tenant-id"), 'Cannot make a header of "tenant-id": it must be letters and digits');
  assertEquals(make(7), 'Cannot make a header of "7": it must be letters and digits');
  assertEquals(make("messageId"), 'Cannot make a header of "messageId": its name "messageid" is taken');
  assertEquals(make("source"), 'Cannot make a header of "source": its name "source" is taken');
  assertEquals(
    make("tenantId", "tenantID"),
    'Cannot make a header of "tenantID": its name "tenantid" is taken by "tenantId"',
  );
  assertEquals(
    make("traceParent"),
    'Cannot make a header of "traceParent": its name "traceparent" is taken by "traceparent"',
  );
});

Deno.test("MessageCatalogue.include() joins catalogues, and their headers", () => {
  const other = new MessageCatalogue({ headers: ["userId", "tenantId"] })
    .add("shop.order-shipped", OrderShipped, { schema: "unchecked" });
  const all: MessageCatalogue<PlaceOrder | OrderPlaced | OrderShipped> = catalogue.include(other);

  assertEquals(all.messages.map(({ name }) => name), ["shop.place-order", "shop.order-placed", "shop.order-shipped"]);
  const metadata = { tenantId: "t", userId: "u" };
  assertEquals(all.encode(new OrderShipped(7), { metadata }).headers, { tenantid: "t", userid: "u" });
});

Deno.test("MessageCatalogue.include() takes what both have from the same catalogue once, and refuses another meaning", () => {
  const shared = new MessageCatalogue().add("shared", OrderShipped, { schema: "unchecked" });
  const other = new MessageCatalogue().add("shared", PlaceOrder, { schema: "unchecked" });

  assertEquals(catalogue.include(shared).include(shared).messages.length, 3);
  assertThrows(() => shared.include(other), TypeError, '"OrderShipped" is there already');
});

Deno.test("MessageCatalogue.only() is the codec of a part", () => {
  const part: MessageCatalogue<OrderPlaced> = catalogue.only(OrderPlaced);
  const codec: MessageCodec<OrderPlaced> = part;
  const envelope = part.encode(new OrderPlaced(7, AT), { metadata: { tenantId: "t1" } });

  assertEquals(codec.decode(envelope), new OrderPlaced(7, AT));
  assertEquals(envelope.headers, { tenantid: "t1" });
  assertThrows(() => part.encode(new PlaceOrder([]) as never), TypeError);
  assertThrows(() => part.decode(envelopeOf("shop.place-order", "{}")), UnknownMessageError);
  assertEquals(
    assertThrows(() => catalogue.only(OrderShipped as never), TypeError).message,
    'Cannot pick "OrderShipped": it is not in the catalogue. Add it first',
  );
});

Deno.test("MessageCatalogue.nameOf() gives the stable name, by the class alone", () => {
  assertEquals(catalogue.nameOf(new PlaceOrder([])), "shop.place-order");
  assertEquals(catalogue.nameOf(PlaceOrder), "shop.place-order");
  for (
    const other of [new ExpressOrder([]), ExpressOrder, () => {}, {}, null, undefined, "text", Object.create(null)]
  ) {
    assertEquals(catalogue.nameOf(other), undefined);
  }
  const disguised = Object.assign(new PlaceOrder([]), { constructor: OrderPlaced });
  assertEquals(catalogue.nameOf(disguised), "shop.place-order");
});

Deno.test("MessageCatalogue.messages says what is in the catalogue", () => {
  const [, second] = catalogue.messages;

  assertEquals([second!.name, second!.type, second!.version], ["shop.order-placed", OrderPlaced, 1]);
  assertStrictEquals(second!.schema, orderPlaced);
  assertNotEquals(catalogue.messages, []);
});
