import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { captureError, Event, EventDispatchError, type HandlerContext, MessageRouter, Query, retry } from "@cq/core";
import { FindUser, loggingBus } from "./support/logging_bus.ts";

Deno.test("captureError() reports nothing if nothing fails", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([]).use(captureError((error) => reported.push(error)));

  assertEquals(await queries.dispatch(new FindUser()), "user Ada");
  assertEquals(reported, []);
});

Deno.test("captureError() reports the error, and lets it out as the same object", async () => {
  const failure = new RangeError("failure");
  const reported: unknown[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(captureError((error) => reported.push(error)))
    .subscribe(FindUser, () => Promise.reject(failure));

  assertStrictEquals(await assertRejects(() => queries.dispatch(new FindUser())), failure);
  assertEquals(reported.length, 1);
  assertStrictEquals(reported[0], failure);
});

Deno.test("captureError() gives the message and the context to the report", async () => {
  const reported: unknown[] = [];
  const message = new FindUser();
  const findUser = () => Promise.reject(new Error("failure"));
  const queries = new MessageRouter().newQueryBus()
    .use(captureError((_error, message, { kind, handler, metadata }) => {
      reported.push(message, kind, handler, metadata);
    }))
    .subscribe(FindUser, findUser);

  await assertRejects(() => queries.dispatch(message, { metadata: { requestId: 7 } }));

  assertEquals(reported, [message, "query", findUser, { requestId: 7 }]);
  assertStrictEquals(reported[0], message);
});

Deno.test("captureError() waits for the report before the error comes out", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const queries = loggingBus([], { failures: 1 }).use(captureError(async () => {
    await gate.promise;
    log.push("reported");
  }));

  const dispatched = queries.dispatch(new FindUser()).catch(() => log.push("rejected"));
  gate.resolve();
  await dispatched;

  assertEquals(log, ["reported", "rejected"]);
});

Deno.test("captureError() with rethrow: false makes the dispatch resolve to undefined", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([], { failures: 1 })
    .use(captureError((error) => reported.push(error), { rethrow: false }));

  assertEquals<unknown>(await queries.dispatch(new FindUser()), undefined);
  assertEquals(reported.map(String), ["Error: failure 1"]);
});

Deno.test("captureError() with classes reports their instances only", async () => {
  const reported: unknown[] = [];
  const errors = [new TypeError("reported"), new RangeError("not reported")];
  const queries = new MessageRouter().newQueryBus()
    .use(captureError((error) => reported.push(error), { on: [TypeError] }))
    .subscribe(FindUser, () => Promise.reject(errors.shift()));

  await assertRejects(() => queries.dispatch(new FindUser()), TypeError, "reported");
  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "not reported");

  assertEquals(reported.map(String), ["TypeError: reported"]);
});

Deno.test("captureError() with a predicate reports only errors for which it returns true", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([], { failures: 2 }).use(captureError((error) => reported.push(error), {
    on: (error) => (error as Error).message === "failure 2",
  }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 2");

  assertEquals(reported.map(String), ["Error: failure 2"]);
});

Deno.test("captureError() with rethrow: false lets out errors that it does not report", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([], { failures: 1 })
    .use(captureError((error) => reported.push(error), { on: [TypeError], rethrow: false }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 1");
  assertEquals(reported, []);
});

Deno.test("captureError() lets out the error of the report instead", async () => {
  const queries = loggingBus([], { failures: 1 }).use(captureError(() => {
    throw new RangeError("the log is full");
  }));

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "the log is full");
});

Deno.test("captureError() lets out the rejection of the report, even with rethrow: false", async () => {
  const queries = loggingBus([], { failures: 1 }).use(
    captureError(() => Promise.reject(new RangeError("the log is full")), { rethrow: false }),
  );

  await assertRejects(() => queries.dispatch(new FindUser()), RangeError, "the log is full");
});

Deno.test("captureError() around retry() reports only the last error", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([], { failures: 3 })
    .use(captureError((error) => reported.push(error)), retry({ attempts: 2 }));

  await assertRejects(() => queries.dispatch(new FindUser()), Error, "failure 2");
  assertEquals(reported.map(String), ["Error: failure 2"]);
});

Deno.test("captureError() inside retry() reports the error of each attempt", async () => {
  const reported: unknown[] = [];
  const queries = loggingBus([], { failures: 2 })
    .use(retry({ attempts: 3 }), captureError((error) => reported.push(error)));

  await queries.dispatch(new FindUser());

  assertEquals(reported.map(String), ["Error: failure 1", "Error: failure 2"]);
});

Deno.test("captureError() sees the error of a handler that fails silently", async () => {
  class Ping extends Query<string | undefined> {}
  const reported: unknown[] = [];
  const queries = new MessageRouter().newQueryBus()
    .use(captureError((error) => reported.push(error)))
    .subscribe(Ping, () => Promise.reject(new Error("no pong")), { failSilently: true });

  assertEquals(await queries.dispatch(new Ping()), undefined);
  assertEquals(reported.map(String), ["Error: no pong"]);
});

Deno.test("captureError() on the event bus reports the error of each handler with the handler", async () => {
  class UserCreated extends Event {}
  const reported: unknown[] = [];
  const sendMail = () => {
    throw new Error("no mail");
  };
  const count = () => Promise.reject(new Error("no count"));
  const report = (error: unknown, _message: object, { handler }: HandlerContext) =>
    reported.push([handler, String(error)]);
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, sendMail)
    .subscribe(UserCreated, count)
    .use(captureError(report));

  await assertRejects(() => events.dispatch(new UserCreated()), EventDispatchError);

  assertEquals(reported, [[sendMail, "Error: no mail"], [count, "Error: no count"]]);
});
