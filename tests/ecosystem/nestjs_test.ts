import "reflect-metadata";
import { assertEquals, assertRejects } from "@std/assert";
import { stub } from "@std/testing/mock";
import type { ServerResponse } from "node:http";
import {
  type INestApplicationContext,
  Inject,
  Injectable,
  Module,
  type OnModuleInit,
  type Provider,
  Scope,
} from "@nestjs/common";
import { type ContextId, ModuleRef, NestFactory, REQUEST } from "@nestjs/core";
import { ExpressAdapter, type NestExpressApplication } from "@nestjs/platform-express";
import {
  type AnyMiddleware,
  Command,
  CommandBus,
  type Constructor,
  ContextValues,
  type DispatchOptions,
  Event,
  EventBus,
  type HandlerContext,
  InjectionToken,
  MessageRouter,
  Query,
  QueryBus,
  RelatedEvents,
  retry,
} from "@cq/core";
import { diAdapterConformance, type DIAdapterHarness } from "@cq/core/testing";
import { AppModule } from "../../examples/nestjs/app_module.ts";
import {
  CommandHandler,
  CqrsModule,
  type CqrsModuleOptions,
  EventsHandler,
  NestAdapter,
  QueryHandler,
} from "../../examples/nestjs/cqrs.ts";
import { Mailbox } from "../../examples/nestjs/users/mailbox.ts";
import { UserRepository } from "../../examples/nestjs/users/user_repository.ts";

/** A Nest application without HTTP, closed at the end of a test. */
interface Application extends AsyncDisposable {
  get<T>(type: unknown): T;
}

async function start(providers: Provider[], options?: CqrsModuleOptions): Promise<Application> {
  class RootModule {}
  Module({ imports: [CqrsModule.forRoot(options)], providers })(RootModule);
  const context = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });
  return {
    get: (type) => context.get(type as Constructor, { strict: false }),
    [Symbol.asyncDispose]: () => context.close(),
  };
}

class CreateUser extends Command<string> {
  constructor(readonly name: string) {
    super();
  }
}

class FindUser extends Query<string> {}

class UserCreated extends Event {
  constructor(readonly name: string) {
    super();
  }
}

async function serve(
  configure: (app: NestExpressApplication) => unknown = () => {},
): Promise<{ app: NestExpressApplication; url: string } & AsyncDisposable> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, new ExpressAdapter(), {
    logger: false,
    abortOnError: false,
  });
  configure(app);
  await app.listen(0, "127.0.0.1");
  return {
    app,
    url: await app.getUrl(),
    [Symbol.asyncDispose]: () => {
      app.getHttpServer().closeAllConnections();
      return app.close();
    },
  };
}

function post(url: string, name: string, tenant: string): Promise<Response> {
  const headers = { "Content-Type": "application/json", "X-Tenant": tenant };
  return fetch(`${url}/users`, { method: "POST", headers, body: JSON.stringify({ name }) });
}

Deno.test("The Nest application creates and finds users, each command with its own tenant and events", async () => {
  await using server = await serve();

  const created = await Promise.all([post(server.url, "Ada", "acme"), post(server.url, "Bob", "globex")]);
  assertEquals(created.map(({ status }) => status), [201, 201]);
  const ids = await Promise.all(created.map(async (response) => (await response.json()).id));
  assertEquals(ids.toSorted(), [1, 2]);

  const found = await Promise.all(ids.map(async (id) => (await fetch(`${server.url}/users/${id}`)).json()));
  assertEquals(found, [{ id: ids[0], name: "Ada", tenant: "acme" }, { id: ids[1], name: "Bob", tenant: "globex" }]);
  assertEquals(server.app.get(Mailbox).subjects.toSorted(), ["Welcome to acme, Ada", "Welcome to globex, Bob"]);
});

Deno.test("The Nest application answers what does not exist with 404", async () => {
  await using server = await serve();

  const response = await fetch(`${server.url}/users/7`);
  assertEquals([response.status, (await response.json()).message], [404, "There is no user 7"]);
});

