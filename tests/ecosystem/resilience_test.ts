import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Event, EventDispatchError, MessageRouter, type Middleware, Query } from "@cq/core";
import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  handleWhen,
  type IPolicy,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";

class FindPrice extends Query<string> {}
class PriceChanged extends Event {}

/** The one line that puts a policy on a bus. */
function under(policy: Pick<IPolicy, "execute">): Middleware {
  return (_message, next, { signal }) => policy.execute(({ signal }) => next(undefined, { signal }), signal);
}

Deno.test("A circuit breaker on a bus lets nothing through once it has opened, and tries again after a while", async () => {
  using time = new FakeTime();
  let calls = 0;
  let isClosed = true;
  const breaker = circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(2), halfOpenAfter: 1000 });
  const queries = new MessageRouter().newQueryBus().use(under(breaker)).subscribe(FindPrice, () => {
    calls++;
    if (isClosed) throw new Error("The shop is closed");
    return "99 EUR";
  });

  for (let count = 0; count < 2; count++) {
    await assertRejects(() => queries.dispatch(new FindPrice()), Error, "The shop is closed");
  }
  await assertRejects(() => queries.dispatch(new FindPrice()), BrokenCircuitError);
  assertEquals(calls, 2);

  isClosed = false;
  time.tick(1000);
  assertEquals(await queries.dispatch(new FindPrice()), "99 EUR");
});

Deno.test("A circuit breaker on a bus counts only the errors that it is told to", async () => {
  const breaker = circuitBreaker(handleWhen((error) => error instanceof RangeError), {
    breaker: new ConsecutiveBreaker(1),
    halfOpenAfter: 1000,
  });
  const queries = new MessageRouter().newQueryBus().use(under(breaker)).subscribe(FindPrice, () => {
    throw new TypeError("not the shop's fault");
  });

  for (let count = 0; count < 3; count++) await assertRejects(() => queries.dispatch(new FindPrice()), TypeError);
});

Deno.test("A bulkhead on a bus refuses messages beyond its limit, and lets others wait", async () => {
  const answers: ReturnType<typeof Promise.withResolvers<string>>[] = [];
  const queries = new MessageRouter().newQueryBus().use(under(bulkhead(1, 1))).subscribe(FindPrice, () => {
    const answer = Promise.withResolvers<string>();
    answers.push(answer);
    return answer.promise;
  });

  const first = queries.dispatch(new FindPrice());
  const second = queries.dispatch(new FindPrice());
  await assertRejects(() => queries.dispatch(new FindPrice()), BulkheadRejectedError);
  assertEquals(answers.length, 1);

  answers[0]!.resolve("first");
  assertEquals(await first, "first");
  while (answers.length < 2) await Promise.resolve();
  answers[1]!.resolve("second");
  assertEquals(await second, "second");
});

Deno.test("A policy on a bus passes the signal of the caller to the handler", async () => {
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  const policy = wrap(
    bulkhead(1),
    circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(9), halfOpenAfter: 1000 }),
  );
  const queries = new MessageRouter().newQueryBus().use(under(policy)).subscribe(FindPrice, (_query, { signal }) => {
    controller.abort(reason);
    signal?.throwIfAborted();
    return "99 EUR";
  });

  assertStrictEquals(
    await assertRejects(() => queries.dispatch(new FindPrice(), { signal: controller.signal })),
    reason,
  );
});

Deno.test("A policy on a bus may have its own signal, which the handler heeds", async () => {
  using time = new FakeTime();
  let isAborted = false;
  const queries = new MessageRouter().newQueryBus().use(under(timeout(100, TimeoutStrategy.Cooperative)))
    .subscribe(FindPrice, (_query, { signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          isAborted = true;
          resolve("too late");
        });
      }));

  const dispatched = queries.dispatch(new FindPrice());
  await time.tickAsync(100);

  assertEquals(await dispatched, "too late");
  assertEquals(isAborted, true);
});

Deno.test("A circuit breaker on the event bus is one for all handlers, which fail separately", async () => {
  const breaker = circuitBreaker(handleAll, { breaker: new ConsecutiveBreaker(1), halfOpenAfter: 1000 });
  const events = new MessageRouter().newEventBus({ order: "sequential" }).use(under(breaker))
    .subscribe(PriceChanged, () => {
      throw new RangeError("broken");
    })
    .subscribe(PriceChanged, () => {});

  const error = await assertRejects(() => events.dispatch(new PriceChanged()), EventDispatchError);

  assertEquals(error.errors.map((each) => each.constructor), [RangeError, BrokenCircuitError]);
});
