import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  byKind,
  Command,
  type CommandBus,
  type Dispatcher,
  Event,
  type EventBus,
  type MemoryQueue,
  MessageRouter,
  Pipe,
  Pump,
  Query,
  type QueryBus,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";

class PlaceOrder extends Command<number> {}
class FindOrder extends Query<string> {}
class OrderPlaced extends Event {}
class Plain {}

function buses(): { commands: CommandBus; queries: QueryBus; events: EventBus } {
  const router = new MessageRouter();
  return {
    commands: router.newCommandBus().subscribe(PlaceOrder, () => 1),
    queries: router.newQueryBus().subscribe(FindOrder, () => "order"),
    events: router.newEventBus(),
  };
}

Deno.test("byKind() dispatches each message to the bus of its kind, and passes the options on", async () => {
  const { commands, queries, events } = buses();
  const log: unknown[] = [];
  events.subscribe(OrderPlaced, (_event, { metadata }) => void log.push(metadata));
  const dispatch = byKind({ commands, queries, events });
  assertEquals(await dispatch(new PlaceOrder()), 1);
  assertEquals(await dispatch(new FindOrder()), "order");
  const metadata = { requestId: "42" };
  await dispatch(new OrderPlaced(), { metadata });
  assertStrictEquals(log[0], metadata);
});

Deno.test("byKind() dispatches to pipelines and functions too", async () => {
  const log: string[] = [];
  const commands = recordingBus(new MessageRouter().newCommandBus()).answer(PlaceOrder, () => 7);
  const pipe = new Pipe(PlaceOrder, commands).step((result) => void log.push(`placed ${result}`));
  const dispatch = byKind({ commands: pipe, events: (event: Event) => void log.push(event.constructor.name) });
  await dispatch(new PlaceOrder());
  await dispatch(new OrderPlaced());
  assertEquals(log, ["placed 7", "OrderPlaced"]);
});

for (const kind of ["commands", "queries", "events"] as const) {
  Deno.test(`byKind() dispatches a message without a base to the bus that handles it: ${kind}`, async () => {
    const { commands, queries, events } = buses();
    const log: unknown[] = [];
    const message = new Plain();
    const handle = (plain: Plain) => void log.push(plain);
    if (kind === "commands") commands.subscribe(Plain, handle);
    if (kind === "queries") queries.subscribe(Plain, handle);
    if (kind === "events") events.subscribe(Plain, handle);
    await byKind({ commands, queries, events })(message);
    assertStrictEquals(log[0], message);
  });
}

Deno.test("byKind() rejects a message of a kind that it was given nothing for", async () => {
  const { commands, queries } = buses();
  for (
    const [message, reason] of [
      [new OrderPlaced(), '"OrderPlaced": it is an event'],
      [new FindOrder(), '"FindOrder": it is a query'],
    ] as const
  ) {
    const dispatch = byKind(message instanceof Event ? { commands, queries } : { commands });
    const error = await assertRejects(async () => await dispatch(message as never), TypeError);
    assertEquals(error.message, `Cannot dispatch ${reason}, and byKind() was given nothing that dispatches this kind`);
  }
});

Deno.test("byKind() rejects a message without a base that no bus handles", async () => {
  const error = await assertRejects(async () => await byKind(buses())(new Plain()), TypeError);
  assertEquals(
    error.message,
    'Cannot dispatch "Plain": its class extends neither Command, Query nor Event, and none of the buses has a handler ' +
      "for it. Register one, or extend the base of its kind",
  );
});

Deno.test("byKind() refuses a value that is not a dispatcher", () => {
  const error = assertThrows(() => byKind({ commands: {} as Dispatcher<PlaceOrder> }), TypeError);
  assertEquals(
    error.message,
    'Cannot dispatch to an instance of "Object": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("byKind() compiles only for messages that one of the dispatchers takes", () => {
  ((
    { commands, queries, events }: ReturnType<typeof buses>,
    queue: MemoryQueue<PlaceOrder | OrderPlaced>,
    all: MemoryQueue<PlaceOrder | OrderPlaced | FindOrder | Plain>,
  ) => {
    new Pump(queue, byKind({ commands, events }));
    new Pump(all, byKind({ commands, queries, events }));
    new Pump(queue, byKind({ commands: (_command: PlaceOrder) => {}, events: (_event: OrderPlaced) => {} }));
    // @ts-expect-error nothing dispatches events
    new Pump(queue, byKind({ commands }));
    // @ts-expect-error nothing dispatches queries
    new Pump(all, byKind({ commands, events }));
    // @ts-expect-error an event bus takes no commands
    new Pump(queue, byKind({ commands: events, events: commands }));
  });
});
