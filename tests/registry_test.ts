import { assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  DuplicateHandlerError,
  Event,
  HandlerRegistry,
  MessageRouter,
  type MessageType,
  Query,
  type Registration,
} from "../mod.ts";

class Base extends Query<string> {}
class Middle extends Base {}
class Leaf extends Middle {}
class Sibling extends Base {}

class Happened extends Event {}
class SpecialHappened extends Happened {}
class OtherHappened extends Happened {}

function registration(source: () => unknown): Registration {
  return { source, isClass: false, failSilently: false };
}

Deno.test("HandlerRegistry.find() finds a handler of the class itself", () => {
  const registry = new HandlerRegistry("single");
  const handler = registration(() => {});
  registry.register(Base, handler);

  assertEquals(registry.find(Base.prototype), [handler]);
});

Deno.test("HandlerRegistry.find() finds nothing if neither the class nor a base has a handler", () => {
  for (const kind of ["single", "multiple"] as const) {
    const registry = new HandlerRegistry(kind);
    registry.register(Leaf, registration(() => {}));

    assertEquals(registry.find(Middle.prototype), []);
  }
});

Deno.test("HandlerRegistry.messageTypes lists the registered classes in order, each once", () => {
  const registry = new HandlerRegistry("multiple");
  assertEquals(registry.messageTypes, []);

  registry.register([SpecialHappened, Happened], registration(() => {}));
  registry.register(Happened, registration(() => {}));
  registry.register(OtherHappened, registration(() => {}));

  assertEquals(registry.messageTypes, [SpecialHappened, Happened, OtherHappened]);
});

Deno.test("HandlerRegistry.messageTypes names the class that a proxy stands for", () => {
  const registry = new HandlerRegistry("single");
  registry.register(new Proxy(Base, {}), registration(() => {}));

  assertEquals(registry.messageTypes, [Base]);
});

Deno.test("HandlerRegistry.version changes with each registration, and not with a refused one", () => {
  const registry = new HandlerRegistry("single");
  const empty = registry.version;
  registry.register(Base, registration(() => {}));
  const one = registry.version;
  assertNotEquals(one, empty);

  assertThrows(() => registry.register(Base, registration(() => {})), DuplicateHandlerError);
  assertEquals(registry.version, one);
});

Deno.test("HandlerRegistry.inOrder() sorts handlers by registration, not by distance from the class", () => {
  const registry = new HandlerRegistry("multiple");
  const base = registration(() => "base");
  const own = registration(() => "own");
  registry.register(Happened, base);
  registry.register(SpecialHappened, own);

  const found = registry.find(SpecialHappened.prototype);
  assertEquals(found, [own, base]);
  assertEquals(registry.inOrder(found), [base, own]);
});

Deno.test("HandlerRegistry.hasNamesake() is true only for another class with the same name", () => {
  const namesake = (() => class Base extends Query<string> {})();
  const registry = new HandlerRegistry("single");
  registry.register(Base, registration(() => {}));

  assertEquals(registry.hasNamesake(namesake), true);
  assertEquals(registry.hasNamesake(Base), false);
  assertEquals(registry.hasNamesake(Leaf), false);
});

Deno.test("HandlerRegistry.hasNamesake() is false for classes without a name", () => {
  const anonymous = () => class extends Query<string> {};
  const registry = new HandlerRegistry("single");
  registry.register(anonymous(), registration(() => {}));

  assertEquals(registry.hasNamesake(anonymous()), false);
});

Deno.test("HandlerRegistry.register() refuses a second handler of a class and keeps the first one", () => {
  const registry = new HandlerRegistry("single");
  const first = registration(function first() {});
  const second = registration(function second() {});
  registry.register(Base, first);

  const error = assertThrows(() => registry.register(Base, second), DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "second" for "Base": "first" handles it already. Commands and queries have exactly one handler',
  );
  assertStrictEquals(error.messageType, Base);
  assertStrictEquals(error.registered, first.source);
  assertStrictEquals(error.refused, second.source);
  assertEquals(registry.find(Base.prototype), [first]);
});

Deno.test("HandlerRegistry.register() refuses the same handler a second time too", () => {
  const registry = new HandlerRegistry("single");
  const only = registration(function only() {});
  registry.register(Base, only);

  assertEquals(
    assertThrows(() => registry.register(Base, only), DuplicateHandlerError).message,
    'Cannot register "only" for "Base": "only" handles it already. Commands and queries have exactly one handler',
  );
});

