import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CircularDependencyError,
  Command,
  CommandBus,
  Container,
  type DIAdapter,
  Event,
  EventBus,
  inject,
  InjectionToken,
  MessageRouter,
  ProviderNotFoundError,
  Query,
  QueryBus,
} from "@cq/core";

class Database {}

abstract class UserRepository {
  abstract find(id: number): string;
}

class MemoryUserRepository extends UserRepository {
  find(id: number): string {
    return `user ${id}`;
  }
}

// Lifetimes

Deno.test("Container.get() returns what the factory of a token makes", () => {
  const database = new Database();

  assertStrictEquals(new Container().bind(Database, () => database).get(Database), database);
});

Deno.test("Container.bind() shares one instance for ever by default", () => {
  const container = new Container().bind(Database, () => new Database());

  assertStrictEquals(container.get(Database), container.get(Database));
});

Deno.test("Container.bind() builds a singleton at its first use, and once", () => {
  let built = 0;
  const container = new Container().bind(Database, () => {
    built++;
    return new Database();
  }, { lifetime: "singleton" });

  assertEquals(built, 0);
  container.get(Database);
  container.get(Database);

  assertEquals(built, 1);
});

Deno.test("Container.bind() shares a singleton between scopes", async () => {
  const container = new Container().bind(Database, () => new Database());
  await using first = container.createScope();
  await using second = container.createScope();

  assertStrictEquals(first.get(Database), second.get(Database));
  assertStrictEquals(first.get(Database), container.get(Database));
});

Deno.test("Container.bind() never shares a transient instance", async () => {
  const container = new Container().bind(Database, () => new Database(), { lifetime: "transient" });
  await using scope = container.createScope();

  assertNotStrictEquals(container.get(Database), container.get(Database));
  assertNotStrictEquals(scope.get(Database), scope.get(Database));
});

Deno.test("Container.bind() shares a singleton whose value is undefined, too", () => {
  let built = 0;
  const token = new InjectionToken<undefined>("NOTHING");
  const container = new Container().bind(token, () => void built++);

  container.get(token);
  container.get(token);

  assertEquals(built, 1);
});

Deno.test("Container.bind() keeps containers apart", () => {
  const bind = () => new Container().bind(Database, () => new Database());

  assertNotStrictEquals(bind().get(Database), bind().get(Database));
});

// What can be bound

Deno.test("Container.bind() binds an abstract class", () => {
  const container = new Container().bind(UserRepository, () => new MemoryUserRepository());

  assertEquals(container.get(UserRepository).find(7), "user 7");
});

Deno.test("Container.bind() binds an InjectionToken to a value that is not an object", () => {
  const url = new InjectionToken<string>("DATABASE_URL");

  assertEquals(new Container().bind(url, () => "sqlite:users.db").get(url), "sqlite:users.db");
});

Deno.test("Container.bind() keeps two InjectionTokens with the same name apart", () => {
  const first = new InjectionToken<number>("PORT");
  const second = new InjectionToken<number>("PORT");
  const container = new Container().bind(first, () => 1).bind(second, () => 2);

  assertEquals([container.get(first), container.get(second)], [1, 2]);
});

Deno.test("Container.bind() keeps a class and its subclass apart", () => {
  const container = new Container().bind(UserRepository, () => new MemoryUserRepository());

  assertThrows(() => container.get(MemoryUserRepository), ProviderNotFoundError);
});

Deno.test("Container.bind() binds the promise of an async factory, and does not await it", async () => {
  const token = new InjectionToken<Promise<Database>>("DATABASE");
  const database = new Database();
  const container = new Container().bind(token, () => Promise.resolve(database));

  const promise = container.get(token);

  assert(promise instanceof Promise);
  assertStrictEquals(promise, container.get(token));
  assertStrictEquals(await promise, database);
});

Deno.test("Container.bind() returns the container", () => {
  const container = new Container();

  assertStrictEquals(container.bind(Database, () => new Database()), container);
});