Deno.test("The Nest application cancels a query when the client hangs up", async () => {
  await using server = await serve();
  const asked = Promise.withResolvers<AbortSignal>();
  server.app.get<UserRepository>(UserRepository).find = (_id, signal) => {
    asked.resolve(signal!);
    return new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
  };

  const client = new AbortController();
  const response = fetch(`${server.url}/users/1`, { signal: client.signal });
  const signal = await asked.promise;
  assertEquals(signal.aborted, false);
  const fired = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  client.abort(new Error("hung up"));
  await assertRejects(() => response, Error, "hung up");
  await fired;
});

Deno.test("The Nest application knows that the client has hung up while a guard was at work", async () => {
  const guarded = Promise.withResolvers<void>();
  await using server = await serve((app) => {
    app.useGlobalGuards({
      canActivate: async (context) => {
        guarded.resolve();
        await new Promise((resolve) => context.switchToHttp().getResponse<ServerResponse>().once("close", resolve));
        return true;
      },
    });
  });
  const dispatched = Promise.withResolvers<AbortSignal | undefined>();
  using _dispatch = stub(
    server.app.get(QueryBus),
    "dispatch",
    ((_query: object, options?: DispatchOptions) => {
      dispatched.resolve(options?.signal);
      return Promise.resolve(undefined);
    }) as QueryBus["dispatch"],
  );

  const client = new AbortController();
  const response = fetch(`${server.url}/users/1`, { signal: client.signal });
  await guarded.promise;
  client.abort(new Error("hung up"));
  await assertRejects(() => response, Error, "hung up");
  assertEquals((await dispatched.promise)?.aborted, true);
});

Deno.test("CqrsModule builds a handler that needs something request-scoped for each message, any other once", async () => {
  const built: string[] = [];
  @Injectable({ scope: Scope.REQUEST })
  class Tenant {
    readonly name: unknown;
    constructor(@Inject(REQUEST) { metadata }: HandlerContext) {
      this.name = metadata["tenant"];
    }
  }
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    constructor(private readonly tenant: Tenant) {
      built.push("command");
    }
    execute({ name }: CreateUser): string {
      return `${name} of ${this.tenant.name}`;
    }
  }
  @QueryHandler(FindUser)
  class FindUserHandler {
    constructor() {
      built.push("query");
    }
    execute(): string {
      return "Ada";
    }
  }
  await using app = await start([Tenant, CreateUserHandler, FindUserHandler]);
  const commands = app.get<CommandBus>(CommandBus);
  const queries = app.get<QueryBus>(QueryBus);

  const names = await Promise.all(
    ["acme", "globex"].map((tenant) => commands.dispatch(new CreateUser("Ada"), { metadata: { tenant } })),
  );
  assertEquals(names, ["Ada of acme", "Ada of globex"]);
  await queries.dispatch(new FindUser());
  await queries.dispatch(new FindUser());
  assertEquals(built, ["query", "command", "command"]);
});

Deno.test("CommandHandler() takes the scope of the handler, as in @nestjs/cqrs", async () => {
  let built = 0;
  @CommandHandler(CreateUser, { scope: Scope.REQUEST })
  class CreateUserHandler {
    readonly number = ++built;
    execute({ name }: CreateUser): string {
      return `${name} ${this.number}`;
    }
  }
  await using app = await start([CreateUserHandler]);
  const commands = app.get<CommandBus>(CommandBus);

  const first = await commands.dispatch(new CreateUser("Ada"));
  assertEquals([first, await commands.dispatch(new CreateUser("Ada"))], ["Ada 1", "Ada 2"]);
});

// Looked at beside the scope: an event handler that is durable, that fails in silence, and several events with options.
Deno.test("EventsHandler() takes options behind the events, as in @nestjs/cqrs", async () => {
  class UserRemoved extends Event {}
  const built: string[] = [];
  @EventsHandler(UserCreated, UserRemoved, { scope: Scope.REQUEST })
  class Count {
    constructor() {
      built.push("count");
    }
    handle(_event: UserCreated | UserRemoved): void {}
  }
  @EventsHandler(UserCreated, { failSilently: true })
  class Fail {
    handle(): void {
      throw new Error("The mail server is down");
    }
  }
  @EventsHandler(UserCreated, undefined)
  class Once {
    constructor() {
      built.push("once");
    }
    handle(_event: UserCreated): void {}
  }
  await using app = await start([Count, Fail, Once]);
  const events = app.get<EventBus>(EventBus);

  await events.dispatch(new UserCreated("Ada"));
  await events.dispatch(new UserRemoved());
  assertEquals(built, ["once", "count", "count"]);
  assertEquals(app.get<MessageRouter>(MessageRouter).eventTypes, [UserCreated, UserRemoved]);
});

