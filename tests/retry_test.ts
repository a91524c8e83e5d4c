import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { returnsNext, stub } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import {
  Command,
  Container,
  Event,
  EventDispatchError,
  type HandlerContext,
  inject,
  MessageRouter,
  Query,
  type QueryBus,
  RelatedEvents,
  retry,
  type RetryOptions,
} from "@cq/core";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { FindUser, loggingBus } from "./support/logging_bus.ts";

class FindPrice extends Query<string> {}

/** A bus whose handler throws the given errors, one at each attempt, and then succeeds. */
function failingBus(errors: readonly unknown[], onAttempt: (attempt: number) => void = () => {}): QueryBus {
  let attempt = 0;
  return new MessageRouter().newQueryBus().subscribe(FindPrice, () => {
    onAttempt(++attempt);
    if (attempt <= errors.length) throw errors[attempt - 1];
    return `attempt ${attempt}`;
  });
}

/** The milliseconds at which a handler that always fails is called. */
async function attemptTimes(options: RetryOptions): Promise<number[]> {
  using time = new FakeTime();
  const times: number[] = [];
  const queries = new MessageRouter().newQueryBus().use(retry(options)).subscribe(FindPrice, () => {
    times.push(time.now - time.start);
    throw new Error(`failure ${times.length}`);
  });

  const outcome = assertRejects(() => queries.dispatch(new FindPrice()), Error, `failure ${options.attempts}`);
  while (await time.nextAsync());
  await outcome;

  return times;
}

Deno.test("retry() handles the message once if that succeeds", async () => {
  const log: string[] = [];

  assertEquals(await loggingBus(log).use(retry({ attempts: 3 })).dispatch(new FindUser()), "user Ada");
  assertEquals(log, ["handler"]);
});

Deno.test("retry() handles the message again until it succeeds", async () => {
  const log: string[] = [];
  const queries = loggingBus(log, { failures: 2 }).use(retry({ attempts: 3 }));

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log, ["handler", "handler", "handler"]);
});

Deno.test("retry() stops after the last attempt, and lets the last error out", async () => {
  const log: string[] = [];
  const queries = loggingBus(log, { failures: 5 }).use(retry({ attempts: 3 }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 3");
  assertEquals(log, ["handler", "handler", "handler"]);
});

Deno.test("retry() lets the last error out as the same object", async () => {
  const last = new RangeError("second");
  const queries = failingBus([new Error("first"), last]).use(retry({ attempts: 2 }));

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindPrice())), last);
});

