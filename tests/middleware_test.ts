import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type AnyMiddleware,
  Command,
  Event,
  EventDispatchError,
  type HandlerContext,
  MessageRouter,
  type Middleware,
  MiddlewareError,
  type Next,
  Query,
  type QueryBus,
  retry,
} from "@cq/core";
import { FindUser, logging, loggingBus, untyped } from "./support/logging_bus.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class RenameUser extends Command<string> {}

class UserRenamed extends Event {}

// The order

Deno.test("Bus.use() makes the first middleware of a call the outermost", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(logging(log, "first"), logging(log, "second"));

  await queries.dispatch(new FindUser());

  assertEquals(log, ["first before", "second before", "handler", "second after", "first after"]);
});

Deno.test("Bus.use() puts the middlewares of a later call inside those of an earlier one", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(logging(log, "first"), logging(log, "second")).use(logging(log, "third"));

  await queries.dispatch(new FindUser());

  assertEquals(log, [
    "first before",
    "second before",
    "third before",
    "handler",
    "third after",
    "second after",
    "first after",
  ]);
});

Deno.test("Bus.use() mixes classic middlewares, generators and objects in one order", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(
    logging(log, "classic"),
    function* () {
      log.push("sync before");
      yield;
      log.push("sync after");
    },
    { invoke: logging(log, "object") },
    async function* () {
      log.push("async before");
      yield;
      log.push("async after");
    },
  );

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log, [
    "classic before",
    "sync before",
    "object before",
    "async before",
    "handler",
    "async after",
    "object after",
    "sync after",
    "classic after",
  ]);
});

Deno.test("Bus.use() is heeded by a message type that has been dispatched before", async () => {
  const log: string[] = [];
  const queries = loggingBus(log);
  await queries.dispatch(new FindUser());

  queries.use(logging(log, "late"));
  await queries.dispatch(new FindUser());

  assertEquals(log, ["handler", "late before", "handler", "late after"]);
});

Deno.test("Bus.use() leaves a dispatch that is under way alone", async () => {
  const log: string[] = [];
  const queries: QueryBus = loggingBus(log).use(async (_message, next) => {
    queries.use(logging(log, "late"));
    return await next();
  });

  await queries.dispatch(new FindUser());

  assertEquals(log, ["handler"]);
});

Deno.test("Bus.use() is about one bus, and no other bus of the router", async () => {
  const log: string[] = [];
  const router = new MessageRouter();
  const queries = router.newQueryBus().subscribe(FindUser, () => "Ada");
  router.newQueryBus().use(logging(log, "elsewhere"));

  await queries.dispatch(new FindUser());

  assertEquals(log, []);
});

Deno.test("Bus.use() runs the middlewares for every dispatch, and for every type of message", async () => {
  class FindAdmin extends FindUser {}
  const seen: unknown[] = [];
  const queries = loggingBus([]).use(async (message, next) => {
    seen.push(message.constructor);
    return await next();
  });

  await queries.dispatch(new FindUser());
  await queries.dispatch(new FindAdmin());
  await queries.dispatch(new FindUser());

  assertEquals(seen, [FindUser, FindAdmin, FindUser]);
});

Deno.test("Bus.use() accepts one middleware twice, and runs it twice", async () => {
  const log: string[] = [];
  const middleware = logging(log, "same");

  await loggingBus(log).use(middleware, middleware).dispatch(new FindUser());

  assertEquals(log, ["same before", "same before", "handler", "same after", "same after"]);
});

for (
  const [name, value, description] of [
    ["undefined", undefined, '"undefined"'],
    ["null", null, '"null"'],
    ["a string", "log", '"log"'],
    ["an object without invoke", {}, 'an instance of "Object"'],
    ["an instance without invoke", new FindUser(), 'an instance of "FindUser"'],
    ["an object whose invoke is no function", { invoke: true }, 'an instance of "Object"'],
  ] as const
) {
  Deno.test(`Bus.use() refuses ${name}`, () => {
    const queries = loggingBus([]);

    const error = assertThrows(() => queries.use(untyped(value)), TypeError);

    assertEquals(
      error.message,
      `Cannot use ${description} as a middleware: it is neither a function nor an object with a method "invoke"`,
    );
  });
}

Deno.test("Bus.use() adds none of its middlewares if it refuses one", async () => {
  const log: string[] = [];
  const queries = loggingBus(log);

  assertThrows(() => queries.use(logging(log, "fine"), untyped(undefined)), TypeError);
  await queries.dispatch(new FindUser());

  assertEquals(log, ["handler"]);
});

// The classic form