Deno.test("Container.bind() refuses a value that is not a factory", () => {
  const instance = new Database() as unknown as () => Database;

  const error = assertThrows(() => new Container().bind(Database, instance), TypeError);

  assertEquals(error.message, 'Cannot bind "Database": the second argument must be a factory, () => …');
});

// Binding again

Deno.test("Container.bind() lets the last binding before the first use win", () => {
  const token = new InjectionToken<string>("NAME");

  assertEquals(new Container().bind(token, () => "first").bind(token, () => "last").get(token), "last");
});

Deno.test("Container.bind() lets the last binding change the lifetime", () => {
  const container = new Container()
    .bind(Database, () => new Database())
    .bind(Database, () => new Database(), { lifetime: "transient" });

  assertNotStrictEquals(container.get(Database), container.get(Database));
});

for (const lifetime of ["singleton", "scoped", "transient"] as const) {
  Deno.test(`Container.bind() refuses to bind a ${lifetime} token again that has been resolved`, async () => {
    const container = new Container().bind(Database, () => new Database(), { lifetime });
    await using scope = container.createScope();
    scope.get(Database);

    const error = assertThrows(() => container.bind(Database, () => new Database()), TypeError);

    assertEquals(
      error.message,
      'Cannot bind "Database" again: it has been resolved, and what was bound before is in use. ' +
        "Bind it before its first use",
    );
  });
}

Deno.test("Container.bind() keeps what has been resolved when it refuses", () => {
  const token = new InjectionToken<string>("NAME");
  const container = new Container().bind(token, () => "first");
  container.get(token);

  const error = assertThrows(() => container.bind(token, () => "second"), TypeError);

  assert(error.message.startsWith('Cannot bind "NAME" again'));
  assertEquals(container.get(token), "first");
});

Deno.test("Container.get() calls a factory again after it has thrown", () => {
  let failures = 1;
  const container = new Container().bind(Database, () => {
    if (failures-- > 0) throw new RangeError("not yet");
    return new Database();
  });

  assertThrows(() => container.get(Database), RangeError, "not yet");
  const database = container.get(Database);

  assert(database instanceof Database);
  assertStrictEquals(container.get(Database), database);
});

Deno.test("Container.bind() may bind a token again if its factory has thrown", () => {
  const token = new InjectionToken<string>("NAME");
  const container = new Container().bind(token, () => {
    throw new RangeError("broken");
  });
  assertThrows(() => container.get(token), RangeError, "broken");

  assertEquals(container.bind(token, () => "mended").get(token), "mended");
});

// What is missing

Deno.test("Container.get() refuses a class that is not bound, and does not build it", () => {
  let built = 0;
  class Mailer {
    constructor() {
      built++;
    }
  }

  const error = assertThrows(() => new Container().get(Mailer), ProviderNotFoundError);

  assertEquals(
    error.message,
    'Cannot resolve "Mailer": nothing is bound to it (Mailer). Bind it first: container.bind(Mailer, () => …)',
  );
  assertEquals(error.name, "ProviderNotFoundError");
  assertEquals(error.path, ["Mailer"]);
  assertEquals(built, 0);
});

Deno.test("Container.get() refuses an InjectionToken that is not bound by its name", () => {
  const error = assertThrows(() => new Container().get(new InjectionToken("DATABASE_URL")), ProviderNotFoundError);

  assertEquals(error.path, ["DATABASE_URL"]);
});

Deno.test("Container.get() names the path that led to the missing token", () => {
  class Service {
    readonly users = inject(UserRepository);
  }
  class PostgresUserRepository extends MemoryUserRepository {
    readonly database = inject(Database);
  }
  const container = new Container()
    .bind(Service, () => new Service())
    .bind(UserRepository, () => new PostgresUserRepository());

  const error = assertThrows(() => container.get(Service), ProviderNotFoundError);

  assertEquals(
    error.message,
    'Cannot resolve "Database": nothing is bound to it (Service → UserRepository → Database). ' +
      "Bind it first: container.bind(Database, () => …)",
  );
  assertEquals(error.path, ["Service", "UserRepository", "Database"]);
});

