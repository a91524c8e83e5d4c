import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  captureError,
  type CaptureErrorOptions,
  type ErrorFilter,
  Event,
  MessageRouter,
  Query,
  type QueryBus,
  retry,
  type RetryOptions,
  timeout,
  using,
} from "@cq/core";
import { correlate } from "@cq/core/middlewares";

// Looked at: classes of ES and of ES5, of the language, abstract ones and proxies of them; lists of them; predicates as
// arrow functions, functions, async and with thenables; what plain JavaScript may give instead.

class Unavailable extends Error {}
class Overloaded extends Unavailable {}
abstract class Temporary extends Error {}
class Busy extends Temporary {}
class Fault {}
class UserCreated extends Event {}
class FindPrice extends Query<string> {}

/** What a compiler for ES5 makes of a class of errors. */
function OldError(this: Error, message: string): void {
  this.message = message;
}
OldError.prototype = Object.create(Error.prototype, { constructor: { value: OldError } });
const OldErrorClass = OldError as unknown as new (message: string) => Error;

function failingBus(error: unknown): { queries: QueryBus; attempts: () => number } {
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().subscribe(FindPrice, () => {
    attempts++;
    throw error;
  });
  return { queries, attempts: () => attempts };
}

async function isAccepted(on: ErrorFilter, error: unknown): Promise<[retried: boolean, reported: boolean]> {
  const { queries, attempts } = failingBus(error);
  const reports: unknown[] = [];
  queries.use(captureError((error) => reports.push(error), { on }), retry({ attempts: 2, on }));

  const [outcome] = await Promise.allSettled([queries.dispatch(new FindPrice())]);
  assertEquals(outcome, { status: "rejected", reason: error });

  return [attempts() === 2, reports.length === 1];
}

for (
  const [what, on, wanted, unwanted] of [
    ["a class", Unavailable, new Overloaded(), new Error()],
    ["an abstract class", Temporary, new Busy(), new Error()],
    ["a class of the language", RangeError, new RangeError(), new TypeError()],
    ["the class of all errors", Error, new TypeError(), "a string"],
    ["a class that is not of errors", Fault, new Fault(), new Error()],
    ["a class of the platform", DOMException, new DOMException("", "TimeoutError"), new TypeError()],
    ["a class that was compiled to a function", OldErrorClass, new OldErrorClass("old"), new Error()],
    ["a proxy of a class", new Proxy(Unavailable, {}), new Overloaded(), new Error()],
    ["a list of classes", [Unavailable, Temporary], new Busy(), new Error()],
    ["a predicate", (error: unknown) => error === "busy", "busy", "gone"],
    [
      "a function as a predicate",
      function isBusy(error: unknown): boolean {
        return error === "busy";
      },
      "busy",
      "gone",
    ],
    ["an async predicate", async (error: unknown) => await Promise.resolve(error === "busy"), "busy", "gone"],
    [
      "a predicate that returns a thenable",
      (error: unknown) => ({
        // deno-lint-ignore no-explicit-any -- as PromiseLike has it
        then: (resolve: any) => resolve(error === "busy"),
      }),
      "busy",
      "gone",
    ],
  ] as const satisfies readonly (readonly [string, ErrorFilter, unknown, unknown])[]
) {
  Deno.test(`retry() and captureError() accept ${what}`, async () => {
    assertEquals(await isAccepted(on, wanted), [true, true]);
    assertEquals(await isAccepted(on, unwanted), [false, false]);
  });
}

for (
  const [shown, on] of [
    ['"Unavailable"', "Unavailable"],
    ["null", null],
    ["7", 7],
    ["[object Object]", { name: "Unavailable" }],
    ["/busy/", /busy/],
    ["undefined", [Unavailable, undefined]],
    ['"isBusy"', [(() => {
      const isBusy = () => true;
      return isBusy;
    })()]],
    ['"Unavailable"', ["Unavailable"]],
    ["an object", [Object.create(null)]],
  ] as const
) {
  Deno.test(`retry() and captureError() refuse ${shown} ${Array.isArray(on) ? "in a list " : ""}as a filter`, () => {
    const options = { on } as unknown as RetryOptions & CaptureErrorOptions;
    const way = "it is not a class. Pass a class, a list of classes, or a function";

    assertEquals(assertThrows(() => retry(options), TypeError).message, `Cannot retry on ${shown}: ${way}`);
    assertEquals(
      assertThrows(() => captureError(() => {}, options), TypeError).message,
      `Cannot capture errors on ${shown}: ${way}`,
    );
  });
}

