// What the middlewares of a command bus see of the events that its handler adds, and which are published after them.

import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  captureError,
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  type HandlerContext,
  MessageRouter,
  type Metadata,
  type Middleware,
  Query,
  RelatedEvents,
  retry,
  timeout,
} from "@cq/core";

class CreateUser extends Command<unknown> {}
class ImportUsers extends Command<unknown> {}
class FindUser extends Query<unknown> {}

class UserCreated extends Event {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

class UserGreeted extends Event {}

const NOT_A_MIDDLEWARE =
  "Cannot take related events: only a middleware of a command bus can take them, once next() has resolved";
const OVER =
  "Cannot take related events: the middlewares of the command have settled, and the bus publishes what they have left";

/** The buses of a router; `published` holds the names in the events that arrive. */
function setUp(...middlewares: Middleware[]) {
  const container = new Container();
  new MessageRouter(container);
  const commands = container.get(CommandBus).use(...middlewares);
  const events = container.get(EventBus);
  const published: string[] = [];
  events.listen((event) => published.push(nameIn(event as object)));
  return { commands, events, published };
}

function nameIn(event: object): string {
  return event instanceof UserCreated ? event.name : "greeted";
}

function names(events: Iterable<object> | undefined): string[] {
  return Array.from(events!, nameIn);
}

/** A handler that adds one event in each attempt, and fails in those that are named. */
function attemptsThat(...failing: number[]) {
  let attempt = 0;
  return async (_command: object, { events }: { events: RelatedEvents }) => {
    const number = ++attempt;
    events.add(new UserCreated(`attempt ${number}`));
    await Promise.resolve();
    if (failing.includes(number)) throw new Error(`attempt ${number}`);
    return number;
  };
}

// Seeing

Deno.test("Middlewares see no events before next(), and those of the handler once it has resolved", async () => {
  const seen: unknown[] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    seen.push(events!.size, names(events));
    const result = await next();
    seen.push(events!.size, names(events));
    return result;
  });
  commands.subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated("Ada"));
    seen.push("handled");
    events.add(new UserGreeted(), new UserCreated("Bob"));
  });

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [0, [], "handled", 3, ["Ada", "greeted", "Bob"]]);
  assertEquals(published, ["Ada", "greeted", "Bob"]);
});

Deno.test("Middlewares see no events while the handler is at work, and none of one that fails", async () => {
  const added = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  const { commands, published } = setUp(async (_message, next, { events }) => {
    const handling = next();
    await added.promise;
    assertEquals(events!.size, 0);
    failed.reject(new Error("The disk is full"));
    await assertRejects(() => handling);
    assertEquals(events!.size, 0);
  });
  commands.subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated("Ada"));
    added.resolve();
    return failed.promise;
  });

  await commands.dispatch(new CreateUser());

  assertEquals(published, []);
});

Deno.test("Middlewares all see the handler's events, generators and objects included, whatever they replace", async () => {
  const seen: string[][] = [];
  const { commands } = setUp(
    async (_message, next, { events }) => {
      await next(new CreateUser(), { metadata: { tenant: "acme" } });
      seen.push(names(events));
    },
    function* (_message, _next, { events }) {
      yield;
      seen.push(names(events));
    },
    async function* (_message, _next, { events }) {
      yield;
      seen.push(names(events));
    },
  );
  commands.use({
    invoke: async (_message, next, { events }) => {
      await next(undefined, { signal: new AbortController().signal });
      seen.push(names(events));
      assertEquals(names(events!.take((event) => event instanceof UserGreeted)), ["greeted"]);
    },
  });
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted()));

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [["Ada", "greeted"], ["Ada"], ["Ada"], ["Ada"]]);
});

