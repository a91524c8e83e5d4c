import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { createContext, runInContext } from "node:vm";
import {
  captureError,
  Command,
  type CommandBus,
  Event,
  EventDispatchError,
  HandlerNotFoundError,
  MemoryQueue,
  MessageRouter,
  Query,
  QueueClosedError,
  retry,
  timeout,
} from "@cq/core";
import { MessageValidationError, type Span, trace, type Tracer } from "@cq/core/middlewares";
import { describe, nameOf, reasonOf, typeNameOf } from "../src/naming.ts";

// Looked at: revoked proxies of objects, classes and errors; getters that throw, for `name`, `message`, `stack`,
// `constructor` and `toString`; a static `name` that throws, or is a symbol; values of another realm; thrown objects;
// each in every function that describes a value, and in all that makes a message of what it returns.

class Order extends Command<unknown> {}
class FindOrder extends Query<unknown> {}
class OrderPlaced extends Event {}

function revoked<T extends object>(target: T): T {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function fail(): never {
  throw new RangeError("The getter throws");
}

class Nameless extends Command<unknown> {
  static override get name(): string {
    return fail();
  }
}

class SymbolName {
  static readonly name = Symbol("name") as unknown as string;
}

/** A promise of the error itself would look for a method `then` of it. */
async function rejectionOf(promise: Promise<unknown>): Promise<{ readonly reason: unknown }> {
  const [outcome] = await Promise.allSettled([promise]);
  assert(outcome.status === "rejected");
  return outcome;
}

const realm = createContext({});
const HOSTILE: Readonly<Record<string, unknown>> = {
  "a revoked proxy": revoked({}),
  "a revoked proxy of a function": revoked(function handle() {}),
  "a revoked proxy of a class": revoked(class Order {}),
  "a revoked proxy of an error": revoked(new Error("failure")),
  "an error whose name and message throw": Object.defineProperties(new Error(), {
    name: { get: fail },
    message: { get: fail },
  }),
  "an error all of whose properties throw": new Proxy(new Error("failure"), { get: fail, getPrototypeOf: fail }),
  "an object that cannot be converted": { toString: fail, [Symbol.toPrimitive]: fail },
  "an object without a prototype": Object.create(null),
  "an object whose constructor throws": Object.create(Object.create(null, { constructor: { get: fail } })),
  "an instance of a class whose static name throws": new Nameless(),
  "a class whose static name throws": Nameless,
  "a class whose static name is a symbol": SymbolName,
  "an instance of a class whose static name is a symbol": new SymbolName(),
  "a symbol": Symbol("failure"),
};

for (const [what, value] of Object.entries(HOSTILE)) {
  Deno.test(`The functions that describe a value take ${what}`, () => {
    for (const describing of [nameOf, typeNameOf, describe, reasonOf]) {
      const text = describing(value);
      assertEquals([typeof text, text === ""], ["string", false]);
    }
  });

  Deno.test(`The errors of the library can be made of ${what}`, () => {
    const type = value as typeof Order;
    const handler = value as () => void;
    new EventDispatchError([{ event: value, handler, error: value }]);
    new EventDispatchError([{ event: value, handler: undefined, error: value }], { command: value, result: value });
    new HandlerNotFoundError(type, { kind: "command" });
    new QueueClosedError(value);
    new MessageValidationError(Order, [{ message: value as string }]);
  });

  Deno.test(`captureError() and retry() let ${what} out as it is, by each filter`, async () => {
    for (const on of [undefined, TypeError, [TypeError, RangeError], () => false] as const) {
      let reported = 0;
      const commands = new MessageRouter().newCommandBus()
        .use(captureError(() => reported++, { on }), retry({ attempts: 2, on }))
        .subscribe(Order, () => {
          throw value;
        });

      const { reason } = await rejectionOf(commands.dispatch(new Order()));

      assertStrictEquals(reason, value);
      assertEquals(reported, on === undefined ? 1 : 0);
    }
  });

  Deno.test(`trace() ends its span and lets ${what} out as it is`, async () => {
    const calls: string[] = [];
    const span: Span = {
      spanContext: () => ({ traceId: "1".repeat(32), spanId: "1".repeat(16), traceFlags: 1 }),
      setAttributes: ({ "cq.outcome": outcome }) => calls.push(String(outcome)),
      setStatus: ({ code }) => calls.push(`status ${code}`),
      // As OpenTelemetry's does.
      recordException(exception) {
        if (typeof exception !== "string") void `${exception.name} ${exception.message} ${exception.stack}`;
        calls.push("recorded");
      },
      end: () => calls.push("ended"),
    };
    const tracer: Tracer = {
      startActiveSpan: (_name: string, _options: unknown, run: unknown) =>
        (run as (span: Span) => Promise<unknown>)(span),
    };
    const commands = new MessageRouter().newCommandBus().use(trace(tracer)).subscribe(Order, () => {
      throw value;
    });

    assertStrictEquals((await rejectionOf(commands.dispatch(new Order()))).reason, value);
    assertEquals(calls, ["recorded", "status 2", "failure", "ended"]);
  });

  Deno.test(`EventBus.dispatch() reports ${what}, thrown by a handler and by a listener`, async () => {
    const events = new MessageRouter().newEventBus().subscribe(OrderPlaced, () => {
      throw value;
    }).listen(() => {
      throw value;
    });

    const error = await assertRejects(() => events.dispatch(new OrderPlaced()), EventDispatchError);
    assertEquals(error.errors.length, 2);
    for (const thrown of error.errors) assertStrictEquals(thrown, value);
  });

  Deno.test(`CommandBus.dispatch() reports ${what}, thrown by a listener`, async () => {
    const commands = new MessageRouter().newCommandBus().subscribe(Order, () => {}).listen(() => {
      throw value;
    });

    const error = await assertRejects(() => commands.dispatch(new Order()), AggregateError);
    assertStrictEquals(error.errors[0], value);
  });
}

Deno.test("timeout() ends the dispatch of a message whose class cannot be named", async () => {
  using time = new FakeTime();
  const never = () => new Promise(() => {});
  const revoker = Proxy.revocable(new FindOrder(), {});
  const messages: [bus: { dispatch(message: object): Promise<unknown> }, message: object, name: string][] = [
    [new MessageRouter().newCommandBus().use(timeout(10)).subscribe(Nameless, never), new Nameless(), "(anonymous)"],
    [
      new MessageRouter().newCommandBus().use(timeout(10)).subscribe(SymbolName, never) as CommandBus,
      new SymbolName(),
      "(anonymous)",
    ],
    // It is revoked while it is being handled.
    [new MessageRouter().newQueryBus().use(timeout(10)).subscribe(FindOrder, never), revoker.proxy, "Object"],
  ];
  for (const [bus, message, name] of messages) {
    const outcome = assertRejects(() => bus.dispatch(message), DOMException);
    if (message === revoker.proxy) revoker.revoke();
    await time.tickAsync(10);

    assertEquals((await outcome).message, `Cannot handle "${name}" within 10 ms`);
  }
});

Deno.test("MemoryQueue.close() rejects all senders, those of messages that cannot be named too", async () => {
  const queue = new MemoryQueue<object>();
  const messages = [revoked({}), new Nameless(), {}];
  const sendings = messages.map((message) => queue.send(message));

  queue.close();

  for (const sending of sendings) await assertRejects(() => sending, QueueClosedError);
});

Deno.test("CommandBus.dispatch() names a class without a handler where another class cannot be named", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(Nameless, () => {});

  await assertRejects(() => commands.dispatch(new Order()), HandlerNotFoundError, 'Cannot dispatch "Order"');
  await assertRejects(
    () => commands.dispatch(Nameless as unknown as Order),
    TypeError,
    'Cannot dispatch "(anonymous)"',
  );
});

