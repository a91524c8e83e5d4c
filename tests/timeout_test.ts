import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { stub } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import {
  captureError,
  Command,
  type CommandBus,
  type CommandContext,
  Container,
  Event,
  EventDispatchError,
  inject,
  MessageRouter,
  Query,
  type QueryBus,
  type RelatedEvents,
  retry,
  timeout,
} from "@cq/core";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class FindPrice extends Query<string> {}

/** A bus whose handler never settles and ignores its signal. */
function deafBus(signals: (AbortSignal | undefined)[] = []): QueryBus {
  return new MessageRouter().newQueryBus().subscribe(FindPrice, (_query, { signal }) => {
    signals.push(signal);
    return new Promise(() => {});
  });
}

/** A bus whose handler waits for its signal, and rejects with the reason. */
function heedingBus(log: string[] = []): QueryBus {
  return new MessageRouter().newQueryBus().subscribe(
    FindPrice,
    (_query, { signal }) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener("abort", () => {
          log.push("heeded");
          reject(signal!.reason);
        }, { once: true });
      }),
  );
}

function assertTimeoutError(error: unknown, message: string): void {
  assert(error instanceof DOMException);
  assertEquals([error.name, error.message], ["TimeoutError", message]);
}

// In time

Deno.test("timeout() lets the result of a handler out that is faster than the limit", async () => {
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(FindPrice, () => "99");

  assertEquals(await queries.dispatch(new FindPrice()), "99");
});

Deno.test("timeout() lets the error of a handler out that is faster than the limit", async () => {
  const failure = new RangeError("failure");
  const queries = new MessageRouter().newQueryBus().use(timeout(100))
    .subscribe(FindPrice, () => Promise.reject(failure));

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindPrice())), failure);
});

for (const [outcome, handle] of [["succeeded", () => "99"], ["failed", () => Promise.reject(new Error())]] as const) {
  Deno.test(`timeout() leaves no timer when the handler has ${outcome} in time`, async () => {
    using time = new FakeTime();
    const signals: (AbortSignal | undefined)[] = [];
    const queries = new MessageRouter().newQueryBus().use(timeout(100))
      .subscribe(FindPrice, (_query, { signal }) => {
        signals.push(signal);
        return handle();
      });

    await queries.dispatch(new FindPrice()).catch(() => {});
    await time.runMicrotasks();

    assertEquals(time.next(), false);
    assertEquals(signals[0]?.aborted, false);
  });
}

Deno.test("timeout() gives the handler a signal even if the caller gave none", async () => {
  let received: AbortSignal | undefined;
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(FindPrice, (_query, { signal }) => {
    received = signal;
    return "99";
  });

  await queries.dispatch(new FindPrice());

  assert(received instanceof AbortSignal);
});

Deno.test("timeout() keeps the caller's metadata", async () => {
  let received: unknown;
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(FindPrice, (_query, { metadata }) => {
    received = metadata;
    return "99";
  });

  await queries.dispatch(new FindPrice(), { metadata: { requestId: 7 } });

  assertEquals(received, { requestId: 7 });
});

Deno.test("timeout() never gives a timer a time that is too long for it", async () => {
  const times: unknown[] = [];
  const set = setTimeout;
  using _timeout = stub(
    globalThis,
    "setTimeout",
    ((_wake: () => void, ms: number) => {
      times.push(ms);
      return set(() => {});
    }) as typeof setTimeout,
  );
  const queries = new MessageRouter().newQueryBus().use(timeout(Infinity)).subscribe(FindPrice, () => "99");

  assertEquals(await queries.dispatch(new FindPrice()), "99");

  assertEquals(times.filter((ms) => (ms as number) > 2 ** 31 - 1), []);
});

// Too late

Deno.test("timeout() fires the handler's signal with a TimeoutError when the time is up", async () => {
  using time = new FakeTime();
  const signals: (AbortSignal | undefined)[] = [];
  const queries = deafBus(signals).use(timeout(100));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()));
  await time.tickAsync(99);
  assertEquals(signals[0]?.aborted, false);
  await time.tickAsync(1);
  await rejected;

  assertEquals(signals[0]?.aborted, true);
  assertTimeoutError(signals[0]?.reason, 'Cannot handle "FindPrice" within 100 ms');
});