Deno.test("Middlewares find in events.metadata what reached the handler, and the events are published with it", async () => {
  const seen: unknown[] = [];
  const { commands, events } = setUp(
    async (_message, next, { events }) => {
      seen.push(events!.metadata);
      await next();
      seen.push(events!.metadata);
    },
    (_message, next, { metadata }) => next(undefined, { metadata: { ...metadata, traceparent: "00-1" } }),
  );
  events.subscribe(UserCreated, (_event, { metadata }) => seen.push(metadata));
  commands.subscribe(CreateUser, (_command, { events, metadata }) => {
    assertStrictEquals(events.metadata, metadata);
    events.add(new UserCreated("Ada"));
  });
  const metadata = { tenant: "acme" };

  await commands.dispatch(new CreateUser(), { metadata });

  const whole = { tenant: "acme", traceparent: "00-1" };
  assertEquals(seen, [metadata, whole, whole]);
  assertStrictEquals(seen[1], seen[2]);
});

Deno.test("Middlewares find the metadata of the attempt whose events they see", async () => {
  const seen: Metadata[] = [];
  let attempt = 0;
  const { commands, events } = setUp(
    retry({ attempts: 3 }),
    (_message, next) => next(undefined, { metadata: { attempt: ++attempt } }),
  );
  events.subscribe(UserCreated, (_event, { metadata }) => void seen.push(metadata));
  commands.subscribe(CreateUser, attemptsThat(1));

  await commands.dispatch(new CreateUser());

  assertEquals(seen, [{ attempt: 2 }]);
});

Deno.test("Middlewares of query and event buses have no events", async () => {
  const seen: unknown[] = [];
  const router = new MessageRouter();
  const note = (_message: object, next: () => Promise<unknown>, context: HandlerContext) => {
    seen.push("events" in context);
    return next();
  };
  await router.newQueryBus().use(note).subscribe(FindUser, () => {}).dispatch(new FindUser());
  await router.newEventBus().use(note).subscribe(UserGreeted, () => {}).dispatch(new UserGreeted());

  assertEquals(seen, [false, false]);
});

// Taking

Deno.test("RelatedEvents.take() hands over all events, which the bus then does not publish", async () => {
  const taken: string[][] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    await next();
    taken.push(names(events!.take()), names(events!.take()), names(events));
    assertEquals(events!.size, 0);
  });
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted()));

  await commands.dispatch(new CreateUser());

  assertEquals(taken, [["Ada", "greeted"], [], []]);
  assertEquals(published, []);
});

Deno.test("RelatedEvents.take() hands over those that are chosen, and the bus publishes the others in their order", async () => {
  const taken: string[][] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    await next();
    taken.push(names(events!.take((event) => event instanceof UserGreeted)), names(events));
  });
  commands.subscribe(
    CreateUser,
    (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted(), new UserCreated("Bob")),
  );

  await commands.dispatch(new CreateUser());

  assertEquals(taken, [["greeted"], ["Ada", "Bob"]]);
  assertEquals(published, ["Ada", "Bob"]);
});

Deno.test("RelatedEvents.take() leaves to the outer middlewares what the inner ones have not taken", async () => {
  const taken: string[] = [];
  const take = (type: typeof UserCreated | typeof UserGreeted): Middleware => async (_message, next, { events }) => {
    await next();
    taken.push(`${names(events)} for ${names(events!.take((event) => event instanceof type))}`);
  };
  const { commands, published } = setUp(take(UserCreated), take(UserGreeted));
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted()));

  await commands.dispatch(new CreateUser());

  assertEquals(taken, ["Ada,greeted for greeted", "Ada for Ada"]);
  assertEquals(published, []);
});

Deno.test("RelatedEvents.take() before next() has resolved hands over nothing, and takes nothing away", async () => {
  const { commands, published } = setUp(async (_message, next, { events }) => {
    assertEquals(events!.take(), []);
    const handling = next();
    assertEquals(events!.take(), []);
    await handling;
  });
  commands.subscribe(CreateUser, attemptsThat());

  await commands.dispatch(new CreateUser());

  assertEquals(published, ["attempt 1"]);
});

