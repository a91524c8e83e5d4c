import { assertEquals, assertNotStrictEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  CommandBus,
  commandHandler,
  commandPipeline,
  Container,
  container,
  DuplicateHandlerError,
  Event,
  EventBus,
  eventHandler,
  type HandlerContext,
  HandlerNotFoundError,
  MessageRouter,
  newCommandBus,
  newEventBus,
  newQueryBus,
  Query,
  QueryBus,
  queryHandler,
  router,
} from "../mod.ts";

class Create extends Command<string> {}
class Update extends Command<string> {}
class Find extends Query<string> {}
class FindSpecial extends Find {}
class Happened extends Event {}

Deno.test("MessageRouter lists the classes that have a handler, by kind and in order", () => {
  const router = new MessageRouter();
  assertEquals([router.commandTypes, router.queryTypes, router.eventTypes], [[], [], []]);

  router.newCommandBus().subscribe(Update, () => "updated").subscribe(Create, () => "created");
  router.newQueryBus().subscribe(Find, () => "found");
  router.newEventBus().subscribe(Happened, () => {}).subscribe(Happened, () => {});

  assertEquals(router.commandTypes, [Update, Create]);
  assertEquals(router.queryTypes, [Find]);
  assertEquals(router.eventTypes, [Happened]);
});

Deno.test("MessageRouter.commandTypes is a new list each time", () => {
  const router = new MessageRouter();
  const before = router.commandTypes;
  router.newCommandBus().subscribe(Create, () => "created");

  assertEquals(before, []);
  assertEquals(router.commandTypes, [Create]);
});

Deno.test("MessageRouter shares its handlers among all its buses, also those registered later", async () => {
  const router = new MessageRouter();
  const early = router.newQueryBus();
  router.newQueryBus().subscribe(Find, () => "found");

  assertEquals(await early.dispatch(new Find()), "found");
  assertEquals(await router.newQueryBus().dispatch(new Find()), "found");
});

Deno.test("MessageRouter.newQueryBus() makes a bus with its own middlewares and listeners", async () => {
  const router = new MessageRouter();
  const log: string[] = [];
  const used = router.newQueryBus()
    .subscribe(Find, () => "found")
    .use((_message, next) => {
      log.push("middleware");
      return next();
    })
    .listen(() => log.push("listener"));
  const other = router.newQueryBus();
  assertNotStrictEquals(used, other);

  await other.dispatch(new Find());
  assertEquals(log, []);

  await used.dispatch(new Find());
  assertEquals(log, ["listener", "middleware"]);
});

Deno.test("MessageRouter keeps the three kinds apart, even for one class", async () => {
  class Plain {}
  const router = new MessageRouter();
  router.newCommandBus().subscribe(Plain, () => "command");
  router.newEventBus().subscribe(Plain, () => "event");

  assertEquals(router.newQueryBus().canHandle(new Plain()), false);
  router.newQueryBus().subscribe(Plain, () => "query");
  assertEquals(await router.newCommandBus().dispatch(new Plain()), "command");
  assertEquals(await router.newQueryBus().dispatch(new Plain()), "query");
  assertEquals(await router.newEventBus().dispatch(new Plain()), undefined);
});

Deno.test("two routers share no handlers", async () => {
  const one = new MessageRouter();
  const other = new MessageRouter();
  const calls: string[] = [];
  one.newCommandBus().subscribe(Create, () => "one");
  one.newQueryBus().subscribe(Find, () => "one");
  one.newEventBus().subscribe(Happened, () => calls.push("one"));

  assertEquals([other.commandTypes, other.queryTypes, other.eventTypes], [[], [], []]);
  await assertRejects(() => other.newCommandBus().dispatch(new Create()), HandlerNotFoundError);
  await assertRejects(() => other.newQueryBus().dispatch(new Find()), HandlerNotFoundError);
  await other.newEventBus().dispatch(new Happened());
  assertEquals(calls, []);

  other.newCommandBus().subscribe(Create, () => "other");
  assertEquals(await one.newCommandBus().dispatch(new Create()), "one");
  assertEquals(await other.newCommandBus().dispatch(new Create()), "other");
});

Deno.test("two routers publish related events on different buses", async () => {
  const calls: string[] = [];
  const [one] = ["one", "other"].map((name) => {
    const router = new MessageRouter();
    router.newEventBus().subscribe(Happened, () => calls.push(name));
    return router.newCommandBus().subscribe(Create, (_command, { events }) => {
      events.add(new Happened());
      return name;
    });
  });

  await one!.dispatch(new Create());

  assertEquals(calls, ["one"]);
});

