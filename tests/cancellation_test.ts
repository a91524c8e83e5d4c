import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import {
  type AnyMiddleware,
  Command,
  CommandBus,
  type CommandContext,
  Container,
  type DispatchOptions,
  Event,
  EventBus,
  type HandlerContext,
  MessageRouter,
  type Metadata,
  Query,
  retry,
  timeout,
  using,
} from "@cq/core";

class CreateUser extends Command<number> {}
class DeleteUser extends Command {}
class FindName extends Query<string> {}
class UserCreated extends Event {}

type Kind = "command" | "query" | "event";
const KINDS: readonly Kind[] = ["command", "query", "event"];
const NAMES = { command: "a command", query: "a query", event: "an event" };

interface Setup {
  readonly middlewares?: readonly AnyMiddleware[];
  readonly listeners?: readonly (() => unknown)[];
  readonly handle?: (message: object, context: HandlerContext) => unknown;
}

/** A bus of the kind, with one handler; returns what dispatches a message to it. */
function setUp(kind: Kind, { middlewares = [], listeners = [], handle = () => {} }: Setup) {
  const router = new MessageRouter();
  class Message {}
  switch (kind) {
    case "command": {
      const bus = router.newCommandBus().use(...middlewares).listen(...listeners).subscribe(Message, handle);
      return (options?: DispatchOptions): Promise<unknown> => bus.dispatch(new Message(), options);
    }
    case "query": {
      const bus = router.newQueryBus().use(...middlewares).listen(...listeners).subscribe(Message, handle);
      return (options?: DispatchOptions): Promise<unknown> => bus.dispatch(new Message(), options);
    }
    case "event": {
      const bus = router.newEventBus().use(...middlewares).listen(...listeners).subscribe(Message, handle);
      return (options?: DispatchOptions): Promise<unknown> => bus.dispatch(new Message(), options);
    }
  }
}

/** Watches who listens to a signal. */
function watch(signal: AbortSignal) {
  const added = spy(signal, "addEventListener");
  const removed = spy(signal, "removeEventListener");
  return {
    added,
    left(): number {
      const listeners: unknown[] = added.calls.map(({ args }) => args[1]);
      for (const { args } of removed.calls) {
        const index = args[0] === "abort" ? listeners.indexOf(args[1]) : -1;
        if (index >= 0) listeners.splice(index, 1);
      }
      return listeners.length;
    },
  };
}

// A signal that has fired before the dispatch

for (const kind of KINDS) {
  Deno.test(`A signal that has already fired rejects the dispatch of ${NAMES[kind]} before anything runs`, async () => {
    const reason = new Error("The user hung up");
    const listener = spy(() => {});
    const middleware = spy((_message: object, next: () => Promise<unknown>) => next());
    const handle = spy(() => {});
    const dispatch = setUp(kind, { listeners: [listener], middlewares: [middleware], handle });

    const error = await assertRejects(() => dispatch({ signal: AbortSignal.abort(reason) }));

    assertStrictEquals(error, reason);
    assertSpyCalls(listener, 0);
    assertSpyCalls(middleware, 0);
    assertSpyCalls(handle, 0);
  });

  Deno.test(`A signal that has already fired rejects the dispatch of ${NAMES[kind]} to a lone handler`, async () => {
    const reason = new Error("The user hung up");
    const handle = spy(() => {});
    const dispatch = setUp(kind, { handle });

    assertStrictEquals(await assertRejects(() => dispatch({ signal: AbortSignal.abort(reason) })), reason);
    assertSpyCalls(handle, 0);
  });

  for (const reason of ["The user hung up", null]) {
    Deno.test(`A signal rejects the dispatch of ${NAMES[kind]} with its reason as it is, ${JSON.stringify(reason)}`, async () => {
      const dispatch = setUp(kind, {});

      assertStrictEquals(await assertRejects(() => dispatch({ signal: AbortSignal.abort(reason) })), reason);
    });
  }
}

