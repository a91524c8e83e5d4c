import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import {
  captureError,
  Command,
  CommandBus,
  type CommandContext,
  Container,
  type DIAdapter,
  Event,
  EventBus,
  EventDispatchError,
  type HandlerContext,
  inject,
  MessageRouter,
  type Metadata,
  type Middleware,
  RelatedEvents,
  retry,
  timeout,
} from "@cq/core";

class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

class DeleteUser extends Command {}

class UserCreated extends Event {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

class UserGreeted extends Event {}

/** Two ways to the handler: straight on, and through a chain. */
const WAYS: readonly (readonly [name: string, middlewares: readonly Middleware[]])[] = [
  ["without middlewares", []],
  ["with middlewares", [(_message, next) => next()]],
];

/** Resolves when everything has run that waits for nothing but promises which have settled. */
function idle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A router with its two buses; `published` holds the events that arrive. */
function setUp(...middlewares: Middleware[]) {
  const container = new Container();
  const router = new MessageRouter(container);
  const commands = container.get(CommandBus).use(...middlewares);
  const events = container.get(EventBus);
  const published: object[] = [];
  events.listen((event) => published.push(event as object));
  return { container, router, commands, events, published };
}

/** An adapter that knows the event bus, or does not. */
function adapterWith(lazy: () => unknown): DIAdapter {
  return { wire: (type) => () => new type(), lazy: <T>() => lazy as () => T };
}

/** Expects the command to succeed and its events to fail. */
function failureOf(dispatched: Promise<unknown>): Promise<EventDispatchError> {
  return assertRejects(() => dispatched, EventDispatchError);
}

// The collection

Deno.test("RelatedEvents holds what was added, in order, and tells how much that is", () => {
  const events = new RelatedEvents();
  assertEquals([events.size, ...events], [0]);
  const added = [new UserCreated("Ada"), new UserCreated("Grace"), new UserGreeted()] as const;

  assertStrictEquals(events.add(added[0]), events);
  events.add(added[1], added[2]);

  assertEquals(events.size, 3);
  assert([...events].every((event, index) => event === added[index]));
});

// Publishing

for (const [way, middlewares] of WAYS) {
  Deno.test(`RelatedEvents, ${way}, are published after the handler has succeeded`, async () => {
    const log: string[] = [];
    const { commands, events } = setUp(...middlewares);
    events.subscribe(UserCreated, ({ name }) => log.push(`${name} created`));
    commands.subscribe(CreateUser, async ({ name }, { events }) => {
      events.add(new UserCreated(name));
      await idle();
      log.push("handled");
      return 42;
    });

    assertEquals(await commands.dispatch(new CreateUser()), 42);

    assertEquals(log, ["handled", "Ada created"]);
  });

  Deno.test(`RelatedEvents, ${way}, are published for a handler that returns plainly`, async () => {
    const { commands, published } = setUp(...middlewares);
    commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()));

    await commands.dispatch(new DeleteUser());

    assertEquals(published, [new UserGreeted()]);
  });

  Deno.test(`RelatedEvents, ${way}, come from inject() in a handler class, the same as in the context`, async () => {
    const { router, commands, published } = setUp(...middlewares);

    @router.commandHandler(CreateUser)
    class _Handler {
      readonly #events = inject(RelatedEvents);

      handle(_command: CreateUser, context: CommandContext): number {
        assertStrictEquals(context.events, this.#events);
        this.#events.add(new UserCreated("injected"));
        context.events.add(new UserCreated("from the context"));
        return 42;
      }
    }

    await commands.dispatch(new CreateUser());

    assertEquals(published, [new UserCreated("injected"), new UserCreated("from the context")]);
  });

  Deno.test(`RelatedEvents, ${way}, are dropped when the handler throws synchronously`, async () => {
    const error = new Error("The disk is full");
    const { commands, published } = setUp(...middlewares);
    commands.subscribe(DeleteUser, (_command, { events }) => {
      events.add(new UserGreeted());
      throw error;
    });

    assertStrictEquals(await assertRejects(() => commands.dispatch(new DeleteUser())), error);

    await idle();
    assertEquals(published, []);
  });

  Deno.test(`RelatedEvents, ${way}, are dropped when the handler rejects`, async () => {
    const error = new Error("The disk is full");
    const { commands, published } = setUp(...middlewares);
    commands.subscribe(DeleteUser, async (_command, { events }) => {
      events.add(new UserGreeted());
      await Promise.reject(error);
    });

    assertStrictEquals(await assertRejects(() => commands.dispatch(new DeleteUser())), error);

    await idle();
    assertEquals(published, []);
  });

  Deno.test(`RelatedEvents, ${way}, are published concurrently`, async () => {
    const greeted = Promise.withResolvers<void>();
    const { commands, events } = setUp(...middlewares);
    events.subscribe(UserCreated, () => greeted.promise).subscribe(UserGreeted, () => greeted.resolve());
    commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserCreated(), new UserGreeted()));

    // The first event would wait for ever if the second did not start beside it.
    await commands.dispatch(new DeleteUser());
  });

  Deno.test(`RelatedEvents, ${way}, have the command's dispatch wait for their handlers`, async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const { commands, events } = setUp(...middlewares);
    events.subscribe(UserGreeted, () => slow.promise.then(() => log.push("greeted")));
    commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()));

    const dispatched = commands.dispatch(new DeleteUser()).then(() => log.push("dispatched"));
    await idle();
    slow.resolve();
    await dispatched;

    assertEquals(log, ["greeted", "dispatched"]);
  });

  Deno.test(`RelatedEvents, ${way}, of two concurrent commands do not mix`, async () => {
    const { router, commands, events } = setUp(...middlewares);
    const gates = { Ada: Promise.withResolvers<void>(), Grace: Promise.withResolvers<void>() };
    const published: [string, Metadata][] = [];
    events.subscribe(UserCreated, ({ name }, { metadata }) => published.push([name, metadata]));

    @router.commandHandler(CreateUser)
    class _Handler {
      readonly #events = inject(RelatedEvents);

      async handle({ name }: CreateUser): Promise<number> {
        this.#events.add(new UserCreated(`${name}, before`));
        await gates[name as keyof typeof gates].promise;
        this.#events.add(new UserCreated(`${name}, after`));
        return this.#events.size;
      }
    }

    const ada = commands.dispatch(new CreateUser("Ada"), { metadata: { for: "Ada" } });
    const grace = commands.dispatch(new CreateUser("Grace"), { metadata: { for: "Grace" } });
    gates.Grace.resolve();
    assertEquals(await grace, 2);
    gates.Ada.resolve();
    assertEquals(await ada, 2);

    assertEquals(published, [
      ["Grace, before", { for: "Grace" }],
      ["Grace, after", { for: "Grace" }],
      ["Ada, before", { for: "Ada" }],
      ["Ada, after", { for: "Ada" }],
    ]);
  });

  Deno.test(`RelatedEvents, ${way}, get the command's metadata and not its signal`, async () => {
    const contexts: HandlerContext[] = [];
    const { commands, events } = setUp(...middlewares);
    events.subscribe(UserGreeted, (_event, context) => contexts.push(context));
    commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()));
    const metadata = { tenant: "acme" };

    await commands.dispatch(new DeleteUser(), { signal: new AbortController().signal, metadata });

    assertEquals(contexts.length, 1);
    assertStrictEquals<Metadata>(contexts[0]!.metadata, metadata);
    assertStrictEquals(contexts[0]!.signal, undefined);
  });

  // Failing events

  Deno.test(`RelatedEvents, ${way}, that fail reject the dispatch with an error that carries the command's result`, async () => {
    const cause = new Error("The mail server is down");
    const { commands, events } = setUp(...middlewares);
    const sendMail = () => Promise.reject(cause);
    events.subscribe(UserCreated, sendMail);
    const event = new UserCreated();
    commands.subscribe(CreateUser, (_command, { events }) => {
      events.add(event);
      return 42;
    });

    const error = await failureOf(commands.dispatch(new CreateUser()));

    assertEquals(
      error.message,
      'Cannot complete "UserCreated" after "CreateUser" has succeeded: sendMail: The mail server is down',
    );
    assertEquals(error.result, 42);
    assertEquals(error.failures.length, 1);
    assertStrictEquals(error.failures[0]!.event, event);
    assertStrictEquals(error.failures[0]!.handler, sendMail);
    assertStrictEquals(error.failures[0]!.error, cause);
    assertStrictEquals(error.errors[0], cause);
  });

  Deno.test(`RelatedEvents, ${way}, that fail are all reported in one error, and the others are handled to their end`, async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const { commands, events } = setUp(...middlewares);
    events
      .subscribe(UserCreated, function first() {
        throw "first";
      })
      .subscribe(UserCreated, function second() {
        return Promise.reject("second");
      })
      .subscribe(UserGreeted, function third() {
        return Promise.reject("third");
      })
      .subscribe(UserGreeted, () => slow.promise.then(() => log.push("handled")));
    const added = [new UserCreated(), new UserGreeted()];
    commands.subscribe(CreateUser, (_command, { events }) => {
      events.add(...added);
      return 42;
    });

    const dispatched = failureOf(commands.dispatch(new CreateUser())).finally(() => log.push("dispatched"));
    await idle();
    slow.resolve();
    const error = await dispatched;

    assertEquals(log, ["handled", "dispatched"]);
    assertEquals(
      error.message,
      'Cannot complete "UserCreated", "UserGreeted" after "CreateUser" has succeeded: first: first; second: second; third: third',
    );
    assertEquals(error.errors, ["first", "second", "third"]);
    assertEquals(error.failures.map(({ event }) => added.indexOf(event as UserCreated)), [0, 0, 1]);
    assertEquals(error.result, 42);
  });

  Deno.test(`RelatedEvents, ${way}, are all waited for, and the failure of the last is reported where the first succeeds`, async () => {
    const slow = Promise.withResolvers<void>();
    const { commands, events } = setUp(...middlewares);
    events
      .subscribe(UserCreated, () => {})
      .subscribe(UserGreeted, () => slow.promise.then(() => Promise.reject("last")));
    commands.subscribe(CreateUser, (_command, { events }) => {
      events.add(new UserCreated(), new UserGreeted());
      return 42;
    });

    const dispatched = failureOf(commands.dispatch(new CreateUser()));
    await idle();
    slow.resolve();
    const error = await dispatched;

    assertEquals(error.errors, ["last"]);
    assertEquals(error.result, 42);
  });

  Deno.test(`RelatedEvents, ${way}, whose listener fails reject the dispatch too`, async () => {
    const { commands, events } = setUp(...middlewares);
    events.listen(function audit() {
      throw new Error("no");
    });
    commands.subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

    const error = await failureOf(commands.dispatch(new CreateUser()));

    assertEquals(error.message, 'Cannot complete "UserCreated" after "CreateUser" has succeeded: audit: no');
    assertEquals(error.result, 1);
  });

  Deno.test(`RelatedEvents, ${way}, that no handler waits for are fine`, async () => {
    const { router, commands } = setUp(...middlewares);
    commands.subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

    assertEquals(router.eventTypes, []);
    assertEquals(await commands.dispatch(new CreateUser()), 1);
  });

  // Added too late

  Deno.test(`RelatedEvents.add(), ${way}, throws after the handler has succeeded`, async () => {
    const { commands, published } = setUp(...middlewares);
    let late: RelatedEvents | undefined;
    commands.subscribe(DeleteUser, (_command, { events }) => {
      late = events;
    });
    await commands.dispatch(new DeleteUser());

    const error = assertThrows(() => late!.add(new UserCreated(), new UserGreeted()), TypeError);

    assertEquals(
      error.message,
      'Cannot add "UserCreated", "UserGreeted" to the related events: the command\'s handler has settled. ' +
        "Await in the handler what adds events",
    );
    assertEquals(late!.size, 0);
    await idle();
    assertEquals(published, []);
  });

  Deno.test(`RelatedEvents.add(), ${way}, throws after the handler has failed`, async () => {
    const { commands } = setUp(...middlewares);
    const late: RelatedEvents[] = [];
    commands
      .subscribe(CreateUser, (_command, { events }) => {
        late.push(events);
        throw new Error("sync");
      })
      .subscribe(DeleteUser, (_command, { events }) => {
        late.push(events);
        return Promise.reject(new Error("async"));
      });
    await assertRejects(() => commands.dispatch(new CreateUser()));
    await assertRejects(() => commands.dispatch(new DeleteUser()));

    const messages = late.map((events) => assertThrows(() => events.add(new UserGreeted()), TypeError).message);

    const message = 'Cannot add "UserGreeted" to the related events: the command\'s handler has settled. ' +
      "Await in the handler what adds events";
    assertEquals(messages, [message, message]);
  });

  Deno.test(`RelatedEvents.add(), ${way}, throws while the events are being published`, async () => {
    const { commands, events } = setUp(...middlewares);
    let late: RelatedEvents | undefined;
    const errors: unknown[] = [];
    events.subscribe(UserCreated, () => errors.push(assertThrows(() => late!.add(new UserGreeted()), TypeError)));
    commands.subscribe(CreateUser, (_command, { events }) => {
      late = events.add(new UserCreated());
      return 42;
    });

    await commands.dispatch(new CreateUser());

    assertEquals(errors.length, 1);
  });
}

