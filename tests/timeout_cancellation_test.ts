import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { EventEmitter, once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createContext, runInContext } from "node:vm";
import {
  type AnyMiddleware,
  Command,
  type DispatchOptions,
  Event,
  EventDispatchError,
  MemoryQueue,
  MessageRouter,
  NonRetryableError,
  Pipe,
  Pump,
  Query,
  retry,
  timeout,
} from "@cq/core";

class Order extends Command<unknown> {}
class FindOrder extends Query<unknown> {}
class OrderPlaced extends Event {}
class OrderRun {}

type Handle = (signal: AbortSignal) => unknown;

/** All that carries a message through middlewares to a handler. Each rejects with what came out of the middlewares. */
const CARRIERS: Readonly<
  Record<string, { readonly message: string; readonly carry: (m: AnyMiddleware[], handle: Handle) => Promise<unknown> }>
> = {
  "the command bus": {
    message: "Order",
    carry: (middlewares, handle) =>
      new MessageRouter().newCommandBus().use(...middlewares)
        .subscribe(Order, (_command, { signal }) => handle(signal!)).dispatch(new Order()),
  },
  "the query bus": {
    message: "FindOrder",
    carry: (middlewares, handle) =>
      new MessageRouter().newQueryBus().use(...middlewares)
        .subscribe(FindOrder, (_query, { signal }) => handle(signal!)).dispatch(new FindOrder()),
  },
  "the event bus": {
    message: "OrderPlaced",
    carry: (middlewares, handle) =>
      new MessageRouter().newEventBus().use(...middlewares)
        .subscribe(OrderPlaced, (_event, { signal }) => handle(signal!))
        .subscribe(OrderPlaced, () => {})
        .dispatch(new OrderPlaced()).catch(unwrap),
  },
  "an event bus that is sequential": {
    message: "OrderPlaced",
    carry: (middlewares, handle) =>
      new MessageRouter().newEventBus({ order: "sequential" }).use(...middlewares)
        .subscribe(OrderPlaced, (_event, { signal }) => handle(signal!))
        .dispatch(new OrderPlaced()).catch(unwrap),
  },
  "a pipe": {
    message: "Order",
    carry: (middlewares, handle) =>
      new Pipe(Order, (_message: object, options?: DispatchOptions) => handle(options!.signal!)).use(...middlewares)
        .dispatch(new Order()),
  },
  "a pipeline, in a later step": {
    message: "Order",
    carry: (middlewares, handle) => {
      const router = new MessageRouter();
      router.commandHandler(Order)(
        class {
          handle(_command: Order): string {
            return "ordered";
          }
        },
      );
      router.queryHandler(FindOrder)(
        class {
          handle(_query: FindOrder, { signal }: { readonly signal: AbortSignal | undefined }): unknown {
            return handle(signal!);
          }
        },
      );
      return router.commandPipeline(Order, OrderRun).query(() => new FindOrder()).use(...middlewares)
        .dispatch(new Order());
    },
  },
  "a pump": {
    message: "Order",
    carry: async (middlewares, handle) => {
      const queue = new MemoryQueue<Order>({ maxSize: 1 });
      await queue.send(new Order());
      queue.close();
      return await new Pump(queue, (_order: Order, options) => handle(options!.signal!)).use(...middlewares).drain();
    },
  },
};

function unwrap(error: unknown): never {
  assert(error instanceof EventDispatchError);
  throw error.errors[0];
}

function failFired(signal: AbortSignal, newError: () => unknown): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(newError())));
}

/** As Node answers a fired signal: with an error of its own, whose cause is the reason. */
function answerAsNode(signal: AbortSignal): Promise<never> {
  return failFired(
    signal,
    () => Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError" }),
  );
}

/** The names of an error and its causes. It would not end where an error were its own cause. */
function chainOf(error: unknown): string[] {
  return error instanceof Error ? [`${error.name}: ${error.message}`, ...chainOf(error.cause)] : [];
}