Deno.test("one class may be a handler in two routers", async () => {
  class FindHandler {
    handle(_query: Find): string {
      return "found";
    }
  }
  const routers = [new MessageRouter(), new MessageRouter()];
  for (const router of routers) router.queryHandler(Find)(FindHandler);

  for (const router of routers) assertEquals(await router.newQueryBus().dispatch(new Find()), "found");
});

Deno.test("a MessageRouter gives its buses only to its container", async () => {
  const containers = [new Container(), new Container()] as const;
  const [one, other] = containers.map((container) => new MessageRouter(container)) as [MessageRouter, MessageRouter];
  one.newQueryBus().subscribe(Find, () => "one");
  other.newQueryBus().subscribe(Find, () => "other");

  assertEquals(await containers[0].get(QueryBus).dispatch(new Find()), "one");
  assertEquals(await containers[1].get(QueryBus).dispatch(new Find()), "other");
  for (const token of [CommandBus, QueryBus, EventBus]) {
    assertNotStrictEquals<unknown>(containers[0].get<unknown>(token), containers[1].get<unknown>(token));
  }
});

Deno.test("Bus.canHandle() says whether a command or a query would find a handler", () => {
  const router = new MessageRouter();
  const commands = router.newCommandBus().subscribe(Create, () => "created");
  const queries = router.newQueryBus();

  assertEquals(commands.canHandle(new Create()), true);
  assertEquals(commands.canHandle(new Update()), false);
  assertEquals(queries.canHandle(new Find()), false);
  queries.subscribe(Find, () => "found");
  assertEquals(queries.canHandle(new Find()), true);
});

Deno.test("Bus.canHandle() counts the handler of a base, not that of a subclass", () => {
  const base = new MessageRouter().newQueryBus().subscribe(Find, () => "found");
  assertEquals(base.canHandle(new FindSpecial()), true);

  const special = new MessageRouter().newQueryBus().subscribe(FindSpecial, () => "found");
  assertEquals(special.canHandle(new Find()), false);
});

Deno.test("EventBus.canHandle() says whether an event has a handler, which it does not need", async () => {
  const events = new MessageRouter().newEventBus();

  assertEquals(events.canHandle(new Happened()), false);
  assertEquals(await events.dispatch(new Happened()), undefined);
  events.subscribe(Happened, () => {});
  assertEquals(events.canHandle(new Happened()), true);
});

Deno.test("Bus.canHandle() runs nothing", () => {
  const queries = new MessageRouter().newQueryBus();
  let calls = 0;
  queries.subscribe(Find, () => `${calls++}`).listen(() => calls++).use((_message, next) => {
    calls++;
    return next();
  });

  assertEquals(queries.canHandle(new Find()), true);
  assertEquals(calls, 0);
});

Deno.test("Bus.dispatch() finds a handler that is registered after a dispatch that found none", async () => {
  const router = new MessageRouter();
  const commands = router.newCommandBus();
  await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);

  router.commandHandler(Create)(
    class {
      handle = (_command: Create): string => "created";
    },
  );

  assertEquals(await commands.dispatch(new Create()), "created");
});

Deno.test("Bus.dispatch() still finds no handler after another message got one", async () => {
  const commands = new MessageRouter().newCommandBus();
  await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);
  commands.subscribe(Update, () => "updated");

  await assertRejects(() => commands.dispatch(new Create()), HandlerNotFoundError);
  assertEquals(await commands.dispatch(new Update()), "updated");
});

Deno.test("Bus.dispatch() keeps its route when a handler registers another one meanwhile", async () => {
  const queries = new MessageRouter().newQueryBus();
  queries.subscribe(Find, () => {
    queries.subscribe(FindSpecial, () => "special");
    return "found";
  });

  assertEquals(await queries.dispatch(new FindSpecial()), "found");
  assertEquals(await queries.dispatch(new FindSpecial()), "special");
});

Deno.test("Bus.subscribe() registers a function, which receives the message and a context that names it", async () => {
  const received: [unknown, HandlerContext][] = [];
  const handle = (query: Find, context: HandlerContext) => {
    received.push([query, context]);
    return Promise.resolve("found");
  };
  const query = new Find();

  assertEquals(await new MessageRouter().newQueryBus().subscribe(Find, handle).dispatch(query), "found");

  const [[message, context]] = received as [[unknown, HandlerContext]];
  assertStrictEquals(message, query);
  assertStrictEquals(context.handler, handle);
});

Deno.test("Bus.subscribe() refuses a handler that is not a function, and says how to register a class", () => {
  const router = new MessageRouter();
  const handler = { handle: () => "created" };

  assertEquals(
    assertThrows(() => router.newCommandBus().subscribe(Create, handler as never), TypeError).message,
    'Cannot subscribe an instance of "Object" to "Create": it is not a function. ' +
      "A handler class is registered with @commandHandler(Create)",
  );
  assertEquals(
    assertThrows(() => router.newQueryBus().subscribe(Find, undefined as never), TypeError).message,
    'Cannot subscribe "undefined" to "Find": it is not a function. ' +
      "A handler class is registered with @queryHandler(Find)",
  );
  assertEquals([router.commandTypes, router.queryTypes], [[], []]);
});