Deno.test("timeout() rejects with the reason of the signal even if the handler ignores it", async () => {
  using time = new FakeTime();
  const signals: (AbortSignal | undefined)[] = [];
  const queries = deafBus(signals).use(timeout(100));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()));
  await time.tickAsync(100);
  const error = await rejected;

  assertTimeoutError(error, 'Cannot handle "FindPrice" within 100 ms');
  assertStrictEquals(error, signals[0]?.reason);
  assertEquals(time.next(), false);
});

Deno.test("timeout() of 0 milliseconds fires at once", async () => {
  using time = new FakeTime();
  const queries = deafBus().use(timeout(0));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()));
  await time.tickAsync(0);

  assertTimeoutError(await rejected, 'Cannot handle "FindPrice" within 0 ms');
});

Deno.test("timeout() makes the error of a handler that heeds its signal at once the cause of its own", async () => {
  // With real time: fake time would not let the handler go on between two timers that are due at the same moment.
  const queries = new MessageRouter().newQueryBus().use(timeout(1)).subscribe(
    FindPrice,
    (_query, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new RangeError("rolled back")), { once: true });
      }),
  );

  const error = await assertRejects(() => queries.dispatch(new FindPrice()));

  assertTimeoutError(error, 'Cannot handle "FindPrice" within 1 ms');
  assertEquals(String((error as Error).cause), "RangeError: rolled back");
});

Deno.test("timeout() names the class of a message that has its own data named constructor", async () => {
  using time = new FakeTime();
  class ParseText {
    constructor(data: object) {
      Object.assign(this, data);
    }
  }
  const queries = new MessageRouter().newQueryBus().use(timeout(100))
    .subscribe(ParseText, () => new Promise(() => {}));

  const rejected = assertRejects(() => queries.dispatch(new ParseText({ constructor: "data" })));
  await time.tickAsync(100);

  assertTimeoutError(await rejected, 'Cannot handle "ParseText" within 100 ms');
});

Deno.test("timeout() makes a generator around it clean up", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const queries = deafBus().use(function* () {
    try {
      yield;
    } finally {
      log.push("cleaned up");
    }
  }, timeout(100));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()), DOMException);
  await time.tickAsync(100);
  await rejected;

  assertEquals(log, ["cleaned up"]);
});

Deno.test("timeout() fires the signal that the middlewares inside receive", async () => {
  using time = new FakeTime();
  const signals: (AbortSignal | undefined)[] = [];
  const queries = deafBus().use(timeout(100), (_message, next, { signal }) => {
    signals.push(signal);
    return next();
  });

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()), DOMException);
  await time.tickAsync(100);
  await rejected;

  assertEquals(signals.map((signal) => signal?.aborted), [true]);
});

// The grace

Deno.test("timeout() with graceMs rejects when the grace is over, and not before", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const queries = deafBus(signals).use(timeout(100, { graceMs: 50 }));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()).finally(() => log.push("settled")));
  await time.tickAsync(149);
  await time.runMicrotasks();
  assertEquals(signals[0]?.aborted, true);
  assertEquals(log, []);
  await time.tickAsync(1);

  assertTimeoutError(await rejected, 'Cannot handle "FindPrice" within 100 ms');
  assertEquals(time.next(), false);
});

Deno.test("timeout() with graceMs lets out the outcome of a handler that settles within the grace", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<string>();
  const queries = new MessageRouter().newQueryBus()
    .use(timeout(100, { graceMs: 50 }))
    .subscribe(FindPrice, () => gate.promise);

  const dispatched = queries.dispatch(new FindPrice());
  await time.tickAsync(120);
  gate.resolve("99 after all");

  assertEquals(await dispatched, "99 after all");
  await time.runMicrotasks();
  assertEquals(time.next(), false);
});