// Looked at beside useFactory: useClass, useValue, useExisting, a token that two modules use for handlers of their own,
// a factory that is request-scoped, under the class as its token, and one of a class that inherits its decorator.
Deno.test("CqrsModule finds the handlers that a provider makes, whatever its token", async () => {
  class RemoveUser extends Command<string> {}
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    constructor(private readonly greeting: string) {}
    execute({ name }: CreateUser): string {
      return `${this.greeting}, ${name}`;
    }
  }
  abstract class AbstractHandler {
    abstract execute(query: FindUser): string;
  }
  QueryHandler(FindUser)(AbstractHandler as never);
  class FakeHandler extends AbstractHandler {
    execute(): string {
      return "Ada";
    }
  }
  @CommandHandler(RemoveUser)
  class RemoveUserHandler {
    constructor(private readonly text: string) {}
    execute(): string {
      return this.text;
    }
  }
  const log: string[] = [];
  @EventsHandler(UserCreated)
  class Watch {
    handle({ name }: UserCreated): void {
      log.push(name);
    }
  }
  class OtherModule {}
  let built = 0;
  const removing = {
    provide: RemoveUserHandler,
    scope: Scope.REQUEST,
    useFactory: () => new RemoveUserHandler(`removed ${++built}`),
  };
  Module({ providers: [{ provide: "HANDLER", useValue: new Watch() }, removing] })(OtherModule);
  class RootModule {}
  Module({
    imports: [CqrsModule.forRoot(), OtherModule],
    providers: [
      { provide: "HANDLER", useFactory: () => new CreateUserHandler("Hello") },
      { provide: AbstractHandler, useClass: FakeHandler },
      { provide: "ALIAS", useExisting: AbstractHandler },
      { provide: "NOTHING", useValue: undefined },
      { provide: "DATA", useValue: Object.create(null) },
    ],
  })(RootModule);
  const app = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });

  const commands = app.get(CommandBus);
  assertEquals(await commands.dispatch(new CreateUser("Ada")), "Hello, Ada");
  assertEquals(await app.get(QueryBus).dispatch(new FindUser()), "Ada");
  await app.get(EventBus).dispatch(new UserCreated("Ada"));
  assertEquals(log, ["Ada"]);
  const removed = [await commands.dispatch(new RemoveUser()), await commands.dispatch(new RemoveUser())];
  assertEquals(removed, ["removed 1", "removed 2"]);
  await app.close();
});

Deno.test("CqrsModule builds what a token names in the module of the handler, where another module uses the token too", async () => {
  @QueryHandler(FindUser, { scope: Scope.REQUEST })
  class FindUserHandler {
    execute(): string {
      return "Ada";
    }
  }
  class OtherModule {}
  Module({ providers: [{ provide: "HANDLER", scope: Scope.REQUEST, useFactory: () => ({}) }] })(OtherModule);
  class RootModule {}
  Module({
    imports: [CqrsModule.forRoot(), OtherModule],
    providers: [{ provide: "HANDLER", useClass: FindUserHandler }],
  })(RootModule);
  const app = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });

  assertEquals(await app.get(QueryBus).dispatch(new FindUser()), "Ada");
  await app.close();
});

// Looked at: a class that is decorated and one that is not, each below one that is, and another kind of message.
Deno.test("A handler inherits the decorator of its base, for each kind of message by itself, as with @nestjs/cqrs", async () => {
  class CreateAdmin extends Command<string> {}
  class BaseHandler {
    execute(message: object): string {
      return `${this.constructor.name} ${message.constructor.name}`;
    }
  }
  CommandHandler(CreateUser)(BaseHandler);
  class InheritingHandler extends BaseHandler {}
  await using inheriting = await start([InheritingHandler]);
  assertEquals(
    await inheriting.get<CommandBus>(CommandBus).dispatch(new CreateUser("Ada")),
    "InheritingHandler CreateUser",
  );

  @CommandHandler(CreateAdmin)
  class OverridingHandler extends BaseHandler {}
  @QueryHandler(FindUser)
  class AddingHandler extends BaseHandler {}
  await using app = await start([OverridingHandler, AddingHandler]);
  assertEquals(app.get<MessageRouter>(MessageRouter).commandTypes, [CreateAdmin, CreateUser]);
  assertEquals(await app.get<QueryBus>(QueryBus).dispatch(new FindUser()), "AddingHandler FindUser");
});