Deno.test("RelatedEvents.take() gives an array of its own, an empty one too", async () => {
  const { commands, published } = setUp(async (_message, next, { events }) => {
    events!.take().push(new UserGreeted());
    await next();
    const taken = events!.take();
    taken.push(new UserGreeted());
    events!.take().push(new UserGreeted());
    assertEquals([names(taken), names(events)], [["attempt 1", "greeted"], []]);
  });
  commands.subscribe(CreateUser, attemptsThat());

  await commands.dispatch(new CreateUser());

  assertEquals(published, []);
});

Deno.test("RelatedEvents.take() takes nothing where the choice throws", async () => {
  const { commands, published } = setUp(async (_message, next, { events }) => {
    await next();
    assertThrows(
      () =>
        events!.take((event) => {
          if (event instanceof UserGreeted) throw new Error("undecided");
          return true;
        }),
      Error,
      "undecided",
    );
    assertEquals(names(events), ["Ada", "greeted"]);
  });
  commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted()));

  await commands.dispatch(new CreateUser());

  assertEquals(published, ["Ada", "greeted"]);
});

Deno.test("RelatedEvents.take() lets a middleware publish in the bus's place, with the metadata", async () => {
  const seen: unknown[] = [];
  const { commands, events: bus } = setUp(async (_message, next, { events }) => {
    const result = await next();
    for (const event of events!.take()) await bus.dispatch(event, { metadata: events!.metadata });
    seen.push("committed");
    return result;
  });
  bus.subscribe(UserCreated, ({ name }, { metadata }) => seen.push(name, metadata));
  commands.subscribe(CreateUser, attemptsThat());

  assertEquals(await commands.dispatch(new CreateUser(), { metadata: { tenant: "acme" } }), 1);

  assertEquals(seen, ["attempt 1", { tenant: "acme" }, "committed"]);
});

Deno.test("RelatedEvents.take() resolves no event bus where everything is taken", async () => {
  const commands = new MessageRouter({
    wire: (type) => () => new type(),
    lazy: () => () => {
      throw new Error("The broker is down");
    },
  }).newCommandBus().use(async (_message, next, { events }) => {
    await next();
    events!.take();
  }).subscribe(CreateUser, attemptsThat());

  await commands.dispatch(new CreateUser());
});

// Misuse

Deno.test("RelatedEvents.add() in a middleware is refused, before and after next()", async () => {
  const messages: string[] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    const add = () => events!.add(new UserCreated("Ada"), new UserGreeted());
    messages.push(assertThrows(add, TypeError).message);
    await next();
    messages.push(assertThrows(add, TypeError).message);
  });
  commands.subscribe(CreateUser, attemptsThat());

  await commands.dispatch(new CreateUser());

  const message = 'Cannot add "UserCreated", "UserGreeted" to the related events: a middleware can only take them. ' +
    "Add them in the command's handler";
  assertEquals(messages, [message, message]);
  assertEquals(published, ["attempt 1"]);
});

Deno.test("RelatedEvents.take() in a handler is refused, at every moment", async () => {
  const messages: string[] = [];
  for (const middlewares of [[], [(_message, next) => next()]] as Middleware[][]) {
    const { commands, published } = setUp(...middlewares);
    let late: RelatedEvents | undefined;
    commands.subscribe(CreateUser, (_command, { events }) => {
      late = events.add(new UserCreated("Ada"));
      messages.push(assertThrows(() => events.take(), TypeError).message);
    });
    await commands.dispatch(new CreateUser());
    messages.push(assertThrows(() => late!.take(() => true), TypeError).message);
    assertEquals(published, ["Ada"]);
  }

  assertEquals(messages, Array(4).fill(NOT_A_MIDDLEWARE));
});

Deno.test("RelatedEvents.take() in a unit test is refused, and what was added stays to be looked at", () => {
  const events = new RelatedEvents();
  assertEquals(assertThrows(() => events.take(), TypeError).message, NOT_A_MIDDLEWARE);

  events.add(new UserCreated("Ada"));
  assertEquals(assertThrows(() => events.take(), TypeError).message, NOT_A_MIDDLEWARE);
  assertEquals([names(events), events.metadata], [["Ada"], {}]);
});