for (const [name, { message, carry }] of Object.entries(CARRIERS)) {
  for (const graceMs of [0, 50, Infinity]) {
    // With real time: fake time would not let the handler go on between two timers that are due at the same moment.
    Deno.test(`timeout() with a grace of ${graceMs} ms on ${name} is repeated by retry(), and comes out with the handler's error as its cause`, async () => {
      let attempts = 0;
      const handle = (signal: AbortSignal) => {
        attempts++;
        return answerAsNode(signal);
      };

      const error = await assertRejects(() => carry([retry({ attempts: 3 }), timeout(1, { graceMs })], handle));

      const late = `TimeoutError: Cannot handle "${message}" within 1 ms`;
      assertEquals(chainOf(error), [late, "AbortError: The operation was aborted", late]);
      assertEquals([error instanceof DOMException, attempts], [true, 3]);
    });
  }

  Deno.test(`timeout() on ${name} lets the reason of its signal out as it is`, async () => {
    using time = new FakeTime();
    let reason: unknown;
    const handle = (signal: AbortSignal) =>
      failFired(signal, () => {
        return reason = signal.reason;
      });

    const outcome = assertRejects(() => carry([timeout(15, { graceMs: 50 })], handle));
    while (await time.nextAsync()) await time.runMicrotasks();

    assertStrictEquals(await outcome, reason);
    assertEquals((reason as Error).cause, undefined);
  });

  Deno.test(`retry() on ${name} repeats no AbortError of another realm and no NonRetryableError`, async () => {
    const realm = createContext({ DOMException });
    class CardExpired extends NonRetryableError {
      override readonly name = "CardExpired";
    }
    const errors = [
      new DOMException("off", "AbortError"),
      Object.assign(new Error("off"), { name: "AbortError" }),
      runInContext(`Object.assign(new Error("off"), { name: "AbortError" })`, realm),
      { name: "AbortError", message: "off" },
      new NonRetryableError("off"),
      new CardExpired("off"),
    ];
    for (const error of errors) {
      let attempts = 0;
      const handle = () => {
        attempts++;
        throw error;
      };
      const outcome = await carry([retry({ attempts: 3 })], handle).then(() => "handled", (thrown) => thrown);

      assertStrictEquals(outcome, error);
      assertEquals(attempts, 1);
    }
  });
}

for (
  const [what, wait] of Object.entries<Handle>({
    "setTimeout of node:timers/promises": (signal) => delay(60_000, undefined, { signal }),
    "once() of node:events": (signal) => once(new EventEmitter(), "never", { signal }),
    "a stream of Node": (signal) => pipeline(new Readable({ read() {} }), new PassThrough(), { signal }),
    "an error that is named CanceledError, as that of axios": (signal) =>
      failFired(signal, () => Object.assign(new Error("canceled"), { name: "CanceledError", code: "ERR_CANCELED" })),
    "a value that is not an error": (signal) => failFired(signal, () => "aborted"),
  })
) {
  Deno.test(`timeout() comes out where the handler awaits ${what}`, async () => {
    let attempts = 0;
    const commands = new MessageRouter().newCommandBus().use(retry({ attempts: 2 }), timeout(1))
      .subscribe(Order, (_command, { signal }) => {
        attempts++;
        return wait(signal!);
      });

    const error = await assertRejects(() => commands.dispatch(new Order()), DOMException);

    assertEquals([error.name, error.message], ["TimeoutError", 'Cannot handle "Order" within 1 ms']);
    assert(error.cause !== undefined);
    assertEquals(attempts, 2);
  });
}

Deno.test("timeout() lets an AbortError out that comes before its time is up", async () => {
  const error = new DOMException("off", "AbortError");
  const commands = new MessageRouter().newCommandBus().use(timeout(60_000)).subscribe(Order, () => {
    throw error;
  });

  assertStrictEquals(await assertRejects(() => commands.dispatch(new Order())), error);
});

Deno.test("timeout() lets the handler's error out where the caller's signal has fired before its timer", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const error = new RangeError("hung up");
  const gate = Promise.withResolvers<void>();
  const commands = new MessageRouter().newCommandBus().use(timeout(15, { graceMs: 50 }))
    .subscribe(Order, () => gate.promise);

  const dispatched = assertRejects(() => commands.dispatch(new Order(), { signal: controller.signal }));
  controller.abort();
  await time.tickAsync(20);
  gate.reject(error);

  assertStrictEquals(await dispatched, error);
});

Deno.test("timeout() inside another one names the one whose time was up first", async () => {
  const queries = new MessageRouter().newQueryBus().use(timeout(1), timeout(60_000))
    .subscribe(FindOrder, (_query, { signal }) => answerAsNode(signal!));

  assertEquals(chainOf(await assertRejects(() => queries.dispatch(new FindOrder()))), [
    'TimeoutError: Cannot handle "FindOrder" within 1 ms',
    "AbortError: The operation was aborted",
    'TimeoutError: Cannot handle "FindOrder" within 1 ms',
  ]);
});

Deno.test("retry() on a pump repeats no EventDispatchError that holds nothing but errors that are not to be repeated", async () => {
  const runs = async (...errors: unknown[]) => {
    let attempts = 0;
    const events = new MessageRouter().newEventBus();
    for (const error of errors) {
      events.subscribe(OrderPlaced, () => {
        attempts++;
        throw error;
      });
    }
    const queue = new MemoryQueue<OrderPlaced>({ maxSize: 1 });
    await queue.send(new OrderPlaced());
    queue.close();
    await assertRejects(() => new Pump(queue, events).use(retry({ attempts: 2 })).drain(), EventDispatchError);
    return attempts / errors.length;
  };

  assertEquals(await runs(new NonRetryableError("off")), 1);
  assertEquals(await runs(new NonRetryableError("off"), new DOMException("off", "AbortError")), 1);
  assertEquals(await runs(new NonRetryableError("off"), new Error("busy")), 2);
});