// Middlewares

Deno.test("RelatedEvents start empty in each attempt of a retry, and only those of the last are published", async () => {
  let attempt = 0;
  const sizes: number[] = [];
  const { router, commands, published } = setUp(retry({ attempts: 3 }));

  @router.commandHandler(CreateUser)
  class _Handler {
    readonly #events = inject(RelatedEvents);

    handle(): number {
      attempt++;
      sizes.push(this.#events.size);
      this.#events.add(new UserCreated(`attempt ${attempt}`));
      if (attempt < 3) throw new Error("The disk is full");
      return attempt;
    }
  }

  assertEquals(await commands.dispatch(new CreateUser()), 3);

  assertEquals(sizes, [0, 0, 0]);
  assertEquals(published, [new UserCreated("attempt 3")]);
});

Deno.test("RelatedEvents of a handler that a middleware runs twice are those of its last success", async () => {
  let run = 0;
  const { commands, published } = setUp(async (_message, next) => {
    await next();
    return await next();
  });
  commands.subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated(`run ${++run}`));
    return run;
  });

  assertEquals(await commands.dispatch(new CreateUser()), 2);

  assertEquals(published, [new UserCreated("run 2")]);
});

Deno.test("RelatedEvents are published outside the middlewares", async () => {
  const log: string[] = [];
  const { commands, events } = setUp(async (_message, next) => {
    const result = await next();
    await idle();
    log.push("middleware");
    return result;
  });
  events.subscribe(UserCreated, () => log.push("published"));
  commands.subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

  await commands.dispatch(new CreateUser());

  assertEquals(log, ["middleware", "published"]);
});

