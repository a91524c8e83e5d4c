import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  type HandlerContext,
  MemoryQueue,
  MessageRouter,
  type Metadata,
  type Middleware,
  Pump,
  Query,
  QueryBus,
  retry,
} from "@cq/core";
import { correlate } from "@cq/core/middlewares";
import { identify } from "../src/delivered_id.ts";

class CreateUser extends Command {}
class SendMail extends Command {}
class FindUser extends Query<void> {}
class UserCreated extends Event {}

/** Makes ids from the class of the message and a count. */
function counting(): (message: object) => string {
  let count = 0;
  return (message) => `${message.constructor.name} ${++count}`;
}

/** The buses of one router, and the metadata that their handlers saw. */
function correlatedBuses(middleware: Middleware = correlate({ createId: counting() })) {
  const container = new Container();
  new MessageRouter(container);
  const [commands, queries, events] = [container.get(CommandBus), container.get(QueryBus), container.get(EventBus)];
  for (const bus of [commands, queries, events]) bus.use(middleware);
  const seen: Metadata[] = [];
  const note = (_message: unknown, { metadata }: HandlerContext) => void seen.push(metadata);
  return { commands, queries, events, seen, note };
}

Deno.test("correlate() gives the first message an id, which is also the correlation id, and no cause", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [{ messageId: "CreateUser 1", correlationId: "CreateUser 1" }]);
});

Deno.test("correlate() gives each message its own id", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser());
  await commands.dispatch(new CreateUser());

  assertEquals(seen.map(({ messageId }) => messageId), ["CreateUser 1", "CreateUser 2"]);
});

Deno.test("correlate() passes ids on to messages that a handler dispatches with its context, at any depth", async () => {
  const { commands, queries, events, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, async (_command, context) => {
    await queries.dispatch(new FindUser(), context);
  });
  queries.subscribe(FindUser, async (_query, context) => {
    await events.dispatch(new UserCreated(), context);
  });
  events.subscribe(UserCreated, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [
    { messageId: "UserCreated 3", correlationId: "CreateUser 1", causationId: "FindUser 2" },
  ]);
});

Deno.test("correlate() passes ids on to related events without the handler's help", async () => {
  const { commands, events, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated(), new UserCreated()));
  events.subscribe(UserCreated, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [
    { messageId: "UserCreated 2", correlationId: "CreateUser 1", causationId: "CreateUser 1" },
    { messageId: "UserCreated 3", correlationId: "CreateUser 1", causationId: "CreateUser 1" },
  ]);
});

Deno.test("correlate() starts a new correlation for a message that is dispatched without the context", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, async () => await commands.dispatch(new SendMail()));
  commands.subscribe(SendMail, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [{ messageId: "SendMail 2", correlationId: "SendMail 2" }]);
});

Deno.test("correlate() passes ids on through a queue", async () => {
  const { commands, seen, note } = correlatedBuses();
  const queue = new MemoryQueue<SendMail>({ maxSize: 1 });
  commands.subscribe(CreateUser, (_command, context) => queue.send(new SendMail(), context));
  commands.subscribe(SendMail, note);

  await commands.dispatch(new CreateUser());
  queue.close();
  await new Pump(queue, commands).drain();

  assertEquals(seen, [{ messageId: "SendMail 2", correlationId: "CreateUser 1", causationId: "CreateUser 1" }]);
});

Deno.test("correlate() shows all handlers of an event the same id", async () => {
  const { events, seen, note } = correlatedBuses();
  events.subscribe(UserCreated, note).subscribe(UserCreated, (event, context) => note(event, context));

  await events.dispatch(new UserCreated());

  assertEquals(seen.map(({ messageId }) => messageId), ["UserCreated 1", "UserCreated 1"]);
});

Deno.test("correlate() shows all attempts the same id, outside of retry and inside", async () => {
  for (const isOutside of [true, false]) {
    const seen: Metadata[] = [];
    const middlewares = [correlate({ createId: counting() }), retry({ attempts: 2 })];
    const commands = new MessageRouter().newCommandBus().use(...isOutside ? middlewares : middlewares.reverse())
      .subscribe(CreateUser, (_command, { metadata }) => {
        if (seen.push(metadata) === 1) throw new Error("not yet");
      });

    await commands.dispatch(new CreateUser());

    const ids = { messageId: "CreateUser 1", correlationId: "CreateUser 1" };
    assertEquals(seen, [ids, ids]);
  }
});

