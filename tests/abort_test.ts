import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
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