Deno.test("RelatedEvents are dropped when a middleware fails after the handler has succeeded", async () => {
  const error = new Error("Cannot commit");
  const { commands, published } = setUp(async (_message, next) => {
    await next();
    throw error;
  });
  commands.subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

  assertStrictEquals(await assertRejects(() => commands.dispatch(new CreateUser())), error);

  await idle();
  assertEquals(published, []);
});

Deno.test("RelatedEvents are dropped when a middleware fails after the success of a handler that fails silently", async () => {
  const { commands, published } = setUp(async (_message, next) => {
    await next();
    throw new Error("Cannot commit");
  });
  commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()), { failSilently: true });

  assertStrictEquals(await commands.dispatch(new DeleteUser()), undefined);

  assertEquals(published, []);
});

Deno.test("RelatedEvents.add() throws once the handler has settled, though the middlewares have not", async () => {
  const errors: unknown[] = [];
  let late: RelatedEvents | undefined;
  const { commands, published } = setUp(async (_message, next) => {
    const result = await next();
    errors.push(assertThrows(() => late!.add(new UserGreeted()), TypeError));
    return result;
  });
  commands.subscribe(CreateUser, (_command, { events }) => {
    late = events.add(new UserCreated());
    return 42;
  });

  await commands.dispatch(new CreateUser());

  assertEquals(errors.length, 1);
  assertEquals(published, [new UserCreated()]);
});