// Looked at: singletons and request-scoped handlers, `handle`, a class with both methods, and a handler that a test has
// overridden with a plain object.
Deno.test("CqrsModule looks the method of a handler up at each call, so that a spy works that comes later", async () => {
  @CommandHandler(CreateUser)
  @EventsHandler(UserCreated)
  class UserHandler {
    execute({ name }: CreateUser): string {
      return name;
    }
    handle(_event: UserCreated): void {
      throw new Error("not replaced");
    }
  }
  @QueryHandler(FindUser, { scope: Scope.REQUEST })
  class FindUserHandler {
    execute(): string {
      return "Ada";
    }
  }
  await using app = await start([UserHandler, FindUserHandler]);
  const commands = app.get<CommandBus>(CommandBus);
  const queries = app.get<QueryBus>(QueryBus);
  const handler = app.get<UserHandler>(UserHandler);
  assertEquals(await commands.dispatch(new CreateUser("Ada")), "Ada");
  assertEquals(await queries.dispatch(new FindUser()), "Ada");

  using execute = stub(handler, "execute", () => "spied");
  using handle = stub(handler, "handle");
  using find = stub(FindUserHandler.prototype, "execute", () => "spied");
  const [command, event, query] = [new CreateUser("Ada"), new UserCreated("Ada"), new FindUser()];
  assertEquals([await commands.dispatch(command), await queries.dispatch(query)], ["spied", "spied"]);
  await app.get<EventBus>(EventBus).dispatch(event);
  // The second argument is the context, which a test that compares all of them has to know.
  assertEquals([execute, handle, find].map(({ calls: [call] }) => call!.args[0] as unknown), [command, event, query]);
  assertEquals([execute, handle, find].map(({ calls: [call] }) => call!.args.length), [2, 2, 2]);
});

Deno.test("CqrsModule registers what a test puts in the place of a handler class", async () => {
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    execute({ name }: CreateUser): string {
      return name;
    }
  }
  await using app = await start([{ provide: CreateUserHandler, useValue: { execute: () => "fake" } }]);
  assertEquals(await app.get<CommandBus>(CommandBus).dispatch(new CreateUser("Ada")), "fake");
});

Deno.test("examples/nestjs/cqrs.ts imports packages alone, so that it compiles wherever it is copied to", async () => {
  const source = await Deno.readTextFile(new URL("../../examples/nestjs/cqrs.ts", import.meta.url));
  const imported = Array.from(
    source.matchAll(/^(?:import|\} from|export .* from) ?.*?"([^"]+)";$/gm),
    ([, name]) => name,
  );
  assertEquals(imported.toSorted(), ["@cq/core", "@nestjs/common", "@nestjs/core", "reflect-metadata"]);
});

Deno.test("CqrsModule shares a request-scoped provider within one message and with nobody else", async () => {
  @Injectable({ scope: Scope.REQUEST })
  class Session {}
  @Injectable()
  class Repository {
    constructor(readonly session: Session) {}
  }
  const sessions: object[][] = [];
  @EventsHandler(UserCreated)
  class Watch {
    constructor(private readonly session: Session, private readonly repository: Repository) {}
    handle(): void {
      sessions.push([this.session, this.repository.session]);
    }
  }
  await using app = await start([Session, Repository, Watch]);
  const events = app.get<EventBus>(EventBus);

  await events.dispatch(new UserCreated("Ada"));
  await events.dispatch(new UserCreated("Bob"));
  const [first, second] = sessions as [object[], object[]];
  assertEquals([first[0] === first[1], second[0] === second[1], first[0] === second[0]], [true, true, false]);
});