Deno.test("container and router belong together: the default buses come from both", async () => {
  class Greet extends Query<string> {}
  router.newQueryBus().subscribe(Greet, () => "hello");

  assertEquals(await container.get(QueryBus).dispatch(new Greet()), "hello");
  assertStrictEquals(container.get(QueryBus), container.get(QueryBus));
});

Deno.test("commandHandler() and newCommandBus() of the module work on the default router", async () => {
  class Greet extends Command<string> {}

  @commandHandler(Greet)
  class GreetHandler {
    handle(_command: Greet): string {
      return GreetHandler.name;
    }
  }

  assertEquals(router.commandTypes.includes(Greet), true);
  assertEquals(await newCommandBus().dispatch(new Greet()), "GreetHandler");
  assertEquals(await router.newCommandBus().dispatch(new Greet()), "GreetHandler");
  assertEquals(await container.get(CommandBus).dispatch(new Greet()), "GreetHandler");
  assertEquals(new MessageRouter().newCommandBus().canHandle(new Greet()), false);
  assertThrows(() => commandHandler(Greet)(GreetHandler), DuplicateHandlerError);
});

Deno.test("queryHandler() and newQueryBus() of the module work on the default router", async () => {
  class Greet extends Query<string | undefined> {}
  queryHandler(Greet, { failSilently: true })(
    class {
      handle(_query: Greet): string {
        throw new Error("Out of order");
      }
    },
  );

  assertEquals(router.queryTypes.includes(Greet), true);
  assertEquals(await newQueryBus().dispatch(new Greet()), undefined);
  assertEquals(await container.get(QueryBus).dispatch(new Greet()), undefined);
});

Deno.test("eventHandler() and newEventBus() of the module work on the default router", async () => {
  class Greeted extends Event {}
  const log: string[] = [];
  for (const name of ["first", "second"]) {
    eventHandler(Greeted)(
      class {
        async handle(_event: Greeted): Promise<void> {
          log.push(`${name} starts`);
          await Promise.resolve();
          log.push(`${name} ends`);
        }
      },
    );
  }

  assertEquals(router.eventTypes.includes(Greeted), true);
  await newEventBus({ order: "sequential" }).dispatch(new Greeted());
  assertEquals(log.splice(0), ["first starts", "first ends", "second starts", "second ends"]);
  await newEventBus().dispatch(new Greeted());
  assertEquals(log.splice(0), ["first starts", "second starts", "first ends", "second ends"]);
  await container.get(EventBus).dispatch(new Greeted());
  assertEquals(log.length, 4);
});

Deno.test("newCommandBus() and its siblings of the module make a new bus each time", () => {
  assertNotStrictEquals(newCommandBus(), newCommandBus());
  assertNotStrictEquals(newQueryBus(), newQueryBus());
  assertNotStrictEquals(newEventBus(), newEventBus());
  assertNotStrictEquals(newCommandBus(), container.get(CommandBus));
});

Deno.test("commandPipeline() of the module makes both kinds of pipeline on the default router", async () => {
  class SignUp extends Command<number> {}
  commandHandler(SignUp)(
    class {
      handle(_command: SignUp): number {
        return 42;
      }
    },
  );
  class Context {
    id = 0;
  }
  const methods = commandPipeline(SignUp);
  class MethodContext {
    id = 0;

    @methods.step
    signedUp(id: number): void {
      this.id = id;
    }
  }
  const functions = commandPipeline(SignUp, Context).step((id, context) => {
    context.id = id;
  });

  assertEquals((await functions.dispatch(new SignUp())).id, 42);
  assertEquals((await methods.run(MethodContext, new SignUp())).id, 42);
});

Deno.test("new MessageRouter() refuses a value that is not a container", () => {
  for (const adapter of [{}, { wire: () => () => ({}) }, { lazy: () => () => ({}) }]) {
    const error = assertThrows(() => new MessageRouter(adapter as unknown as Container), TypeError);
    assertEquals(
      error.message,
      'Cannot use an instance of "Object" as a container: it has no methods "wire" and "lazy"',
    );
  }
});

Deno.test("MessageRouter.newEventBus() refuses an order that it does not know", () => {
  const order = "serial" as "sequential";
  const error = assertThrows(() => new MessageRouter().newEventBus({ order }), RangeError);

  assertEquals(error.message, 'Cannot run handlers in the order "serial": it must be "concurrent" or "sequential"');
});
