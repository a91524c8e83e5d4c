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

class CreateUser extends Command {}
class SendMail extends Command {}
class FindUser extends Query<void> {}
class UserCreated extends Event {}

/** Makes ids that tell which message was given one as which. */
function counting(): (message: object) => string {
  let count = 0;
  return (message) => `${message.constructor.name} ${++count}`;
}

/** The buses of one router, and what the metadata were that their handlers saw. */
function correlatedBuses(middleware: Middleware = correlate({ createId: counting() })) {
  const container = new Container();
  new MessageRouter(container);
  const [commands, queries, events] = [container.get(CommandBus), container.get(QueryBus), container.get(EventBus)];
  for (const bus of [commands, queries, events]) bus.use(middleware);
  const seen: Metadata[] = [];
  const note = (_message: unknown, { metadata }: HandlerContext) => void seen.push(metadata);
  return { commands, queries, events, seen, note };
}

Deno.test("correlate() gives the first message an id, which is that of the correlation too, and no cause", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [{ messageId: "CreateUser 1", correlationId: "CreateUser 1" }]);
});

Deno.test("correlate() gives each message an id of its own", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser());
  await commands.dispatch(new CreateUser());

  assertEquals(seen.map(({ messageId }) => messageId), ["CreateUser 1", "CreateUser 2"]);
});

Deno.test("correlate() has what a handler dispatches with its context inherit, however deep", async () => {
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

Deno.test("correlate() has related events inherit without the handler doing anything", async () => {
  const { commands, events, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated(), new UserCreated()));
  events.subscribe(UserCreated, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [
    { messageId: "UserCreated 2", correlationId: "CreateUser 1", causationId: "CreateUser 1" },
    { messageId: "UserCreated 3", correlationId: "CreateUser 1", causationId: "CreateUser 1" },
  ]);
});

Deno.test("correlate() has what is dispatched without the context begin anew", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, async () => await commands.dispatch(new SendMail()));
  commands.subscribe(SendMail, note);

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [{ messageId: "SendMail 2", correlationId: "SendMail 2" }]);
});

Deno.test("correlate() has a message inherit that has been through a queue", async () => {
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

Deno.test("correlate() takes a message object that serves several callers for a message of each", async () => {
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

Deno.test("correlate() takes a message object that is dispatched again as before for the same message", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);
  const message = new CreateUser();

  await commands.dispatch(message);
  await commands.dispatch(message);

  assertEquals(seen[0], seen[1]);
});

Deno.test("correlate() gives a primitive an id at each dispatch", async () => {
  const { events, seen, note } = correlatedBuses(correlate({ createId: counting() }));
  events.subscribe(Number, note);

  await events.dispatch(5);
  await events.dispatch(5);

  assertEquals(seen.map(({ messageId }) => messageId), ["Number 1", "Number 2"]);
});

Deno.test("correlate() keeps the correlation that the caller gives, and all other metadata", async () => {
  const { commands, seen, note } = correlatedBuses();
  commands.subscribe(CreateUser, note);

  await commands.dispatch(new CreateUser(), { metadata: { correlationId: "request 7", tenant: "acme" } });

  assertEquals(seen, [{ tenant: "acme", messageId: "CreateUser 1", correlationId: "request 7" }]);
});

Deno.test("correlate() takes a message id that the caller gives for that of the cause", async () => {
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

Deno.test("correlate() leaves the metadata of the caller as they are", async () => {
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

Deno.test("correlate() makes ids of its own that are random UUIDs", async () => {
  const { commands, seen, note } = correlatedBuses(correlate());
  commands.subscribe(CreateUser, note);

  for (let round = 0; round < 50; round++) await commands.dispatch(new CreateUser());

  const ids = seen.map(({ messageId }) => messageId as string);
  for (const id of ids) assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertEquals(new Set(ids).size, 50);
  assertNotEquals(ids[0], ids[1]);
});