Deno.test("A signal that has fired without a reason rejects the dispatch with an AbortError", async () => {
  const dispatch = setUp("command", {});

  const error = await assertRejects(() => dispatch({ signal: AbortSignal.abort() }), DOMException);

  assertEquals(error.name, "AbortError");
});

Deno.test("A signal that has already fired comes before the search for a handler", async () => {
  const reason = new Error("The user hung up");
  const commands = new MessageRouter().newCommandBus();

  const error = await assertRejects(() => commands.dispatch(new CreateUser(), { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(error, reason);
});

Deno.test("A signal that has already fired rejects the dispatch of a command that may fail silently", async () => {
  const reason = new Error("The user hung up");
  const commands = new MessageRouter().newCommandBus().subscribe(DeleteUser, () => {}, { failSilently: true });

  const error = await assertRejects(() => commands.dispatch(new DeleteUser(), { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(error, reason);
});

// A signal that fires during the dispatch

for (const kind of ["command", "query"] as const) {
  for (
    const [way, middlewares] of [
      ["", []],
      [" around which there are middlewares", [(_message: object, next: () => Promise<unknown>) => next()]],
    ] as const
  ) {
    Deno.test(`A signal that fires during the listeners of ${NAMES[kind]} keeps the handler${way} from starting`, async () => {
      const reason = new Error("The user hung up");
      const controller = new AbortController();
      const handle = spy(() => {});
      const listeners = [async () => {
        await Promise.resolve();
        controller.abort(reason);
      }];
      const dispatch = setUp(kind, { listeners, middlewares, handle });

      const error = await assertRejects(() => dispatch({ signal: controller.signal }));

      assertStrictEquals(error, reason);
      assertSpyCalls(handle, 0);
    });
  }

  Deno.test(`A signal that fires during the middlewares of ${NAMES[kind]} keeps the handler from starting`, async () => {
    const reason = new Error("The user hung up");
    const controller = new AbortController();
    const handle = spy(() => {});
    const seen: unknown[] = [];
    const dispatch = setUp(kind, {
      handle,
      middlewares: [
        async (_message, next) => {
          try {
            return await next();
          } catch (error) {
            seen.push(error);
            throw error;
          }
        },
        async (_message, next) => {
          controller.abort(reason);
          return await next();
        },
      ],
    });

    const error = await assertRejects(() => dispatch({ signal: controller.signal }));

    assertStrictEquals(error, reason);
    assertSpyCalls(handle, 0);
    assertEquals(seen.length, 1);
    assertStrictEquals(seen[0], reason);
  });

  Deno.test(`A signal that fires during a middleware of ${NAMES[kind]} keeps a handler under a timeout from starting`, async () => {
    const reason = new Error("The user hung up");
    const controller = new AbortController();
    const handle = spy(() => {});
    const dispatch = setUp(kind, {
      handle,
      middlewares: [async (_message, next) => {
        controller.abort(reason);
        return await next();
      }, timeout(1_000)],
    });

    const error = await assertRejects(() => dispatch({ signal: controller.signal }));

    assertStrictEquals(error, reason);
    assertSpyCalls(handle, 0);
  });

  Deno.test(`A signal by which a middleware replaces the caller's keeps the handler of ${NAMES[kind]} from starting`, async () => {
    const reason = new Error("Too late");
    const handle = spy(() => {});
    const middlewares: AnyMiddleware[] = [
      (_message, next) => next(undefined, { signal: AbortSignal.abort(reason) }),
    ];
    const dispatch = setUp(kind, { handle, middlewares });

    assertStrictEquals(await assertRejects(() => dispatch()), reason);
    assertSpyCalls(handle, 0);
  });
}

for (const kind of KINDS) {
  Deno.test(`A signal that fires during the handler of ${NAMES[kind]} reaches it, and what it throws comes out`, async () => {
    const controller = new AbortController();
    const reason = new Error("The user hung up");
    const dispatch = setUp(kind, {
      handle: (_message, { signal }) => {
        const { promise, reject } = Promise.withResolvers<void>();
        signal!.addEventListener("abort", () => reject(signal!.reason), { once: true });
        controller.abort(reason);
        return promise;
      },
    });

    const error = await assertRejects(() => dispatch({ signal: controller.signal }));

    if (kind === "event") assertStrictEquals((error as AggregateError).errors[0], reason);
    else assertStrictEquals(error, reason);
  });

  for (const middlewares of [[], [(_message: object, next: () => Promise<unknown>) => next()]]) {
    const way = middlewares.length === 0 ? "" : " behind middlewares";

    Deno.test(`A signal that fires while the handler of ${NAMES[kind]}${way} succeeds all the same changes nothing`, async () => {
      const controller = new AbortController();
      const dispatch = setUp(kind, {
        middlewares,
        handle: async () => {
          controller.abort();
          await Promise.resolve();
          return 42;
        },
      });

      assertEquals(await dispatch({ signal: controller.signal }), kind === "event" ? undefined : 42);
    });
  }
}

for (const middlewares of [[], [(_message: object, next: () => Promise<unknown>) => next()]]) {
  const way = middlewares.length === 0 ? "without middlewares" : "with middlewares";

  Deno.test(`A signal that fires while a command succeeds all the same leaves its related events to be published, ${way}`, async () => {
    const contexts: HandlerContext[] = [];
    const container = new Container();
    new MessageRouter(container);
    container.get(EventBus).subscribe(UserCreated, (_event, context) => contexts.push(context));
    const controller = new AbortController();
    const commands = container.get(CommandBus).use(...middlewares).subscribe(CreateUser, (_command, { events }) => {
      events.add(new UserCreated());
      controller.abort();
      return 42;
    });

    assertEquals(await commands.dispatch(new CreateUser(), { signal: controller.signal }), 42);

    assertEquals(contexts.length, 1);
    assertStrictEquals(contexts[0]!.signal, undefined);
  });
}

for (const order of ["concurrent", "sequential"] as const) {
  Deno.test(`A signal that fires during the first handler of an event lets the others run, ${order}`, async () => {
    const controller = new AbortController();
    const signals: unknown[] = [];
    const events = new MessageRouter().newEventBus({ order })
      .subscribe(UserCreated, () => controller.abort())
      .subscribe(UserCreated, (_event, { signal }) => signals.push(signal));

    await events.dispatch(new UserCreated(), { signal: controller.signal });

    assertEquals(signals.length, 1);
    assertStrictEquals(signals[0], controller.signal);
  });
}

Deno.test("A signal that fires during an attempt ends a retry with the error of that attempt", async () => {
  const controller = new AbortController();
  const error = new Error("The disk is full");
  const handle = spy(() => {
    controller.abort();
    throw error;
  });
  const dispatch = setUp("command", { middlewares: [retry({ attempts: 3 })], handle });

  assertStrictEquals(await assertRejects(() => dispatch({ signal: controller.signal })), error);
  assertSpyCalls(handle, 1);
});

Deno.test("A signal that fires while a retry waits ends the wait with its reason", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new Error("The user hung up");
  const handle = spy(() => Promise.reject(new Error("The disk is full")));
  const dispatch = setUp("command", { middlewares: [retry({ attempts: 3, delay: 1_000 })], handle });

  const dispatched = assertRejects(() => dispatch({ signal: controller.signal }));
  await time.tickAsync(500);
  controller.abort(reason);

  assertStrictEquals(await dispatched, reason);
  assertSpyCalls(handle, 1);
});

Deno.test("A signal that fires reaches a handler under a timeout with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("The user hung up");
  const dispatch = setUp("query", {
    middlewares: [timeout(1_000)],
    handle: (_message, { signal }) => {
      controller.abort(reason);
      assert(signal!.aborted);
      throw signal!.reason;
    },
  });

  assertStrictEquals(await assertRejects(() => dispatch({ signal: controller.signal })), reason);
});

// Handing the context on

Deno.test("dispatch(next, context) makes the child share the signal and the metadata of a command handler", async () => {
  const contexts: HandlerContext[] = [];
  const router = new MessageRouter();
  const queries = router.newQueryBus().subscribe(FindName, (_query, context) => {
    contexts.push(context);
    return "Ada";
  });
  const commands = router.newCommandBus().subscribe(CreateUser, async (_command, context) => {
    contexts.push(context);
    return (await queries.dispatch(new FindName(), context)).length;
  });
  const { signal } = new AbortController();
  const metadata = { tenant: "acme" };

  assertEquals(await commands.dispatch(new CreateUser(), { signal, metadata }), 3);

  assertEquals(contexts.map(({ kind }) => kind), ["command", "query"]);
  for (const context of contexts) {
    assertStrictEquals(context.signal, signal);
    assertStrictEquals<Metadata>(context.metadata, metadata);
  }
});

Deno.test("dispatch(next, context) makes the child share the signal and the metadata of query and event handlers", async () => {
  const contexts: HandlerContext[] = [];
  const router = new MessageRouter();
  const commands = router.newCommandBus().subscribe(DeleteUser, (_command, context) => void contexts.push(context));
  const events = router.newEventBus()
    .subscribe(UserCreated, (_event, context) => commands.dispatch(new DeleteUser(), context));
  const queries = router.newQueryBus().subscribe(FindName, async (_query, context) => {
    await events.dispatch(new UserCreated(), context);
    return "Ada";
  });
  const { signal } = new AbortController();
  const metadata = { tenant: "acme" };

  await queries.dispatch(new FindName(), { signal, metadata });

  assertEquals(contexts.length, 1);
  assertStrictEquals(contexts[0]!.signal, signal);
  assertStrictEquals<Metadata>(contexts[0]!.metadata, metadata);
});

Deno.test("dispatch(next, context) makes the child share the signal that a timeout has passed on", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const router = new MessageRouter();
  const queries = router.newQueryBus().subscribe(FindName, (_query, { signal }) => {
    signals.push(signal);
    return "Ada";
  });
  const commands = router.newCommandBus().use(timeout(1_000)).subscribe(DeleteUser, async (_command, context) => {
    signals.push(context.signal);
    await queries.dispatch(new FindName(), context);
  });

  await commands.dispatch(new DeleteUser());

  assertInstanceOf(signals[0], AbortSignal);
  assertStrictEquals(signals[1], signals[0]);
});

Deno.test("dispatch(next, context) rejects with the reason where the signal has fired in the meantime", async () => {
  const controller = new AbortController();
  const reason = new Error("The user hung up");
  const find = spy(() => "Ada");
  const router = new MessageRouter();
  const queries = router.newQueryBus().subscribe(FindName, find);
  const commands = router.newCommandBus().subscribe(DeleteUser, async (_command, context) => {
    controller.abort(reason);
    await queries.dispatch(new FindName(), context);
  });

  const error = await assertRejects(() => commands.dispatch(new DeleteUser(), { signal: controller.signal }));

  assertStrictEquals(error, reason);
  assertSpyCalls(find, 0);
});

Deno.test("dispatch(next, context) gives a child command related events of its own", async () => {
  const contexts: CommandContext[] = [];
  const router = new MessageRouter();
  const commands = router.newCommandBus();
  commands
    .subscribe(DeleteUser, (_command, context) => void contexts.push(context))
    .subscribe(CreateUser, async (_command, context) => {
      contexts.push(context);
      await commands.dispatch(new DeleteUser(), context);
      return 42;
    });

  await commands.dispatch(new CreateUser());

  assertEquals(contexts.length, 2);
  assert(contexts[0]!.events !== contexts[1]!.events);
});

Deno.test("dispatch(next) without the context shares nothing with the handler that dispatches", async () => {
  const contexts: HandlerContext[] = [];
  const router = new MessageRouter();
  const queries = router.newQueryBus().subscribe(FindName, (_query, context) => {
    contexts.push(context);
    return "Ada";
  });
  const commands = router.newCommandBus().subscribe(DeleteUser, async () => {
    await queries.dispatch(new FindName());
  });

  await commands.dispatch(new DeleteUser(), { signal: new AbortController().signal, metadata: { tenant: "acme" } });

  assertStrictEquals(contexts[0]!.signal, undefined);
  assertEquals(contexts[0]!.metadata, {});
});

// Listeners on the signal

for (const kind of KINDS) {
  Deno.test(`A dispatch of ${NAMES[kind]} puts no listener on the caller's signal`, async () => {
    const { signal } = new AbortController();
    const watched = watch(signal);
    const middlewares: AnyMiddleware[] = [
      async (_message, next) => await next(),
      function* () {
        yield;
      },
      using(() => ({ [Symbol.dispose]: () => {} })),
    ];

    await setUp(kind, { listeners: [() => {}], middlewares })({ signal });
    await setUp(kind, {})({ signal });

    assertSpyCalls(watched.added, 0);
  });

  Deno.test(`A retry of ${NAMES[kind]} leaves no listener on the caller's signal`, async () => {
    using time = new FakeTime();
    const { signal } = new AbortController();
    const watched = watch(signal);
    const handle = spy(() => Promise.reject(new Error("The disk is full")));
    const dispatch = setUp(kind, { middlewares: [retry({ attempts: 3, delay: 10 })], handle });

    const dispatched = assertRejects(() => dispatch({ signal }));
    await time.tickAsync(10);
    await time.tickAsync(10);
    await dispatched;

    assertSpyCalls(handle, 3);
    assertSpyCalls(watched.added, 2);
    assertEquals(watched.left(), 0);
  });

  Deno.test(`A timeout of ${NAMES[kind]} that is over in time leaves no listener on the caller's signal`, async () => {
    const { signal } = new AbortController();
    const watched = watch(signal);
    const middlewares = [timeout(1_000)];

    await setUp(kind, { middlewares })({ signal });
    assertSpyCalls(watched.added, 1);
    assertEquals(watched.left(), 0);

    await assertRejects(() => setUp(kind, { middlewares, handle: () => Promise.reject(new Error("no")) })({ signal }));
    assertSpyCalls(watched.added, 2);
    assertEquals(watched.left(), 0);
  });

  Deno.test(`A timeout that leaves the handler of ${NAMES[kind]} behind leaves no listener on the caller's signal`, async () => {
    using time = new FakeTime();
    const { signal } = new AbortController();
    const watched = watch(signal);
    const stuck = Promise.withResolvers<void>();
    const dispatch = setUp(kind, { middlewares: [timeout(10)], handle: () => stuck.promise });

    const dispatched = assertRejects(() => dispatch({ signal }));
    await time.tickAsync(10);
    await time.tickAsync(0);
    await dispatched;

    assertSpyCalls(watched.added, 1);
    assertEquals(watched.left(), 0);
    stuck.resolve();
  });
}

Deno.test("A retry whose wait the signal has ended leaves no listener on it", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const watched = watch(controller.signal);
  const handle = () => Promise.reject(new Error("The disk is full"));
  const dispatch = setUp("command", { middlewares: [retry({ attempts: 3, delay: 1_000 })], handle });

  const dispatched = assertRejects(() => dispatch({ signal: controller.signal }));
  await time.runMicrotasks();
  controller.abort();
  await dispatched;

  assertSpyCalls(watched.added, 1);
  assertEquals(watched.left(), 0);
});

Deno.test("A retry around a timeout leaves no listener on the caller's signal", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const watched = watch(signal);
  let attempts = 0;
  const dispatch = setUp("command", {
    middlewares: [retry({ attempts: 2, delay: 10 }), timeout(100, { graceMs: Infinity })],
    handle: (_message, { signal: inner }) => {
      if (++attempts === 2) return 42;
      const { promise, reject } = Promise.withResolvers<void>();
      inner!.addEventListener("abort", () => reject(inner!.reason));
      return promise;
    },
  });

  const dispatched = dispatch({ signal });
  await time.tickAsync(100);
  await time.tickAsync(10);

  assertEquals(await dispatched, 42);
  assertSpyCalls(watched.added, 3);
  assertEquals(watched.left(), 0);
});