Deno.test("HandlerRegistry.register() registers none of several classes if one is taken", () => {
  const registry = new HandlerRegistry("single");
  const first = registration(function first() {});
  const both = registration(function both() {});
  registry.register(Sibling, first);

  const error = assertThrows(() => registry.register([Leaf, Sibling], both), DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "both" for "Sibling": "first" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(registry.find(Leaf.prototype), []);
  assertEquals(registry.find(Sibling.prototype), [first]);
  assertEquals(registry.messageTypes, [Sibling]);
});

Deno.test("HandlerRegistry.register() registers a class once that a list names twice", () => {
  const registry = new HandlerRegistry("single");
  const handler = registration(() => {});
  registry.register([Base, Base], handler);

  assertEquals(registry.find(Base.prototype), [handler]);
});

Deno.test("HandlerRegistry.register() accepts a handler of a class beside one of its base", () => {
  const registry = new HandlerRegistry("single");
  const base = registration(() => "base");
  const leaf = registration(() => "leaf");
  registry.register(Base, base);
  registry.register(Leaf, leaf);

  assertEquals(registry.find(Leaf.prototype), [leaf]);
  assertEquals(registry.find(Base.prototype), [base]);
});

const NOT_CLASSES: readonly (readonly [what: string, value: unknown, name: string])[] = [
  ["an arrow function", () => {}, "(anonymous)"],
  ["a generator function", function* generate() {}, "generate"],
  ["a bound class", Base.bind(null), "bound Base"],
  ["a name", "CreateUser", "CreateUser"],
  ["an instance", { toString: () => "an instance" }, "an instance"],
  ["null", null, "null"],
];

for (const [what, value, name] of NOT_CLASSES) {
  Deno.test(`HandlerRegistry.register() refuses ${what} as a class of message`, () => {
    const registry = new HandlerRegistry("multiple");
    const error = assertThrows(() => registry.register(value as MessageType, registration(() => {})), TypeError);

    assertEquals(error.message, `Cannot register a handler for "${name}": it is not a class`);
    assertEquals(registry.messageTypes, []);
  });
}

Deno.test("HandlerRegistry.register() refuses a constructor function whose prototype does not name it", () => {
  // Its instances would lead to the base class, and the handler would never be found.
  function Nameless() {}
  Nameless.prototype = Object.create(Base.prototype);
  const registry = new HandlerRegistry("single");

  const error = assertThrows(
    () => registry.register(Nameless as unknown as MessageType, registration(() => {})),
    TypeError,
  );
  assertEquals(error.message, 'Cannot register a handler for "Nameless": it is not a class');
});

Deno.test("HandlerRegistry.register() registers none of several classes if one is not a class", () => {
  const registry = new HandlerRegistry("multiple");
  const types = [Happened, undefined] as unknown as readonly MessageType[];

  assertEquals(
    assertThrows(() => registry.register(types, registration(() => {})), TypeError).message,
    'Cannot register "(anonymous)": the class of its message is undefined. The usual cause is a circular import: move ' +
      "the class to a module of its own",
  );
  assertEquals(registry.messageTypes, []);
});

Deno.test("Bus.dispatch() passes a message to the nearest handler on its prototype chain", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Base, () => "base").subscribe(Middle, () => "middle");

  assertEquals(await queries.dispatch(new Base()), "base");
  assertEquals(await queries.dispatch(new Middle()), "middle");
  assertEquals(await queries.dispatch(new Leaf()), "middle");
  assertEquals(await queries.dispatch(new Sibling()), "base");
});

Deno.test("Bus.dispatch() is not affected by a handler of a sibling class", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Base, () => "base");
  assertEquals(await queries.dispatch(new Leaf()), "base");

  queries.subscribe(Sibling, () => "sibling");

  assertEquals(await queries.dispatch(new Leaf()), "base");
  assertEquals(await queries.dispatch(new Sibling()), "sibling");
});

Deno.test("Bus.dispatch() is not affected by a handler of a subclass", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Base, () => "base");
  assertEquals(await queries.dispatch(new Base()), "base");

  queries.subscribe(Leaf, () => "leaf");

  assertEquals(await queries.dispatch(new Base()), "base");
  assertEquals(await queries.dispatch(new Middle()), "base");
});

Deno.test("Bus.dispatch() picks up a nearer handler that is registered after a dispatch", async () => {
  const queries = new MessageRouter().newQueryBus().subscribe(Base, () => "base");
  assertEquals(await queries.dispatch(new Leaf()), "base");

  queries.subscribe(Middle, () => "middle");
  assertEquals(await queries.dispatch(new Leaf()), "middle");

  queries.subscribe(Leaf, () => "leaf");
  assertEquals(await queries.dispatch(new Leaf()), "leaf");
});