Deno.test("A handler whose dependency is not bound fails with the path that starts at the handler", async () => {
  class CreateUser extends Command<number> {}
  const container = new Container();
  class PostgresUserRepository extends MemoryUserRepository {
    readonly database = inject(Database);
  }
  container.bind(UserRepository, () => new PostgresUserRepository());
  const router = new MessageRouter(container);
  @router.commandHandler(CreateUser)
  class CreateUserHandler {
    readonly users = inject(UserRepository);
    handle(_command: CreateUser): number {
      return 42;
    }
  }

  const error = await assertRejects(
    () => router.newCommandBus().dispatch(new CreateUser()),
    ProviderNotFoundError,
  );

  assertEquals(error.path, [CreateUserHandler.name, "UserRepository", "Database"]);
  assertEquals(
    error.message,
    'Cannot resolve "Database": nothing is bound to it (CreateUserHandler → UserRepository → Database). ' +
      "Bind it first: container.bind(Database, () => …)",
  );
});

Deno.test("A handler whose dependency was not bound works once it is bound", async () => {
  class FindUser extends Query<string> {}
  const container = new Container();
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly users = inject(UserRepository);
    handle(_query: FindUser): string {
      return this.users.find(7);
    }
  }
  const queries = router.newQueryBus();
  await assertRejects(() => queries.dispatch(new FindUser()), ProviderNotFoundError);

  container.bind(UserRepository, () => new MemoryUserRepository());

  assertEquals(await queries.dispatch(new FindUser()), "user 7");
});

// Circles

const A = new InjectionToken<unknown>("A");
const B = new InjectionToken<unknown>("B");
const C = new InjectionToken<unknown>("C");

Deno.test("Container.get() refuses a token that depends on itself", () => {
  const error = assertThrows(() => new Container().bind(A, () => inject(A)).get(A), CircularDependencyError);

  assertEquals(error.message, 'Cannot resolve "A": its dependencies form a circle (A → A)');
  assertEquals(error.name, "CircularDependencyError");
  assertEquals(error.path, ["A", "A"]);
});

Deno.test("Container.get() names the path of a circle", () => {
  const container = new Container().bind(A, () => inject(B)).bind(B, () => inject(C)).bind(C, () => inject(A));

  const error = assertThrows(() => container.get(A), CircularDependencyError);

  assertEquals(error.message, 'Cannot resolve "A": its dependencies form a circle (A → B → C → A)');
  assertEquals(error.path, ["A", "B", "C", "A"]);
});

Deno.test("Container.get() names only the tokens that are in the circle", () => {
  const container = new Container().bind(A, () => inject(B)).bind(B, () => inject(C)).bind(C, () => inject(B));

  const error = assertThrows(() => container.get(A), CircularDependencyError);

  assertEquals(error.path, ["B", "C", "B"]);
});

for (const lifetime of ["scoped", "transient"] as const) {
  Deno.test(`Container.get() finds a circle of ${lifetime} dependencies`, async () => {
    const container = new Container()
      .bind(A, () => inject(B), { lifetime })
      .bind(B, () => inject(A), { lifetime });
    await using scope = container.createScope();

    const error = assertThrows(() => scope.get(A), CircularDependencyError);

    assertEquals(error.path, ["A", "B", "A"]);
  });
}

Deno.test("Container.get() finds a circle that leads through a get() in a factory", () => {
  const container: Container = new Container()
    .bind(A, () => inject(B))
    .bind(B, () => container.get(C))
    .bind(C, () => container.get(A));

  const error = assertThrows(() => container.get(A), CircularDependencyError);

  assertEquals(error.message, 'Cannot resolve "A": its dependencies form a circle (A → B → C → A)');
});

Deno.test("Container.get() names the whole circle even if two tokens share a name", () => {
  const first = new InjectionToken<unknown>("PORT");
  const second = new InjectionToken<unknown>("PORT");
  const container = new Container().bind(first, () => inject(second)).bind(second, () => inject(first));

  const error = assertThrows(() => container.get(first), CircularDependencyError);

  assertEquals(error.path, ["PORT", "PORT", "PORT"]);
});