Deno.test("retry() and captureError() let out what a predicate throws or rejects with", async () => {
  const error = new RangeError("no answer");
  for (
    const on of [() => Promise.reject(error), () => {
      throw error;
    }]
  ) {
    const { queries } = failingBus(new Error("failure"));
    for (const middleware of [retry({ attempts: 2, on }), captureError(() => {}, { on })]) {
      assertStrictEquals(await assertRejects(() => queries.use(middleware).dispatch(new FindPrice())), error);
    }
  }
});

Deno.test("retry() makes no further attempt where the signal has fired while a predicate was awaited", async () => {
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  let attempts = 0;
  // The event bus starts a handler on a signal that has fired.
  const events = new MessageRouter().newEventBus().use(retry({
    attempts: 3,
    on: async () => {
      await Promise.resolve();
      controller.abort(reason);
      return true;
    },
  })).subscribe(UserCreated, () => {
    attempts++;
    throw new Error("busy");
  });

  const error = await assertRejects(() => events.dispatch(new UserCreated(), { signal: controller.signal }));

  assertStrictEquals((error as AggregateError).errors[0], reason);
  assertEquals(attempts, 1);
});

Deno.test("retry() with Infinity as its attempts tries until it succeeds", async () => {
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(retry({ attempts: Infinity })).subscribe(FindPrice, () => {
    if (++attempts < 500) throw new Error("busy");
    return "99";
  });

  assertEquals(await queries.dispatch(new FindPrice()), "99");
  assertEquals(attempts, 500);
});

// What plain JavaScript may give: it is refused when the middleware is made, and not at the first failure.

const NOT_NUMBERS: readonly (readonly [shown: string, value: unknown])[] = [
  ['"abc"', "abc"],
  ['"5"', "5"],
  ["5n", 5n],
  ["null", null],
  ["[object Object]", {}],
  ["true", true],
  ["Symbol(5)", Symbol("5")],
  ["an object", Object.create(null)],
];

for (const [shown, value] of NOT_NUMBERS) {
  Deno.test(`retry() from JavaScript refuses ${shown} where a number is expected`, () => {
    const errorOf = (options: object) => assertThrows(() => retry(options), RangeError).message;

    assertEquals(
      errorOf({ attempts: value }),
      `Cannot retry with ${shown} attempts: must be a whole number from 1, or Infinity`,
    );
    for (const option of ["delay", "factor", "maxDelay"]) {
      assertEquals(errorOf({ [option]: value }), `Cannot retry with a ${option} of ${shown}: must be a number from 0`);
    }
  });

  Deno.test(`timeout() from JavaScript refuses ${shown} where a number is expected`, () => {
    const message = `Cannot time out after ${shown} ms: must be a number from 0`;

    assertEquals(assertThrows(() => timeout(value as number), RangeError).message, message);
    assertEquals(assertThrows(() => timeout(1, { graceMs: value as number }), RangeError).message, message);
  });

  Deno.test(`retry() from JavaScript refuses ${shown} that a delay function returns, and names the error`, async () => {
    const failure = new Error("busy");
    const { queries } = failingBus(failure);
    queries.use(retry({ attempts: 2, delay: () => value as number }));
    const other = failingBus(failure).queries.use(retry({ attempts: 2, retryAfter: () => value as number }));

    for (const bus of value === null ? [queries] : [queries, other]) {
      const error = await assertRejects(() => bus.dispatch(new FindPrice()), RangeError);
      assertEquals(error.message, `Cannot retry after ${shown} ms: must be a number`);
      assertStrictEquals(error.cause, failure);
    }
  });
}

Deno.test("The middlewares from JavaScript refuse what is not a function where one is expected", () => {
  const messageOf = (make: () => unknown) => assertThrows(make, TypeError).message;

  assertEquals(
    messageOf(() => retry({ retryAfter: 5 } as unknown as RetryOptions)),
    "Cannot retry with a retryAfter of 5: must be a function",
  );
  assertEquals(
    messageOf(() => captureError("log" as never)),
    'Cannot report errors to "log": it is not a function',
  );
  assertEquals(messageOf(() => using({} as never)), 'Cannot open with an instance of "Object": it is not a function');
  assertEquals(
    messageOf(() => correlate({ createId: "id" as never })),
    'Cannot make ids with "id": it is not a function',
  );
});