Deno.test("Bus.subscribe() keeps the first handler when it refuses a second one", async () => {
  class Create extends Command<string> {}
  const commands = new MessageRouter().newCommandBus().subscribe(Create, function first() {
    return "first";
  });
  assertEquals(await commands.dispatch(new Create()), "first");

  const error = assertThrows(() =>
    commands.subscribe(Create, function second() {
      return "second";
    }), DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "second" for "Create": "first" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(await commands.dispatch(new Create()), "first");
});

Deno.test("EventBus.dispatch() runs every handler on the prototype chain, those of its own class first", async () => {
  const calls: string[] = [];
  const events = new MessageRouter().newEventBus()
    .subscribe(Happened, () => calls.push("base 1"))
    .subscribe(Event, () => calls.push("every event"))
    .subscribe(SpecialHappened, () => calls.push("own 1"))
    .subscribe(OtherHappened, () => calls.push("sibling"))
    .subscribe(Happened, () => calls.push("base 2"))
    .subscribe(SpecialHappened, () => calls.push("own 2"));

  await events.dispatch(new SpecialHappened());

  assertEquals(calls, ["own 1", "own 2", "base 1", "base 2", "every event"]);
});

Deno.test("EventBus.dispatch() runs a handler once that is registered for a class and its base", async () => {
  const received: Event[] = [];
  const handle = (event: Event) => received.push(event);
  const events = new MessageRouter().newEventBus()
    .subscribe(Happened, handle)
    .subscribe(SpecialHappened, handle)
    .subscribe(Event, handle);
  const event = new SpecialHappened();

  await events.dispatch(event);

  assertEquals(received.length, 1);
  assertStrictEquals(received[0], event);
});

Deno.test("EventBus.dispatch() runs a handler once that is registered twice for a class", async () => {
  let calls = 0;
  const handle = () => calls++;
  const events = new MessageRouter().newEventBus().subscribe(Happened, handle).subscribe(Happened, handle);

  await events.dispatch(new Happened());

  assertEquals(calls, 1);
});

Deno.test("EventBus.dispatch() takes the options of the nearest registration of a handler", async () => {
  const fail = () => {
    throw new Error("Out of order");
  };
  const events = new MessageRouter().newEventBus()
    .subscribe(Happened, fail)
    .subscribe(SpecialHappened, fail, { failSilently: true });

  // Silent only for the subclass.
  await events.dispatch(new SpecialHappened());
  const outcome = await events.dispatch(new OtherHappened()).then(() => "resolved", (error: Error) => error.message);
  assertEquals(outcome, 'Cannot complete "OtherHappened": fail: Out of order');
});

Deno.test("EventBus.dispatch() picks up handlers that are registered after a dispatch", async () => {
  const calls: string[] = [];
  const events = new MessageRouter().newEventBus();
  await events.dispatch(new SpecialHappened());

  events.subscribe(SpecialHappened, () => calls.push("own"));
  await events.dispatch(new SpecialHappened());
  events.subscribe(Happened, () => calls.push("base"));
  await events.dispatch(new SpecialHappened());

  assertEquals(calls, ["own", "own", "base"]);
});

Deno.test("EventBus.dispatch() is not affected by a handler of a sibling class", async () => {
  const calls: string[] = [];
  const events = new MessageRouter().newEventBus().subscribe(SpecialHappened, () => calls.push("special"));
  await events.dispatch(new SpecialHappened());

  events.subscribe(OtherHappened, () => calls.push("other"));
  await events.dispatch(new SpecialHappened());

  assertEquals(calls, ["special", "special"]);
});

for (const kind of ["single", "multiple"] as const) {
  Deno.test(`HandlerRegistry.register() of the kind "${kind}" refuses an empty list and a list with a hole`, () => {
    const registry = new HandlerRegistry(kind);
    const version = registry.version;
    function handle() {}

    const messageOf = (types: readonly MessageType[]) =>
      assertThrows(() => registry.register(types, registration(handle)), TypeError).message;

    assertEquals(
      messageOf([]),
      'Cannot register "handle" for an empty list: name at least one class of message',
    );
    // deno-lint-ignore no-sparse-arrays -- what plain JavaScript may give
    assertEquals(
      messageOf([Happened, ,] as MessageType[]),
      'Cannot register "handle": the class of its message is undefined. The usual cause is a circular import: move the ' +
        "class to a module of its own",
    );
    assertEquals(registry.version, version);
  });
}

Deno.test("Bus.subscribe() from JavaScript refuses an empty list of messages", () => {
  const events = new MessageRouter().newEventBus();

  assertThrows(
    () => events.subscribe([] as never, function handle() {}),
    TypeError,
    'Cannot register "handle" for an empty list: name at least one class of message',
  );
});