Deno.test("Container.get() accepts a dependency that is reached on two ways", () => {
  const container = new Container()
    .bind(A, () => [inject(B), inject(C)])
    .bind(B, () => inject(C), { lifetime: "transient" })
    .bind(C, () => "shared", { lifetime: "transient" });

  assertEquals(container.get(A), ["shared", "shared"]);
});

Deno.test("Container.get() accepts a token that another container binds, too", () => {
  const inner = new Container().bind(A, () => "inner");
  const outer = new Container().bind(A, () => `${inner.get(A)} in outer`);

  assertEquals(outer.get(A), "inner in outer");
});

Deno.test("Container.get() works after it has refused a circle", () => {
  const container = new Container().bind(A, () => inject(A)).bind(B, () => "fine");
  assertThrows(() => container.get(A), CircularDependencyError);

  assertEquals(container.get(B), "fine");
});

// What a singleton must not keep

Deno.test("Container.get() refuses a singleton that injects a scoped dependency, with both names", async () => {
  class UnitOfWork {}
  class Cache {
    readonly work = inject(UnitOfWork);
  }
  const container = new Container()
    .bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" })
    .bind(Cache, () => new Cache());
  await using scope = container.createScope();

  const error = assertThrows(() => scope.get(Cache), TypeError);

  assertEquals(
    error.message,
    'Cannot resolve "UnitOfWork" for "Cache": the first lives in a scope and the second is a singleton, ' +
      "which would outlive it (Cache → UnitOfWork)",
  );
});

Deno.test("Container.get() refuses a singleton that reaches a scoped dependency through a transient one", async () => {
  class UnitOfWork {}
  class Mapper {
    readonly work = inject(UnitOfWork);
  }
  class Cache {
    readonly mapper = inject(Mapper);
  }
  const container = new Container()
    .bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" })
    .bind(Mapper, () => new Mapper(), { lifetime: "transient" })
    .bind(Cache, () => new Cache());
  await using scope = container.createScope();

  const error = assertThrows(() => scope.get(Cache), TypeError);

  assertEquals(
    error.message,
    'Cannot resolve "UnitOfWork" for "Cache": the first lives in a scope and the second is a singleton, ' +
      "which would outlive it (Cache → Mapper → UnitOfWork)",
  );
});

Deno.test("Container.get() refuses it even if the scope has the scoped instance already", async () => {
  class UnitOfWork {}
  class Cache {
    readonly work = inject(UnitOfWork);
  }
  const container = new Container()
    .bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" })
    .bind(Cache, () => new Cache());
  await using scope = container.createScope();
  scope.get(UnitOfWork);

  assertThrows(() => scope.get(Cache), TypeError, 'Cannot resolve "UnitOfWork" for "Cache"');
});

Deno.test("Container.get() lets a singleton keep what another container binds for a scope", () => {
  const inner = new Container().bind(A, () => "scoped", { lifetime: "scoped" });
  const outer = new Container().bind(B, () => inner.createScope().get(A));

  assertEquals(outer.get(B), "scoped");
});

Deno.test("Container.get() refuses a scoped dependency if no scope is open", () => {
  class UnitOfWork {}
  const container = new Container().bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });

  const error = assertThrows(() => container.get(UnitOfWork), TypeError);

  assertEquals(
    error.message,
    'Cannot resolve "UnitOfWork": it is bound for a scope, and none is open. ' +
      "Get it from container.createScope(), or inject it where a handler is built",
  );
});

// Handler classes

class FindUser extends Query<string> {}

Deno.test("A handler class needs no binding, and a new one is built for each dispatch", async () => {
  const router = new MessageRouter();
  const built: object[] = [];
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    constructor() {
      built.push(this);
    }
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  const queries = router.newQueryBus();

  await queries.dispatch(new FindUser());
  await queries.dispatch(new FindUser());

  assertEquals(built.length, 2);
  assertNotStrictEquals(built[0], built[1]);
});