Deno.test("A classic middleware may replace the result", async () => {
  const queries = loggingBus([]).use(async (_message, next) => `${await next()}, replaced`);

  assertEquals(await queries.dispatch(new FindUser()), "user Ada, replaced");
});

Deno.test("A classic middleware may answer without the handler", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(() => Promise.resolve("cached"));

  assertEquals(await queries.dispatch(new FindUser()), "cached");
  assertEquals(log, []);
});

Deno.test("A classic middleware may turn a failure into a result", async () => {
  const queries = loggingBus([], { failures: 1 }).use((_message, next) => next().catch(() => "nobody"));

  assertEquals(await queries.dispatch(new FindUser()), "nobody");
});

Deno.test("A classic middleware may replace the error", async () => {
  const queries = loggingBus([], { failures: 1 }).use(async (_message, next) => {
    try {
      return await next();
    } catch (cause) {
      throw new RangeError("replaced", { cause });
    }
  });

  const error = await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "replaced");
  assertEquals(String(error.cause), "Error: failure 1");
});

Deno.test("A classic middleware that throws before the handler keeps it from running", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(() => {
    throw new RangeError("not today");
  });

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "not today");
  assertEquals(log, []);
});

Deno.test("A middleware may return a foreign thenable", async () => {
  const log: string[] = [];
  const thenable = (value: string) => ({
    then: (resolve: (value: string) => void) => resolve(value),
  });
  const queries = loggingBus(log).use(
    logging(log, "outer"),
    untyped(() => thenable("from elsewhere")),
  );

  assertEquals(await queries.dispatch(new FindUser()), "from elsewhere");
  assertEquals(log, ["outer before", "outer after"]);
});

Deno.test("The outermost middleware may return a foreign thenable, and the dispatch is a promise all the same", async () => {
  const queries = loggingBus([]).use(untyped(() => ({
    then: (resolve: (value: string) => void) => resolve("from elsewhere"),
  })));

  const dispatched = queries.dispatch(new FindUser());

  assertInstanceOf(dispatched, Promise);
  assertEquals(await dispatched, "from elsewhere");
});

Deno.test("A middleware receives the message itself", async () => {
  let received: unknown;
  const message = new FindUser();
  const queries = loggingBus([]).use((message, next) => {
    received = message;
    return next();
  });

  await queries.dispatch(message);

  assertStrictEquals(received, message);
});

// The context

