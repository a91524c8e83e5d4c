import { assertEquals } from "@std/assert";
import { Command, CommandBus, Container, Event, EventBus, MessageRouter, Query, retry } from "@cq/core";
import { correlate } from "@cq/core/middlewares";
import { MessageCatalogue } from "@cq/core/wire";
import { describe, observe, toAsyncApi, toMermaid } from "@cq/core/wire/describe";
import { checkSchema } from "./support/check_schema.ts";

class PlaceOrder extends Command<number> {}
class FindOrder extends Query<string> {}
class OrderPlaced extends Event {}
class Plain {}
class Internal extends Command {}

function sendReceipt(): void {}
function countOrders(): void {}

/** A schema that offers a JSON Schema, as libraries do. */
function withJsonSchema(input: (options: { target: string }) => unknown): ReturnType<typeof checkSchema<object>> {
  const schema = checkSchema<object>();
  return { "~standard": { ...schema["~standard"], jsonSchema: { input } } as typeof schema["~standard"] };
}

const catalogue = new MessageCatalogue()
  .add("shop.place-order", PlaceOrder, { schema: "unchecked", versions: [() => ({})] })
  .add("shop.find-order", FindOrder, { schema: "unchecked" })
  .add("shop.order-placed", OrderPlaced, { schema: "unchecked" })
  .add("shop.plain", Plain, { schema: "unchecked" });

function makeRouter(): MessageRouter {
  const router = new MessageRouter();
  class PlaceOrderHandler {
    handle(): number {
      return 7;
    }
  }
  router.commandHandler(PlaceOrder)(PlaceOrderHandler);
  router.newEventBus().subscribe(OrderPlaced, sendReceipt).subscribe(OrderPlaced, countOrders);
  router.newQueryBus().subscribe(Plain, () => {});
  return router;
}

// MessageRouter.handlersOf()

Deno.test("MessageRouter.handlersOf() finds what handles a class, on all buses, bases included", () => {
  class Base extends Event {}
  class Derived extends Base {}
  const router = new MessageRouter();
  router.newEventBus().subscribe(Base, sendReceipt).subscribe(Derived, countOrders);
  router.newCommandBus().subscribe(Plain, sendReceipt);
  router.newQueryBus().subscribe(Plain, countOrders);

  assertEquals(router.handlersOf(Derived).map(({ handler }) => handler), [countOrders, sendReceipt]);
  assertEquals(router.handlersOf(Plain), [
    { kind: "command", handler: sendReceipt },
    { kind: "query", handler: countOrders },
  ]);
  assertEquals(router.handlersOf(PlaceOrder), []);
});

// describe()

Deno.test("describe() says the names, the versions, the kinds and the handlers", () => {
  const { messages } = describe(catalogue, makeRouter());

  assertEquals(
    messages.map(({ name, version, kind, handlers }) => [name, version, kind, handlers.map((handler) => handler.name)]),
    [
      ["shop.place-order", 2, "command", ["PlaceOrderHandler"]],
      ["shop.find-order", 1, "query", []],
      ["shop.order-placed", 1, "event", ["sendReceipt", "countOrders"]],
      // Its kind is that of the bus.
      ["shop.plain", 1, "query", [""]],
    ],
  );
});

Deno.test("describe() needs no router", () => {
  const { messages } = describe(catalogue);

  assertEquals(messages.map(({ kind, handlers }) => [kind, handlers.length]), [
    ["command", 0],
    ["query", 0],
    ["event", 0],
    [undefined, 0],
  ]);
});

Deno.test("describe() has the JSON Schema of what travels, where the schema offers one", () => {
  const fail = () => {
    throw new Error("Date cannot be represented");
  };
  const { messages } = describe(
    new MessageCatalogue()
      .add("a", PlaceOrder, { schema: withJsonSchema((options) => options) })
      .add("b", FindOrder, { schema: withJsonSchema(fail) })
      .add("c", OrderPlaced, { schema: checkSchema<object>() })
      .add("d", Plain, { schema: "unchecked" }),
  );

  assertEquals(messages.map(({ jsonSchema }) => jsonSchema), [{ target: "draft-07" }, undefined, undefined, undefined]);
});

// observe()

async function watch(): Promise<ReturnType<typeof observe>> {
  const container = new Container();
  const router = new MessageRouter(container);
  const observer = observe();
  const correlating = correlate();
  const events = container.get(EventBus).use(correlating, observer.middleware);
  const commands = container.get(CommandBus).use(retry({ attempts: 2 }), correlating, observer.middleware);
  let runs = 0;
  router.commandHandler(PlaceOrder)(
    class PlaceOrderHandler {
      handle(_command: PlaceOrder, { events }: { events: { add(event: Event): unknown } }): number {
        if (++runs === 1) throw new Error("Try again");
        events.add(new OrderPlaced());
        events.add(new OrderPlaced());
        return runs;
      }
    },
  );
  events.subscribe(OrderPlaced, (_event, context) => commands.dispatch(new Internal(), context))
    .subscribe(OrderPlaced, () => {});
  commands.subscribe(Internal, () => {});
  await commands.dispatch(new PlaceOrder());
  return observer;
}

