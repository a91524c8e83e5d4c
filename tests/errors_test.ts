import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CircularDependencyError,
  Command,
  DuplicateHandlerError,
  Event,
  EventDispatchError,
  type EventFailure,
  HandlerNotFoundError,
  MessageRouter,
  MiddlewareError,
  ProviderNotFoundError,
  Query,
} from "../mod.ts";

class Create extends Command<string> {}
class Find extends Query<string> {}
class Happened extends Event {}
class OtherHappened extends Event {}

/** Another class with the same name, as in a module that is loaded twice. */
function namesakes(): { Create: new () => Command<string>; Find: new () => Query<string> } {
  return {
    Create: class Create extends Command<string> {},
    Find: class Find extends Query<string> {},
  };
}

function failure(event: unknown, error: unknown, handler?: () => unknown): EventFailure {
  return { event, error, handler };
}

function sendMail() {}
function count() {}

Deno.test("CommandBus.dispatch() rejects if no handler is registered, and says how to register one", async () => {
  const commands = new MessageRouter().newCommandBus();

  const error = await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "Create": no command handler is registered. Register one with @commandHandler(Create), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
  assertEquals(error.name, "HandlerNotFoundError");
  assertEquals(error.kind, "command");
  assertStrictEquals(error.messageType, Create);
});

Deno.test("QueryBus.dispatch() rejects if no handler is registered, and says how to register one", async () => {
  const queries = new MessageRouter().newQueryBus();

  const error = await assertRejects(() => queries.dispatch(new Find()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "Find": no query handler is registered. Register one with @queryHandler(Find), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
  assertEquals(error.kind, "query");
  assertStrictEquals(error.messageType, Find);
});

Deno.test("CommandBus.dispatch() says if a different class with the same name has a handler", async () => {
  const commands = new MessageRouter().newCommandBus().subscribe(namesakes().Create, () => "created");

  const error = await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "Create": no command handler is registered. Register one with @commandHandler(Create), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so. " +
      'A different class named "Create" has a handler: the module that defines it may be loaded twice',
  );
});

Deno.test("QueryBus.dispatch() says if a different class with the same name has a handler", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(namesakes().Find, () => "found");

  const error = await assertRejects(() => queries.dispatch(new Find()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "Find": no query handler is registered. Register one with @queryHandler(Find), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so. " +
      'A different class named "Find" has a handler: the module that defines it may be loaded twice',
  );
});

Deno.test("CommandBus.dispatch() notices a class with the same name that got its handler after a dispatch", async () => {
  const commands = new MessageRouter().newCommandBus();
  const first = await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);
  commands.subscribe(namesakes().Create, () => "created");

  const second = await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);

  assertEquals(first.message.includes("A different class"), false);
  assertEquals(second.message.includes("A different class"), true);
});