Deno.test("A middleware finds the handler class in the context", async () => {
  const router = new MessageRouter();
  @router.queryHandler(FindUser)
  class FindUserHandler {
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  const contexts: HandlerContext[] = [];
  const queries = router.newQueryBus().use((_message, next, context) => {
    contexts.push(context);
    return next();
  });

  await queries.dispatch(new FindUser());

  assertEquals(contexts.map(({ kind, handler }) => [kind, handler]), [["query", FindUserHandler]]);
});

Deno.test("A middleware finds the handler function in the context", async () => {
  const findUser = () => "Ada";
  const contexts: HandlerContext[] = [];
  const queries = new MessageRouter().newQueryBus().subscribe(FindUser, findUser).use((_message, next, context) => {
    contexts.push(context);
    return next();
  });

  await queries.dispatch(new FindUser());

  assertEquals(contexts.map(({ handler }) => handler), [findUser]);
});

Deno.test("A middleware of the event bus finds each handler in the context of its own chain", async () => {
  const sendMail = () => {};
  const count = () => {};
  const handlers: unknown[] = [];
  const events = new MessageRouter().newEventBus()
    .subscribe(UserRenamed, sendMail)
    .subscribe(UserRenamed, count)
    .use((_message, next, { kind, handler }) => {
      handlers.push([kind, handler]);
      return next();
    });

  await events.dispatch(new UserRenamed());

  assertEquals(handlers, [["event", sendMail], ["event", count]]);
});

Deno.test("A middleware finds the caller's signal and metadata in the context", async () => {
  const { signal } = new AbortController();
  const metadata = { requestId: 7 };
  const contexts: HandlerContext[] = [];
  const queries = loggingBus([]).use((_message, next, context) => {
    contexts.push(context);
    return next();
  });

  await queries.dispatch(new FindUser(), { signal, metadata });

  assertStrictEquals(contexts[0]?.signal, signal);
  assertStrictEquals(contexts[0]?.metadata, metadata);
});

// next()

Deno.test("next() called twice runs everything inside again, and nothing outside", async () => {
  const log: string[] = [];
  const queries = loggingBus(log).use(
    logging(log, "outside"),
    async (_message, next) => {
      await next();
      return await next();
    },
    logging(log, "inside"),
    function* () {
      log.push("generator");
      yield;
    },
  );

  await queries.dispatch(new FindUser());

  assertEquals(log, [
    "outside before",
    "inside before",
    "generator",
    "handler",
    "inside after",
    "inside before",
    "generator",
    "handler",
    "inside after",
    "outside after",
  ]);
});

Deno.test("next() called twice has a handler built for each time", async () => {
  const router = new MessageRouter();
  const built: object[] = [];
  @router.queryHandler(FindUser)
  class FindUserHandler {
    constructor() {
      built.push(this);
    }
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  const queries = router.newQueryBus().use((_message, next) => next().then(() => next()));

  await queries.dispatch(new FindUser());

  assertEquals(built.map((handler) => handler instanceof FindUserHandler), [true, true]);
  assertEquals(new Set(built).size, 2);
});

Deno.test("next() may run twice at the same time", async () => {
  const queries = new MessageRouter().newQueryBus()
    .subscribe(FindUser, ({ name }) => Promise.resolve(name))
    .use(async (_message, next) => (await Promise.all([next(new FindUser("Ada")), next(new FindUser("Bob"))])).join());

  assertEquals(await queries.dispatch(new FindUser()), "Ada,Bob");
});

Deno.test("next(message) replaces the message for everything inside", async () => {
  const inner: unknown[] = [];
  const queries = loggingBus([]).use(
    (_message, next) => next(new FindUser("Bob")),
    (message, next) => {
      inner.push(message);
      return next();
    },
  );

  assertEquals(await queries.dispatch(new FindUser()), "user Bob");
  assertEquals(inner, [new FindUser("Bob")]);
});

Deno.test("next() hands on the original message after a next(message)", async () => {
  const queries = loggingBus([]).use(async (_message, next) => `${await next(new FindUser("Bob"))}, ${await next()}`);

  assertEquals(await queries.dispatch(new FindUser()), "user Bob, user Ada");
});

/** Dispatches with a signal and metadata, and gives the context that the handler receives behind the middleware. */
async function contextBehind(middleware: Middleware, dispatched: {
  signal?: AbortSignal;
  metadata?: Record<string, unknown>;
}): Promise<HandlerContext> {
  let received: HandlerContext | undefined;
  const commands = new MessageRouter().newCommandBus()
    .use(middleware)
    .subscribe(RenameUser, (_command, context) => {
      received = context;
      return "renamed";
    });
  await commands.dispatch(new RenameUser(), dispatched);
  return received!;
}

Deno.test("next(message, context) replaces the signal for the handler, and keeps absent metadata", async () => {
  const outer = new AbortController().signal;
  const inner = new AbortController().signal;
  const metadata = { requestId: 7 };

  const context = await contextBehind((_message, next) => next(undefined, { signal: inner }), {
    signal: outer,
    metadata,
  });

  assertStrictEquals(context.signal, inner);
  assertStrictEquals(context.metadata, metadata);
});

Deno.test("next(message, context) replaces the metadata for the handler, and keeps an absent signal", async () => {
  const { signal } = new AbortController();
  const inner = { requestId: 8 };

  const context = await contextBehind((_message, next) => next(undefined, { metadata: inner }), {
    signal,
    metadata: { requestId: 7 },
  });

  assertStrictEquals(context.signal, signal);
  assertStrictEquals(context.metadata, inner);
});

Deno.test("next(message, context) takes the signal away where it is given as undefined", async () => {
  const { signal } = new AbortController();

  const context = await contextBehind((_message, next) => next(undefined, { signal: undefined }), { signal });

  assertEquals(context.signal, undefined);
});

Deno.test("next(message, context) cannot replace the kind, the handler and the events", async () => {
  const commands = new MessageRouter().newCommandBus();
  const rename = (_command: RenameUser, { kind, handler, events }: HandlerContext) => {
    assertEquals(kind, "command");
    assertStrictEquals(handler, rename);
    assertEquals(events?.size, 0);
    return "renamed";
  };
  const forged = { kind: "event", handler: FindUser, events: undefined, metadata: {} };
  commands.use((_message, next) => next(undefined, forged)).subscribe(RenameUser, rename);

  assertEquals(await commands.dispatch(new RenameUser()), "renamed");
});

Deno.test("next(message, context) cannot replace the kind and the handler that inner middlewares see", async () => {
  const seen: unknown[] = [];
  const findUser = () => "Ada";
  const forged = { kind: "event", handler: FindUser, metadata: {} };
  const queries = new MessageRouter().newQueryBus().subscribe(FindUser, findUser).use(
    (_message, next) => next(undefined, forged),
    (_message, next, { kind, handler }) => {
      seen.push(kind, handler);
      return next();
    },
  );

  await queries.dispatch(new FindUser());

  assertEquals(seen, ["query", findUser]);
});

Deno.test("next(message, context) accepts the middleware's own context", async () => {
  const { signal } = new AbortController();
  const metadata = { requestId: 7 };

  const context = await contextBehind((message, next, context) => next(message, context), { signal, metadata });

  assertStrictEquals(context.signal, signal);
  assertStrictEquals(context.metadata, metadata);
});

Deno.test("next(message, context) of an inner middleware leaves the context of the outer ones as it was", async () => {
  const seen: unknown[] = [];
  const queries = loggingBus([]).use(
    async (_message, next, context) => {
      await next();
      seen.push(context.metadata);
      return await next();
    },
    (_message, next, context) => {
      seen.push(context.metadata);
      return next(undefined, { metadata: { changed: true } });
    },
  );

  await queries.dispatch(new FindUser());

  assertEquals(seen, [{}, {}, {}]);
});

Deno.test("next() returns a promise even if the handler throws synchronously", async () => {
  let started: Promise<unknown> | undefined;
  const queries = loggingBus([], { failures: 1 }).use((_message, next) => {
    started = next();
    return started;
  });

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  assertInstanceOf(started, Promise);
});

Deno.test("next() returns a promise even if the middleware inside throws synchronously", async () => {
  let started: Promise<unknown> | undefined;
  const queries = loggingBus([]).use(
    (_message, next) => {
      started = next();
      return started;
    },
    () => {
      throw new RangeError("not today");
    },
  );

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "not today");
  assertInstanceOf(started, Promise);
});

Deno.test("next() returns a promise even if the handler returns plainly", async () => {
  let started: Promise<unknown> | undefined;
  const queries = loggingBus([]).use((_message, next) => {
    started = next();
    return started;
  });

  await queries.dispatch(new FindUser());

  assertInstanceOf(started, Promise);
});

// What is no middleware after all

for (
  const [name, value] of [["undefined", undefined], ["a plain value", "Ada"], ["an object", {}], [
    "null",
    null,
  ]] as const
) {
  Deno.test(`A middleware that returns ${name} is refused with a MiddlewareError`, async () => {
    const queries = loggingBus([]).use(untyped(function audit() {
      return value;
    }));

    const error = await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);

    assertEquals(
      error.message,
      'Cannot run "audit": it returned neither a promise nor a generator. ' +
        "Make it an async function, or a generator function",
    );
  });
}