Deno.test("RelatedEvents that fail are none of the middlewares' business", async () => {
  const report = spy((_error: unknown) => {});
  const handle = spy((_command: CreateUser, { events }: CommandContext) => events.add(new UserCreated()).size);
  const { commands, events } = setUp(retry({ attempts: 2 }), captureError(report, { rethrow: false }));
  events.subscribe(UserCreated, () => Promise.reject(new Error("The mail server is down")));
  commands.subscribe(CreateUser, handle);

  const error = await failureOf(commands.dispatch(new CreateUser()));

  assertEquals(error.result, 1);
  assertSpyCalls(handle, 1);
  assertSpyCalls(report, 0);
});

Deno.test("RelatedEvents that fail carry the result that the middlewares made of the handler's", async () => {
  const { commands, events } = setUp(async (_message, next) => (await next() as number) + 1);
  events.subscribe(UserCreated, () => Promise.reject(new Error("The mail server is down")));
  commands.subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return 42;
  });

  assertEquals((await failureOf(commands.dispatch(new CreateUser()))).result, 43);
});

Deno.test("RelatedEvents get the metadata by which a middleware has replaced the caller's", async () => {
  const contexts: HandlerContext[] = [];
  const metadata = { tenant: "replaced" };
  const { commands, events } = setUp((_message, next) => next(undefined, { metadata }));
  events.subscribe(UserCreated, (_event, context) => contexts.push(context));
  commands.subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

  await commands.dispatch(new CreateUser(), { metadata: { tenant: "acme" } });

  assertEquals(contexts.length, 1);
  assertStrictEquals<Metadata>(contexts[0]!.metadata, metadata);
});

