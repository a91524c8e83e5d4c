// How `retry` works with delays that an error asks for, with limits, and with signals.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { stub } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import { Event, EventDispatchError, MessageRouter, Query, retry, type RetryOptions, timeout } from "@cq/core";

class FindPrice extends Query<string> {}
class PriceChanged extends Event {}

class TooManyRequests extends Error {
  readonly retryAfterMs: number | undefined;

  constructor(retryAfterMs?: number) {
    super("Too many requests");
    this.retryAfterMs = retryAfterMs;
  }
}

/** How long `retry` waits after each of the given errors. */
async function waits(errors: readonly unknown[], options: Omit<RetryOptions, "attempts">): Promise<number[]> {
  using time = new FakeTime();
  const times: number[] = [];
  const queries = new MessageRouter().newQueryBus().use(retry({ ...options, attempts: errors.length + 1 }))
    .subscribe(FindPrice, () => {
      times.push(time.now);
      if (times.length <= errors.length) throw errors[times.length - 1];
      return "answered";
    });

  const dispatched = queries.dispatch(new FindPrice());
  while (await time.nextAsync());
  assertEquals(await dispatched, "answered");

  return times.slice(1).map((at, index) => at - times[index]!);
}

/** The outcome of a query whose handler aborts the caller's signal and fails with the given error. */
function dispatchAborted(
  reason: unknown,
  error: unknown,
  options: RetryOptions,
): { outcome: Promise<unknown>; count: () => number } {
  const controller = new AbortController();
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(retry(options)).subscribe(FindPrice, () => {
    attempts++;
    controller.abort(reason);
    throw error;
  });
  return { outcome: queries.dispatch(new FindPrice(), { signal: controller.signal }), count: () => attempts };
}

Deno.test("retry() backs off exponentially, with full jitter, up to a limit", async () => {
  const errors = Array.from({ length: 5 }, () => new Error("busy"));
  const options = { delay: 100, factor: 2, maxDelay: 500, jitter: true };
  const waitsWith = async (random: number) => {
    using _random = stub(Math, "random", () => random);
    return await waits(errors, options);
  };

  assertEquals(await waitsWith(0), [0, 0, 0, 0, 0]);
  assertEquals(await waitsWith(0.5), [50, 100, 200, 250, 250]);
  assertEquals(await waitsWith(0.99), [99, 198, 396, 495, 495]);
});

Deno.test("retry() waits as long as an error asks for, and otherwise as usual", async () => {
  const errors = [new TooManyRequests(), new TooManyRequests(3000), new TooManyRequests(), new TooManyRequests(90_000)];

  assertEquals(
    await waits(errors, {
      delay: (error, attempt) => (error as TooManyRequests).retryAfterMs ?? 100 * 2 ** (attempt - 1),
      maxDelay: 60_000,
    }),
    [100, 3000, 400, 60_000],
  );
});

Deno.test("retry() does not wait if an error asks for a time that has passed", async () => {
  const errors = [new TooManyRequests(-5)];

  assertEquals(await waits(errors, { delay: (error) => (error as TooManyRequests).retryAfterMs! }), [0]);
});

Deno.test("retry() never tries again after the AbortError of a signal that has fired, even if `on` accepts it", async () => {
  const reason = new DOMException("The client has gone", "AbortError");
  const { outcome, count } = dispatchAborted(reason, reason, { attempts: 5, on: () => true, delay: 100 });

  assertStrictEquals(await assertRejects(() => outcome), reason);
  assertEquals(count(), 1);
});

Deno.test("retry() never tries again after an AbortError that the handler made itself when the signal fired", async () => {
  const error = new DOMException("The request was aborted", "AbortError");
  const { outcome, count } = dispatchAborted("gone", error, { attempts: 5, on: [DOMException] });

  assertStrictEquals(await assertRejects(() => outcome), error);
  assertEquals(count(), 1);
});

for (const option of ["on", "delay"] as const) {
  for (const wait of [0, 100]) {
    const name =
      `retry() makes no further attempt if the signal fires while ${option} is called, with a wait of ${wait} ms`;
    Deno.test(name, async () => {
      using time = new FakeTime();
      const controller = new AbortController();
      const reason = new RangeError("hung up");
      let attempts = 0;
      const options: RetryOptions = {
        attempts: 3,
        delay: () => {
          if (option === "delay") controller.abort(reason);
          return wait;
        },
        on: () => {
          if (option === "on") controller.abort(reason);
          return true;
        },
      };
      const events = new MessageRouter().newEventBus().use(retry(options)).subscribe(PriceChanged, () => {
        attempts++;
        throw new Error("busy");
      });

      const dispatched = events.dispatch(new PriceChanged(), { signal: controller.signal });

      const error = await assertRejects(() => dispatched, EventDispatchError);
      assertStrictEquals(error.errors[0], reason);
      assertEquals([attempts, time.next()], [1, false]);
    });
  }
}

Deno.test("retry() outside of timeout() tries again after an attempt that took too long", async () => {
  using time = new FakeTime();
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(retry({ attempts: 3 }), timeout(100))
    .subscribe(FindPrice, (_query, { signal }) =>
      new Promise((resolve, reject) => {
        if (++attempts === 3) return resolve("answered");
        signal?.addEventListener("abort", () => reject(signal.reason));
      }));

  const dispatched = queries.dispatch(new FindPrice());
  while (await time.nextAsync());

  assertEquals(await dispatched, "answered");
  assertEquals(attempts, 3);
});

Deno.test("retry() inside of timeout() makes no further attempt once the time is up", async () => {
  using time = new FakeTime();
  const times: number[] = [];
  const queries = new MessageRouter().newQueryBus().use(timeout(250), retry({ attempts: 10, delay: 100 }))
    .subscribe(FindPrice, () => {
      times.push(time.now - time.start);
      throw new Error("busy");
    });

  const outcome = assertRejects(() => queries.dispatch(new FindPrice()), DOMException, "250 ms");
  while (await time.nextAsync());
  await outcome;

  assertEquals(times, [0, 100, 200]);
});

Deno.test("retry() waits as long as an error asks for, regardless of factor and jitter", async () => {
  using _random = stub(Math, "random", () => 0.5);
  const errors = [new TooManyRequests(3000), new TooManyRequests(), new TooManyRequests(90_000)];
  const retryAfter = (error: unknown) => (error as TooManyRequests).retryAfterMs;

  assertEquals(
    await waits(errors, { delay: 100, factor: 2, jitter: true, maxDelay: 60_000, retryAfter }),
    [3000, 100, 60_000],
  );
});

Deno.test("retry() never tries again after an AbortError, even if the caller's signal has not fired", async () => {
  const error = new DOMException("The inner request was called off", "AbortError");
  let attempts = 0;
  const queries = new MessageRouter().newQueryBus().use(retry({ attempts: 3 })).subscribe(Object, () => {
    attempts++;
    throw error;
  });

  assertStrictEquals(await assertRejects(() => queries.dispatch({})), error);
  assertEquals(attempts, 1);
});