Deno.test("CqrsModule publishes the RelatedEvents of a command, and each attempt of a retry has its own", async () => {
  const mails: string[] = [];
  let attempts = 0;
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    constructor(private readonly events: RelatedEvents) {}
    execute({ name }: CreateUser): string {
      this.events.add(new UserCreated(`${name} ${++attempts}`));
      if (attempts === 1) throw new Error("The database is busy");
      return name;
    }
  }
  @EventsHandler(UserCreated)
  class SendMail {
    handle({ name }: UserCreated): void {
      mails.push(name);
    }
  }
  await using app = await start([CreateUserHandler, SendMail], { commands: [retry({ attempts: 2 })] });

  assertEquals(await app.get<CommandBus>(CommandBus).dispatch(new CreateUser("Ada")), "Ada");
  assertEquals(mails, ["Ada 2"]);
});

Deno.test("CqrsModule gives RelatedEvents to the handlers of commands alone", async () => {
  @QueryHandler(FindUser)
  class FindUserHandler {
    constructor(readonly events: RelatedEvents) {}
    execute(): string {
      return "Ada";
    }
  }
  await using app = await start([FindUserHandler]);

  await assertRejects(
    () => app.get<QueryBus>(QueryBus).dispatch(new FindUser()),
    TypeError,
    "Cannot inject RelatedEvents: only the handler of a command has some",
  );
});

Deno.test("CqrsModule injects the values of a dispatch, those of middlewares too, by their class or by the name of the token", async () => {
  class User {
    constructor(readonly name: string) {}
  }
  const TX = new InjectionToken<number>("TX");
  @Injectable()
  class Repository {
    constructor(@Inject(TX.name) readonly transaction: number) {}
  }
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    constructor(private readonly user: User, private readonly repository: Repository) {}
    execute({ name }: CreateUser): string {
      return `${name} by ${this.user.name} in ${this.repository.transaction}`;
    }
  }
  let transactions = 0;
  const begin: AnyMiddleware = (_message, next, { values }) =>
    next(undefined, { values: values.with(TX, ++transactions) });
  await using app = await start([Repository, CreateUserHandler], { commands: [begin], values: [User, TX] });
  const commands = app.get<CommandBus>(CommandBus);
  const by = (name: string) => ({ values: new ContextValues().with(User, new User(name)) });

  assertEquals(await commands.dispatch(new CreateUser("Ada"), by("Grace")), "Ada by Grace in 1");
  assertEquals(await commands.dispatch(new CreateUser("Bob"), by("Alan")), "Bob by Alan in 2");
  await assertRejects(
    () => commands.dispatch(new CreateUser("Eve")),
    TypeError,
    'Cannot inject "User": the dispatch carries no such value',
  );
});

Deno.test("CqrsModule injects the buses into handlers", async () => {
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    constructor(private readonly queries: QueryBus) {}
    async execute(_command: CreateUser, context: HandlerContext): Promise<string> {
      return await this.queries.dispatch(new FindUser(), context);
    }
  }
  @QueryHandler(FindUser)
  class FindUserHandler {
    execute(_query: FindUser, { metadata }: HandlerContext): string {
      return `Ada of ${metadata["tenant"]}`;
    }
  }
  await using app = await start([CreateUserHandler, FindUserHandler]);

  const commands = app.get<CommandBus>(CommandBus);
  assertEquals(await commands.dispatch(new CreateUser("Ada"), { metadata: { tenant: "acme" } }), "Ada of acme");
});

Deno.test("CqrsModule knows the handlers before any other module starts", async () => {
  const log: string[] = [];
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    execute({ name }: CreateUser): string {
      return name;
    }
  }
  @Injectable()
  class Seed implements OnModuleInit {
    constructor(private readonly commands: CommandBus) {}
    async onModuleInit(): Promise<void> {
      log.push(await this.commands.dispatch(new CreateUser("Ada")));
    }
  }
  await using _app = await start([Seed, CreateUserHandler]);
  assertEquals(log, ["Ada"]);
});