Deno.test("RelatedEvents of an attempt that a timeout has left behind are not published", async () => {
  using time = new FakeTime();
  const stuck = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const { commands, published } = setUp(timeout(10));
  commands.subscribe(CreateUser, async (_command, { events }) => {
    events.add(new UserCreated());
    await stuck.promise;
    finished.resolve();
    return 42;
  });

  const dispatched = assertRejects(() => commands.dispatch(new CreateUser()), DOMException);
  await time.tickAsync(10);
  await time.tickAsync(0);
  await dispatched;
  stuck.resolve();
  await finished.promise;
  await time.runMicrotasks();

  assertEquals(published, []);
});

Deno.test("RelatedEvents of the successful attempt are published, though one that was left behind succeeds later", async () => {
  using time = new FakeTime();
  const stuck = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  let attempts = 0;
  const waitForCommit: Middleware = async (_message, next) => {
    const result = await next();
    await commit.promise;
    return result;
  };
  const { commands, published } = setUp(waitForCommit, retry({ attempts: 2 }), timeout(10));
  commands.subscribe(CreateUser, async (_command, { events }) => {
    const attempt = ++attempts;
    events.add(new UserCreated(`attempt ${attempt}`));
    if (attempt === 1) await stuck.promise;
    return attempt;
  });

  const dispatched = commands.dispatch(new CreateUser());
  await time.tickAsync(10);
  await time.tickAsync(0);
  await time.runMicrotasks();
  assertEquals(attempts, 2);
  stuck.resolve();
  await time.runMicrotasks();
  commit.resolve();

  assertEquals(await dispatched, 2);
  assertEquals(published, [new UserCreated("attempt 2")]);
});

// failSilently

Deno.test("RelatedEvents of a command that fails silently are dropped", async () => {
  const { commands, published } = setUp();
  commands.subscribe(DeleteUser, (_command, { events }) => {
    events.add(new UserGreeted());
    throw new Error("The disk is full");
  }, { failSilently: true });

  assertStrictEquals(await commands.dispatch(new DeleteUser()), undefined);

  await idle();
  assertEquals(published, []);
});

Deno.test("RelatedEvents of a command that may fail silently are published when it succeeds", async () => {
  const { commands, published } = setUp();
  commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()), { failSilently: true });

  await commands.dispatch(new DeleteUser());

  assertEquals(published, [new UserGreeted()]);
});

Deno.test("RelatedEvents that fail reject the dispatch of a command that may fail silently", async () => {
  const { commands, events } = setUp();
  events.subscribe(UserGreeted, () => Promise.reject("no"));
  commands.subscribe(DeleteUser, (_command, { events }) => void events.add(new UserGreeted()), { failSilently: true });

  const error = await failureOf(commands.dispatch(new DeleteUser()));

  assertEquals(error.errors, ["no"]);
});

// The bus that publishes

