import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Command, MessageRouter, timeout } from "@cq/core";
import { abortable, onAbort } from "../src/internal/abort.ts";
import { countAbortListeners } from "./support/abort_listeners.ts";

Deno.test("onAbort() calls the function once, with the reason, when the signal fires", () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const reasons: unknown[] = [];

  onAbort(controller.signal, (reason) => reasons.push(reason));
  assertEquals([reasons, listeners()], [[], 1]);
  controller.abort("hung up");

  assertEquals([reasons, listeners()], [["hung up"], 0]);
});

Deno.test("onAbort() calls the function at once if the signal has fired", () => {
  const signal = AbortSignal.abort("hung up");
  const listeners = countAbortListeners(signal);
  const reasons: unknown[] = [];

  onAbort(signal, (reason) => reasons.push(reason))();

  assertEquals([reasons, listeners()], [["hung up"], 0]);
});

Deno.test("onAbort() returns a function that stops listening", () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const reasons: unknown[] = [];

  onAbort(controller.signal, (reason) => reasons.push(reason))();
  controller.abort("hung up");

  assertEquals([reasons, listeners()], [[], 0]);
});

Deno.test("onAbort() does nothing without a signal", () => {
  onAbort(undefined, () => {
    throw new Error("called");
  })();
});

for (const [name, signal] of [["with", new AbortController().signal], ["without", undefined]] as const) {
  Deno.test(`abortable() ${name} a signal settles as what it started does`, async () => {
    const listeners = signal === undefined ? () => 0 : countAbortListeners(signal);
    let cancelled = 0;
    const cancel = () => void cancelled++;

    const resolved = abortable<string>(signal, (resolve) => {
      resolve("done");
      return cancel;
    });
    const rejected = abortable(signal, (_resolve, reject) => {
      reject(new RangeError("failed"));
      return cancel;
    });

    assertEquals(await resolved, "done");
    await assertRejects(() => rejected, RangeError, "failed");
    assertEquals([listeners(), cancelled], [0, 0]);
  });
}

Deno.test("abortable() rejects with the reason and cancels what it started when the signal fires", async () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const reason = new RangeError("hung up");
  let cancelled = 0;

  const waiting = abortable(controller.signal, () => () => void cancelled++);
  assertEquals(listeners(), 1);
  controller.abort(reason);

  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals([listeners(), cancelled], [0, 1]);
});

Deno.test("abortable() starts nothing if the signal has fired", async () => {
  let started = 0;

  const error = await assertRejects(() =>
    abortable(AbortSignal.abort(new RangeError("hung up")), () => void started++)
  );

  assertEquals([String(error), started], ["RangeError: hung up", 0]);
});

// On Node 20 each listener counts, and from eleven on it warns of a leak.

Deno.test("onAbort() puts one listener on a signal for all that wait for it", () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const calls: number[] = [];
  const forgets = Array.from({ length: 20 }, (_, index) => onAbort(controller.signal, () => calls.push(index)));
  assertEquals(listeners(), 1);

  for (const forget of forgets.slice(0, 18)) forget();
  forgets[0]!();
  assertEquals(listeners(), 1);
  controller.abort();

  assertEquals(calls, [18, 19]);
  assertEquals(listeners(), 0);
});

Deno.test("onAbort() takes the listener off with the last that waits, and puts one on again for the next", () => {
  const controller = new AbortController();
  const listeners = countAbortListeners(controller.signal);
  const calls: string[] = [];
  onAbort(controller.signal, () => calls.push("gone"))();
  assertEquals(listeners(), 0);

  onAbort(controller.signal, () => calls.push("here"));
  assertEquals(listeners(), 1);
  controller.abort();

  assertEquals(calls, ["here"]);
});

Deno.test("onAbort() does not call what one of those before it has stopped, and calls one function once for each wait", () => {
  const controller = new AbortController();
  const calls: string[] = [];
  const act = (reason: unknown) => {
    calls.push(`act ${reason}`);
    forget();
  };
  onAbort(controller.signal, act);
  onAbort(controller.signal, act);
  const forget = onAbort(controller.signal, () => calls.push("never"));

  controller.abort("stop");

  assertEquals(calls, ["act stop", "act stop"]);
});

Deno.test("timeout() puts one listener on the caller's signal for any number of dispatches", async () => {
  class Order extends Command<string> {}
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);
  const gate = Promise.withResolvers<string>();
  const commands = new MessageRouter().newCommandBus().use(timeout(60_000)).subscribe(Order, () => gate.promise);

  const dispatches = Array.from({ length: 20 }, () => commands.dispatch(new Order(), { signal }));
  assertEquals(listeners(), 1);
  gate.resolve("ordered");
  await Promise.all(dispatches);

  assertEquals(listeners(), 0);
});
