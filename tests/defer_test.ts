import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { assertSpyCall, assertSpyCalls, spy, stub } from "@std/testing/mock";
import { Command, defer, type DispatchOptions, Event, type EventDispatchError, MessageRouter } from "../mod.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class Send extends Command {}
class Happened extends Event {}

Deno.test("defer() returns at once and hands the work's promise to waitUntil", async () => {
  const log: string[] = [];
  const release = Promise.withResolvers<void>();
  const commands = new MessageRouter().newCommandBus().subscribe(Send, async () => {
    await release.promise;
    log.push("sent");
  });
  const works: Promise<unknown>[] = [];
  const deferred = defer(commands, (work) => works.push(work.then(() => log.push("work settled"))));

  const returned: unknown = deferred.dispatch(new Send());
  log.push("returned");

  assertStrictEquals(returned, undefined);
  assertEquals(works.length, 1);
  release.resolve();
  await works[0];
  assertEquals(log, ["returned", "sent", "work settled"]);
});

Deno.test("defer() hands over one promise for each dispatch, which resolves to undefined", async () => {
  const works: Promise<void>[] = [];
  const deferred = defer(() => "a result", (work) => works.push(work));

  deferred.dispatch(new Send());
  deferred.dispatch(new Send());

  assertEquals(await Promise.all(works), [undefined, undefined]);
});

Deno.test("defer() passes the message and the options on", () => {
  const dispatch = spy((_message: object, _options?: DispatchOptions) => {});
  const deferred = defer(dispatch, () => {});
  const message = new Send();
  const options = { metadata: { requestId: "r-1" }, signal: new AbortController().signal };

  deferred.dispatch(message, options);

  assertSpyCalls(dispatch, 1);
  assertStrictEquals(dispatch.calls[0]?.args[0], message);
  assertStrictEquals(dispatch.calls[0]?.args[1], options);
});

Deno.test("defer() reports a rejection to onError with the message, and its work resolves", async () => {
  const failure = new Error("Out of order");
  const commands = new MessageRouter().newCommandBus().subscribe(Send, () => Promise.reject(failure));
  const works: Promise<void>[] = [];
  const errors: unknown[][] = [];
  const deferred = defer(commands, (work) => works.push(work), { onError: (...args) => errors.push(args) });
  const message = new Send();

  deferred.dispatch(message);

  assertEquals(await Promise.all(works), [undefined]);
  assertEquals(errors.length, 1);
  assertStrictEquals(errors[0]?.[0], failure);
  assertStrictEquals(errors[0]?.[1], message);
});

Deno.test("defer() reports a synchronous error of a dispatcher to onError, too", async () => {
  const failure = new Error("Out of order");
  const works: Promise<void>[] = [];
  const errors: unknown[] = [];
  const deferred = defer(
    () => {
      throw failure;
    },
    (work) => works.push(work),
    { onError: (error) => errors.push(error) },
  );

  deferred.dispatch(new Send());

  assertEquals(await Promise.all(works), [undefined]);
  assertEquals(errors.length, 1);
  assertStrictEquals(errors[0], failure);
});

Deno.test("defer() reports a message without a handler, and one without a class", async () => {
  const errors: unknown[] = [];
  const works: Promise<void>[] = [];
  const deferred = defer(new MessageRouter().newCommandBus(), (work) => works.push(work), {
    onError: (error) => errors.push((error as Error).message),
  });

  deferred.dispatch(new Send());
  deferred.dispatch(null as never);
  await Promise.all(works);

  assertEquals(errors, [
    'Cannot dispatch "Send": no command handler is registered. Register one with @commandHandler(Send), ' +
    "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
    "Cannot dispatch null: a message is an instance of a class",
  ]);
});