Deno.test("RelatedEvents.take() is refused once the middlewares have settled, while the events are published and after", async () => {
  const messages: string[] = [];
  let late: RelatedEvents | undefined;
  const take = () => late!.take();
  const { commands, events, published } = setUp((_message, next, context) => {
    late = context.events;
    return next();
  });
  events.subscribe(UserCreated, () => void messages.push(assertThrows(take, TypeError).message));
  class Fail extends Command<unknown> {}
  commands.subscribe(CreateUser, attemptsThat()).subscribe(Fail, attemptsThat(1));

  await commands.dispatch(new CreateUser());
  messages.push(assertThrows(take, TypeError).message);
  await assertRejects(() => commands.dispatch(new Fail()));
  messages.push(assertThrows(take, TypeError).message);

  assertEquals(messages, [OVER, OVER, OVER]);
  assertEquals(published, ["attempt 1"]);
});

// Several attempts

Deno.test("Events of a retry inside a middleware are those of the attempt that succeeds", async () => {
  const taken: string[] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    const result = await next();
    taken.push(...names(events!.take()));
    return result;
  }, retry({ attempts: 3 }));
  commands.subscribe(CreateUser, attemptsThat(1, 2));

  assertEquals(await commands.dispatch(new CreateUser()), 3);

  assertEquals([taken, published], [["attempt 3"], []]);
});

Deno.test("Events of a retry outside a middleware are taken in the attempt that succeeds", async () => {
  const log: unknown[] = [];
  const { commands, published } = setUp(retry({ attempts: 3 }), async (_message, next, { events }) => {
    assertEquals(events!.size, 0);
    const result = await next().catch((error) => {
      log.push(names(events!.take()));
      throw error;
    });
    log.push(names(events!.take()));
    return result;
  });
  commands.subscribe(CreateUser, attemptsThat(1, 2));

  await commands.dispatch(new CreateUser());

  assertEquals([log, published], [[[], [], ["attempt 3"]], []]);
});

Deno.test("Events of an attempt that succeeded and was rolled back are not left to the next one", async () => {
  const sizes: number[] = [];
  let commits = 0;
  const { commands, published } = setUp(retry({ attempts: 2 }), async (_message, next, { events }) => {
    const result = await next();
    sizes.push(events!.size);
    if (++commits === 1) throw new Error("Cannot commit");
    return result;
  });
  commands.subscribe(CreateUser, attemptsThat());

  assertEquals(await commands.dispatch(new CreateUser()), 2);

  assertEquals([sizes, published], [[1, 1], ["attempt 2"]]);
});

Deno.test("Events of an attempt that succeeded are gone when the next attempt starts, and stay so when it fails", async () => {
  const seen: string[][] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    const result = await next();
    seen.push(names(events));
    await next().catch(() => seen.push(names(events)));
    return result;
  });
  commands.subscribe(CreateUser, attemptsThat(2));

  assertEquals(await commands.dispatch(new CreateUser()), 1);

  assertEquals([seen, published], [[["attempt 1"], []], []]);
});

Deno.test("Events that were taken after a success stay taken, whatever comes after", async () => {
  const taken: string[] = [];
  const { commands, published } = setUp(async (_message, next, { events }) => {
    await next();
    taken.push(...names(events!.take()));
    await next();
    taken.push(...names(events!.take()));
    await assertRejects(() => next());
  });
  commands.subscribe(CreateUser, attemptsThat(3));

  await commands.dispatch(new CreateUser());

  assertEquals([taken, published], [["attempt 1", "attempt 2"], []]);
});