Deno.test("timeout() with graceMs: Infinity waits for a handler, and its result comes out", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<string>();
  const signals: (AbortSignal | undefined)[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(timeout(100, { graceMs: Infinity }))
    .subscribe(FindPrice, (_query, { signal }) => {
      signals.push(signal);
      return gate.promise;
    });

  const dispatched = queries.dispatch(new FindPrice());
  await time.tickAsync(100);
  assertEquals(signals[0]?.aborted, true);
  assertEquals(time.next(), false);
  gate.resolve("99 after all");

  assertEquals(await dispatched, "99 after all");
});

Deno.test("timeout() with graceMs: Infinity waits for a handler, and its error comes out", async () => {
  using time = new FakeTime();
  const log: string[] = [];
  const queries = heedingBus(log).use(timeout(100, { graceMs: Infinity }));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()));
  await time.tickAsync(100);

  assertTimeoutError(await rejected, 'Cannot handle "FindPrice" within 100 ms');
  assertEquals(log, ["heeded"]);
});

// The caller's signal

Deno.test("timeout() fires the handler's signal when the caller's signal fires, with its reason", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  const queries = heedingBus().use(timeout(100));

  const dispatched = queries.dispatch(new FindPrice(), { signal: controller.signal });
  controller.abort(reason);

  assertStrictEquals(await assertRejects(() => dispatched), reason);
  await time.runMicrotasks();
  assertEquals(time.next(), false);
});

Deno.test("timeout() rejects with the caller's reason if the handler ignores that signal until the time is up", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  const queries = deafBus().use(timeout(100));

  const dispatched = queries.dispatch(new FindPrice(), { signal: controller.signal });
  const rejected = assertRejects(() => dispatched);
  controller.abort(reason);
  await time.tickAsync(100);

  assertStrictEquals(await rejected, reason);
});

Deno.test("timeout() keeps the handler from running if the caller's signal has fired before it", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const log: string[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use((_message, next) => {
      controller.abort(new RangeError("hung up"));
      return next();
    }, timeout(100))
    .subscribe(FindPrice, () => {
      log.push("handled");
      return "99";
    });

  await assertRejects(
    () => queries.dispatch(new FindPrice(), { signal: controller.signal }),
    RangeError,
    "hung up",
  );

  assertEquals(log, []);
  await time.runMicrotasks();
  assertEquals(time.next(), false);
});

Deno.test("timeout() works where AbortSignal.any is missing", async () => {
  using time = new FakeTime();
  const any = Object.getOwnPropertyDescriptor(AbortSignal, "any")!;
  Reflect.deleteProperty(AbortSignal, "any");
  try {
    const late = assertRejects(() => deafBus().use(timeout(100)).dispatch(new FindPrice()));
    await time.tickAsync(100);
    assertTimeoutError(await late, 'Cannot handle "FindPrice" within 100 ms');

    const controller = new AbortController();
    const { signal } = controller;
    const hungUp = assertRejects(
      () => heedingBus().use(timeout(100)).dispatch(new FindPrice(), { signal }),
      RangeError,
    );
    controller.abort(new RangeError("hung up"));
    await hungUp;
  } finally {
    Object.defineProperty(AbortSignal, "any", any);
  }
});

Deno.test("timeout() leaves no listener on the caller's signal when the handler was in time", async () => {
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);
  const during: number[] = [];
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(FindPrice, () => {
    during.push(listeners());
    return "99";
  });

  await queries.dispatch(new FindPrice(), { signal });

  assertEquals(during, [1]);
  assertEquals(listeners(), 0);
});

Deno.test("timeout() leaves no listener on the caller's signal when the handler is left behind", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);
  const queries = deafBus().use(timeout(100));

  const rejected = assertRejects(() => queries.dispatch(new FindPrice(), { signal }), DOMException);
  await time.tickAsync(100);
  await rejected;

  assertEquals(listeners(), 0);
});

// Handlers that are left behind

Deno.test("timeout() leaves no unhandled rejection if the handler rejects after it has been left behind", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<string>();
  const queries = new MessageRouter().newQueryBus().use(timeout(100)).subscribe(FindPrice, () => gate.promise);

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()), DOMException);
  await time.tickAsync(100);
  await rejected;

  const unhandled = await FakeTime.restoreFor(() =>
    unhandledRejections(() => Promise.resolve(gate.reject(new Error("too late"))))
  );
  assertEquals(unhandled, []);
});