Deno.test("RelatedEvents go to an event bus that was bound after the command bus was made", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const commands = router.newCommandBus()
    .subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size)
    .subscribe(DeleteUser, () => {});
  await commands.dispatch(new DeleteUser());

  const listener = spy((_event: unknown) => {});
  container.bind(EventBus, () => router.newEventBus({ order: "sequential" }).listen(listener));
  await commands.dispatch(new CreateUser());

  assertSpyCalls(listener, 1);
});

Deno.test("RelatedEvents have their event bus resolved at the first event, and not before", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const factory = spy(() => router.newEventBus());
  container.bind(EventBus, factory);
  const commands = container.get(CommandBus)
    .subscribe(DeleteUser, () => {})
    .subscribe(CreateUser, (_command, { events }) => events.add(new UserCreated()).size);

  await commands.dispatch(new DeleteUser());
  assertSpyCalls(factory, 0);

  await commands.dispatch(new CreateUser());
  assertSpyCalls(factory, 1);
});

Deno.test("RelatedEvents whose event bus cannot be resolved reject the dispatch with the command's result", async () => {
  const cause = new Error("The broker is down");
  const event = new UserCreated();
  const greeting = new UserGreeted();
  const adapter = adapterWith(() => {
    throw cause;
  });
  const commands = new MessageRouter(adapter).newCommandBus().subscribe(CreateUser, (_command, { events }) => {
    events.add(event, greeting);
    return 42;
  });

  const error = await failureOf(commands.dispatch(new CreateUser()));

  assertEquals(
    error.message,
    'Cannot complete "UserCreated", "UserGreeted" after "CreateUser" has succeeded: The broker is down; The broker is down',
  );
  assertEquals(error.result, 42);
  assertEquals(error.failures.map(({ handler }) => handler), [undefined, undefined]);
  assertStrictEquals(error.failures[0]!.event, event);
  assertStrictEquals(error.failures[1]!.event, greeting);
  assertStrictEquals(error.failures[0]!.error, cause);
});

Deno.test("RelatedEvents whose event bus is resolved by a promise that rejects reject the dispatch with the command's result", async () => {
  const adapter = adapterWith(() => Promise.reject(new Error("The broker is down")));
  const commands = new MessageRouter(adapter).newCommandBus().subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return 42;
  });

  const error = await failureOf(commands.dispatch(new CreateUser()));

  assertEquals(error.message, 'Cannot complete "UserCreated" after "CreateUser" has succeeded: The broker is down');
  assertEquals(error.result, 42);
  assertInstanceOf(error.command, CreateUser);
});

Deno.test("RelatedEvents need no event bus where no event is added", async () => {
  const lazy = spy(() => {
    throw new Error("The broker is down");
  });
  const commands = new MessageRouter(adapterWith(lazy)).newCommandBus().subscribe(CreateUser, () => 42);

  assertEquals(await commands.dispatch(new CreateUser()), 42);
  assertSpyCalls(lazy, 0);
});

Deno.test("RelatedEvents whose event bus throws synchronously are reported beside those that it rejects", async () => {
  class BrokenBus {
    dispatch(event: object): Promise<void> {
      if (event instanceof UserGreeted) throw new Error("sync");
      return Promise.reject(new Error("async"));
    }
  }
  const adapter = adapterWith(() => new BrokenBus());
  const commands = new MessageRouter(adapter).newCommandBus().subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated(), new UserGreeted());
    return 42;
  });

  const error = await failureOf(commands.dispatch(new CreateUser()));

  assertEquals(
    error.message,
    'Cannot complete "UserCreated", "UserGreeted" after "CreateUser" has succeeded: async; sync',
  );
  assertEquals(error.result, 42);
});

Deno.test("EventDispatchError tells the command whose events failed from one that awaited it", async () => {
  class ImportUsers extends Command<string> {}
  const router = new MessageRouter();
  router.newEventBus().subscribe(UserCreated, function sendMail() {
    throw new Error("The mail server is down");
  });
  const commands = router.newCommandBus().subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return 42;
  });
  commands.subscribe(ImportUsers, async () => `imported ${await commands.dispatch(new CreateUser())}`);

  const error = await assertRejects(() => commands.dispatch(new ImportUsers()), EventDispatchError);

  assertInstanceOf(error.command, CreateUser);
  assertEquals(error.result, 42);
  assertEquals(
    error.message,
    'Cannot complete "UserCreated" after "CreateUser" has succeeded: sendMail: The mail server is down',
  );
});
