import { assertEquals, assertRejects } from "@std/assert";
import {
  type Bus,
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  EventDispatchError,
  HandlerNotFoundError,
  MemoryQueue,
  type MessageKind,
  MessageRouter,
  Pump,
  Query,
  QueryBus,
} from "@cq/core";

/** Plain classes: the compiler does not know their buses. */
class PlaceOrder {
  readonly id = 7;
}
class FindOrder {}
class OrderPlaced {}

function setUp() {
  const container = new Container();
  const router = new MessageRouter(container);
  return {
    router,
    commands: container.get(CommandBus),
    queries: container.get(QueryBus),
    events: container.get(EventBus),
    buses: [CommandBus, QueryBus, EventBus].map((type) => container.get<Bus<MessageKind>>(type)),
  };
}

// Looked at: each kind on each other bus, a class and its base, a handler of everything, a bus whose handler comes after the
// first dispatch, listeners, related events, a pump, a fork, and messages that have a handler on both buses.
Deno.test("Bus.dispatch() says on which bus a message has its handler", async () => {
  const { commands, queries, events, buses } = setUp();
  commands.subscribe(PlaceOrder, () => 7);
  queries.subscribe(FindOrder, () => 7);
  events.subscribe(OrderPlaced, () => {});
  const [onCommands, onQueries, onEvents] = buses as [Bus<MessageKind>, Bus<MessageKind>, Bus<MessageKind>];

  for (
    const [bus, kind, message, advice] of [
      [onQueries, "query", new PlaceOrder(), '"PlaceOrder" has a command handler: dispatch it on the command bus'],
      [onEvents, "event", new PlaceOrder(), '"PlaceOrder" has a command handler: dispatch it on the command bus'],
      [onCommands, "command", new FindOrder(), '"FindOrder" has a query handler: dispatch it on the query bus'],
      [onEvents, "event", new FindOrder(), '"FindOrder" has a query handler: dispatch it on the query bus'],
      [onCommands, "command", new OrderPlaced(), '"OrderPlaced" has an event handler: dispatch it on the event bus'],
      [onQueries, "query", new OrderPlaced(), '"OrderPlaced" has an event handler: dispatch it on the event bus'],
    ] as const
  ) {
    const error = await assertRejects(() => bus.dispatch(message), HandlerNotFoundError);
    const name = message.constructor.name;
    assertEquals(error.message, `Cannot dispatch "${name}": no ${kind} handler is registered. ${advice}`);
    assertEquals([error.kind, error.messageType], [kind, message.constructor]);
  }
});

Deno.test("Bus.dispatch() knows a handler on another bus that was registered after the first dispatch", async () => {
  const { commands, events } = setUp();
  await events.dispatch(new PlaceOrder());
  commands.subscribe(PlaceOrder, () => 7);
  await assertRejects(() => events.dispatch(new PlaceOrder()), HandlerNotFoundError);
});

Deno.test("Bus.dispatch() sends a message that both buses handle to either, and takes a handler of everything for neither", async () => {
  const { commands, queries, events } = setUp();
  commands.subscribe(PlaceOrder, () => "command");
  events.subscribe(PlaceOrder, () => {});
  await events.dispatch(new PlaceOrder());
  assertEquals(await commands.dispatch(new PlaceOrder()), "command");

  events.subscribe(Date, () => {});
  const onDates = await assertRejects(() => commands.dispatch(new Date(0)), HandlerNotFoundError);
  assertEquals(onDates.message.endsWith('"Date" has an event handler: dispatch it on the event bus'), true);

  // An audit of all events is no reason to dispatch a query there.
  events.subscribe(Object, () => {});
  const error = await assertRejects(() => queries.dispatch(new FindOrder()), HandlerNotFoundError);
  assertEquals(error.message.includes("event bus"), false);
});