class CreateUser extends Command<string> {}

class UserCreated extends Event {
  readonly attempt: number;

  constructor(attempt: number) {
    super();
    this.attempt = attempt;
  }
}

interface Log {
  readonly published: number[];
  readonly disposed: number[];
}

/** A command bus that logs the events it publishes and the scopes it disposes, each by the number of the attempt. */
function commandBus(
  { published, disposed }: Log,
  handle: (attempt: number, events: RelatedEvents) => Promise<string>,
): CommandBus {
  let opened = 0;
  class UnitOfWork {
    readonly attempt = ++opened;
    [Symbol.dispose](): void {
      disposed.push(this.attempt);
    }
  }
  const container = new Container().bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
  const router = new MessageRouter(container);
  router.newEventBus().subscribe(UserCreated, ({ attempt }) => published.push(attempt));
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #work = inject(UnitOfWork);
    handle(_command: CreateUser, { events }: CommandContext): Promise<string> {
      events.add(new UserCreated(this.#work.attempt));
      return handle(this.#work.attempt, events);
    }
  }
  return router.newCommandBus();
}

for (const outcome of ["succeeds", "fails"]) {
  Deno.test(`timeout() drops the events of a command that ${outcome} after it was left behind, and disposes its scope`, async () => {
    using time = new FakeTime();
    const log: Log = { published: [], disposed: [] };
    const gate = Promise.withResolvers<string>();
    const commands = commandBus(log, () => gate.promise).use(timeout(100));

    const rejected = assertRejects(() => commands.dispatch(new CreateUser()), DOMException);
    await time.tickAsync(100);
    await rejected;
    assertEquals(log.disposed, []);
    if (outcome === "succeeds") gate.resolve("created");
    else gate.reject(new Error("too late"));
    await time.runMicrotasks();

    assertEquals(log, { published: [], disposed: [1] });
  });
}

Deno.test("timeout() leaves no unhandled rejection if the scope of a handler that was left behind cannot be disposed", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<string>();
  const router = new MessageRouter<AsyncDisposable>({
    wire: (type) => () => new type(),
    lazy: () => () => {
      throw new Error("no bus is needed");
    },
    createScope: () => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error("stuck")) }),
  });
  const commands = router.newCommandBus().use(timeout(100)).subscribe(CreateUser, () => gate.promise);

  const rejected = assertRejects(() => commands.dispatch(new CreateUser()), DOMException);
  await time.tickAsync(100);
  await rejected;

  const unhandled = await FakeTime.restoreFor(() =>
    unhandledRejections(() => Promise.resolve(gate.resolve("created")))
  );
  assertEquals(unhandled, []);
});

Deno.test("timeout() keeps a command that was left behind from adding events once it has settled", async () => {
  using time = new FakeTime();
  const gate = Promise.withResolvers<string>();
  let left: RelatedEvents | undefined;
  const commands = commandBus({ published: [], disposed: [] }, (_attempt, events) => {
    left = events;
    return gate.promise;
  }).use(timeout(100));

  const rejected = assertRejects(() => commands.dispatch(new CreateUser()), DOMException);
  await time.tickAsync(100);
  await rejected;
  gate.resolve("created");
  await time.runMicrotasks();

  const error = assertThrows(() => left!.add(new UserCreated(1)), TypeError);
  assertEquals(
    error.message,
    'Cannot add "UserCreated" to the related events: the command\'s handler has settled. ' +
      "Await in the handler what adds events",
  );
});

Deno.test("timeout() with graceMs: Infinity publishes the events of a late success", async () => {
  using time = new FakeTime();
  const log: Log = { published: [], disposed: [] };
  const gate = Promise.withResolvers<string>();
  const commands = commandBus(log, () => gate.promise).use(timeout(100, { graceMs: Infinity }));

  const dispatched = commands.dispatch(new CreateUser());
  await time.tickAsync(100);
  gate.resolve("created");

  assertEquals(await dispatched, "created");
  assertEquals(log, { published: [1], disposed: [1] });
});

// With other middlewares