Deno.test("retry() with one attempt does not try again", async () => {
  const log: string[] = [];
  const queries = loggingBus(log, { failures: 1 }).use(retry({ attempts: 1 }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  assertEquals(log, ["handler"]);
});

Deno.test("retry() makes three attempts by default", async () => {
  for (const middleware of [retry(), retry({}), retry({ attempts: undefined })]) {
    const log: string[] = [];
    const queries = loggingBus(log, { failures: 5 }).use(middleware);

    await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 3");
    assertEquals(log, ["handler", "handler", "handler"]);
  }
});

Deno.test("retry() counts the attempts of each dispatch separately", async () => {
  const log: string[] = [];
  const queries = loggingBus(log, { failures: 4 }).use(retry({ attempts: 3 }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 3");
  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(log.length, 5);
});

Deno.test("retry() tries again after a thrown value that is not an error", async () => {
  const queries = failingBus([undefined, "a string"]).use(retry({ attempts: 3 }));

  assertEquals(await queries.dispatch(new FindPrice()), "attempt 3");
});

// The delay

Deno.test("retry() does not wait unless it is told to", async () => {
  assertEquals(await attemptTimes({ attempts: 3 }), [0, 0, 0]);
});

Deno.test("retry() sets no timer where the delay is 0", async () => {
  using time = new FakeTime();
  const queries = failingBus([new Error(), new Error()]).use(retry({ attempts: 3, delay: 0 }));

  assertEquals(await queries.dispatch(new FindPrice()), "attempt 3");
  assertEquals(time.next(), false);
});

Deno.test("retry() waits for the delay before each further attempt", async () => {
  assertEquals(await attemptTimes({ attempts: 4, delay: 100 }), [0, 100, 200, 300]);
});

Deno.test("retry() does not make the next attempt before the delay is over", async () => {
  using time = new FakeTime();
  let attempts = 0;
  const queries = failingBus([new Error()], () => attempts++).use(retry({ attempts: 2, delay: 100 }));

  const dispatched = queries.dispatch(new FindPrice());
  await time.tickAsync(99);
  await time.runMicrotasks();
  assertEquals(attempts, 1);
  await time.tickAsync(1);
  assertEquals(await dispatched, "attempt 2");
});

Deno.test("retry() multiplies the delay by the factor after each attempt", async () => {
  assertEquals(await attemptTimes({ attempts: 5, delay: 100, factor: 2 }), [0, 100, 300, 700, 1500]);
});

Deno.test("retry() does not wait with a delay of 0, after any number of attempts", async () => {
  const queries = failingBus(Array.from({ length: 1100 }, () => new Error()))
    .use(retry({ attempts: 1101, delay: 0, factor: 2 }));

  assertEquals(await queries.dispatch(new FindPrice()), "attempt 1101");
});

Deno.test("retry() accepts a factor that makes the delay shorter", async () => {
  assertEquals(await attemptTimes({ attempts: 4, delay: 100, factor: 0.5 }), [0, 100, 150, 175]);
});

Deno.test("retry() waits no longer than maxDelay", async () => {
  assertEquals(await attemptTimes({ attempts: 5, delay: 100, factor: 2, maxDelay: 250 }), [0, 100, 300, 550, 800]);
});

Deno.test("retry() with jitter waits for a random part of the delay", async () => {
  using _random = stub(Math, "random", returnsNext([0.5, 0.25]));

  assertEquals(await attemptTimes({ attempts: 3, delay: 100, factor: 2, jitter: true }), [0, 50, 100]);
});

Deno.test("retry() with jitter takes a random part of the delay that maxDelay allows", async () => {
  using _random = stub(Math, "random", () => 0.5);

  assertEquals(await attemptTimes({ attempts: 3, delay: 1000, maxDelay: 100, jitter: true }), [0, 50, 100]);
});

Deno.test("retry() without jitter asks for no random number", async () => {
  using random = stub(Math, "random", () => 0.5);

  await attemptTimes({ attempts: 3, delay: 100 });

  assertEquals(random.calls.length, 0);
});

Deno.test("retry() gives a delay function the error and the number of the attempt that failed", async () => {
  using time = new FakeTime();
  const errors = [new Error("first"), new Error("second")];
  const asked: unknown[] = [];
  const queries = failingBus(errors).use(retry({
    attempts: 3,
    delay: (error, attempt) => {
      asked.push([String(error), attempt]);
      return 10;
    },
  }));

  const dispatched = queries.dispatch(new FindPrice());
  while (await time.nextAsync());

  assertEquals(await dispatched, "attempt 3");
  assertEquals(asked, [["Error: first", 1], ["Error: second", 2]]);
});

Deno.test("retry() waits for as long as a delay function says", async () => {
  assertEquals(await attemptTimes({ attempts: 4, delay: (_error, attempt) => attempt * 10 }), [0, 10, 30, 60]);
});

Deno.test("retry() applies factor and maxDelay to a delay function, too", async () => {
  assertEquals(await attemptTimes({ attempts: 4, delay: () => 100, factor: 2, maxDelay: 300 }), [0, 100, 300, 600]);
});

Deno.test("retry() does not call a delay function after the last attempt", async () => {
  let asked = 0;
  const queries = failingBus([new Error(), new Error("last")]).use(retry({ attempts: 2, delay: () => asked++ }));

  await assertRejects(() => queries.dispatch(new FindPrice()), Error, "last");
  assertEquals(asked, 1);
});

Deno.test("retry() lets out the error of a delay function", async () => {
  const queries = failingBus([new Error("first")]).use(retry({
    attempts: 2,
    delay: () => {
      throw new RangeError("no delay");
    },
  }));

  await assertRejects(() => queries.dispatch(new FindPrice()), RangeError, "no delay");
});

Deno.test("retry() never gives a timer a delay that is too long for it", async () => {
  const delays: unknown[] = [];
  const set = setTimeout;
  using _timeout = stub(
    globalThis,
    "setTimeout",
    ((wake: () => void, ms: number) => {
      delays.push(ms);
      return set(wake);
    }) as typeof setTimeout,
  );
  const queries = failingBus([new Error()]).use(retry({ attempts: 2, delay: Infinity }));

  await queries.dispatch(new FindPrice());

  assertEquals(delays, [2 ** 31 - 1]);
});

// Which errors

Deno.test("retry() with classes tries again after an instance of one of them, or of a class derived from it", async () => {
  class Unavailable extends Error {}
  class Overloaded extends Unavailable {}
  const queries = failingBus([new Unavailable(), new Overloaded(), new TypeError()])
    .use(retry({ attempts: 4, on: [Unavailable, TypeError] }));

  assertEquals(await queries.dispatch(new FindPrice()), "attempt 4");
});

Deno.test("retry() with classes lets any other error out at once", async () => {
  let attempts = 0;
  const queries = failingBus([new RangeError("wrong"), new Error()], () => attempts++)
    .use(retry({ attempts: 3, on: [TypeError] }));

  await assertRejects(() => queries.dispatch(new FindPrice()), RangeError, "wrong");
  assertEquals(attempts, 1);
});

Deno.test("retry() with an empty list of classes does not try again", async () => {
  const queries = failingBus([new Error("first")]).use(retry({ attempts: 3, on: [] }));

  await assertRejects(() => queries.dispatch(new FindPrice()), Error, "first");
});

Deno.test("retry() with a predicate tries again only while the predicate returns true", async () => {
  const errors = [new Error("busy"), new Error("gone")];
  const asked: unknown[] = [];
  const queries = failingBus(errors).use(retry({
    attempts: 3,
    on: (error) => {
      asked.push(String(error));
      return (error as Error).message === "busy";
    },
  }));

  await assertRejects(() => queries.dispatch(new FindPrice()), Error, "gone");
  assertEquals(asked, ["Error: busy", "Error: gone"]);
});

// The signal

Deno.test("retry() makes no further attempt once the signal has fired, and lets the handler's error out", async () => {
  const controller = new AbortController();
  let attempts = 0;
  const queries = failingBus([new Error("first"), new Error("second")], () => {
    attempts++;
    controller.abort(new RangeError("hung up"));
  }).use(retry({ attempts: 3, delay: 100 }));

  await assertRejects(() => queries.dispatch(new FindPrice(), { signal: controller.signal }), Error, "first");
  assertEquals(attempts, 1);
});

Deno.test("retry() stops waiting when the signal fires, and rejects with its reason", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  let attempts = 0;
  const queries = failingBus([new Error("first")], () => attempts++).use(retry({ attempts: 3, delay: 100 }));

  const dispatched = queries.dispatch(new FindPrice(), { signal: controller.signal });
  await time.tickAsync(50);
  controller.abort(reason);

  assertStrictEquals(await assertRejects(() => dispatched), reason);
  assertEquals(attempts, 1);
  assertEquals(time.next(), false);
});

Deno.test("retry() on the event bus makes no further attempt when its wait was cut short", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  let attempts = 0;
  const events = new MessageRouter().newEventBus().use(retry({ attempts: 3, delay: 100 }))
    .subscribe(UserCreated, () => {
      attempts++;
      throw new Error("not yet");
    });

  const dispatched = events.dispatch(new UserCreated(1), { signal: controller.signal });
  await time.tickAsync(50);
  controller.abort(reason);

  const error = await assertRejects(() => dispatched, EventDispatchError);
  assertStrictEquals(error.errors[0], reason);
  assertEquals(attempts, 1);
});

Deno.test("retry() leaves no listener on the signal when it has waited", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);
  const queries = failingBus([new Error()]).use(retry({ attempts: 2, delay: 100 }));

  const dispatched = queries.dispatch(new FindPrice(), { signal });
  await time.runMicrotasks();
  assertEquals(listeners(), 1);
  await time.tickAsync(100);
  await dispatched;

  assertEquals(listeners(), 0);
});