for (const first of [1, 2]) {
  Deno.test(`Events of two attempts at once are those of the last to succeed, where attempt ${first} is the first`, async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const seen: string[][] = [];
    const { commands, published } = setUp(async (_message, next, { events }) => {
      const attempts = [next(), next()];
      gates[first - 1]!.resolve();
      await attempts[first - 1];
      seen.push(names(events));
      gates[2 - first]!.resolve();
      await Promise.all(attempts);
      seen.push(names(events));
    });
    let attempt = 0;
    commands.subscribe(CreateUser, async (_command, { events }) => {
      const number = ++attempt;
      events.add(new UserCreated(`attempt ${number}`));
      await gates[number - 1]!.promise;
    });

    await commands.dispatch(new CreateUser());

    const last = 3 - first;
    assertEquals([seen, published], [[[`attempt ${first}`], [`attempt ${last}`]], [`attempt ${last}`]]);
  });

  Deno.test(`Events of two attempts at once are those of attempt ${first} where the other fails, before it or after, even if the caller has gone`, async () => {
    for (const [failsFirst, hasGone] of [[false, false], [true, false], [false, true], [true, true]]) {
      const caller = new AbortController();
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const [good, bad] = [gates[first - 1]!, gates[2 - first]!];
      const { commands, published } = setUp(async (_message, next) => {
        const attempts = [next(), next()];
        if (hasGone) caller.abort();
        const [succeeding, failing] = [attempts[first - 1]!, attempts[2 - first]!];
        if (failsFirst) {
          bad.reject(new Error("no"));
          await assertRejects(() => failing);
        }
        good.resolve();
        const result = await succeeding;
        if (!failsFirst) {
          bad.reject(new Error("no"));
          await assertRejects(() => failing);
        }
        return result;
      });
      let attempt = 0;
      commands.subscribe(CreateUser, async (_command, { events }) => {
        const number = ++attempt;
        events.add(new UserCreated(`attempt ${number}`));
        await gates[number - 1]!.promise;
        return number;
      });

      assertEquals(await commands.dispatch(new CreateUser(), { signal: caller.signal }), first);
      assertEquals(published, [`attempt ${first}`]);
    }
  });
}

// Attempts that are left behind

for (const winner of [1, 2]) {
  Deno.test(`Events of a race of two attempts are those of the winner, attempt ${winner}, though the loser succeeds later`, async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const settled = Promise.withResolvers<void>();
    const { commands, published } = setUp(async (_message, next) => {
      await next();
      await settled.promise;
    }, async (_message, next) => {
      const controllers = [new AbortController(), new AbortController()];
      const attempts = controllers.map(({ signal }) => next(undefined, { signal }));
      gates[winner - 1]!.resolve();
      await attempts[winner - 1];
      controllers[2 - winner]!.abort();
      gates[2 - winner]!.resolve();
      attempts[2 - winner]!.then(() => settled.resolve());
    });
    let attempt = 0;
    commands.subscribe(CreateUser, async (_command, { events }) => {
      const number = ++attempt;
      events.add(new UserCreated(`attempt ${number}`));
      await gates[number - 1]!.promise;
    });

    await commands.dispatch(new CreateUser());

    assertEquals(published, [`attempt ${winner}`]);
  });
}

Deno.test("Events of an attempt that a timeout has left behind count neither before nor after the next one succeeds", async () => {
  for (const order of ["before", "after"] as const) {
    using time = new FakeTime();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const commit = Promise.withResolvers<void>();
    const seen: string[][] = [];
    const { commands, published } = setUp(
      async (_message, next, { events }) => {
        const result = await next();
        await commit.promise;
        seen.push(names(events));
        return result;
      },
      retry({ attempts: 2 }),
      timeout(10),
    );
    let attempt = 0;
    commands.subscribe(CreateUser, async (_command, { events }) => {
      const number = ++attempt;
      events.add(new UserCreated(`attempt ${number}`));
      await gates[number - 1]!.promise;
      return number;
    });

    const dispatched = commands.dispatch(new CreateUser());
    await time.tickAsync(10);
    await time.tickAsync(0);
    await time.runMicrotasks();
    assertEquals(attempt, 2);
    for (const gate of order === "before" ? gates : gates.toReversed()) {
      gate.resolve();
      await time.runMicrotasks();
    }
    commit.resolve();

    assertEquals(await dispatched, 2, order);
    assertEquals([seen, published], [[["attempt 2"]], ["attempt 2"]], order);
  }
});

