import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Command, type DispatchOptions, dispatchSequentially, Event, MessageRouter, Query } from "../mod.ts";

class CreateUser extends Command<number> {}
class NameUser extends Command<string> {}
class Forget extends Command {}

Deno.test("dispatchSequentially() resolves to the results, in the order of the messages", async () => {
  const commands = new MessageRouter().newCommandBus()
    .subscribe(CreateUser, () => 42)
    .subscribe(NameUser, () => Promise.resolve("Ada"))
    .subscribe(Forget, () => {});

  assertEquals(
    await dispatchSequentially(commands, new NameUser(), new CreateUser(), new Forget(), new NameUser()),
    ["Ada", 42, undefined, "Ada"],
  );
});

Deno.test("dispatchSequentially() starts a message after the one before has settled", async () => {
  const log: string[] = [];
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const commands = new MessageRouter().newCommandBus()
    .subscribe(CreateUser, async () => {
      log.push("first starts");
      started.resolve();
      await release.promise;
      log.push("first ends");
      return 42;
    })
    .subscribe(NameUser, () => {
      log.push("second starts");
      return "Ada";
    });

  const results = dispatchSequentially(commands, new CreateUser(), new NameUser());
  await started.promise;
  assertEquals(log, ["first starts"]);
  release.resolve();

  assertEquals(await results, [42, "Ada"]);
  assertEquals(log, ["first starts", "first ends", "second starts"]);
});

Deno.test("dispatchSequentially() waits for the related events of a command before the next one", async () => {
  class Created extends Event {}
  const log: string[] = [];
  const router = new MessageRouter();
  router.newEventBus().subscribe(Created, async () => {
    await Promise.resolve();
    log.push("event handled");
  });
  const commands = router.newCommandBus()
    .subscribe(CreateUser, (_command, { events }) => {
      events.add(new Created());
      return 42;
    })
    .subscribe(Forget, () => void log.push("next command"));

  await dispatchSequentially(commands, new CreateUser(), new Forget());

  assertEquals(log, ["event handled", "next command"]);
});

Deno.test("dispatchSequentially() ends at the first failure, and rejects with the same error", async () => {
  const log: string[] = [];
  const failure = new Error("Out of order");
  const commands = new MessageRouter().newCommandBus()
    .subscribe(CreateUser, () => log.push("created"))
    .subscribe(NameUser, () => Promise.reject(failure))
    .subscribe(Forget, () => void log.push("forgotten"));

  const error = await assertRejects(() =>
    dispatchSequentially(commands, new CreateUser(), new NameUser(), new Forget())
  );

  assertStrictEquals(error, failure);
  assertEquals(log, ["created"]);
});

Deno.test("dispatchSequentially() resolves to an empty list if there are no messages", async () => {
  let calls = 0;

  assertEquals(await dispatchSequentially(() => calls++), []);
  assertEquals(calls, 0);
});

Deno.test("dispatchSequentially() accepts a query bus", async () => {
  class Find extends Query<string> {}
  const queries = new MessageRouter().newQueryBus().subscribe(Find, () => "found");

  assertEquals(await dispatchSequentially(queries, new Find(), new Find()), ["found", "found"]);
});

Deno.test("dispatchSequentially() accepts an event bus", async () => {
  class First extends Event {}
  class Second extends Event {}
  const log: string[] = [];
  const events = new MessageRouter().newEventBus()
    .subscribe(First, async () => {
      await Promise.resolve();
      log.push("first");
    })
    .subscribe(Second, () => log.push("second"));

  assertEquals(await dispatchSequentially(events, new First(), new Second()), [undefined, undefined]);
  assertEquals(log, ["first", "second"]);
});

Deno.test("dispatchSequentially() accepts a function, which may pass options on", async () => {
  const metadata = { requestId: "r-1" };
  const received: unknown[] = [];
  const commands = new MessageRouter().newCommandBus().subscribe(CreateUser, (_command, context) => {
    received.push(context.metadata);
    return 42;
  });

  const results = await dispatchSequentially(
    (command: CreateUser) => commands.dispatch(command, { metadata }),
    new CreateUser(),
    new CreateUser(),
  );

  assertEquals(results, [42, 42]);
  assertEquals(received, [metadata, metadata]);
});

Deno.test("dispatchSequentially() calls a function with each message itself", async () => {
  const messages = [new CreateUser(), new NameUser()] as const;
  const calls: unknown[][] = [];

  await dispatchSequentially((...args: [message: object, options?: DispatchOptions]) => calls.push(args), ...messages);

  assertEquals(calls.length, 2);
  assertStrictEquals(calls[0]?.[0], messages[0]);
  assertStrictEquals(calls[1]?.[0], messages[1]);
});

Deno.test("dispatchSequentially() calls dispatch as a method of its object", async () => {
  const dispatcher = {
    name: "dispatcher",
    dispatch(_message: CreateUser) {
      return this.name;
    },
  };

  assertEquals<unknown[]>(await dispatchSequentially(dispatcher, new CreateUser()), ["dispatcher"]);
});

Deno.test("dispatchSequentially() rejects with the synchronous error of a function", async () => {
  const failure = new Error("Out of order");

  const error = await assertRejects(() =>
    dispatchSequentially(() => {
      throw failure;
    }, new CreateUser())
  );

  assertStrictEquals(error, failure);
});

for (const [name, value] of [['"undefined"', undefined], ['"null"', null], ['an instance of "Object"', {}]] as const) {
  Deno.test(`dispatchSequentially() rejects ${name} as a dispatcher`, async () => {
    const error = await assertRejects(() => dispatchSequentially(value as never, new CreateUser()), TypeError);

    assertEquals(
      error.message,
      `Cannot dispatch to ${name}: it is neither a bus, a pipeline nor a function`,
    );
  });
}
