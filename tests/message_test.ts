import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Bus,
  Command,
  Event,
  MemoryQueue,
  type MessageKind,
  MessageRouter,
  type MessageType,
  Pump,
  Query,
} from "../mod.ts";

class Rename extends Command<string> {}
class Ping extends Query<string> {}
class Renamed extends Event {}

/** A message from outside: foreign data on an instance of our own class. */
function parsed<M extends object>(message: M, json: string): M {
  return Object.assign(message, JSON.parse(json));
}

Deno.test("Command, Query and Event leave no field on a message", () => {
  assertEquals([new Rename(), new Ping(), new Renamed()].map((message) => Reflect.ownKeys(message)), [[], [], []]);
});

Deno.test("Bus.dispatch() takes an instance of any class as a message, without a base", async () => {
  class Plain {
    readonly text = "plain";
  }
  const router = new MessageRouter();
  const heard: string[] = [];

  assertEquals(await router.newCommandBus().subscribe(Plain, ({ text }) => text).dispatch(new Plain()), "plain");
  assertEquals(await router.newQueryBus().subscribe(Plain, ({ text }) => text).dispatch(new Plain()), "plain");
  await router.newEventBus().subscribe(Plain, ({ text }) => heard.push(text)).dispatch(new Plain());
  assertEquals(heard, ["plain"]);
});

for (
  const [what, json] of [
    ["a string", '{"constructor": "Renamed"}'],
    ["null", '{"constructor": null}'],
    ["a number", '{"constructor": 0}'],
    ["an object", '{"constructor": {"name": "Renamed", "prototype": {}}}'],
  ] as const
) {
  Deno.test(`Bus.dispatch() finds the class of a message whose own constructor is ${what}`, async () => {
    const commands = new MessageRouter().newCommandBus().subscribe(Rename, () => "handled");
    const message = parsed(new Rename(), json);

    assertEquals(await commands.dispatch(message), "handled");
    // Once before the class has a cached route and once after.
    assertEquals(await commands.dispatch(message), "handled");
    assertEquals(await commands.dispatch(new Rename()), "handled");
  });
}

Deno.test("Bus.dispatch() takes a parsed object for an Object, even if it has data named constructor", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Ping, () => "ping").subscribe(Object, () => "object");
  await queries.dispatch(new Ping());

  assertEquals(await queries.dispatch<string>(JSON.parse('{"constructor": "Ping"}')), "object");
  assertEquals(await queries.dispatch(new Ping()), "ping");
});

Deno.test("Bus.dispatch() recognises a message that inherits data named constructor", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Ping, () => "ping").subscribe(Object, () => "object");
  const derived: Ping = Object.create(parsed(new Ping(), '{"constructor": "Acme"}'));

  assertEquals(await queries.dispatch(derived), "ping");
  assertEquals(await queries.dispatch<string>({}), "object");
  assertEquals(await queries.dispatch(derived), "ping");
});

Deno.test("Bus.dispatch() recognises the class of a message that inherits from another message", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Ping, () => "ping");

  assertEquals(await queries.dispatch(Object.create(new Ping())), "ping");
});

Deno.test("Bus.dispatch() tells two classes with the same name apart", async () => {
  const first = (() => class Twin extends Query<string> {})();
  const second = (() => class Twin extends Query<string> {})();
  assertEquals(first.name, second.name);

  const queries = new MessageRouter().newQueryBus().subscribe(first, () => "first").subscribe(second, () => "second");

  assertEquals(await queries.dispatch(new first()), "first");
  assertEquals(await queries.dispatch(new second()), "second");
});