// Reasons

for (
  const [what, thrown, reason] of [
    ["an object with a message", { code: 1, message: "disk full" }, "disk full"],
    [
      "an object without a prototype that has a message",
      Object.assign(Object.create(null), { message: "disk full" }),
      "disk full",
    ],
    ["an object with a name", { name: "Conflict" }, "Conflict"],
    ["an object with an empty message and a name", { message: "", name: "Conflict" }, "Conflict"],
    ["an object that converts itself", { toString: () => "E42" }, "E42"],
    ["an object whose message is an object", { message: { text: "disk full" } }, 'an instance of "Object"'],
    ["an error of another realm", runInContext(`new TypeError("disk full")`, realm), "disk full"],
    ["an error of another realm without a message", runInContext(`new TypeError()`, realm), "TypeError"],
    ["an object of another realm", runInContext(`({ message: "disk full" })`, realm), "disk full"],
    [
      "an error of a derived class without a message",
      new (class extends Error {
        override readonly name = "DiskFull";
      })(),
      "DiskFull",
    ],
    ["a class", RangeError, "RangeError"],
    ["a list", ["disk", "full"], "disk,full"],
    ["an empty list", [], 'an instance of "Array"'],
    ["an empty string", "", ""],
    ["a bigint", 5n, "5"],
  ] as const
) {
  Deno.test(`The reason of ${what} that was thrown is shown wherever reasons are`, async () => {
    const throwing = () => {
      throw thrown;
    };
    function sendMail(): never {
      throw thrown;
    }
    const router = new MessageRouter();
    const events = router.newEventBus().subscribe(OrderPlaced, sendMail);
    const eventError = await assertRejects(() => events.dispatch(new OrderPlaced()), EventDispatchError);
    assertEquals(eventError.message, `Cannot complete "OrderPlaced": sendMail: ${reason}`);

    const commands = router.newCommandBus().listen(throwing).subscribe(Order, () => {});
    const listenerError = await assertRejects(() => commands.dispatch(new Order()), AggregateError);
    assertEquals(listenerError.message, `Cannot dispatch "Order": its listeners failed: ${reason}`);

    const statuses: unknown[] = [];
    const exceptions: unknown[] = [];
    const span: Span = {
      spanContext: () => ({ traceId: "", spanId: "", traceFlags: 0 }),
      setAttributes: () => {},
      setStatus: ({ message }) => statuses.push(message),
      recordException: (exception) => void exceptions.push(exception),
      end: () => {},
    };
    const tracer: Tracer = {
      startActiveSpan: (_name: string, _options: unknown, run: unknown) =>
        (run as (span: Span) => Promise<unknown>)(span),
    };
    const queries = router.newQueryBus().use(trace(tracer)).subscribe(FindOrder, throwing);
    await queries.dispatch(new FindOrder()).catch(() => {});
    assertEquals(statuses, [reason]);
    assert(exceptions[0] === thrown || exceptions[0] === reason);
  });
}

