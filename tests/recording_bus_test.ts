import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  EventDispatchError,
  HandlerNotFoundError,
  inject,
  MemoryQueue,
  MessageRouter,
  Pump,
  Query,
  StreamQuery,
  type StreamSource,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

class CreateAdmin extends CreateUser {}

class RemoveUser extends Command {}

class FindUser extends Query<string> {}

class UserCreated extends Event {
  readonly id: number;

  constructor(id = 1) {
    super();
    this.id = id;
  }
}

function recordingCommands() {
  return recordingBus(new MessageRouter().newCommandBus());
}

Deno.test("recordingBus() dispatches to the bus, and keeps messages with their results", async () => {
  const commands = recordingCommands();
  commands.subscribe(CreateUser, ({ name }) => name.length);

  assertEquals(await commands.dispatch(new CreateUser("Ada")), 3);
  assertEquals(await commands.dispatch(new CreateUser("Grace")), 5);
  assertEquals(commands.records, [
    { message: new CreateUser("Ada"), options: undefined, outcome: { status: "fulfilled", value: 3 } },
    { message: new CreateUser("Grace"), options: undefined, outcome: { status: "fulfilled", value: 5 } },
  ]);
});

Deno.test("recordingBus() keeps the errors of dispatches, which the caller receives", async () => {
  const commands = recordingCommands();
  const failure = new Error("no");
  commands.subscribe(CreateUser, () => {
    throw failure;
  });
  assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), failure);
  const missing = await assertRejects(() => commands.dispatch(new RemoveUser()), HandlerNotFoundError);
  assertEquals(commands.records.map(({ outcome }) => outcome), [
    { status: "rejected", reason: failure },
    { status: "rejected", reason: missing },
  ]);
});

Deno.test("recordingBus() keeps a dispatch from its start, without an outcome as long as it runs", async () => {
  const commands = recordingCommands();
  const { promise, resolve } = Promise.withResolvers<number>();
  commands.subscribe(CreateUser, () => promise);

  const dispatching = commands.dispatch(new CreateUser());
  assertEquals(commands.records, [{ message: new CreateUser(), options: undefined, outcome: undefined }]);
  resolve(42);
  await dispatching;
  assertEquals(commands.records[0]!.outcome, { status: "fulfilled", value: 42 });
});

Deno.test("recordingBus() keeps and passes on the signal and the metadata", async () => {
  const commands = recordingCommands();
  const { signal } = new AbortController();
  const options = { signal, metadata: { requestId: 7 } };
  const seen: unknown[] = [];
  commands.subscribe(RemoveUser, (_command, context) => void seen.push(context.signal, context.metadata));

  await commands.dispatch(new RemoveUser(), options);
  assertStrictEquals(commands.records[0]!.options, options);
  assertEquals(seen, [signal, { requestId: 7 }]);
});

Deno.test("recordingBus() causes no unhandled rejection", async () => {
  const reasons = await unhandledRejections(async () => {
    const commands = recordingCommands();
    await commands.dispatch(new RemoveUser()).catch(() => {});
    await commands.next(RemoveUser);
  });
  assertEquals(reasons, []);
});

Deno.test("recordingBus() has the type and the methods of the bus, and returns itself where they return the bus", async () => {
  const commands = recordingCommands();
  assert(commands instanceof CommandBus);
  const log: string[] = [];
  const same = commands
    .listen(() => log.push("listener"))
    .use((_message, next) => {
      log.push("middleware");
      return next();
    })
    .subscribe(CreateUser, () => 42);
  assertStrictEquals(same, commands);

  await same.dispatch(new CreateUser());
  assertEquals(log, ["listener", "middleware"]);
  assertEquals(commands.messages(CreateUser), [new CreateUser()]);
});

Deno.test("recordingBus() does not see what goes to the wrapped bus directly", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);
  const commands = recordingBus(bus);
  await bus.dispatch(new CreateUser());
  assertEquals(commands.records, []);
});

Deno.test("recordingBus() can be bound in a container, and sees related events there", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const events = recordingBus(router.newEventBus());
  container.bind(EventBus, () => events);

  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #events = inject(EventBus);

    async handle(_command: CreateUser, context: { events: { add(event: Event): unknown } }): Promise<number> {
      await this.#events.dispatch(new UserCreated(1));
      context.events.add(new UserCreated(2));
      return 42;
    }
  }

  await container.get(CommandBus).dispatch(new CreateUser());
  assertEquals(events.messages(UserCreated), [new UserCreated(1), new UserCreated(2)]);
});