// Looked at: each bus, an event bus with listeners alone, canHandle(), related events, and a pump, which may carry anything.
for (
  const [name, type, value] of [
    ["string", String, ""],
    ["number", Number, 0],
    ["boolean", Boolean, false],
    ["bigint", BigInt, 0n],
    ["symbol", Symbol, Symbol("sent")],
  ] as const
) {
  Deno.test(`the buses refuse a ${name}, even if its wrapper class has a handler`, async () => {
    const router = new MessageRouter();
    const buses: readonly Bus<MessageKind>[] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];
    const message = `Cannot dispatch a ${name}: a message is an instance of a class, new …()`;
    for (const bus of buses) {
      bus.subscribe(type as unknown as MessageType<object>, (message) => message);
      assertEquals((await assertRejects(() => bus.dispatch(value as never), TypeError)).message, message);
      assertEquals(assertThrows(() => bus.canHandle(value as never), TypeError).message, message);
    }
    // A queue has no bus.
    const handled: unknown[] = [];
    const queue = new MemoryQueue<unknown>({ maxSize: 1 });
    await queue.send(value);
    queue.close();
    await new Pump(queue, (message: unknown) => void handled.push(message)).drain();
    assertEquals(handled, [value]);
  });
}

const CLASSLESS = [
  ["null", null, "Cannot dispatch null: a message is an instance of a class"],
  ["undefined", undefined, "Cannot dispatch undefined: a message is an instance of a class"],
  [
    "an object with a null prototype",
    Object.create(null),
    "Cannot dispatch an object with a null prototype: a message is an instance of a class",
  ],
  [
    "an object with a null prototype that says it has a constructor",
    Object.assign(Object.create(null), { constructor: "Ping" }),
    "Cannot dispatch an object with a null prototype: a message is an instance of a class",
  ],
  ["a class", Ping, 'Cannot dispatch "Ping" itself: a message is an instance of a class, new …()'],
  [
    "a promise",
    Promise.resolve(new Ping()),
    "Cannot dispatch a promise: a message is what it resolves to, await it first",
  ],
  [
    "an object that inherits from one with a null prototype",
    Object.create(Object.create(null)),
    "Cannot dispatch an object with a null prototype: a message is an instance of a class",
  ],
] as const;

for (const [name, value, message] of CLASSLESS) {
  Deno.test(`Bus.dispatch() rejects ${name}, which has no class, on every bus`, async () => {
    const router = new MessageRouter();
    // Even a handler of everything receives only what has a class.
    router.newCommandBus().subscribe(Object, () => {});
    router.newQueryBus().subscribe(Object, () => {});
    router.newEventBus().subscribe(Object, () => {});

    const dispatches = [
      () => router.newCommandBus().dispatch(value as never),
      () => router.newQueryBus().dispatch(value as never),
      () => router.newEventBus().dispatch(value as never),
    ];
    for (const dispatch of dispatches) {
      const error = await assertRejects(dispatch, TypeError);
      assertEquals(error.message, message);
    }
  });

  Deno.test(`Bus.canHandle() throws on ${name}, which has no class`, () => {
    const router = new MessageRouter();
    const buses: Bus<MessageKind>[] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];

    for (const bus of buses) {
      assertEquals(assertThrows(() => bus.canHandle(value as never), TypeError).message, message);
    }
  });
}

Deno.test("Bus.dispatch() finds the class of a constructor function with methods on its prototype", async () => {
  function Legacy(this: { text: string }) {
    this.text = "legacy";
  }
  const type = Legacy as unknown as new () => { text: string };
  const queries = new MessageRouter().newQueryBus().subscribe(type, ({ text }) => text);

  assertEquals(await queries.dispatch(new type()), "legacy");
});

Deno.test("Bus.dispatch() takes the nearest class if the prototype of a message names none", async () => {
  function Nameless() {}
  Nameless.prototype = Object.create(Ping.prototype);
  const type = Nameless as unknown as new () => Ping;
  const queries = new MessageRouter().newQueryBus().subscribe(Ping, () => "ping");

  assertEquals(await queries.dispatch(new type()), "ping");
  assertEquals(await queries.dispatch(new Ping()), "ping");
});

Deno.test("Bus.dispatch() takes the instances of a class and of a proxy of it for the same", async () => {
  const proxy = new Proxy(Ping, {});
  const queries = new MessageRouter().newQueryBus().subscribe(proxy, () => "ping");

  assertEquals(await queries.dispatch(new Ping()), "ping");
  assertEquals(await queries.dispatch(new proxy()), "ping");
});

Deno.test("Bus.dispatch() takes a proxy of a message for an instance of its class", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Ping, () => "ping");

  assertEquals(await queries.dispatch(new Proxy(new Ping(), {})), "ping");
});
