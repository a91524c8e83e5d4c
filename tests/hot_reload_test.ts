import { assertEquals, assertThrows } from "@std/assert";
import {
  Command,
  Container,
  DuplicateHandlerError,
  Event,
  MessageRouter,
  Query,
  router as defaultRouter,
} from "@cq/core";

class CreateUser extends Command<string> {}
class RemoveUser extends Command<string> {}
class FindUser extends Query<string> {}
class UserCreated extends Event {}

const ADVICE =
  "Commands and queries have exactly one handler. The module was evaluated twice, as hot reload does: set " +
  "router.hotReload = true";

/** What a module does that is evaluated again after an edit: the messages are those of another module, which is not. */
function evaluateHandlers(router: MessageRouter, version: string, log: string[] = []): void {
  router.commandHandler([CreateUser, RemoveUser])(
    class UserHandler {
      handle(): string {
        return `command ${version}`;
      }
    },
  );
  router.queryHandler(FindUser)(
    class FindUserHandler {
      handle(): string {
        return `query ${version}`;
      }
    },
  );
  router.eventHandler(UserCreated)(
    class SendMail {
      handle(): void {
        log.push(`event ${version}`);
      }
    },
  );
}

// Looked at: the three kinds, a list of messages, functions, a function that becomes a class, a handler without a name, a
// class that is registered twice by hand, a dispatch that has begun, the order of sequential handlers, forks, an edit of
// the options, and messages that are evaluated again with their handlers.
Deno.test("MessageRouter.hotReload has a handler that is registered again take the place of the former", async () => {
  const router = new MessageRouter(new Container(), { hotReload: true });
  const [commands, queries, events] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];
  const log: string[] = [];
  for (const version of ["1", "2", "3"]) {
    evaluateHandlers(router, version, log);
    assertEquals(await commands.dispatch(new CreateUser()), `command ${version}`);
    assertEquals(await commands.dispatch(new RemoveUser()), `command ${version}`);
    assertEquals(await queries.dispatch(new FindUser()), `query ${version}`);
    await events.dispatch(new UserCreated());
  }
  assertEquals(log, ["event 1", "event 2", "event 3"]);
  assertEquals(router.commandTypes, [CreateUser, RemoveUser]);
});

Deno.test("MessageRouter.hotReload can be set later, and is off unless it is set", () => {
  const router = new MessageRouter();
  assertEquals([router.hotReload, new MessageRouter(undefined, { hotReload: undefined }).hotReload], [false, false]);
  evaluateHandlers(router, "1");

  router.hotReload = true;
  evaluateHandlers(router, "2");

  router.hotReload = false;
  assertThrows(() => evaluateHandlers(router, "3"), DuplicateHandlerError);
});

Deno.test("The default router has hotReload", () => {
  assertEquals(defaultRouter.hotReload, false);
});

Deno.test("A handler that is registered again without hotReload is refused, and the error names the cause and the way out", () => {
  const router = new MessageRouter();
  evaluateHandlers(router, "1");
  const error = assertThrows(() => evaluateHandlers(router, "2"), DuplicateHandlerError);
  assertEquals(
    error.message,
    `Cannot register "UserHandler" for "CreateUser": "UserHandler" handles it already. ${ADVICE}`,
  );
});

Deno.test("A class that is registered twice, and two handlers without a name, are told nothing of hot reload", () => {
  class UserHandler {
    handle(): string {
      return "";
    }
  }
  const router = new MessageRouter();
  router.commandHandler(CreateUser)(UserHandler);
  const twice = assertThrows(() => router.commandHandler(CreateUser)(UserHandler), DuplicateHandlerError);
  assertEquals(twice.message.endsWith("Commands and queries have exactly one handler"), true);

  const queries = router.newQueryBus().subscribe(FindUser, () => "first");
  const nameless = assertThrows(() => queries.subscribe(FindUser, () => "second"), DuplicateHandlerError);
  assertEquals(nameless.message.endsWith("Commands and queries have exactly one handler"), true);
});

Deno.test("MessageRouter.hotReload replaces functions by their names, and leaves handlers of other names alone", async () => {
  const router = new MessageRouter(undefined, { hotReload: true });
  const events = router.newEventBus({ order: "sequential" });
  const log: string[] = [];
  const subscribe = (version: string) => {
    events.subscribe(UserCreated, function sendMail() {
      log.push(`mail ${version}`);
    });
    events.subscribe(UserCreated, function count() {
      log.push(`count ${version}`);
    });
  };
  subscribe("1");
  events.subscribe(UserCreated, function index() {
    log.push("index");
  });
  subscribe("2");
  events.subscribe(UserCreated, () => log.push("nameless"));
  events.subscribe(UserCreated, () => log.push("nameless"));

  await events.dispatch(new UserCreated());
  // Each keeps the place that its name had first. A handler without a name could be any other.
  assertEquals(log, ["mail 2", "count 2", "index", "nameless", "nameless"]);
  const commands = router.newCommandBus().subscribe(CreateUser, () => "first");
  assertThrows(() => commands.subscribe(CreateUser, () => "second"), DuplicateHandlerError);
  assertThrows(() =>
    commands.subscribe(CreateUser, function other() {
      return "third";
    }), DuplicateHandlerError);
});

Deno.test("MessageRouter.hotReload takes the options of the later handler, and lets a dispatch that has begun end", async () => {
  const router = new MessageRouter(undefined, { hotReload: true });
  const events = router.newEventBus();
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  events.subscribe(UserCreated, async function sendMail() {
    await gate.promise;
    log.push("former");
  });
  const begun = events.dispatch(new UserCreated());
  events.subscribe(UserCreated, function sendMail() {
    log.push("later");
    throw new Error("The mail server is down");
  }, { failSilently: true });
  await events.dispatch(new UserCreated());
  gate.resolve();
  await begun;
  assertEquals(log, ["later", "former"]);
});

Deno.test("Messages that are evaluated again with their handlers leave the former ones to the former handlers", async () => {
  const router = new MessageRouter(undefined, { hotReload: true });
  const evaluate = (version: string) => {
    class Create extends Command<string> {}
    router.commandHandler(Create)(
      class CreateHandler {
        handle(): string {
          return version;
        }
      },
    );
    return Create;
  };
  const [Former, Later] = [evaluate("1"), evaluate("2")];
  const commands = router.newCommandBus();
  assertEquals([await commands.dispatch(new Former()), await commands.dispatch(new Later())], ["1", "2"]);
});
