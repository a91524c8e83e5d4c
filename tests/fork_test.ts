import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Command,
  CommandBus,
  commandHandler,
  Container,
  DuplicateHandlerError,
  Event,
  EventBus,
  HandlerNotFoundError,
  inject,
  MessageRouter,
  Query,
  QueryBus,
  RelatedEvents,
  router as defaultRouter,
} from "@cq/core";

abstract class UserRepository {
  abstract add(name: string): string;
}

class CreateUser extends Command<string> {}
class RemoveUser extends Command<string> {}
class FindUser extends Query<string> {}
class UserCreated extends Event {}

@commandHandler(CreateUser)
class CreateUserHandler {
  readonly #users = inject(UserRepository);
  readonly #events = inject(RelatedEvents);

  handle(_command: CreateUser): string {
    this.#events.add(new UserCreated());
    return this.#users.add("Ada");
  }
}

function fake(name: string): Container {
  return new Container().bind(UserRepository, () => ({ add: () => name }));
}

// Looked at: the three kinds, decorators and subscribe(), handlers that are registered later with either router, a route
// that was composed before, classes and their bases, the order of sequential handlers, containers that ask for their buses
// at once, a fork of a fork, pipelines, hot reload, and what happens to the buses of the router itself.
Deno.test("MessageRouter.fork() builds the handlers of the default router with another container, once for each test", async () => {
  for (const name of ["first", "second"]) {
    const container = fake(name);
    defaultRouter.fork(container);
    assertEquals(await container.get(CommandBus).dispatch(new CreateUser()), name);
  }
  assertEquals(CreateUserHandler.name, "CreateUserHandler");
});

Deno.test("MessageRouter.fork() has the handlers of its router, those included that are registered later", async () => {
  const router = new MessageRouter();
  const fork = router.fork();
  const log: string[] = [];
  const queries = fork.newQueryBus();
  const events = fork.newEventBus();
  await assertRejects(() => queries.dispatch(new FindUser()), HandlerNotFoundError);
  await events.dispatch(new UserCreated());

  router.newQueryBus().subscribe(FindUser, () => "Ada");
  router.eventHandler(UserCreated)(
    class SendMail {
      handle(): void {
        log.push("mail");
      }
    },
  );
  assertEquals(await queries.dispatch(new FindUser()), "Ada");
  await events.dispatch(new UserCreated());
  assertEquals(log, ["mail"]);
  assertEquals([fork.queryTypes, fork.eventTypes], [[FindUser], [UserCreated]]);
  assertEquals(queries.canHandle(new FindUser()), true);
});

Deno.test("MessageRouter.fork() keeps what is registered with it", async () => {
  const router = new MessageRouter();
  const commands = router.newCommandBus().subscribe(CreateUser, () => "router");
  const events = router.newEventBus({ order: "sequential" });
  const log: string[] = [];
  events.subscribe(UserCreated, () => log.push("router"));
  const [fork, sibling] = [router.fork(), router.fork()];
  const forked = fork.newCommandBus();
  assertEquals(await forked.dispatch(new CreateUser()), "router");

  // Of two single handlers of a class the fork's own comes first, whichever is registered first.
  forked.subscribe(CreateUser, () => "fork").subscribe(RemoveUser, () => "fork");
  commands.subscribe(RemoveUser, () => "router");
  fork.newEventBus().subscribe(UserCreated, () => log.push("fork"));
  events.subscribe(UserCreated, () => log.push("router, later"));

  const both = [new CreateUser(), new RemoveUser()] as const;
  assertEquals(await Promise.all(both.map((command) => forked.dispatch(command))), ["fork", "fork"]);
  assertEquals(await Promise.all(both.map((command) => commands.dispatch(command))), ["router", "router"]);
  assertEquals(await sibling.newCommandBus().dispatch(new CreateUser()), "router");
  assertEquals([router.commandTypes, sibling.commandTypes], [[CreateUser, RemoveUser], [CreateUser, RemoveUser]]);
  assertThrows(() => forked.subscribe(CreateUser, () => "second"), DuplicateHandlerError);

  await fork.newEventBus({ order: "sequential" }).dispatch(new UserCreated());
  assertEquals(log.splice(0), ["router", "fork", "router, later"]);
  await events.dispatch(new UserCreated());
  assertEquals(log, ["router", "router, later"]);
});

Deno.test("MessageRouter.fork() gives a message to the handler of the nearest class, of either router", async () => {
  class CreateAdmin extends CreateUser {}
  const router = new MessageRouter();
  router.newCommandBus().subscribe(CreateAdmin, () => "admin of the router");
  const fork = router.fork();
  const commands = fork.newCommandBus().subscribe(CreateUser, () => "user of the fork");
  assertEquals(await commands.dispatch(new CreateAdmin()), "admin of the router");
  assertEquals(await commands.dispatch(new CreateUser()), "user of the fork");

  const nested = fork.fork().newCommandBus().subscribe(CreateAdmin, () => "admin of the nested fork");
  assertEquals(await nested.dispatch(new CreateAdmin()), "admin of the nested fork");
  assertEquals(await nested.dispatch(new CreateUser()), "user of the fork");
});

Deno.test("MessageRouter.fork() has buses of its own, without the middlewares and listeners of others, for pipelines too", async () => {
  const router = new MessageRouter(fake("router"));
  const log: string[] = [];
  const container = fake("fork");
  const fork = router.fork(container);
  router.commandHandler(CreateUser)(CreateUserHandler);
  router.newCommandBus().use((_message, next) => (log.push("router"), next())).listen(() => log.push("listener"));
  container.get(CommandBus).use((_message, next) => (log.push("fork"), next()));
  container.get(EventBus).subscribe(UserCreated, () => log.push("event"));
  fork.newQueryBus().subscribe(FindUser, () => "Ada");

  class SignUp {
    name = "";
  }
  const signUp = fork.commandPipeline(CreateUser, SignUp).query(() => new FindUser()).step((name, context) => {
    context.name = name;
  });
  assertEquals((await signUp.dispatch(new CreateUser())).name, "Ada");
  assertEquals(log, ["fork", "event"]);
});

Deno.test("MessageRouter.fork() serves a container that makes its buses at once", async () => {
  const router = new MessageRouter();
  router.newQueryBus().subscribe(FindUser, () => "Ada");
  const buses = new Map<unknown, object>();
  router.fork({
    wire: (type) => () => new type(),
    lazy: <T>(type: unknown) => () => buses.get(type) as T,
    registerDefaults: (defaults) => {
      for (const { token, create } of defaults) buses.set(token, create());
    },
  });
  assertEquals(await (buses.get(QueryBus) as QueryBus).dispatch(new FindUser()), "Ada");
});

Deno.test("MessageRouter.fork() takes hotReload over, and sees a handler that is replaced in its router", async () => {
  const router = new MessageRouter(undefined, { hotReload: true });
  const fork = router.fork();
  const queries = router.newQueryBus();
  for (const name of ["Ada", "Grace"]) {
    queries.subscribe(FindUser, function findUser() {
      return name;
    });
    assertEquals(await fork.newQueryBus().dispatch(new FindUser()), name);
  }
  assertEquals(fork.hotReload, true);
  fork.hotReload = false;
  assertEquals(router.hotReload, true);
});

Deno.test("MessageRouter.fork() refuses a container that serves a router already", () => {
  const container = new Container();
  const router = new MessageRouter(container);
  assertThrows(() => router.fork(container), TypeError, "Cannot give a container to a second router");
});