Deno.test("QueryBus.dispatch() ignores a class with the same name on another bus", async () => {
  class Twin {}
  const twin = (() => class Twin {})();
  const router = new MessageRouter();
  router.newCommandBus().subscribe(twin, () => {});

  const error = await assertRejects(() => router.newQueryBus().dispatch(new Twin()), HandlerNotFoundError);

  assertEquals(
    error.message,
    'Cannot dispatch "Twin": no query handler is registered. Register one with @queryHandler(Twin), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
});

Deno.test("HandlerNotFoundError names a class without a name", () => {
  const error = new HandlerNotFoundError(class {}, { kind: "query" });

  assertEquals(
    error.message,
    'Cannot dispatch "(anonymous)": no query handler is registered. Register one with @queryHandler((anonymous)), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so",
  );
});

Deno.test("HandlerNotFoundError says the same of an event", () => {
  const error = new HandlerNotFoundError(Happened, { kind: "event", hasNamesake: true });

  assertEquals(
    error.message,
    'Cannot dispatch "Happened": no event handler is registered. Register one with @eventHandler(Happened), ' +
      "of the router that made the bus, or with subscribe() on the bus, and import the module that does so. " +
      'A different class named "Happened" has a handler: the module that defines it may be loaded twice',
  );
});

Deno.test("HandlerNotFoundError names the class of a message, not what its own data claims", async () => {
  const message = Object.assign(new Create(), JSON.parse('{"constructor": {"name": "Stranger"}}'));
  const commands = new MessageRouter().newCommandBus();

  const error = await assertRejects(() => commands.dispatch(message), HandlerNotFoundError);

  assertStrictEquals(error.messageType, Create);
});

Deno.test("DuplicateHandlerError names both handlers and the message", () => {
  const error = new DuplicateHandlerError(Create, { registered: sendMail, refused: count });

  assertEquals(
    error.message,
    'Cannot register "count" for "Create": "sendMail" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(error.name, "DuplicateHandlerError");
  assertStrictEquals(error.messageType, Create);
  assertStrictEquals(error.registered, sendMail);
  assertStrictEquals(error.refused, count);
});

Deno.test("DuplicateHandlerError names handlers without a name", () => {
  const [registered, refused] = [() => {}, class {}] as const;
  const error = new DuplicateHandlerError(class {}, { registered, refused });

  assertEquals(
    error.message,
    'Cannot register "(anonymous)" for "(anonymous)": "(anonymous)" handles it already. ' +
      "Commands and queries have exactly one handler",
  );
});

Deno.test("EventDispatchError names the event, each handler and what it threw", () => {
  const event = new Happened();
  const failures = [failure(event, new Error("No route"), sendMail), failure(event, new TypeError("No table"), count)];
  const error = new EventDispatchError(failures);

  assertEquals(error.message, 'Cannot complete "Happened": sendMail: No route; count: No table');
  assertEquals(error.name, "EventDispatchError");
  assertInstanceOf(error, AggregateError);
  assertEquals(error.errors, failures.map((one) => one.error));
  assertStrictEquals(error.failures, failures);
  assertStrictEquals(error.result, undefined);
});

Deno.test("EventDispatchError names each of several events once", () => {
  const [first, second, other] = [new Happened(), new Happened(), new OtherHappened()];
  const error = new EventDispatchError([
    failure(first, new Error("1"), sendMail),
    failure(first, new Error("2"), count),
    failure(second, new Error("3"), count),
    failure(other, new Error("4"), count),
  ]);

  assertEquals(
    error.message,
    'Cannot complete "Happened", "Happened", "OtherHappened": sendMail: 1; count: 2; count: 3; count: 4',
  );
});

Deno.test("EventDispatchError carries the result of the command whose events failed", () => {
  const result = { id: 42 };
  const error = new EventDispatchError([failure(new Happened(), new Error("No route"), sendMail)], { result });

  assertStrictEquals(error.result, result);
});

for (
  const [what, thrown, reason] of [
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a string", "No route", "No route"],
    ["a symbol", Symbol("lost"), "Symbol(lost)"],
    ["an error without a message", new RangeError(), "RangeError"],
    ["an object that says nothing", { code: 1 }, 'an instance of "Object"'],
  ] as const
) {
  Deno.test(`EventDispatchError describes ${what} that was thrown`, () => {
    const error = new EventDispatchError([failure(new Happened(), thrown, sendMail)]);

    assertEquals(error.message, `Cannot complete "Happened": sendMail: ${reason}`);
    assertStrictEquals(error.errors[0], thrown);
  });
}

// If the error could not be made, the dispatch would stay pending for ever.
for (
  const [what, thrown, name] of [
    ["an object without a prototype", Object.create(null), 'an instance of "Object"'],
    ["parsed data that hides toString", JSON.parse('{"toString": 1, "valueOf": 1}'), 'an instance of "Object"'],
    [
      "an error with parsed data for a message",
      Object.assign(new RangeError(), { message: { toString: 1 } }),
      "RangeError",
    ],
  ] as const
) {
  Deno.test(`EventDispatchError can be made of ${what} that was thrown`, () => {
    const error = new EventDispatchError([failure(new Happened(), thrown, sendMail)]);

    assertEquals(error.message, `Cannot complete "Happened": sendMail: ${name}`);
    assertStrictEquals(error.errors[0], thrown);
  });
}

Deno.test("EventDispatchError names no handler if the event did not reach one", () => {
  const error = new EventDispatchError([failure(new Happened(), new Error("No bus"))]);

  assertEquals(error.message, 'Cannot complete "Happened": No bus');
  assertStrictEquals(error.failures[0]?.handler, undefined);
});

for (
  const [what, event, name] of [
    ["a primitive", "text", "String"],
    ["null", null, "null"],
    ["undefined", undefined, "undefined"],
    ["an instance of an anonymous class", new (class {})(), "(anonymous)"],
  ] as const
) {
  Deno.test(`EventDispatchError names the class of ${what}`, () => {
    const error = new EventDispatchError([failure(event, new Error("No route"), sendMail)]);

    assertEquals(error.message, `Cannot complete "${name}": sendMail: No route`);
  });
}

for (
  const [what, json] of [
    ["a string", '{"constructor": "Stranger"}'],
    ["null", '{"constructor": null}'],
    ["an object", '{"constructor": {"name": "Stranger"}}'],
    ["an object that hides toString", '{"constructor": {"toString": 1}}'],
  ] as const
) {
  Deno.test(`EventDispatchError names the class of an event whose own constructor is ${what}`, () => {
    const event = Object.assign(new Happened(), JSON.parse(json));
    const error = new EventDispatchError([failure(event, new Error("No route"), sendMail)]);

    assertEquals(error.message, 'Cannot complete "Happened": sendMail: No route');
  });
}

Deno.test("EventDispatchError can be made of an event without a class", () => {
  const event = Object.create(null);
  const error = new EventDispatchError([failure(event, new Error("No class"))]);

  assertStrictEquals(error.failures[0]?.event, event);
});

Deno.test("MiddlewareError has the message that it is given", () => {
  const error = new MiddlewareError("Cannot run it");

  assertEquals([error.name, error.message], ["MiddlewareError", "Cannot run it"]);
  assertInstanceOf(error, Error);
});

Deno.test("ProviderNotFoundError names the missing token, the path to it, and the way out", () => {
  const error = new ProviderNotFoundError(["CreateUserHandler", "UserRepository", "Database"]);

  assertEquals(
    error.message,
    'Cannot resolve "Database": nothing is bound to it (CreateUserHandler → UserRepository → Database). ' +
      "Bind it first: container.bind(Database, () => …)",
  );
  assertEquals(error.name, "ProviderNotFoundError");
  assertEquals(error.path, ["CreateUserHandler", "UserRepository", "Database"]);
});

Deno.test("ProviderNotFoundError gives other advice if it gets some", () => {
  const error = new ProviderNotFoundError(["RelatedEvents"], { advice: "Ask in a command handler" });

  assertEquals(
    error.message,
    'Cannot resolve "RelatedEvents": nothing is bound to it (RelatedEvents). Ask in a command handler',
  );
});

Deno.test("CircularDependencyError names the token and the circle", () => {
  const error = new CircularDependencyError(["A", "B", "A"]);

  assertEquals(error.message, 'Cannot resolve "A": its dependencies form a circle (A → B → A)');
  assertEquals(error.name, "CircularDependencyError");
  assertEquals(error.path, ["A", "B", "A"]);
});