Deno.test("observe() sees which message sends which, once for each message", async () => {
  const { flow } = await watch();

  assertEquals(flow, [
    { from: PlaceOrder, to: OrderPlaced, count: 2 },
    { from: OrderPlaced, to: Internal, count: 2 },
  ]);
});

Deno.test("observe() sees nothing where messages have no ids", async () => {
  const observer = observe();
  const commands = new MessageRouter().newCommandBus().use(observer.middleware).subscribe(Internal, () => {});
  await commands.dispatch(new Internal());

  assertEquals(observer.flow, []);
});

Deno.test("observe() forgets the oldest messages", async () => {
  const observer = observe();
  const commands = new MessageRouter().newCommandBus().use(observer.middleware).subscribe(Internal, () => {});
  for (let id = 0; id <= 10_000; id++) await commands.dispatch(new Internal(), { metadata: { messageId: id } });
  await commands.dispatch(new Internal(), { metadata: { messageId: "a", causationId: 0 } });
  await commands.dispatch(new Internal(), { metadata: { messageId: "b", causationId: 10_000 } });

  assertEquals(observer.flow, [{ from: Internal, to: Internal, count: 1 }]);
});

// toMermaid()

Deno.test("toMermaid() draws messages, handlers and what is sent", async () => {
  const { flow } = await watch();

  assertEquals(
    toMermaid(describe(catalogue, makeRouter()), { flow }).split("\n").filter((line) => !/classDef/.test(line)),
    [
      "flowchart LR",
      '  m0["shop.place-order v2"]:::command',
      '  h0(["PlaceOrderHandler"]):::handler',
      "  m0 --> h0",
      '  m1["shop.find-order v1"]:::query',
      '  m2["shop.order-placed v1"]:::event',
      '  h1(["sendReceipt"]):::handler',
      "  m2 --> h1",
      '  h2(["countOrders"]):::handler',
      "  m2 --> h2",
      '  m3["shop.plain v1"]:::query',
      '  h3(["#40;anonymous#41;"]):::handler',
      "  m3 --> h3",
      // What has one handler is sent by it.
      "  h0 -.-> m2",
      // What is not in the catalogue.
      '  m4["Internal"]:::unlisted',
      "  m2 -.-> m4",
      "",
    ],
  );
});

Deno.test("toMermaid() draws a handler of several messages once, and writes signs by their number", () => {
  const router = new MessageRouter();
  router.newEventBus().subscribe(OrderPlaced, sendReceipt).subscribe(Plain, sendReceipt);
  const odd = new MessageCatalogue()
    .add('"];click m0 "<script>', OrderPlaced, { schema: "unchecked" })
    .add("Größe/ä", Plain, { schema: "unchecked" });
  const text = toMermaid(describe(odd, router));

  assertEquals(text.match(/sendReceipt/g)?.length, 1);
  assertEquals(text.includes('["#34;#93;#59;click m0 #34;#60;script#62; v1"]'), true);
  assertEquals(text.includes('["Größe/ä v1"]:::event'), true);
});

// toAsyncApi()

Deno.test("toAsyncApi() writes a channel and a message for each, and receives what has handlers", () => {
  const document = toAsyncApi(describe(catalogue, makeRouter()), { title: "Shop", version: "1.0.0" });

  assertEquals([document.asyncapi, document.info], ["3.0.0", { title: "Shop", version: "1.0.0" }]);
  assertEquals(document.channels["shop.order-placed"], {
    address: "shop.order-placed",
    messages: { "shop.order-placed": { $ref: "#/components/messages/shop.order-placed" } },
  });
  assertEquals(document.components.messages["shop.place-order"], {
    name: "shop.place-order",
    title: "PlaceOrder",
    tags: [{ name: "command" }],
    "x-version": 2,
  });
  assertEquals(Object.keys(document.operations), [
    "receive.shop.place-order",
    "receive.shop.order-placed",
    "receive.shop.plain",
  ]);
  assertEquals(document.operations["receive.shop.order-placed"], {
    action: "receive",
    channel: { $ref: "#/channels/shop.order-placed" },
    summary: "Handled by sendReceipt, countOrders",
  });
});

Deno.test("toAsyncApi() keeps the keys apart, and references within the schema of a message", () => {
  const jsonSchema = {
    $ref: "#/definitions/A",
    definitions: { A: { items: [{ $ref: "#" }, { $ref: "other.json" }] } },
  };
  const document = toAsyncApi(
    describe(
      new MessageCatalogue()
        .add("a b", PlaceOrder, { schema: withJsonSchema(() => jsonSchema) })
        .add("a_b", FindOrder, { schema: "unchecked" })
        .add("a/b", OrderPlaced, { schema: "unchecked" }),
    ),
    { title: "Shop", version: "1.0.0" },
  );

  assertEquals(Object.keys(document.channels), ["a_b", "a_b_2", "a_b_3"]);
  assertEquals((document.components.messages["a_b"] as { payload: unknown }).payload, {
    $ref: "#/components/messages/a_b/payload/definitions/A",
    definitions: { A: { items: [{ $ref: "#/components/messages/a_b/payload" }, { $ref: "other.json" }] } },
  });
});