Deno.test("The decorators for Nest refuse what is no handler of the message", () => {
  class WrongMessage {
    execute(_query: FindUser): string {
      return "";
    }
  }
  class WrongResult {
    execute(_command: CreateUser): number {
      return 1;
    }
  }
  class NoMethod {}
  // @ts-expect-error -- a handler of a query is none of a command
  CommandHandler(CreateUser)(WrongMessage);
  // @ts-expect-error -- the command promises a string
  CommandHandler(CreateUser)(WrongResult);
  // @ts-expect-error -- there is no method "execute"
  QueryHandler(FindUser)(NoMethod);
  // @ts-expect-error -- there is no method "handle"
  EventsHandler(UserCreated)(NoMethod);
  // @ts-expect-error -- a query is no command
  CommandHandler(FindUser);
  // @ts-expect-error -- options do not make an event
  EventsHandler({ scope: Scope.REQUEST });
  // @ts-expect-error -- the options come last
  EventsHandler({ scope: Scope.REQUEST }, UserCreated);
  // @ts-expect-error -- there is no method "handle", with options too
  EventsHandler(UserCreated, { scope: Scope.REQUEST })(NoMethod);
});

Deno.test("CqrsModule registers a handler once that two modules provide", async () => {
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    execute({ name }: CreateUser): string {
      return name;
    }
  }
  class OtherModule {}
  Module({ providers: [CreateUserHandler] })(OtherModule);
  class RootModule {}
  Module({ imports: [CqrsModule.forRoot(), OtherModule], providers: [CreateUserHandler] })(RootModule);
  const app = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });

  assertEquals(await app.get(CommandBus).dispatch(new CreateUser("Ada")), "Ada");
  await app.close();
});

Deno.test("CqrsModule keeps two applications in one process apart", async () => {
  @CommandHandler(CreateUser)
  class CreateUserHandler {
    execute({ name }: CreateUser): string {
      return name;
    }
  }
  await using one = await start([CreateUserHandler]);
  await using other = await start([]);

  assertEquals(one.get<MessageRouter>(MessageRouter).commandTypes, [CreateUser]);
  assertEquals(other.get<MessageRouter>(MessageRouter).commandTypes, []);
});

/** Nest knows its providers before it starts: the application is made when the first handler is wired. */
function nestHarness(): DIAdapterHarness<ContextId | undefined> & AsyncDisposable {
  const providers = new Map<unknown, Provider>();
  const scopes = { singleton: Scope.DEFAULT, scoped: Scope.REQUEST, transient: Scope.TRANSIENT };
  providers.set(RelatedEvents, {
    provide: RelatedEvents,
    scope: Scope.REQUEST,
    inject: [REQUEST],
    useFactory: ({ events }: HandlerContext) => events,
  });

  let starting: Promise<{ app: INestApplicationContext; adapter: NestAdapter }> | undefined;
  const started = () =>
    starting ??= (async () => {
      class RootModule {}
      Module({ providers: [...providers.values()] })(RootModule);
      const app = await NestFactory.createApplicationContext(RootModule, { logger: false, abortOnError: false });
      return { app, adapter: new NestAdapter(app.get(ModuleRef)) };
    })();

  return {
    adapter: {
      wire: (type) => async (id) => (await started()).adapter.wire(type)(id),
      lazy: (type) => async () => (await started()).adapter.lazy(type)(),
      createScope: async (context) => {
        const { adapter } = await started();
        adapter.wire(context.handler as Constructor);
        return adapter.createScope(context);
      },
      registerDefaults: (buses) => {
        for (const { token, create } of buses) {
          if (!providers.has(token)) providers.set(token, { provide: token, useFactory: create });
        }
      },
    },
    bind: (type, { dependencies, lifetime }) => {
      const useFactory = (...built: unknown[]) => new type(...built);
      providers.set(type, {
        provide: type,
        scope: scopes[lifetime],
        inject: dependencies as Constructor[],
        useFactory,
      });
    },
    bindInstance: (type, instance) => providers.set(type, { provide: type, useValue: instance }),
    [Symbol.asyncDispose]: async () => await starting?.then(({ app }) => app.close(), () => {}),
  };
}

/** In Nest, whoever injects a transient provider twice gets the same instance twice. */
const OTHERWISE_IN_NEST = "shares a singleton everywhere, and never shares a transient value";

// Nest disposes nothing that is request-scoped.
for (const { name, run, skip } of diAdapterConformance(nestHarness, { disposal: false })) {
  Deno.test({ name: `NestAdapter ${name}`, ignore: skip || name === OTHERWISE_IN_NEST, fn: run });
}