Deno.test("A handler class that is bound is built as it is bound", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class FindUserHandler {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    handle(_query: FindUser): string {
      return this.#name;
    }
  }
  container.bind(FindUserHandler, () => new FindUserHandler("Ada"), { lifetime: "transient" });

  assertEquals(await router.newQueryBus().dispatch(new FindUser()), "Ada");
});

for (const [lifetime, built] of [["singleton", 1], ["scoped", 2], ["transient", 2]] as const) {
  Deno.test(`A handler class that is bound as ${lifetime} is built ${built === 1 ? "once" : "for each dispatch"}`, async () => {
    const container = new Container();
    const router = new MessageRouter(container);
    let count = 0;
    @router.queryHandler(FindUser)
    class FindUserHandler {
      handle(_query: FindUser): string {
        return "Ada";
      }
    }
    container.bind(FindUserHandler, () => {
      count++;
      return new FindUserHandler();
    }, { lifetime });
    const queries = router.newQueryBus();

    await queries.dispatch(new FindUser());
    await queries.dispatch(new FindUser());

    assertEquals(count, built);
  });
}

Deno.test("A handler class whose constructor has parameters without a default is refused", async () => {
  const router = new MessageRouter();
  @router.queryHandler(FindUser)
  class FindUserHandler {
    readonly users: UserRepository;
    constructor(users: UserRepository, _database: Database) {
      this.users = users;
    }
    handle(_query: FindUser): string {
      return this.users.find(7);
    }
  }

  const error = await assertRejects(() => router.newQueryBus().dispatch(new FindUser()), TypeError);

  assertEquals(
    error.message,
    `Cannot construct "${FindUserHandler.name}": its constructor expects arguments (2). Give each parameter a default, ` +
      'such as inject(…), or bind the class with the lifetime "transient"',
  );
});

Deno.test("A handler class that was refused for its constructor works once it is bound", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class FindUserHandler {
    readonly #name: string;
    constructor(name: string) {
      this.#name = name;
    }
    handle(_query: FindUser): string {
      return this.#name;
    }
  }
  const queries = router.newQueryBus();
  await assertRejects(() => queries.dispatch(new FindUser()), TypeError);

  container.bind(FindUserHandler, () => new FindUserHandler("Ada"));

  assertEquals(await queries.dispatch(new FindUser()), "Ada");
});

Deno.test("Container.bind() refuses a handler class that has been built without a binding", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class FindUserHandler {
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  await router.newQueryBus().dispatch(new FindUser());

  const error = assertThrows(() => container.bind(FindUserHandler, () => new FindUserHandler()), TypeError);

  assertEquals(
    error.message,
    'Cannot bind "FindUserHandler": a handler of the class has been built without a binding. ' +
      "Bind it before its first use",
  );
});

for (const scope of [{ connection: 7 }, "a transaction", null]) {
  Deno.test(`Container.wire() builds a handler for an adapter whose scope is ${JSON.stringify(scope)}`, async () => {
    const container = new Container();
    const adapter: DIAdapter<unknown> = {
      createScope: () => scope,
      wire: (type) => container.wire(type) as () => InstanceType<typeof type>,
      lazy: (type) => container.lazy(type),
    };
    const router = new MessageRouter(adapter);

    @router.queryHandler(FindUser)
    class _Handler {
      readonly #users = inject(MemoryUserRepository);

      handle(_query: FindUser): string {
        return this.#users.find(1);
      }
    }
    container.bind(MemoryUserRepository, () => new MemoryUserRepository());

    assertEquals(await router.newQueryBus().dispatch(new FindUser()), "user 1");
  });
}

// The buses

class CreateUser extends Command<string> {}

class UserCreated extends Event {}

