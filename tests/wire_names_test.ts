import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Command, DuplicateHandlerError, Event, HandlerNotFoundError, MessageRouter } from "@cq/core";
import {
  type Acquisition,
  deduplicate,
  MemoryDeduplicationStore,
  type Span,
  type SpanOptions,
  trace,
  type Tracer,
  validate,
} from "@cq/core/middlewares";
import { MessageCatalogue } from "@cq/core/wire";
import { deliveredId, identify, inheritId } from "../src/delivered_id.ts";
import { checkSchema } from "./support/check_schema.ts";

interface WithId extends Command<string> {
  readonly id: string;
}

/** Makes a class with the name `a`, as a minifier names the classes of each module. */
function minified(): new (id: string) => WithId {
  return class a extends Command<string> {
    readonly id: string;

    constructor(id: string) {
      super();
      this.id = id;
    }
  };
}

const [Charge, Refund] = [minified(), minified()];

const catalogue = new MessageCatalogue()
  .add("shop.charge", Charge, { schema: "unchecked" })
  .add("shop.refund", Refund, { schema: "unchecked" });

/** Keeps the keys under which results are remembered. */
class NotingStore extends MemoryDeduplicationStore {
  readonly keys: string[] = [];

  override acquire(key: string, options: { readonly leaseMs: number }): Acquisition {
    this.keys.push(key);
    return super.acquire(key, options);
  }
}

Deno.test("deduplicate() stores results under the stable names, whatever the classes are called and in whatever order", async () => {
  for (const types of [[Charge, Refund], [Refund, Charge]]) {
    const store = new NotingStore();
    const commands = new MessageRouter().newCommandBus()
      .use(deduplicate({ key: (message) => (message as { id: string }).id, ttlMs: 1_000, store, catalogue }))
      .subscribe(Charge, () => "charged")
      .subscribe(Refund, () => "refunded");
    for (const type of types) await commands.dispatch(new type("7"));

    assertEquals(store.keys.sort(), ["command:shop.charge:7", "command:shop.refund:7"]);
  }
});

Deno.test("deduplicate() keeps a stable name and the name of a class apart", async () => {
  const NAMED = { ["shop.charge"]: class extends Command {} }["shop.charge"]!;
  const store = new NotingStore();
  const commands = new MessageRouter().newCommandBus()
    .use(deduplicate({ key: () => "7", ttlMs: 1_000, store, catalogue }))
    .subscribe(Charge, () => "charged")
    .subscribe(NAMED, () => {});
  await commands.dispatch(new NAMED());

  assertEquals(await commands.dispatch(new Charge("7")), "charged");
  assertEquals(store.keys, ["#command:shop.charge:7", "command:shop.charge:7"]);
});

Deno.test("deduplicate() names a message by its stable name in an error", async () => {
  const commands = new MessageRouter().newCommandBus()
    .use(deduplicate({ key: () => 7 as never, ttlMs: 1_000, catalogue }))
    .subscribe(Charge, () => "charged");

  await assertRejects(
    () => commands.dispatch(new Charge("7")),
    TypeError,
    'Cannot deduplicate "shop.charge" by "7": the key must be a string that is not empty',
  );
});

Deno.test("trace() names spans by the stable names", async () => {
  const spans: [string, unknown][] = [];
  const span: Span = {
    spanContext: () => ({ traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 }),
    setAttributes() {},
    setStatus() {},
    recordException() {},
    end() {},
  };
  const tracer: Tracer = {
    startActiveSpan(name: string, options: SpanOptions, ...rest: unknown[]): Promise<unknown> {
      spans.push([name, options.attributes?.["cq.message.type"]]);
      return (rest.at(-1) as (span: Span) => Promise<unknown>)(span);
    },
  };
  class Unlisted extends Event {}
  const router = new MessageRouter();
  const tracing = trace(tracer, { catalogue });
  await router.newCommandBus().use(tracing).subscribe(Charge, () => "charged").dispatch(new Charge("7"));
  await router.newEventBus().use(tracing).subscribe(Unlisted, () => {}).dispatch(new Unlisted());

  assertEquals(spans, [["process shop.charge", "shop.charge"], ["process Unlisted", "Unlisted"]]);
});

Deno.test("Errors about handlers name messages by their stable names, and see no namesakes among them", async () => {
  const router = new MessageRouter(undefined, { catalogue });
  const commands = router.newCommandBus().subscribe(Charge, function charge() {
    return "charged";
  });
  const missing = await assertRejects(() => commands.dispatch(new Refund("7")), HandlerNotFoundError);
  const duplicate = assertThrows(() =>
    commands.subscribe(Charge, function again() {
      return "charged";
    }), DuplicateHandlerError);

  assertEquals(
    missing.message,
    'Cannot dispatch "shop.refund": no command handler is registered. Register one with @commandHandler(a), of the ' +
      "router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
  assertEquals(
    duplicate.message,
    'Cannot register "again" for "shop.charge": "charge" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(catalogue.nameOf(missing.messageType), "shop.refund");
});

Deno.test("Errors about handlers still see a class that is loaded twice, if the catalogue has one of the two", async () => {
  const commands = new MessageRouter(undefined, { catalogue }).newCommandBus().subscribe(Charge, () => "charged");
  const twin = minified();
  const { message } = await assertRejects(() => commands.dispatch(new twin("7")), HandlerNotFoundError);

  assertEquals(message.includes('A different class named "a" has a handler'), true);
});

// The ids of delivered messages

Deno.test("A message has the id under which it was delivered, and no other has", () => {
  const message = new Charge("7");
  identify(message, "m7");
  identify("text", "m8");
  identify(null, "m9");

  assertEquals([message, new Charge("7"), "text", null, undefined].map(deliveredId), [
    "m7",
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("What takes the place of a message has its id", () => {
  const [message, replacement] = [new Charge("7"), new Charge("7")];
  inheritId(message, replacement);
  assertEquals(deliveredId(replacement), undefined);

  identify(message, "m7");
  inheritId(message, replacement);
  assertEquals(deliveredId(replacement), "m7");
});

Deno.test("validate() hands the id of a delivered message on to what takes its place", async () => {
  const message = new Charge("7");
  identify(message, "m7");
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus().subscribe(Charge, (validated) => {
    seen.push(validated === message, deliveredId(validated));
    return "charged";
  });
  await commands.use(validate(Charge, checkSchema<{ id: string }>(undefined, ({ id }) => ({ id })))).dispatch(message);

  assertEquals(seen, [false, "m7"]);
});