Deno.test("recordingBus() is a dispatcher, for a pump too", async () => {
  const commands = recordingCommands().answer(RemoveUser, () => {});
  const queue = new MemoryQueue<RemoveUser>({ maxSize: 1 });
  await queue.send(new RemoveUser());
  queue.close();
  await new Pump(queue, commands).drain();
  assertEquals(commands.messages(RemoveUser).length, 1);
});

Deno.test("Recorder.messages() lists the messages of a class and of its subclasses", async () => {
  const commands = recordingCommands().answer(CreateUser, () => 1).answer(RemoveUser, () => {});
  await commands.dispatch(new CreateUser());
  await commands.dispatch(new RemoveUser());
  await commands.dispatch(new CreateAdmin());

  assertEquals(commands.messages(CreateUser), [new CreateUser(), new CreateAdmin()]);
  assertEquals(commands.messages(CreateAdmin), [new CreateAdmin()]);
});

Deno.test("Recorder.messages() finds primitives by their wrapper classes", async () => {
  const commands = recordingCommands().answer(String, () => 1);
  // A queue may carry one, and its pump dispatch to anything.
  await commands.dispatch("a message" as never);
  assertEquals(commands.messages(String), ["a message"]);
  assertEquals(commands.messages(CreateUser), []);
});

Deno.test("Recorder.next() waits for a dispatch, and returns it once it has ended", async () => {
  const commands = recordingCommands();
  const { promise, resolve } = Promise.withResolvers<number>();
  commands.subscribe(CreateUser, () => promise);
  const log: string[] = [];
  const next = commands.next(CreateUser).then(({ outcome }) => log.push(outcome.status));

  const dispatching = commands.dispatch(new CreateUser());
  await Promise.resolve();
  assertEquals(log, []);
  resolve(42);
  await dispatching;
  await next;
  assertEquals(log, ["fulfilled"]);
});

Deno.test("Recorder.next() returns earlier dispatches, each one once, in order", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  await events.dispatch(new UserCreated(1));
  await events.dispatch(new UserCreated(2));

  assertEquals((await events.next(UserCreated)).message.id, 1);
  assertEquals((await events.next(UserCreated)).message.id, 2);
  const third = events.next(UserCreated);
  await events.dispatch(new UserCreated(3));
  assertEquals((await third).message.id, 3);
});

Deno.test("Recorder.next() serves waits in the order of the calls", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  const waiting = [events.next(UserCreated), events.next(UserCreated)];
  await events.dispatch(new UserCreated(1));
  await events.dispatch(new UserCreated(2));
  assertEquals((await Promise.all(waiting)).map(({ message }) => message.id), [1, 2]);
});

Deno.test("Recorder.next() is not woken by messages of another class", async () => {
  const commands = recordingCommands().answer(CreateUser, () => 1).answer(RemoveUser, () => {});
  const removed = commands.next(RemoveUser);
  await commands.dispatch(new CreateUser());
  await commands.dispatch(new RemoveUser());
  assert((await removed).message instanceof RemoveUser);
});

Deno.test("Recorder.next() leaves messages of other classes, and finds messages of a subclass", async () => {
  const commands = recordingCommands().answer(CreateUser, () => 1).answer(RemoveUser, () => {});
  await commands.dispatch(new RemoveUser());
  await commands.dispatch(new CreateAdmin());
  assert((await commands.next(CreateUser)).message instanceof CreateAdmin);
  assert((await commands.next(RemoveUser)).message instanceof RemoveUser);
});

Deno.test("Recorder.next() resolves for a dispatch that fails", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  events.subscribe(UserCreated, () => {
    throw new Error("no");
  });
  events.dispatch(new UserCreated()).catch(() => {});
  const { outcome } = await events.next(UserCreated);
  assert(outcome.status === "rejected" && outcome.reason instanceof EventDispatchError);
});