Deno.test("trace() records an error of another realm as it is, with its stack, and its type", async () => {
  const error = runInContext(`new TypeError("disk full")`, realm);
  const recorded: unknown[] = [];
  const span: Span = {
    spanContext: () => ({ traceId: "", spanId: "", traceFlags: 0 }),
    setAttributes: (attributes) => recorded.push(attributes["error.type"]),
    setStatus: () => {},
    recordException: (exception) => void recorded.push(exception),
    end: () => {},
  };
  const tracer: Tracer = {
    startActiveSpan: (_name: string, _options: unknown, run: unknown) =>
      (run as (span: Span) => Promise<unknown>)(span),
  };
  const queries = new MessageRouter().newQueryBus().use(trace(tracer)).subscribe(FindOrder, () => {
    throw error;
  });

  await queries.dispatch(new FindOrder()).catch(() => {});

  assertStrictEquals(recorded[0], error);
  assertEquals(recorded[1], "TypeError");
});

Deno.test("MessageValidationError can be made of issues that are not as they should be", () => {
  const issues = [
    { message: undefined },
    { message: 5, path: [null, undefined, Symbol("key")] },
    { message: { text: "wrong" } },
  ] as unknown as ConstructorParameters<typeof MessageValidationError>[1];

  const error = new MessageValidationError(Order, issues);

  assertEquals(
    error.message,
    'Cannot handle "Order": undefined; [null][undefined][Symbol(key)]: 5; an instance of "Object"',
  );
});
