import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Command, Event, MemoryQueue, MessageRouter, Pipe, retry, timeout } from "@cq/core";
import { correlate } from "@cq/core/middlewares";

// What React Native and Hermes lack: DOMException, the method throwIfAborted and the property reason of signals, and
// crypto.getRandomValues. AggregateError they may lack too; the package needs it.

class Order extends Command<string> {}
class OrderPlaced extends Event {}

/** Takes a property away while a function runs. */
async function without(target: object, name: string, run: () => Promise<void>): Promise<void> {
  const descriptor = Object.getOwnPropertyDescriptor(target, name)!;
  Reflect.deleteProperty(target, name);
  try {
    await run();
  } finally {
    Object.defineProperty(target, name, descriptor);
  }
}

function onPoorRuntime(run: () => Promise<void>): () => Promise<void> {
  return () =>
    without(
      globalThis,
      "DOMException",
      () =>
        without(AbortSignal.prototype, "throwIfAborted", () =>
          without(AbortSignal.prototype, "reason", () =>
            without(globalThis, "crypto", run))),
    );
}

Deno.test(
  "timeout() without DOMException rejects with an Error named TimeoutError, and retry() repeats it",
  onPoorRuntime(async () => {
    using time = new FakeTime();
    let attempts = 0;
    const commands = new MessageRouter().newCommandBus().use(retry({ attempts: 2 }), timeout(15, { graceMs: 5 }))
      .subscribe(Order, (_command, { signal }) => {
        attempts++;
        return new Promise((_resolve, reject) => {
          if (attempts === 2) signal!.addEventListener("abort", () => reject(new Error("rolled back")));
        });
      });

    const outcome = assertRejects(() => commands.dispatch(new Order()));
    while (await time.nextAsync()) await time.runMicrotasks();

    const error = await outcome;
    assert(error instanceof Error);
    assertEquals([error.name, error.message], ["TimeoutError", 'Cannot handle "Order" within 15 ms']);
    assertEquals(String(error.cause), "Error: rolled back");
    assertEquals(attempts, 2);
  }),
);

Deno.test(
  "A signal without a reason rejects with an Error named AbortError, wherever a message is dispatched",
  onPoorRuntime(async () => {
    using time = new FakeTime();
    // The reasons are given, for the runtime of this test makes its own with DOMException, and are out of reach.
    const fired = new AbortController();
    fired.abort("hidden");
    const router = new MessageRouter();
    const commands = router.newCommandBus().subscribe(Order, () => "ordered");
    const events = router.newEventBus().subscribe(OrderPlaced, () => {});
    const dispatches = [
      () => commands.dispatch(new Order(), fired),
      () => events.dispatch(new OrderPlaced(), fired),
      () => new Pipe(Order, () => "ordered").dispatch(new Order(), fired),
      () => {
        const controller = new AbortController();
        const later = new MessageRouter().newCommandBus().subscribe(Order, () => "ordered");
        later.use((_message, next) => {
          controller.abort("hidden");
          return next();
        });
        return later.dispatch(new Order(), controller);
      },
      async () => {
        const controller = new AbortController();
        const waiting = new MessageRouter().newCommandBus().use(retry({ delay: 100 })).subscribe(Order, () => {
          throw new Error("busy");
        }).dispatch(new Order(), controller);
        await time.tickAsync(50);
        controller.abort("hidden");
        return await waiting;
      },
    ];
    for (const dispatch of dispatches) {
      const error = await assertRejects(dispatch);
      assert(error instanceof Error);
      assertEquals([error.name, error.message], ["AbortError", "The operation was aborted"]);
    }
    assertEquals(time.next(), false);
  }),
);

Deno.test(
  "The rest of the core works without DOMException, throwIfAborted and crypto",
  onPoorRuntime(async () => {
    const published: unknown[] = [];
    const router = new MessageRouter();
    const commands = router.newCommandBus().use(retry(), timeout(1_000), correlate({ createId: () => "m1" }))
      .subscribe(Order, (_command, { metadata }) => String(metadata.messageId));
    const events = router.newEventBus().subscribe(OrderPlaced, (event) => void published.push(event));
    const queue = new MemoryQueue<OrderPlaced>({ maxSize: 1 });
    await queue.send(new OrderPlaced());

    assertEquals(await commands.dispatch(new Order(), { signal: new AbortController().signal }), "m1");
    await events.dispatch(new OrderPlaced());
    assertEquals(published.length, 1);
  }),
);

Deno.test(
  "correlate() without crypto.getRandomValues says how to go on",
  onPoorRuntime(async () => {
    const commands = new MessageRouter().newCommandBus().use(correlate()).subscribe(Order, () => "ordered");

    const error = await assertRejects(() => commands.dispatch(new Order()), TypeError);

    assertEquals(
      error.message,
      "Cannot make a random id: the runtime has no crypto.getRandomValues. Pass createId to correlate()",
    );
  }),
);

Deno.test("A signal keeps its reason where the runtime has reasons, null included", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(Order, () => "ordered");
  const controller = new AbortController();
  controller.abort(null);

  const [outcome] = await Promise.allSettled([commands.dispatch(new Order(), controller)]);

  assert(outcome.status === "rejected");
  assertStrictEquals(outcome.reason, null);
});