Deno.test("A container gives the buses of its router, one of each kind", () => {
  const container = new Container();
  new MessageRouter(container);

  assert(container.get(CommandBus) instanceof CommandBus);
  assert(container.get(QueryBus) instanceof QueryBus);
  assert(container.get(EventBus) instanceof EventBus);
  assertStrictEquals(container.get(CommandBus), container.get(CommandBus));
});

Deno.test("A handler may inject the buses", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const heard: object[] = [];
  router.newQueryBus().subscribe(FindUser, () => "Ada");
  router.newEventBus().subscribe(UserCreated, (event) => heard.push(event));
  router.newCommandBus().subscribe(CreateUser, () => "created");
  class Onboard extends Command<string> {}
  @router.commandHandler(Onboard)
  class _OnboardHandler {
    readonly #commands = inject(CommandBus);
    readonly #queries = inject(QueryBus);
    readonly #events = inject(EventBus);
    async handle(_command: Onboard): Promise<string> {
      await this.#events.dispatch(new UserCreated());
      return `${await this.#queries.dispatch(new FindUser())} ${await this.#commands.dispatch(new CreateUser())}`;
    }
  }

  assertEquals(await container.get(CommandBus).dispatch(new Onboard()), "Ada created");
  assertEquals(heard, [new UserCreated()]);
});

Deno.test("A handler injects the same bus that container.get() gives", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const injected: object[] = [];
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    constructor(queries = inject(QueryBus)) {
      injected.push(queries);
    }
    handle(_query: FindUser): string {
      return "Ada";
    }
  }

  await container.get(QueryBus).dispatch(new FindUser());

  assertStrictEquals(injected[0], container.get(QueryBus));
});

Deno.test("Container.bind() prefers a user's bus that is bound after the router was made", () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const commands = router.newCommandBus();

  container.bind(CommandBus, () => commands);

  assertStrictEquals(container.get(CommandBus), commands);
});

Deno.test("Container.bind() prefers a user's bus that is bound before the router is made", () => {
  const container = new Container();
  const commands = new MessageRouter().newCommandBus();
  container.bind(CommandBus, () => commands);

  new MessageRouter(container);

  assertStrictEquals(container.get(CommandBus), commands);
});

Deno.test("Container.bind() prefers a user's bus that is bound and used before the router is made", () => {
  const container = new Container();
  const commands = new MessageRouter().newCommandBus();
  container.bind(CommandBus, () => commands).get(CommandBus);

  new MessageRouter(container);

  assertStrictEquals(container.get(CommandBus), commands);
});

Deno.test("Container.bind() refuses a user's bus once the default one has been resolved", () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const given = container.get(CommandBus);

  const error = assertThrows(() => container.bind(CommandBus, () => router.newCommandBus()), TypeError);

  assertEquals(
    error.message,
    'Cannot bind "CommandBus" again: it has been resolved, and what was bound before is in use. ' +
      "Bind it before its first use",
  );
  assertStrictEquals(container.get(CommandBus), given);
});

Deno.test("A user's event bus publishes the related events, though it is bound after the command bus was made", async () => {
  const container = new Container();
  const router = new MessageRouter(container);
  const log: string[] = [];
  const commands = container.get(CommandBus).subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return "created";
  });
  container.bind(EventBus, () => router.newEventBus().listen(() => log.push("heard by the user's bus")));

  await commands.dispatch(new CreateUser());

  assertEquals(log, ["heard by the user's bus"]);
});

Deno.test("A container is refused by a second router", () => {
  const container = new Container();
  new MessageRouter(container);

  const error = assertThrows(() => new MessageRouter(container), TypeError);

  assertEquals(
    error.message,
    "Cannot give a container to a second router: both have buses. Give each router its own",
  );
});

Deno.test("Container.bind() refuses a lifetime that it does not know", () => {
  const container = new Container();

  const error = assertThrows(() => container.bind(FindUser, () => new FindUser(), { lifetime: "request" as "scoped" }));

  assertEquals(
    (error as Error).message,
    'Cannot bind "FindUser" with the lifetime "request": the lifetime must be one of singleton, scoped, transient',
  );
});