Deno.test("A middleware without a name is refused as an anonymous one", async () => {
  const queries = loggingBus([]).use(untyped((() => () => undefined)()));

  const error = await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);

  assertEquals(
    error.message,
    'Cannot run "(anonymous)": it returned neither a promise nor a generator. ' +
      "Make it an async function, or a generator function",
  );
});

Deno.test("An object whose invoke returns nothing is refused by the name of its class", async () => {
  class Audit {
    invoke(_message: object, next: Next): void {
      next();
    }
  }
  const queries = loggingBus([]).use(new Audit() as unknown as AnyMiddleware);

  const error = await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);

  assertEquals(
    error.message,
    'Cannot run "Audit": it returned neither a promise nor a generator. ' +
      "Make it an async function, or a generator function",
  );
});

Deno.test("A middleware that is refused is so after what it started has settled", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queries = new MessageRouter().newQueryBus()
    .use(untyped((_message: object, next: Next) => void next()))
    .subscribe(FindUser, async () => {
      await gate.promise;
      log.push("handled");
      return "Ada";
    });

  const dispatched = queries.dispatch(new FindUser()).catch(() => log.push("refused"));
  gate.resolve();
  await dispatched;

  assertEquals(log, ["handled", "refused"]);
});

Deno.test("A middleware that forgets the promise of a failing handler is refused for it, with the failure as the cause", async () => {
  const failure = new Error("failure");
  const queries = new MessageRouter().newQueryBus()
    .use(untyped((_message: object, next: Next) => void next()))
    .subscribe(FindUser, () => Promise.reject(failure));

  let error: unknown;

  const unhandled = await unhandledRejections(async () => {
    error = await assertRejects(() => queries.dispatch(new FindUser()), MiddlewareError);
  });

  assertEquals(unhandled, []);
  assertEquals((error as MiddlewareError).cause, failure);
});

Deno.test("An object with a classic invoke keeps its this", async () => {
  class Suffix {
    readonly #suffix = "!";
    async invoke(_message: object, next: Next): Promise<unknown> {
      return `${await next()}${this.#suffix}`;
    }
  }

  assertEquals(await loggingBus([]).use(new Suffix()).dispatch(new FindUser()), "user Ada!");
});