Deno.test("timeout() inside retry() gives each attempt a limit of its own", async () => {
  using time = new FakeTime();
  const started: number[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(retry({ attempts: 3, delay: 10 }), timeout(100))
    .subscribe(FindPrice, (_query, { signal }) => {
      started.push(time.now - time.start);
      signals.push(signal);
      return started.length < 3 ? new Promise<string>(() => {}) : "99";
    });

  const dispatched = queries.dispatch(new FindPrice());
  while (await time.nextAsync());

  assertEquals(await dispatched, "99");
  assertEquals(started, [0, 110, 220]);
  assertEquals(signals.map((signal) => signal?.aborted), [true, true, false]);
});

Deno.test("timeout() around retry() is the limit of all attempts together, and ends them", async () => {
  using time = new FakeTime();
  const started: number[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(timeout(100), retry({ attempts: 10, delay: 40 }))
    .subscribe(FindPrice, () => {
      started.push(time.now - time.start);
      throw new Error("not yet");
    });

  const rejected = assertRejects(() => queries.dispatch(new FindPrice()));
  while (await time.nextAsync());

  assertTimeoutError(await rejected, 'Cannot handle "FindPrice" within 100 ms');
  assertEquals(started, [0, 40, 80]);
});

Deno.test("timeout() inside retry() publishes the events of the last attempt, not of one left behind", async () => {
  using time = new FakeTime();
  const log: Log = { published: [], disposed: [] };
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const delayed = Promise.withResolvers<void>();
  const commands = commandBus(log, (attempt) => gates[attempt - 1]!.promise).use(
    async (_message, next) => {
      const result = await next();
      await delayed.promise;
      return result;
    },
    retry({ attempts: 2 }),
    timeout(100),
  );

  const dispatched = commands.dispatch(new CreateUser());
  await time.tickAsync(100);
  await time.runMicrotasks();
  gates[1]!.resolve("created by the second");
  await time.runMicrotasks();
  gates[0]!.resolve("created by the first");
  await time.runMicrotasks();
  delayed.resolve();

  assertEquals(await dispatched, "created by the second");
  assertEquals(log.published, [2]);
  assertEquals(log.disposed.toSorted(), [1, 2]);
});

Deno.test("timeout() publishes the events of a handler that succeeds while an outer middleware still handles the timeout", async () => {
  using time = new FakeTime();
  const log: Log = { published: [], disposed: [] };
  const gate = Promise.withResolvers<string>();
  const succeedMeanwhile = () => {
    gate.resolve("created too late");
    return time.runMicrotasks();
  };
  const commands = commandBus(log, () => gate.promise)
    .use(captureError(succeedMeanwhile, { rethrow: false }), timeout(100));

  const dispatched = commands.dispatch(new CreateUser());
  await time.tickAsync(100);

  assertEquals<unknown>(await dispatched, undefined);
  assertEquals(log, { published: [1], disposed: [1] });
});

Deno.test("timeout() on the event bus limits each handler separately", async () => {
  using time = new FakeTime();
  const slow = () => new Promise<void>(() => {});
  const log: string[] = [];
  const events = new MessageRouter().newEventBus().use(timeout(100))
    .subscribe(UserCreated, slow)
    .subscribe(UserCreated, () => log.push("fast"));

  const rejected = assertRejects(() => events.dispatch(new UserCreated(1)), EventDispatchError);
  await time.tickAsync(100);
  const error = await rejected;

  assertEquals(log, ["fast"]);
  assertEquals(error.failures.map(({ handler }) => handler), [slow]);
  assertTimeoutError(error.errors[0], 'Cannot handle "UserCreated" within 100 ms');
});

// What its options may be

for (const value of [-1, NaN]) {
  Deno.test(`timeout() refuses ${value} milliseconds`, () => {
    const error = assertThrows(() => timeout(value), RangeError);

    assertEquals(error.message, `Cannot time out after ${value} ms: must be a number from 0`);
  });

  Deno.test(`timeout() refuses a grace of ${value} milliseconds`, () => {
    const error = assertThrows(() => timeout(100, { graceMs: value }), RangeError);

    assertEquals(error.message, `Cannot time out after ${value} ms: must be a number from 0`);
  });
}