Deno.test("Recorder.next() rejects with the reason of a signal that has fired, and takes nothing", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  await events.dispatch(new UserCreated());
  const reason = new Error("enough");
  const error = await assertRejects(() => events.next(UserCreated, { signal: AbortSignal.abort(reason) }));
  assertStrictEquals(error, reason);
  assertEquals((await events.next(UserCreated)).message, new UserCreated());
});

Deno.test("Recorder.next() ends its wait with the signal, and leaves the next message to another wait", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const abandoned = events.next(UserCreated, { signal: controller.signal });
  const patient = events.next(UserCreated);

  controller.abort("enough");
  assertEquals(await abandoned.catch((error) => error), "enough");
  assertEquals(listeners(), 0);
  await events.dispatch(new UserCreated(1));
  assertEquals((await patient).message.id, 1);
});

Deno.test("Recorder.next() gives back a dispatch that still runs when its signal fires", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  const { promise, resolve } = Promise.withResolvers<void>();
  events.subscribe(UserCreated, () => promise);
  const controller = new AbortController();
  const abandoned = events.next(UserCreated, { signal: controller.signal });
  const dispatching = [events.dispatch(new UserCreated(1)), events.dispatch(new UserCreated(2))];

  controller.abort("enough");
  resolve();
  assertEquals(await abandoned.catch((error) => error), "enough");
  await Promise.all(dispatching);
  assertEquals((await events.next(UserCreated)).message.id, 1);
  assertEquals((await events.next(UserCreated)).message.id, 2);
});

Deno.test("Recorder.next() leaves no listener on its signal", async () => {
  const events = recordingBus(new MessageRouter().newEventBus());
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);
  const next = events.next(UserCreated, { signal });
  assertEquals(listeners(), 1);
  await events.dispatch(new UserCreated());
  await next;
  assertEquals(listeners(), 0);
});

Deno.test("Recorder.answer() answers in place of the handler, and no part of the bus runs", async () => {
  const commands = recordingCommands();
  const log: string[] = [];
  commands
    .listen(() => log.push("listener"))
    .use((_message, next) => {
      log.push("middleware");
      return next();
    })
    .subscribe(CreateUser, () => log.push("handler"));
  commands.answer(CreateUser, ({ name }) => name.length);

  assertEquals(await commands.dispatch(new CreateUser("Grace")), 5);
  assertEquals(log, []);
  assertEquals(commands.records[0]!.outcome, { status: "fulfilled", value: 5 });
});

Deno.test("Recorder.answer() needs no handler, and canHandle() is true for it", async () => {
  const queries = recordingBus(new MessageRouter().newQueryBus());
  assertEquals(queries.canHandle(new FindUser()), false);
  assertStrictEquals(queries.answer(FindUser, () => "Ada"), queries);
  assertEquals(queries.canHandle(new FindUser()), true);
  assertEquals(await queries.dispatch(new FindUser()), "Ada");
});

Deno.test("Recorder.answer() receives the options of the caller", async () => {
  const queries = recordingBus(new MessageRouter().newQueryBus());
  queries.answer(FindUser, (_query, options) => `Ada of ${options?.metadata?.["tenant"]}`);
  assertEquals(await queries.dispatch(new FindUser(), { metadata: { tenant: "acme" } }), "Ada of acme");
});

Deno.test("Recorder.answer() may be asynchronous, and may fail", async () => {
  const queries = recordingBus(new MessageRouter().newQueryBus());
  queries.answer(FindUser, () => Promise.resolve("Ada"));
  assertEquals(await queries.dispatch(new FindUser()), "Ada");

  const failure = new Error("out of order");
  queries.answer(FindUser, () => {
    throw failure;
  });
  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindUser())), failure);
});

Deno.test("Recorder.answer() answers for subclasses, and the nearest class wins", async () => {
  const commands = recordingCommands().answer(CreateUser, () => 1);
  assertEquals(await commands.dispatch(new CreateAdmin()), 1);
  commands.answer(CreateAdmin, () => 2);
  assertEquals(await commands.dispatch(new CreateAdmin()), 2);
  assertEquals(await commands.dispatch(new CreateUser()), 1);
});

Deno.test("Recorder.answer() does not run once the signal has fired", async () => {
  const commands = recordingCommands().answer(CreateUser, () => 1);
  const reason = new Error("gone");
  const error = await assertRejects(() => commands.dispatch(new CreateUser(), { signal: AbortSignal.abort(reason) }));
  assertStrictEquals(error, reason);
});