// The event bus

Deno.test("On the event bus the chain wraps each handler by itself", async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserRenamed, () => log.push("first"))
    .subscribe(UserRenamed, () => log.push("second"))
    .use(logging(log, "chain"));

  await events.dispatch(new UserRenamed());

  assertEquals(log, ["chain before", "first", "chain after", "chain before", "second", "chain after"]);
});

for (const order of ["concurrent", "sequential"] as const) {
  Deno.test(`On the event bus, ${order}, a retry runs the failed handler alone`, async () => {
    const log: string[] = [];
    let failures = 2;
    const events = new MessageRouter().newEventBus({ order })
      .subscribe(UserRenamed, () => log.push("first"))
      .subscribe(UserRenamed, () => {
        log.push("second");
        if (failures-- > 0) throw new Error("not yet");
      })
      .subscribe(UserRenamed, () => log.push("third"))
      .use(retry({ attempts: 3 }));

    await events.dispatch(new UserRenamed());

    assertEquals(log.toSorted(), ["first", "second", "second", "second", "third"]);
  });
}

Deno.test("On the event bus a middleware that fails for one handler leaves the others alone", async () => {
  const log: string[] = [];
  const refused = () => log.push("refused");
  const events = new MessageRouter().newEventBus()
    .subscribe(UserRenamed, refused)
    .subscribe(UserRenamed, () => log.push("handled"))
    .use((_message, next, { handler }) => {
      if (handler === refused) throw new RangeError("not this one");
      return next();
    });

  const error = await assertRejects(() => events.dispatch(new UserRenamed()), EventDispatchError);

  assertEquals(log, ["handled"]);
  assertEquals(error.failures.map(({ handler, error }) => [handler, String(error)]), [
    [refused, "RangeError: not this one"],
  ]);
});

Deno.test("On the event bus a middleware that returns nothing is one failure for each handler", async () => {
  const events = new MessageRouter().newEventBus()
    .subscribe(UserRenamed, () => {})
    .subscribe(UserRenamed, () => {})
    .use(untyped(() => undefined));

  const error = await assertRejects(() => events.dispatch(new UserRenamed()), EventDispatchError);

  assertEquals(error.errors.map((error) => error instanceof MiddlewareError), [true, true]);
});

// What the chain stands between

Deno.test("A middleware sees the error of a handler that fails silently", async () => {
  const seen: unknown[] = [];
  class Ping extends Query<string | undefined> {}
  const queries = new MessageRouter().newQueryBus()
    .subscribe(Ping, () => Promise.reject(new Error("no pong")), { failSilently: true })
    .use(function* () {
      try {
        yield;
      } catch (error) {
        seen.push(error);
        throw error;
      }
    });

  assertEquals(await queries.dispatch(new Ping()), undefined);
  assertEquals(seen.map(String), ["Error: no pong"]);
});

Deno.test("The handler is built inside the chain, once the middlewares have run", async () => {
  const log: string[] = [];
  const router = new MessageRouter();
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    constructor() {
      log.push("built");
    }
    handle(_query: FindUser): string {
      return "Ada";
    }
  }

  await router.newQueryBus().use(logging(log, "chain")).dispatch(new FindUser());

  assertEquals(log, ["chain before", "built", "chain after"]);
});

const FORGETFUL: readonly (readonly [what: string, middleware: Middleware, outcome: unknown])[] = [
  ["an async middleware drops before it succeeds", async (_message, next) => {
    next();
    return await Promise.resolve("done");
  }, "done"],
  ["an async middleware drops before it fails", async (_message, next) => {
    next();
    await Promise.resolve();
    throw new RangeError("not today");
  }, "not today"],
  ["a middleware drops before it throws", (_message, next) => {
    next();
    throw new RangeError("not today");
  }, "not today"],
  ["an async middleware awaits too late", async (_message, next) => {
    const result = next();
    await new Promise((resolve) => setTimeout(resolve));
    return await result;
  }, "failure"],
];

for (const [what, middleware, outcome] of FORGETFUL) {
  Deno.test(`The runtime reports the error of a next() whose promise ${what}`, async () => {
    const failure = new Error("failure");
    const queries = new MessageRouter().newQueryBus()
      .use(middleware)
      .subscribe(FindUser, () => Promise.reject(failure));
    let came: unknown;

    const unhandled = await unhandledRejections(async () => {
      came = await queries.dispatch(new FindUser()).catch((error: Error) => error.message);
    });

    assertEquals(unhandled, [failure]);
    assertEquals(came, outcome);
  });
}