Deno.test("Bus.dispatch() finds the handler of a base class on another bus, and of a fork's router", async () => {
  class PlaceLargeOrder extends PlaceOrder {}
  const { router, commands } = setUp();
  commands.subscribe(PlaceOrder, () => 7);
  const error = await assertRejects(
    () => router.fork().newEventBus().dispatch(new PlaceLargeOrder()),
    HandlerNotFoundError,
  );
  assertEquals(
    error.message,
    'Cannot dispatch "PlaceLargeOrder": no event handler is registered. "PlaceLargeOrder" has a command handler: ' +
      "dispatch it on the command bus",
  );
});

const LOST: readonly (readonly [what: string, value: () => object, name: string])[] = [
  ["parsed JSON", () => JSON.parse('{"id":7}'), "Object"],
  ["a clone", () => structuredClone(new PlaceOrder()), "Object"],
  ["a spread", () => ({ ...new PlaceOrder() }), "Object"],
  ["a list", () => [new PlaceOrder(), new PlaceOrder()], "Array"],
  ["a clone of an error", () => structuredClone(new (class OrderFailed extends Error {})()), "Error"],
  ["a date", () => new Date(0), "Date"],
  ["a map", () => new Map(), "Map"],
  ["bytes", () => new Uint8Array(1), "Uint8Array"],
  ["a string object", () => new String("Placed"), "String"],
];

// Looked at: each bus with and without listeners, a handler for the class itself and one for `Object`, related events, a
// pump with and without an answer, an event without a handler, an anonymous class, and functions of old as classes.
for (const [what, value, name] of LOST) {
  Deno.test(`the buses refuse ${what}, which has no class of its own, unless it has a handler`, async () => {
    for (const [index, kind] of ["command", "query", "event"].entries()) {
      const bus = setUp().buses[index]!;
      const error = await assertRejects(() => bus.dispatch(value()), TypeError);
      assertEquals(
        error.message,
        `Cannot dispatch an instance of "${name}": no ${kind} handler is registered for it. Parsed JSON, clones and lists ` +
          "have lost the class of the message: make one of their data, new …()",
      );
      const heard: unknown[] = [];
      bus.listen((message) => heard.push(message));
      await assertRejects(() => bus.dispatch(value()), TypeError);
      assertEquals(heard, []);

      const handled: unknown[] = [];
      bus.subscribe(Object, (message: object) => void handled.push(message));
      await bus.dispatch(value());
      assertEquals(handled.length, 1);
    }
  });
}

Deno.test("a related event that is a list fails, after its command has succeeded", async () => {
  const { commands } = setUp();
  class Place extends Command<string> {}
  commands.subscribe(Place, (_command, { events }) => {
    events.add([new OrderPlaced(), new OrderPlaced()]);
    return "placed";
  });
  const error = await assertRejects(() => commands.dispatch(new Place()), EventDispatchError);
  assertEquals([error.result, error.failures.length, error.errors[0] instanceof TypeError], ["placed", 1, true]);
});

Deno.test("a pump does not ack a message that has lost its class", async () => {
  const { events } = setUp();
  const dead: unknown[] = [];
  const queue = new MemoryQueue<object>({ maxSize: 1, onDead: ({ message }) => dead.push(message) });
  await queue.send({ id: 7 });
  queue.close();
  await new Pump(queue, events, { failSilently: true }).drain();
  assertEquals(dead, [{ id: 7 }]);
});

Deno.test("an event of a class needs no handler, whatever the class is", async () => {
  const { events } = setUp();
  class Placed extends Event {}
  function OldPlaced() {}
  const Bound = (class Inner {}).bind(null) as unknown as new () => object;
  for (const event of [new Placed(), new (class {})(), new (OldPlaced as never as new () => object)(), new Bound()]) {
    assertEquals(await events.dispatch(event), undefined);
  }
});

Deno.test("a message of the wrong kind is refused by the compiler, and by the bus where there is no compiler", async () => {
  class Find extends Query<string> {}
  const { commands, queries } = setUp();
  queries.subscribe(Find, () => "found");
  // @ts-expect-error a query
  const error = await assertRejects(() => commands.dispatch(new Find()), HandlerNotFoundError);
  assertEquals(error.message.endsWith('"Find" has a query handler: dispatch it on the query bus'), true);
});