Deno.test("defer() reports the failures of an event's handlers as one error", async () => {
  const events = new MessageRouter().newEventBus()
    .subscribe(Happened, () => Promise.reject(new Error("first")))
    .subscribe(Happened, () => Promise.reject(new Error("second")));
  const works: Promise<void>[] = [];
  const errors: unknown[] = [];
  const deferred = defer(events, (work) => works.push(work), { onError: (error) => errors.push(error) });

  deferred.dispatch(new Happened());
  await Promise.all(works);

  assertEquals(errors.map((error) => (error as EventDispatchError).failures.length), [2]);
});

Deno.test("defer() waits for an onError that returns a promise", async () => {
  const log: string[] = [];
  const release = Promise.withResolvers<void>();
  const reported = Promise.withResolvers<void>();
  const works: Promise<unknown>[] = [];
  const deferred = defer(
    () => Promise.reject(new Error("Out of order")),
    (work) => works.push(work.then(() => log.push("work settled"))),
    {
      onError: async () => {
        reported.resolve();
        await release.promise;
        log.push("reported");
      },
    },
  );

  deferred.dispatch(new Send());
  await reported.promise;
  assertEquals(log, []);
  release.resolve();
  await Promise.all(works);

  assertEquals(log, ["reported", "work settled"]);
});

Deno.test("defer() reports to console.error by default", async () => {
  using log = stub(console, "error");
  const failure = new Error("Out of order");
  const works: Promise<void>[] = [];
  const deferred = defer(() => Promise.reject(failure), (work) => works.push(work));

  deferred.dispatch(new Send());

  assertEquals(await Promise.all(works), [undefined]);
  assertSpyCalls(log, 1);
  assertStrictEquals(log.calls[0]?.args[0], failure);
});

for (
  const [how, fail] of [
    ["throws", (error: Error) => {
      throw error;
    }],
    ["rejects", (error: Error) => Promise.reject(error)],
  ] as const
) {
  Deno.test(`defer() reports the first error to console.error, too, if onError ${how}, and its work still resolves`, async () => {
    using log = stub(console, "error");
    const failure = new Error("No reporter");
    const error = new Error("Out of order");
    const works: Promise<void>[] = [];
    const deferred = defer(() => Promise.reject(error), (work) => works.push(work), {
      onError: () => fail(failure),
    });

    deferred.dispatch(new Send());

    assertEquals(await Promise.all(works), [undefined]);
    assertSpyCalls(log, 1);
    assertSpyCall(log, 0, { args: [failure, error] });
  });
}

Deno.test("defer() leaves no unhandled rejection, even if the work is not awaited", async () => {
  using log = stub(console, "error");

  const rejections = await unhandledRejections(() => {
    const commands = new MessageRouter().newCommandBus().subscribe(Send, () => Promise.reject(new Error("1")));
    defer(commands, () => {}).dispatch(new Send());
    defer(commands, () => {}, { onError: () => Promise.reject(new Error("2")) }).dispatch(new Send());
    defer(() => {
      throw new Error("3");
    }, () => {}).dispatch(new Send());
    return Promise.resolve();
  });

  assertEquals(rejections, []);
  assertEquals(log.calls.map(({ args: [error] }) => (error as Error).message).sort(), ["1", "2", "3"]);
});

Deno.test("defer() makes a dispatcher whose dispatch works without its object", async () => {
  const works: Promise<void>[] = [];
  let calls = 0;
  const { dispatch } = defer(() => calls++, (work) => works.push(work));

  dispatch(new Send());
  await Promise.all(works);

  assertEquals(calls, 1);
});

for (const [name, value] of [['"undefined"', undefined], ['"null"', null], ['an instance of "Object"', {}]] as const) {
  Deno.test(`defer() refuses ${name} as a dispatcher at once`, () => {
    assertEquals(
      assertThrows(() => defer(value as never, () => {}), TypeError).message,
      `Cannot dispatch to ${name}: it is neither a bus, a pipeline nor a function`,
    );
  });
}

Deno.test("defer() refuses a waitUntil that is not a function, before it dispatches", () => {
  const error = assertThrows(() => defer(() => Promise.resolve(), undefined as unknown as () => void), TypeError);

  assertEquals(error.message, 'Cannot defer to "undefined": it is not a function');
});