Deno.test("recordingBus() leaves a message without a class to the bus, which refuses it", async () => {
  const commands = recordingCommands();
  const nothing = null as unknown as CreateUser;
  const error = await assertRejects(() => commands.dispatch(nothing), TypeError);
  assertEquals(error.message, "Cannot dispatch null: a message is an instance of a class");
  assertEquals(commands.messages(CreateUser), []);
});

Deno.test("recordingBus() refuses a value that is not a bus", () => {
  const error = assertThrows(() => recordingBus({} as CommandBus), TypeError);
  assertEquals(error.message, 'Cannot record on an instance of "Object": it is not a bus');
});

// Streams

class Count extends StreamQuery<number> {}

Deno.test("recordingBus().stream() records at the first next(), with the options of the caller, until the end", async () => {
  const queries = recordingBus(new MessageRouter().newQueryBus()).subscribe(Count, () => [1, 2]);
  const options = { metadata: { tenant: "acme" } };
  const query = new Count();
  const stream = queries.stream(query, options);

  assertEquals(queries.records, []);
  await stream.next();
  assertEquals(queries.records, [{ message: query, options, outcome: undefined }]);
  await stream.return();
  const value = { items: 1, complete: false };
  assertEquals(queries.records, [{ message: query, options, outcome: { status: "fulfilled", value } }]);
  assertEquals((await queries.next(Count)).outcome.status, "fulfilled");
});

Deno.test("recordingBus().answer() answers a stream query with the source of its items", async () => {
  const heard: unknown[] = [];
  const queries = recordingBus(
    new MessageRouter().newQueryBus().use((message, next) => {
      heard.push(message);
      return next();
    }).listen((message) => void heard.push(message)),
  );
  const sources: (() => StreamSource<number> | Promise<StreamSource<number>>)[] = [
    () => [1, 2],
    () => Promise.resolve(new Set([1, 2])),
    async function* () {
      yield 1;
      yield 2;
    },
  ];
  for (const source of sources) {
    queries.answer(Count, source);
    const items: number[] = [];
    for await (const item of queries.stream(new Count())) items.push(item);
    assertEquals(items, [1, 2]);
  }
  assertEquals([heard, queries.canHandle(new Count())], [[], true]);
});

Deno.test("recordingBus().answer() of a stream query may fail, before an item and after one", async () => {
  const queries = recordingBus(new MessageRouter().newQueryBus()).answer(Count, () => {
    throw new Error("Torn");
  });
  await assertRejects(() => queries.stream(new Count()).next(), Error, "Torn");
  queries.answer(Count, async function* () {
    yield 1;
    throw new Error("Torn later");
  });
  const stream = queries.stream(new Count());
  await stream.next();
  await assertRejects(() => stream.next(), Error, "Torn later");

  assertEquals(queries.records.map(({ outcome }) => outcome?.status), ["rejected", "rejected"]);
});

Deno.test("recordingBus().answer() of a stream query is closed when the consumer leaves", async () => {
  const log: string[] = [];
  const queries = recordingBus(new MessageRouter().newQueryBus()).answer(Count, async function* () {
    try {
      yield 1;
    } finally {
      log.push("close");
    }
  });
  for await (const _item of queries.stream(new Count())) break;

  assertEquals(log, ["close"]);
});

Deno.test("recordingBus() refuses what the bus refuses: a stream that is dispatched, and a query as a stream", async () => {
  class FindName extends Query<string> {}
  const queries = recordingBus(new MessageRouter().newQueryBus().subscribe(Count, () => [1])).answer(Count, () => [2]);

  await assertRejects(
    () => queries.dispatch(new Count() as never),
    TypeError,
    'Cannot dispatch "Count": it is a stream query. Read its items from stream()',
  );
  await assertRejects(
    () => queries.stream(new FindName() as never).next(),
    TypeError,
    'Cannot stream an instance of "FindName": it does not extend StreamQuery. Call dispatch() instead',
  );
});

Deno.test("recordingBus() of a bus without streams has no method for them", () => {
  assertEquals("stream" in recordingBus(new MessageRouter().newCommandBus()), false);
});