Deno.test("retry() leaves no listener on the signal when its wait was cut short", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const queries = failingBus([new Error()]).use(retry({ attempts: 2, delay: 100 }));

  const dispatched = queries.dispatch(new FindPrice(), { signal: controller.signal });
  await time.runMicrotasks();
  controller.abort(new RangeError("hung up"));
  await assertRejects(() => dispatched, RangeError, "hung up");

  assertEquals(listeners(), 0);
});

// What its options may be

for (const attempts of [0, -1, 1.5, NaN, -Infinity]) {
  Deno.test(`retry() refuses ${attempts} attempts`, () => {
    const error = assertThrows(() => retry({ attempts }), RangeError);

    assertEquals(error.message, `Cannot retry with ${attempts} attempts: must be a whole number from 1, or Infinity`);
  });
}

for (const option of ["delay", "factor", "maxDelay"]) {
  for (const value of [-1, NaN]) {
    Deno.test(`retry() refuses a ${option} of ${value}`, () => {
      const error = assertThrows(() => retry({ attempts: 2, [option]: value }), RangeError);

      assertEquals(error.message, `Cannot retry with a ${option} of ${value}: must be a number from 0`);
    });
  }
}

// What belongs to each attempt

class CreateUser extends Command<string> {}

class UserCreated extends Event {
  readonly attempt: number;

