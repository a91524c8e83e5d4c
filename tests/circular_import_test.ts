import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Command,
  commandHandler,
  Container,
  ContextPipeline,
  ContextValues,
  eventHandler,
  inject,
  InjectionToken,
  MessageRouter,
  Pipe,
  Query,
  queryHandler,
} from "@cq/core";
import { validate } from "@cq/core/middlewares";
import { recordingBus } from "@cq/core/testing";

class CreateUser extends Command<string> {}
class FindUser extends Query<string> {}

const CAUSE = "is undefined. The usual cause is a circular import: move the class to a module of its own";

/** What a class is that its module has not defined yet. */
const MISSING = undefined as never;

class H {
  handle(): string {
    return "";
  }
}

const router = new MessageRouter();
const commands = router.newCommandBus();
const dispatcher = () => Promise.resolve();

// Looked at: everything that takes a class or a token. Where a class is one of a list, and where an option may be left out,
// `undefined` in its place is told apart from what is left out.
const REFUSALS: readonly (readonly [what: string, call: () => unknown, message: string])[] = [
  ["commandHandler()", () => commandHandler(MISSING)(H), `Cannot register "H": the class of its message ${CAUSE}`],
  ["queryHandler()", () => queryHandler(MISSING)(H), `Cannot register "H": the class of its message ${CAUSE}`],
  ["eventHandler()", () => eventHandler(MISSING)(H), `Cannot register "H": the class of its message ${CAUSE}`],
  [
    "a list of messages",
    () => commandHandler([CreateUser, MISSING])(H),
    `Cannot register "H": the class of its message ${CAUSE}`,
  ],
  [
    "Bus.subscribe()",
    () =>
      commands.subscribe(MISSING, function createUser() {
        return "";
      }),
    `Cannot register "createUser": the class of its message ${CAUSE}`,
  ],
  ["Container.bind()", () => new Container().bind(MISSING, () => 1), `Cannot bind a factory: its token ${CAUSE}`],
  ["Container.get()", () => new Container().get(MISSING), `Cannot resolve a dependency: its token ${CAUSE}`],
  ["Scope.get()", () => new Container().createScope().get(MISSING), `Cannot resolve a dependency: its token ${CAUSE}`],
  ["inject() outside of a container", () => inject(MISSING), `Cannot inject a dependency: its token ${CAUSE}`],
  [
    "ContextValues.with()",
    () => new ContextValues().with(MISSING, 1),
    `Cannot give a value to a token: the token ${CAUSE}`,
  ],
  ["Pipe", () => new Pipe(MISSING, dispatcher), `Cannot make a pipe: the class of its first message ${CAUSE}`],
  [
    "ContextPipeline without a message",
    () => new ContextPipeline({ message: MISSING, context: Object }, { dispatcher }),
    `Cannot make a pipeline: the class of its first message ${CAUSE}`,
  ],
  [
    "ContextPipeline without a context",
    () => new ContextPipeline({ message: CreateUser, context: MISSING }, { dispatcher }),
    `Cannot make a pipeline: the class of its context ${CAUSE}`,
  ],
  [
    "commandPipeline() without a message",
    () => router.commandPipeline(MISSING),
    `Cannot make a pipeline: the class of its first message ${CAUSE}`,
  ],
  [
    "commandPipeline() without a context",
    () => router.commandPipeline(CreateUser, MISSING),
    `Cannot make a pipeline: the class of its context ${CAUSE}`,
  ],
  [
    "validate()",
    () => validate(MISSING, { "~standard": { version: 1, validate: (value) => ({ value: value as never }) } }),
    `Cannot validate messages with a schema: their class ${CAUSE}`,
  ],
  [
    "recordingBus()",
    () => recordingBus(new MessageRouter().newCommandBus()).answer(MISSING, () => {}),
    `Cannot answer a message: its class ${CAUSE}`,
  ],
];

for (const [what, call, message] of REFUSALS) {
  Deno.test(`${what} refuses a class that a circular import has left undefined`, () => {
    assertEquals(assertThrows(call, TypeError).message, message);
  });
}

Deno.test("inject() of an undefined token names what is being built", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  class Repository {
    readonly clock = inject(MISSING);
  }
  const GREETING = new InjectionToken<string>("GREETING");
  container.bind(Repository, () => new Repository()).bind(GREETING, () => inject(MISSING));
  router.queryHandler(FindUser)(
    class FindUserHandler {
      readonly #users = inject(Repository);
      handle(): string {
        return String(this.#users);
      }
    },
  );
  const message = (name: string) => `Cannot construct "${name}": the token of a dependency ${CAUSE}`;
  const error = await assertRejects(() => router.newQueryBus().dispatch(new FindUser()), TypeError);
  assertEquals(error.message, message("Repository"));
  assertEquals(assertThrows(() => container.get(GREETING), TypeError).message, message("GREETING"));
});

Deno.test("nothing is registered of a list with a class that is undefined", () => {
  const router = new MessageRouter();
  assertThrows(() => router.commandHandler([CreateUser, MISSING])(H), TypeError);
  assertEquals(router.commandTypes, []);
});
