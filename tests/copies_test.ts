import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Command,
  CommandBus,
  commandHandler,
  Container,
  ContextValues,
  inject,
  type InjectionToken,
  MessageRouter,
} from "@cq/core";

const KEY = Symbol.for("@cq/core");

const ADVICE =
  ". @cq/core is loaded twice, each copy with its own classes and router. Install it once, and keep it out of bundles";

/** Stands for a second copy, which counts itself. `tests/npm/package_check.ts` loads a real one. */
function withCopies(count: number | undefined): Disposable {
  const counter = globalThis as { [KEY]?: number | undefined };
  const former = counter[KEY];
  counter[KEY] = count;
  return { [Symbol.dispose]: () => void (counter[KEY] = former) };
}

class CreateUser extends Command<string> {}

/** A token as another copy makes it. */
const foreign = { name: "DATABASE_URL" } as InjectionToken<string>;

// Looked at: both ways between the copies of a handler, a bus, a token, a container and the values of a context, and a
// global object without the mark or with a frozen one.
const CASES: readonly (readonly [what: string, call: () => unknown, message: string])[] = [
  [
    "inject() of the other copy",
    () => inject(CommandBus),
    'Cannot inject "CommandBus": no container is constructing anything. Call inject() in a field initialiser, a ' +
    "constructor default or a bound factory, and before its first await",
  ],
  [
    "a bus of the other copy",
    () => new Container().get(class CommandBus {}),
    'Cannot resolve "CommandBus": nothing is bound to it (CommandBus). Bind it first: container.bind(CommandBus, () => …)',
  ],
  [
    "a token of the other copy",
    () => new Container().get(foreign),
    'Cannot resolve "DATABASE_URL": nothing is bound to it (DATABASE_URL). Bind it first: container.bind(DATABASE_URL, ' +
    "() => …)",
  ],
  [
    "a value under a token of the other copy",
    () => new ContextValues().with(foreign, "sqlite:"),
    'Cannot give a value to an instance of "Object": it is neither a class nor an InjectionToken',
  ],
];

for (const [what, call, message] of CASES) {
  Deno.test(`an error about ${what} says that the package is loaded twice, if it is`, () => {
    assertEquals(assertThrows(call, Error).message, message);
    using _copies = withCopies(2);
    assertEquals(assertThrows(call, Error).message, message + ADVICE);
  });
}

Deno.test("an error about a handler that is registered with the other copy says that the package is loaded twice, if it is", async () => {
  const commands = new MessageRouter().newCommandBus();
  using _copies = withCopies(2);
  const error = await assertRejects(() => commands.dispatch(new CreateUser()), Error);
  assertEquals(
    error.message,
    'Cannot dispatch "CreateUser": no command handler is registered. Register one with @commandHandler(CreateUser), of the ' +
      `router that made the bus, or with subscribe() on the bus, and import the module that does so${ADVICE}`,
  );
});

Deno.test("a global object without the mark tells of no second copy", () => {
  using _copies = withCopies(undefined);
  assertEquals(assertThrows(() => inject(CommandBus), TypeError).message.includes("loaded twice"), false);
});

Deno.test("the package has left its mark, once", () => {
  assertEquals((globalThis as { [KEY]?: number })[KEY], 1);
  assertEquals(typeof commandHandler, "function");
});