  constructor(attempt: number) {
    super();
    this.attempt = attempt;
  }
}

Deno.test("retry() builds a handler and a scope for each attempt, and disposes each scope", async () => {
  const log: string[] = [];
  let opened = 0;
  class UnitOfWork {
    readonly id = ++opened;
    [Symbol.dispose](): void {
      log.push(`disposed ${this.id}`);
    }
  }
  const container = new Container().bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
  const router = new MessageRouter(container);
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #work = inject(UnitOfWork);
    handle(_command: CreateUser): string {
      log.push(`attempt in ${this.#work.id}`);
      if (this.#work.id < 3) throw new Error("not yet");
      return `created in ${this.#work.id}`;
    }
  }

  assertEquals(await router.newCommandBus().use(retry({ attempts: 3 })).dispatch(new CreateUser()), "created in 3");
  assertEquals(log, ["attempt in 1", "disposed 1", "attempt in 2", "disposed 2", "attempt in 3", "disposed 3"]);
});

Deno.test("retry() starts each attempt with empty related events, and publishes those of the last one", async () => {
  const published: unknown[] = [];
  let attempt = 0;
  const router = new MessageRouter();
  router.newEventBus().subscribe(UserCreated, (event) => published.push(event.attempt));
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #events = inject(RelatedEvents);
    handle(_command: CreateUser): string {
      assertEquals(this.#events.size, 0);
      this.#events.add(new UserCreated(++attempt));
      if (attempt < 3) throw new Error("not yet");
      return "created";
    }
  }

  await router.newCommandBus().use(retry({ attempts: 3 })).dispatch(new CreateUser());

  assertEquals(published, [3]);
});

Deno.test("retry() on the event bus runs all handlers, and reports the one that keeps failing", async () => {
  const log: string[] = [];
  const failing = (_event: UserCreated, { handler }: HandlerContext) => {
    log.push(handler.name);
    throw new Error("never");
  };
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, () => log.push("other"))
    .subscribe(UserCreated, failing)
    .use(retry({ attempts: 2 }));

  const error = await assertRejects(() => events.dispatch(new UserCreated(1)), EventDispatchError);

  assertEquals(log.toSorted(), ["failing", "failing", "other"]);
  assertEquals(error.failures.map(({ handler }) => handler), [failing]);
});

Deno.test("retry() refuses to wait for NaN, and names the error that led to it", async () => {
  const failure = new Error("Retry-After: tomorrow");
  const queries = failingBus([failure]).use(retry({ attempts: 2, delay: () => Number("tomorrow") }));

  const error = await assertRejects(() => queries.dispatch(new FindPrice()), RangeError);

  assertEquals(error.message, "Cannot retry after NaN ms: must be a number");
  assertEquals(error.cause, failure);
});