Deno.test("Events that a middleware within a timeout takes are those of its own attempt, in whatever order attempts end", async () => {
  for (const order of [[1, 2], [2, 1], undefined]) {
    using time = new FakeTime();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const taken: string[][] = [];
    const { commands, published } = setUp(
      async (_message, next, { events }) => {
        const result = await next();
        taken.push(names(events));
        await Promise.all(gates.map(({ promise }) => promise));
        await Promise.resolve();
        return result;
      },
      retry({ attempts: 2 }),
      timeout(10),
      async (_message, next, { events }) => {
        const result = await next();
        taken.push([`of ${result}`, ...names(events!.take())]);
        return result;
      },
    );
    let attempt = 0;
    commands.subscribe(CreateUser, async (_command, { events }) => {
      const number = ++attempt;
      events.add(new UserCreated(`attempt ${number}`));
      await gates[number - 1]!.promise;
      return number;
    });

    const dispatched = commands.dispatch(new CreateUser());
    await time.tickAsync(10);
    await time.tickAsync(0);
    await time.runMicrotasks();
    assertEquals(attempt, 2);
    for (const number of order ?? [1, 2]) {
      gates[number - 1]!.resolve();
      // Without an order both go on in the same turn.
      if (order !== undefined) await time.runMicrotasks();
    }

    assertEquals(await dispatched, 2);
    const ofFirst = ["of 1", "attempt 1"];
    const ofSecond = ["of 2", "attempt 2"];
    const expected = order?.[0] === 2 ? [ofSecond, [], ofFirst] : [ofFirst, ofSecond, []];
    assertEquals([taken, published], [expected, []], `${order}`);
  }
});

Deno.test("Events of a handler that succeeds within the grace of a timeout are published", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<void>();
  const { commands, published } = setUp(timeout(10, { graceMs: Infinity }));
  commands.subscribe(CreateUser, async (_command, { events }) => {
    events.add(new UserCreated("Ada"));
    await gate.promise;
    return 42;
  });

  const dispatched = commands.dispatch(new CreateUser());
  await time.tickAsync(10);
  gate.resolve();

  assertEquals(await dispatched, 42);
  assertEquals(published, ["Ada"]);
});

Deno.test("Events of a command whose caller has gone are published where the handler succeeds", async () => {
  const controller = new AbortController();
  const { commands, published } = setUp((_message, next) => next());
  commands.subscribe(CreateUser, async (_command, { events }) => {
    controller.abort();
    await Promise.resolve();
    events.add(new UserCreated("Ada"));
  });

  await commands.dispatch(new CreateUser(), { signal: controller.signal });

  assertEquals(published, ["Ada"]);
});

Deno.test("Events of an attempt that ends after the dispatch are dropped, and change nothing for the middlewares", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<void>();
  let late: RelatedEvents | undefined;
  const { commands, published } = setUp((_message, next, { events }) => {
    late = events;
    return next();
  }, timeout(10));
  commands.subscribe(CreateUser, async (_command, { events }) => {
    events.add(new UserCreated("Ada"));
    await gate.promise;
  });

  const dispatched = assertRejects(() => commands.dispatch(new CreateUser()), DOMException);
  await time.tickAsync(10);
  await time.tickAsync(0);
  await dispatched;
  gate.resolve();
  await time.runMicrotasks();

  assertEquals([late!.size, published], [0, []]);
});

// Failures

Deno.test("Events of a command that fails silently are published where a middleware has left them, and dropped where one fails", async () => {
  class Rename extends Command {}
  const taken: string[] = [];
  let fails = false;
  const { commands, published } = setUp(async (_message, next, { events }) => {
    await next();
    taken.push(...names(events!.take((event) => event instanceof UserGreeted)));
    if (fails) throw new Error("Cannot commit");
  });
  commands.subscribe(
    Rename,
    (_command, { events }) => void events.add(new UserCreated("Ada"), new UserGreeted()),
    { failSilently: true },
  );

  await commands.dispatch(new Rename());
  fails = true;
  await commands.dispatch(new Rename());

  assertEquals([taken, published], [["greeted", "greeted"], ["Ada"]]);
});

