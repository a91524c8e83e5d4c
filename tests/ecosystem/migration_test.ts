// What docs/migrating says about other libraries, held against the libraries themselves.
import "reflect-metadata";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Module, type Provider } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import * as nest from "@nestjs/cqrs";
import * as mediatr from "mediatr-ts";
import * as ours from "@cq/core";
import * as onNest from "../../examples/nestjs/cqrs.ts";

/** The part that handlers see of either library. */
interface Library {
  // deno-lint-ignore no-explicit-any -- the types of the two have no more in common
  readonly Command: any;
  // deno-lint-ignore no-explicit-any -- the types of the two have no more in common
  readonly Query: any;
  readonly CommandHandler: (type: never) => unknown;
  readonly QueryHandler: (type: never) => unknown;
  readonly EventsHandler: (...types: never) => unknown;
}

async function start(module: unknown, providers: unknown[]) {
  class RootModule {}
  Module({ imports: [module as never], providers: providers as Provider[] })(RootModule);
  const context = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });
  return {
    get: <T>(type: abstract new (...args: never) => T): T => context.get(type as never, { strict: false }),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

const startNest = (providers: unknown[], options?: nest.CqrsModuleOptions) =>
  start(nest.CqrsModule.forRoot(options), providers);
const startOurs = (providers: unknown[]) => start(onNest.CqrsModule.forRoot(), providers);

/** As `@decorator class …` does, for decorators of either library. */
function decorated<T>(type: T, decorator: unknown): T {
  (decorator as (type: T) => void)(type);
  return type;
}

class UserCreated {}
class AdminCreated extends UserCreated {}

/** The same handlers for both libraries: all that differs is where the decorators come from. */
function defineHandlers({ Command, Query, CommandHandler, QueryHandler, EventsHandler }: Library) {
  class CreateUser extends Command {
    constructor(readonly name: string) {
      super();
    }
  }
  class CountUsers extends Query {}

  class UserRepository {
    readonly names: string[] = [];
  }

  class CreateUserHandler {
    constructor(readonly users: UserRepository) {}
    execute({ name }: CreateUser): Promise<number> {
      return Promise.resolve(this.users.names.push(name));
    }
  }
  class CountUsersHandler {
    constructor(readonly users: UserRepository) {}
    execute(): Promise<number> {
      return Promise.resolve(this.users.names.length);
    }
  }
  class RememberAdmin {
    constructor(readonly users: UserRepository) {}
    handle(): void {
      this.users.names.push("admin");
    }
  }
  for (const type of [CreateUserHandler, CountUsersHandler, RememberAdmin]) {
    Reflect.defineMetadata("design:paramtypes", [UserRepository], type);
  }
  const providers = [
    UserRepository,
    decorated(CreateUserHandler, CommandHandler(CreateUser as never)),
    decorated(CountUsersHandler, QueryHandler(CountUsers as never)),
    decorated(RememberAdmin, EventsHandler(...[AdminCreated] as never)),
  ];
  return { CreateUser, CountUsers, providers };
}

Deno.test("Handlers written for @nestjs/cqrs run here, unchanged but for the import of their decorators", async () => {
  {
    const { CreateUser, CountUsers, providers } = defineHandlers(nest as unknown as Library);
    await using app = await startNest(providers);
    assertEquals(await app.get(nest.CommandBus).execute<object, unknown>(new CreateUser("Ada")), 1);
    await app.get(nest.EventBus).publish(new AdminCreated());
    assertEquals(await app.get(nest.QueryBus).execute<object, unknown>(new CountUsers()), 2);
  }
  {
    const { CreateUser, CountUsers, providers } = defineHandlers({ ...ours, ...onNest } as unknown as Library);
    await using app = await startOurs(providers);
    assertEquals(await app.get(ours.CommandBus).dispatch(new CreateUser("Ada") as object), 1);
    await app.get(ours.EventBus).dispatch(new AdminCreated());
    assertEquals(await app.get(ours.QueryBus).dispatch(new CountUsers() as object), 2);
  }
});

Deno.test("@nestjs/cqrs lets the last handler of a command win; here a second one throws at the start", async () => {
  const define = (Command: typeof nest.Command | typeof ours.Command, decorate: (type: never) => unknown) => {
    class CreateUser extends (Command as unknown as new () => object) {}
    class FirstHandler {
      execute = () => "first";
    }
    class SecondHandler {
      execute = () => "second";
    }
    const providers = [FirstHandler, SecondHandler].map((type) => decorated(type, decorate(CreateUser as never)));
    return { CreateUser, providers };
  };

  const theirs = define(nest.Command, nest.CommandHandler as never);
  await using app = await startNest(theirs.providers);
  assertEquals(await app.get(nest.CommandBus).execute(new theirs.CreateUser()), "second");

  const error = await assertRejects(
    () => startOurs(define(ours.Command, onNest.CommandHandler as never).providers),
    ours.DuplicateHandlerError,
  );
  assertEquals(
    error.message,
    'Cannot register "SecondHandler" for "CreateUser": "FirstHandler" handles it already. ' +
      "Commands and queries have exactly one handler",
  );
});

Deno.test("@nestjs/cqrs throws where a command has no handler; here the promise rejects", async () => {
  class CreateUser extends nest.Command<void> {}
  await using theirs = await startNest([]);
  const commands = theirs.get(nest.CommandBus);
  assertThrows(() => void commands.execute(new CreateUser()), nest.CommandHandlerNotFoundException);

  class RemoveUser extends ours.Command {}
  await using app = await startOurs([]);
  await assertRejects(() => app.get(ours.CommandBus).dispatch(new RemoveUser()), ours.HandlerNotFoundError);
});

Deno.test("@nestjs/cqrs does not wait for the handlers of an event; here dispatch() does", async () => {
  const define = (EventsHandler: unknown) => {
    const gate = Promise.withResolvers<void>();
    class SlowHandler {
      handle = () => gate.promise;
    }
    const decorate = (EventsHandler as (...types: unknown[]) => unknown)(UserCreated);
    return { gate, providers: [decorated(SlowHandler, decorate)] };
  };

  const theirs = define(nest.EventsHandler);
  await using theirApp = await startNest(theirs.providers);
  await theirApp.get(nest.EventBus).publish(new UserCreated());
  theirs.gate.resolve();

  const here = define(onNest.EventsHandler);
  await using app = await startOurs(here.providers);
  let isDone = false;
  const dispatched = app.get(ours.EventBus).dispatch(new UserCreated()).then(() => isDone = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(isDone, false);
  here.gate.resolve();
  await dispatched;
});

/** A handler that fails beside one that does not. */
function defineFailing(EventsHandler: unknown) {
  const log: string[] = [];
  class SendMail {
    handle(): Promise<void> {
      return Promise.reject(new Error("The mail server is down"));
    }
  }
  class CountUser {
    handle(): void {
      log.push("counted");
    }
  }
  const decorator = (EventsHandler as (...types: unknown[]) => unknown)(UserCreated);
  return { log, SendMail, providers: [SendMail, CountUser].map((type) => decorated(type, decorator)) };
}

Deno.test("@nestjs/cqrs tells its UnhandledExceptionBus of a handler that fails; here the dispatch rejects", async () => {
  const theirs = defineFailing(nest.EventsHandler);
  {
    await using app = await startNest(theirs.providers);
    const told = Promise.withResolvers<nest.UnhandledExceptionInfo>();
    app.get(nest.UnhandledExceptionBus).subscribe(told.resolve);
    await app.get(nest.EventBus).publish(new UserCreated());
    assertEquals(String((await told.promise).exception), "Error: The mail server is down");
  }
  assertEquals(theirs.log, ["counted"]);

  const here = defineFailing(onNest.EventsHandler);
  await using app = await startOurs(here.providers);
  const event = new UserCreated();
  const error = await assertRejects(() => app.get(ours.EventBus).dispatch(event), ours.EventDispatchError);
  assertEquals(error.message, 'Cannot complete "UserCreated": SendMail: The mail server is down');
  const [failure] = error.failures;
  assertEquals([failure!.event === event, failure!.handler], [true, here.SendMail]);
  assertEquals(here.log, ["counted"]);
});

Deno.test("A handler of an event that fails, fails a command that has succeeded here, unless the handler or a middleware says otherwise", async () => {
  class CreateUser extends ours.Command<string> {}
  class CreateUserHandler {
    execute(_command: CreateUser, { events }: ours.CommandContext): string {
      events.add(new UserCreated());
      return "Ada";
    }
  }
  onNest.CommandHandler(CreateUser)(CreateUserHandler);
  const sending = (options?: { failSilently: boolean }) => {
    class SendMail {
      handle(): void {
        throw new Error("The mail server is down");
      }
    }
    return [
      CreateUserHandler,
      decorated(SendMail, onNest.EventsHandler(UserCreated, options)),
    ];
  };
  const create = (app: Awaited<ReturnType<typeof start>>) => app.get(ours.CommandBus).dispatch(new CreateUser());

  await using failing = await startOurs(sending());
  const error = await assertRejects(() => create(failing), ours.EventDispatchError);
  assertEquals(error.result, "Ada");

  await using silent = await startOurs(sending({ failSilently: true }));
  assertEquals(await create(silent), "Ada");

  const reported: string[] = [];
  const events = [ours.captureError((error) => reported.push(String(error)), { rethrow: false })];
  await using reporting = await start(onNest.CqrsModule.forRoot({ events }), sending());
  assertEquals(await create(reporting), "Ada");
  assertEquals(reported, ["Error: The mail server is down"]);
});

Deno.test("An aggregate publishes each of its events once: by commit() with @nestjs/cqrs, by handing them over here", async () => {
  const log: string[] = [];
  class UserRenamed {
    constructor(readonly name: string) {}
  }

  class TheirUser extends nest.AggregateRoot {
    rename(name: string): void {
      this.apply(new UserRenamed(name));
    }
  }
  class Watch {
    handle({ name }: UserRenamed): void {
      log.push(name);
    }
  }
  {
    await using app = await startNest([decorated(Watch, nest.EventsHandler(UserRenamed))]);
    const user = app.get(nest.EventPublisher).mergeObjectContext(new TheirUser());
    for (const name of ["Ada", "Grace"]) {
      user.rename(name);
      user.commit();
    }
  }
  assertEquals(log.splice(0), ["Ada", "Grace"]);

  class User {
    #events: object[] = [];
    rename(name: string): void {
      this.#events.push(new UserRenamed(name));
    }
    takeEvents(): object[] {
      return this.#events.splice(0);
    }
  }
  const user = new User();
  class RenameUser extends ours.Command {
    constructor(readonly name: string) {
      super();
    }
  }
  class RenameUserHandler {
    execute({ name }: RenameUser, { events }: ours.CommandContext): void {
      user.rename(name);
      events.add(...user.takeEvents());
    }
  }
  // Sends a command from a handler of the event: with an aggregate that kept its events there would be no end.
  class Correct {
    constructor(private readonly commands: ours.CommandBus) {}
    async handle({ name }: UserRenamed): Promise<void> {
      log.push(name);
      if (name === "ada") await this.commands.dispatch(new RenameUser("Ada"));
      assert(log.length < 10, "This has no end");
    }
  }
  Reflect.defineMetadata("design:paramtypes", [ours.CommandBus], Correct);
  await using app = await startOurs([
    decorated(RenameUserHandler, onNest.CommandHandler(RenameUser)),
    decorated(Correct, onNest.EventsHandler(UserRenamed)),
  ]);
  await app.get(ours.CommandBus).dispatch(new RenameUser("ada"));
  assertEquals(log, ["ada", "Ada"]);
});

Deno.test("draining() leaves what waits in the queue, unless it closes the queue, as python-cq does", async () => {
  const handled: string[] = [];
  const drain = async (closes: boolean) => {
    const queue = new ours.MemoryQueue<string>({ maxSize: 10 });
    const started = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const pump = new ours.Pump(queue, async (name: string) => {
      started.resolve();
      await gate.promise;
      handled.push(name);
    });
    const draining = pump.draining({ graceful: true, ...(closes && { closes: queue }) });
    for (const name of ["Ada", "Grace"]) await queue.send(name);
    await started.promise;
    const stopped = draining.stop();
    gate.resolve();
    await stopped;
    queue.close();
    return handled.splice(0);
  };
  assertEquals(await drain(false), ["Ada"]);
  assertEquals(await drain(true), ["Ada", "Grace"]);
});

Deno.test("@nestjs/cqrs brings the process down where rethrowUnhandled is set; here nothing does that is awaited or deferred", async () => {
  const uncaught = Promise.withResolvers<unknown>();
  const unhandled: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    uncaught.resolve(event.error);
  };
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  using listening = new DisposableStack();
  listening.defer(() => globalThis.removeEventListener("error", onError));
  listening.defer(() => globalThis.removeEventListener("unhandledrejection", onRejection));

  const theirs = defineFailing(nest.EventsHandler);
  await using theirApp = await startNest(theirs.providers, { rethrowUnhandled: true });
  await theirApp.get(nest.EventBus).publish(new UserCreated());
  assertEquals(String(await uncaught.promise), "Error: The mail server is down");

  const here = defineFailing(onNest.EventsHandler);
  await using app = await startOurs(here.providers);
  const reported = Promise.withResolvers<unknown>();
  const events = ours.defer(app.get(ours.EventBus), () => {}, { onError: reported.resolve });
  events.dispatch(new UserCreated());
  const error = await reported.promise;
  await new Promise((resolve) => setTimeout(resolve, 0)); // until the runtime would have told of a rejection
  assertInstanceOf(error, ours.EventDispatchError);
  assertEquals([here.log, unhandled], [["counted"], []]);
});

Deno.test("@nestjs/cqrs gives an event to the handlers of the nearest class that has any; here those of all its bases receive it", async () => {
  const define = (EventsHandler: unknown) => {
    class Changed {}
    class Renamed extends Changed {}
    class RenamedTwice extends Renamed {}
    const log: string[] = [];
    class WatchChanged {
      handle(event: object): void {
        log.push(`changed: ${event.constructor.name}`);
      }
    }
    class WatchRenamed {
      handle(event: object): void {
        log.push(`renamed: ${event.constructor.name}`);
      }
    }
    const decorate = EventsHandler as (...types: unknown[]) => unknown;
    const providers = [
      decorated(WatchChanged, decorate(Changed)),
      decorated(WatchRenamed, decorate(Renamed)),
    ];
    return { log, providers, events: [new Changed(), new Renamed(), new RenamedTwice()] };
  };

  const theirs = define(nest.EventsHandler);
  await using theirApp = await startNest(theirs.providers);
  for (const event of theirs.events) await theirApp.get(nest.EventBus).publish(event);
  assertEquals(theirs.log, ["changed: Changed", "renamed: Renamed", "renamed: RenamedTwice"]);

  const here = define(onNest.EventsHandler);
  await using app = await startOurs(here.providers);
  for (const event of here.events) await app.get(ours.EventBus).dispatch(event);
  assertEquals(here.log.toSorted(), [
    "changed: Changed",
    "changed: Renamed",
    "changed: RenamedTwice",
    "renamed: Renamed",
    "renamed: RenamedTwice",
  ]);
});

Deno.test("@nestjs/cqrs and these buses give a command to the handler of the nearest class", async () => {
  const define = (Command: unknown, decorate: (type: never) => unknown) => {
    class Create extends (Command as new () => object) {}
    class CreateUser extends Create {}
    class CreateAdmin extends CreateUser {}
    class CreateHandler {
      execute = () => "create";
    }
    class CreateUserHandler {
      execute = () => "create a user";
    }
    const providers = [
      decorated(CreateHandler, decorate(Create as never)),
      decorated(CreateUserHandler, decorate(CreateUser as never)),
    ];
    return { providers, commands: [new Create(), new CreateUser(), new CreateAdmin()] };
  };
  const expected = ["create", "create a user", "create a user"];

  const theirs = define(nest.Command, nest.CommandHandler as never);
  await using theirApp = await startNest(theirs.providers);
  const theirBus = theirApp.get(nest.CommandBus);
  assertEquals(await Promise.all(theirs.commands.map((command) => theirBus.execute(command))), expected);

  const here = define(ours.Command, onNest.CommandHandler as never);
  await using app = await startOurs(here.providers);
  const bus = app.get(ours.CommandBus);
  assertEquals(await Promise.all(here.commands.map((command) => bus.dispatch(command))), expected);
});

Deno.test("mediatr-ts throws where a notification has no handler; here an event needs none", async () => {
  class Nobody extends mediatr.NotificationData {}
  await assertRejects(
    () => new mediatr.Mediator().publish(new Nobody()),
    Error,
    "No handler found for notification Nobody",
  );

  class Alone extends ours.Event {}
  await new ours.MessageRouter().newEventBus().dispatch(new Alone());
});

Deno.test("mediatr-ts and these buses run all handlers of an event, and here the error names those that failed", async () => {
  const log: string[] = [];
  class Created extends mediatr.NotificationData {}
  class SendMail {
    handle(): Promise<void> {
      return Promise.reject(new Error("The mail server is down"));
    }
  }
  class CountUser {
    handle(): Promise<void> {
      return Promise.resolve(void log.push("counted"));
    }
  }
  for (const type of [SendMail, CountUser]) mediatr.notificationHandler(Created)(type);
  const error = await assertRejects(() => new mediatr.Mediator().publish(new Created()), Error);
  assertEquals([error.message, log], ["Error publishing notification", ["counted"]]);
  assertInstanceOf((error as Error & { results: unknown }).results, Array);

  class UserAdded extends ours.Event {}
  const router = new ours.MessageRouter();
  for (const type of [SendMail, CountUser]) router.eventHandler(UserAdded)(type);
  const failed = await assertRejects(() => router.newEventBus().dispatch(new UserAdded()), ours.EventDispatchError);
  assertEquals(failed.message, 'Cannot complete "UserAdded": SendMail: The mail server is down');
});

Deno.test("mediatr-ts finds no handler for a subclass; here the one of the nearest base handles it", async () => {
  class Create extends mediatr.RequestData<string> {}
  class CreateAdmin extends Create {}
  class CreateHandler {
    handle(): Promise<string> {
      return Promise.resolve("created");
    }
  }
  mediatr.requestHandler(Create)(CreateHandler);
  assertEquals(await new mediatr.Mediator().send(new Create()), "created");
  await assertRejects(
    () => new mediatr.Mediator().send(new CreateAdmin()),
    Error,
    "No handler found for request CreateAdmin",
  );

  class AddUser extends ours.Command<string> {}
  class AddAdmin extends AddUser {}
  const commands = new ours.MessageRouter().newCommandBus().subscribe(AddUser, () => "created");
  assertEquals(await commands.dispatch(new AddAdmin()), "created");
});

Deno.test("mediatr-ts refuses a second handler too, and shares its handlers among all mediators", async () => {
  class Create extends mediatr.RequestData<string> {}
  class CreateHandler {
    handle(): Promise<string> {
      return Promise.resolve("created");
    }
  }
  const mediator = new mediatr.Mediator();
  mediatr.requestHandler(Create)(CreateHandler);
  assertEquals([await mediator.send(new Create()), await new mediatr.Mediator().send(new Create())], [
    "created",
    "created",
  ]);
  assertThrows(() => mediatr.requestHandler(Create)(class OtherHandler extends CreateHandler {}), Error);

  class AddUser extends ours.Command<string> {}
  const [one, other] = [new ours.MessageRouter().newCommandBus(), new ours.MessageRouter().newCommandBus()];
  one.subscribe(AddUser, () => "created");
  assertEquals([one.canHandle(new AddUser()), other.canHandle(new AddUser())], [true, false]);
});

Deno.test("mediatr-ts runs the behavior that was registered last outermost, and the rest of them once; here the first is outermost, and next() starts the rest afresh", async () => {
  const log: string[] = [];
  class Create extends mediatr.RequestData<string> {}
  class CreateHandler {
    handle(): Promise<string> {
      log.push("handler");
      return Promise.resolve("created");
    }
  }
  mediatr.requestHandler(Create)(CreateHandler);
  // Behaviors are those of all requests of the process.
  class First {
    async handle(request: object, next: () => unknown): Promise<unknown> {
      if (request instanceof Create) log.push("first");
      return await next();
    }
  }
  class Last {
    async handle(request: object, next: () => unknown): Promise<unknown> {
      if (!(request instanceof Create)) return await next();
      log.push("last");
      await next();
      return await next();
    }
  }
  for (const type of [First, Last]) mediatr.pipelineBehavior()(type);
  await new mediatr.Mediator().send(new Create());
  assertEquals(log.splice(0), ["last", "first", "handler", "handler"]);

  class AddUser extends ours.Command {}
  const commands = new ours.MessageRouter().newCommandBus().subscribe(AddUser, () => void log.push("handler"));
  const twice: ours.Middleware = async (_message, next) => {
    log.push("first");
    await next();
    return await next();
  };
  const once: ours.Middleware = async (_message, next) => {
    log.push("second");
    return await next();
  };
  await commands.use(twice, once).dispatch(new AddUser());
  assertEquals(log, ["first", "second", "handler", "second", "handler"]);
});

// What the package cq of python-cq exports, and its modules for errors and middlewares.
const PYTHON_CQ = `
AnyCommandBus AnyIORelatedEvents Bus CQ Command CommandBus Consumer ContextCommandPipeline ContextPipeline Delivery
DIAdapter Dispatcher Event EventBus MemoryQueue Middleware MiddlewareResult Pipe Producer Pump Query QueryBus Queue
RelatedEvents Router command_handler event_handler new_command_bus new_event_bus new_query_bus query_handler
resolve_handler_source CQError MiddlewareError RetryMiddleware CaptureExceptionMiddleware AsyncContextManagerMiddleware
`.trim().split(/\s+/);

Deno.test("docs/migrating names everything that @nestjs/cqrs, mediatr-ts and python-cq export", async () => {
  const pageOf = (name: string) => Deno.readTextFile(new URL(`../../docs/migrating/${name}.md`, import.meta.url));
  const namesIn = (text: string) =>
    new Set(
      Array.from(text.matchAll(/^\|.*$/gm), ([row]) => Array.from(row.matchAll(/`([^`\n]+)`/g)))
        .flat().flatMap(([, code]) => code!.match(/\w+/g) ?? []),
    );
  // The key under which an AsyncContext is kept is of no use to anybody.
  const nestExports = Object.keys(nest).filter((name) => name !== "ASYNC_CONTEXT_ATTRIBUTE");
  const missing = async (exported: string[], page: string) => {
    const [, table] = (await pageOf(page)).split(/^## .+, name by name$/m);
    const named = namesIn(table ?? "");
    return exported.filter((name) => !named.has(name));
  };
  assertEquals(await missing(nestExports, "nestjs_cqrs"), []);
  assertEquals(await missing(Object.keys(mediatr), "mediatr_ts"), []);
  assertEquals(await missing(PYTHON_CQ, "python_cq"), []);
});