Deno.test("correlate() treats a message object that several callers dispatch as a message of each caller", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);
  const message = new CreateUser();

  await commands.dispatch(message, { metadata: { tenant: "a" } });
  await commands.dispatch(message, { metadata: { tenant: "b" } });

  assertEquals(seen, [
    { tenant: "a", messageId: "CreateUser 1", correlationId: "CreateUser 1" },
    { tenant: "b", messageId: "CreateUser 2", correlationId: "CreateUser 2" },
  ]);
});

Deno.test("correlate() treats a message object that is dispatched again with the same metadata as the same message", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);
  const message = new CreateUser();

  await commands.dispatch(message);
  await commands.dispatch(message);

  assertEquals(seen[0], seen[1]);
});

Deno.test("correlate() gives a primitive an id at each dispatch", async () => {
  const seen: Metadata[] = [];
  const queue = new MemoryQueue<number>({ maxSize: 2 });
  const pump = new Pump(queue, (_message: number, options) => void seen.push(options?.metadata ?? {}));
  for (let count = 0; count < 2; count++) await queue.send(5);
  queue.close();
  await pump.use(correlate({ createId: counting() })).drain();

  assertEquals(seen.map(({ messageId }) => messageId), ["Number 1", "Number 2"]);
});

Deno.test("correlate() keeps the correlation that the caller gives, and all other metadata", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser(), { metadata: { correlationId: "request 7", tenant: "acme" } });

  assertEquals(seen, [{ tenant: "acme", messageId: "CreateUser 1", correlationId: "request 7" }]);
});

Deno.test("correlate() takes a message id that the caller gives as the id of the cause", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser(), { metadata: { messageId: "delivery 3", causationId: "older" } });

  assertEquals(seen[0]?.causationId, "delivery 3");
});

Deno.test("correlate() keeps the cause that the caller gives", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser(), { metadata: { causationId: "click" } });

  assertEquals(seen[0]?.causationId, "click");
});

Deno.test("correlate() leaves the metadata of the caller unchanged", async () => {
  const { commands, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);
  const metadata = { tenant: "acme" };

  await commands.dispatch(new CreateUser(), { metadata });

  assertEquals(metadata, { tenant: "acme" });
});

Deno.test("correlate() passes the signal and the result on", async () => {
  const { signal } = new AbortController();
  const queries = new MessageRouter().newQueryBus().use(correlate())
    .subscribe(FindUser, (_query, context) => assert(context.signal === signal));

  assertEquals(await queries.dispatch(new FindUser(), { signal }), undefined);
});

Deno.test("correlate() makes random UUIDs by default", async () => {
  const { commands, seen, note } = correlatedBuses(correlate());
  commands.subscribe(CreateUser, note);

  for (let round = 0; round < 50; round++) await commands.dispatch(new CreateUser());

  const ids = seen.map(({ messageId }) => messageId as string);
  for (const id of ids) assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertEquals(new Set(ids).size, 50);
  assertNotEquals(ids[0], ids[1]);
});

Deno.test("correlate() keeps the id and the cause of a message that was delivered, however often it correlates", async () => {
  const message = new CreateUser();
  identify(message, "m7");
  let count = 0;
  const correlating = () => correlate({ createId: () => `gen${++count}` });
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus()
    .use(correlating(), correlating())
    .subscribe(CreateUser, (_message, { metadata }) => void seen.push(metadata));

  await commands.dispatch(message, { metadata: { messageId: "m7", correlationId: "r1", causationId: "m6" } });
  // Where nothing has filled the metadata, its id is all that is known.
  await commands.dispatch(message);

  assertEquals(seen, [
    { messageId: "m7", correlationId: "r1", causationId: "m6" },
    { messageId: "m7", correlationId: "m7" },
  ]);
});

Deno.test("correlate() makes a delivered message the cause of what it sends", async () => {
  const message = new CreateUser();
  identify(message, "m7");
  const seen: unknown[] = [];
  const commands = new MessageRouter().newCommandBus()
    .use(correlate({ createId: () => "gen1" }))
    .subscribe(CreateUser, async (_message, context): Promise<void> => await commands.dispatch(new SendMail(), context))
    .subscribe(SendMail, (_message, { metadata }) => void seen.push(metadata));

  await commands.dispatch(message, { metadata: { messageId: "m7", correlationId: "r1", causationId: "m6" } });

  assertEquals(seen, [{ messageId: "gen1", correlationId: "r1", causationId: "m7" }]);
});