Deno.test("Events of a handler whose failure a middleware swallows are dropped", async () => {
  const { commands, published } = setUp(captureError(() => {}, { rethrow: false }), async (_message, next, context) => {
    await next().catch(() => {});
    assertEquals(context.events!.take(), []);
    return await next();
  });
  commands.subscribe(CreateUser, attemptsThat(1, 2));

  assertStrictEquals(await commands.dispatch(new CreateUser()), undefined);

  assertEquals(published, []);
});

Deno.test("Events of a rolled back attempt are dropped where the middleware takes them and another swallows its failure", async () => {
  for (const takes of [false, true]) {
    const { commands, published } = setUp(
      captureError(() => {}, { rethrow: false }),
      async (_message, next, { events }) => {
        await next();
        if (takes) events!.take();
        throw new Error("Cannot commit");
      },
    );
    commands.subscribe(CreateUser, attemptsThat());

    assertStrictEquals(await commands.dispatch(new CreateUser()), undefined);

    // What nobody takes is published: the handler has succeeded, and so has the dispatch.
    assertEquals(published, takes ? [] : ["attempt 1"]);
  }
});

Deno.test("Events are the caller's to see where no handler has run", async () => {
  const { commands, published } = setUp((_message, _next, { events }) => Promise.resolve(events!.take()));
  commands.subscribe(CreateUser, attemptsThat());

  assertEquals(await commands.dispatch(new CreateUser()), []);

  assertEquals(published, []);
});

// Nested commands

Deno.test("Events of a nested command are its own: its middlewares take them, and not those of the outer one", async () => {
  const log: string[] = [];
  const { commands, published } = setUp(async (message, next, { events }) => {
    const result = await next();
    log.push(`${message.constructor.name} ${names(events!.take())}`);
    return result;
  });
  commands
    .subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("inner")))
    .subscribe(ImportUsers, async (_command, context) => {
      context.events.add(new UserCreated("before"));
      await commands.dispatch(new CreateUser(), context);
      context.events.add(new UserCreated("after"));
    });

  await commands.dispatch(new ImportUsers());

  assertEquals([log, published], [["CreateUser inner", "ImportUsers before,after"], []]);
});

Deno.test("Events of a nested command are published with it, and stay published where the outer command fails", async () => {
  const { commands, published } = setUp((_message, next) => next());
  commands
    .subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated("inner")))
    .subscribe(ImportUsers, async (_command, context) => {
      context.events.add(new UserCreated("outer"));
      await commands.dispatch(new CreateUser(), context);
      throw new Error("no");
    });

  await assertRejects(() => commands.dispatch(new ImportUsers()), Error, "no");

  assertEquals(published, ["inner"]);
});

// Looked at: a retry that ignores the signal of a timeout around it, before and after a success.
Deno.test("An attempt that does not start, because its signal has fired, leaves the events of the one before", async () => {
  class Save extends Command<string> {}
  class Saved extends Event {}
  const router = new MessageRouter();
  const published: object[] = [];
  router.newEventBus().subscribe(Saved, (event) => void published.push(event));
  const controller = new AbortController();
  const commands = router.newCommandBus()
    .subscribe(Save, (_command, { events }) => {
      events.add(new Saved());
      return "saved";
    })
    .use(async (_message, next) => {
      const result = await next(undefined, { signal: controller.signal });
      controller.abort(new Error("too late"));
      await assertRejects(() => next(undefined, { signal: controller.signal }), Error, "too late");
      return result;
    });

  assertEquals(await commands.dispatch(new Save()), "saved");
  assertEquals(published, [new Saved()]);
});
