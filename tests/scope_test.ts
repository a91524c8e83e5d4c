import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Command,
  type CommandContext,
  Container,
  Event,
  inject,
  InjectionToken,
  MessageRouter,
  ProviderNotFoundError,
  Query,
  type Scope,
} from "@cq/core";

class UnitOfWork {}

const A = new InjectionToken<unknown>("A");
const B = new InjectionToken<unknown>("B");
const C = new InjectionToken<unknown>("C");

/** Records that it is disposed. */
function noting(log: string[], name: string): Disposable {
  return { [Symbol.dispose]: () => void log.push(name) };
}

function scopedContainer(): Container {
  return new Container().bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
}

// What is shared

Deno.test("Scope.get() shares a scoped instance within the scope", async () => {
  await using scope = scopedContainer().createScope();

  assertStrictEquals(scope.get(UnitOfWork), scope.get(UnitOfWork));
});

Deno.test("Scope.get() does not share a scoped instance with another scope", async () => {
  const container = scopedContainer();
  await using first = container.createScope();
  await using second = container.createScope();

  assertNotStrictEquals(first.get(UnitOfWork), second.get(UnitOfWork));
});

Deno.test("Scope.get() shares a scoped instance with everything that injects it in the scope", async () => {
  const container = scopedContainer()
    .bind(A, () => inject(UnitOfWork), { lifetime: "transient" })
    .bind(B, () => inject(UnitOfWork), { lifetime: "scoped" });
  await using scope = container.createScope();

  assertStrictEquals(scope.get(A), scope.get(UnitOfWork));
  assertStrictEquals(scope.get(B), scope.get(UnitOfWork));
});

Deno.test("Scope.get() shares a scoped instance whose value is undefined, too", async () => {
  let built = 0;
  const container = new Container().bind(A, () => void built++, { lifetime: "scoped" });
  await using scope = container.createScope();

  scope.get(A);
  scope.get(A);

  assertEquals(built, 1);
});

Deno.test("Scope.get() refuses what is not bound", async () => {
  await using scope = new Container().createScope();

  const error = assertThrows(() => scope.get(UnitOfWork), ProviderNotFoundError);

  assertEquals(error.path, ["UnitOfWork"]);
});

Deno.test("Scope.get() calls a factory again after it has thrown", async () => {
  let failures = 1;
  const container = new Container().bind(A, () => {
    if (failures-- > 0) throw new RangeError("not yet");
    return "built";
  }, { lifetime: "scoped" });
  await using scope = container.createScope();

  assertThrows(() => scope.get(A), RangeError, "not yet");

  assertEquals(scope.get(A), "built");
});

Deno.test("Scope.get() returns what was bound after the scope was opened", async () => {
  const container = new Container();
  await using scope = container.createScope();

  container.bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });

  assert(scope.get(UnitOfWork) instanceof UnitOfWork);
});

// Its end

Deno.test("Scope[Symbol.asyncDispose]() disposes the instances, the last one built first", async () => {
  const log: string[] = [];
  const container = new Container()
    .bind(A, () => noting(log, "A"), { lifetime: "scoped" })
    .bind(B, () => noting(log, "B"), { lifetime: "scoped" })
    .bind(C, () => noting(log, "C"), { lifetime: "scoped" });
  {
    await using scope = container.createScope();
    scope.get(B);
    scope.get(C);
    scope.get(A);
  }

  assertEquals(log, ["A", "C", "B"]);
});

Deno.test("Scope[Symbol.asyncDispose]() disposes what depends on another instance before that", async () => {
  const log: string[] = [];
  const container = new Container()
    .bind(A, () => {
      inject(B);
      return noting(log, "A");
    }, { lifetime: "scoped" })
    .bind(B, () => noting(log, "B"), { lifetime: "scoped" });
  {
    await using scope = container.createScope();
    scope.get(A);
  }

  assertEquals(log, ["A", "B"]);
});

Deno.test("Scope[Symbol.asyncDispose]() waits for each async disposal before the next", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const container = new Container()
    .bind(A, () => noting(log, "A"), { lifetime: "scoped" })
    .bind(B, () => ({
      async [Symbol.asyncDispose](): Promise<void> {
        log.push("B begins");
        await gate.promise;
        log.push("B ends");
      },
    }), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);
  scope.get(B);

  const disposed = scope[Symbol.asyncDispose]().then(() => log.push("disposed"));
  gate.resolve();
  await disposed;

  assertEquals(log, ["B begins", "B ends", "A", "disposed"]);
});

Deno.test("Scope[Symbol.asyncDispose]() does not dispose singletons and transient instances", async () => {
  const log: string[] = [];
  const container = new Container()
    .bind(A, () => noting(log, "singleton"))
    .bind(B, () => noting(log, "transient"), { lifetime: "transient" });
  {
    await using scope = container.createScope();
    scope.get(A);
    scope.get(B);
  }

  assertEquals(log, []);
});

Deno.test("Scope[Symbol.asyncDispose]() ignores what cannot be disposed, and what was never built", async () => {
  const log: string[] = [];
  const container = new Container()
    .bind(A, () => null, { lifetime: "scoped" })
    .bind(B, () => "text", { lifetime: "scoped" })
    .bind(C, () => noting(log, "never built"), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);
  scope.get(B);

  await scope[Symbol.asyncDispose]();

  assertEquals(log, []);
});

Deno.test("Scope[Symbol.asyncDispose]() disposes a promise as what it resolves to", async () => {
  const log: string[] = [];
  const connection = Promise.withResolvers<Disposable>();
  const container = new Container().bind(A, () => connection.promise, { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);

  const disposed = scope[Symbol.asyncDispose]();
  connection.resolve(noting(log, "connection"));
  await disposed;

  assertEquals(log, ["connection"]);
});

Deno.test("Scope[Symbol.asyncDispose]() waits for the async disposal of what a promise resolves to", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const connection = {
    async [Symbol.asyncDispose](): Promise<void> {
      await gate.promise;
      log.push("connection");
    },
  };
  const container = new Container().bind(A, () => Promise.resolve(connection), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);

  const disposed = scope[Symbol.asyncDispose]().then(() => log.push("disposed"));
  gate.resolve();
  await disposed;

  assertEquals(log, ["connection", "disposed"]);
});

Deno.test("Scope[Symbol.asyncDispose]() has nothing to do for a promise that rejects", async () => {
  const log: string[] = [];
  const connection = Promise.withResolvers<Disposable>();
  const container = new Container()
    .bind(A, () => noting(log, "A"), { lifetime: "scoped" })
    .bind(B, () => connection.promise, { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);
  scope.get(B);

  const disposed = scope[Symbol.asyncDispose]();
  connection.reject(new Error("refused"));
  await disposed;

  assertEquals(log, ["A"]);
});

Deno.test("Scope[Symbol.asyncDispose]() rejects with the error of an instance, and disposes the others", async () => {
  const log: string[] = [];
  const failure = new RangeError("stuck");
  const container = new Container()
    .bind(A, () => noting(log, "A"), { lifetime: "scoped" })
    .bind(B, () => ({
      [Symbol.dispose]: () => {
        throw failure;
      },
    }), { lifetime: "scoped" })
    .bind(C, () => noting(log, "C"), { lifetime: "scoped" });
  const scope = container.createScope();
  for (const token of [A, B, C]) scope.get(token);

  assertStrictEquals(await assertRejects(() => scope[Symbol.asyncDispose]()), failure);
  assertEquals(log, ["C", "A"]);
});

Deno.test("Scope[Symbol.asyncDispose]() rejects with all errors, in their order, if several instances fail", async () => {
  const stuck = (name: string) => ({ [Symbol.asyncDispose]: () => Promise.reject(new RangeError(name)) });
  const container = new Container()
    .bind(A, () => stuck("A"), { lifetime: "scoped" })
    .bind(B, () => Promise.resolve(stuck("B")), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);
  scope.get(B);

  const error = await assertRejects(() => scope[Symbol.asyncDispose](), AggregateError);

  assertEquals(error.message, "Cannot dispose a scope: several of its instances failed");
  assertEquals(error.errors.map(String), ["RangeError: B", "RangeError: A"]);
  assertStrictEquals(error.cause, error.errors[0]);
});

Deno.test("Scope[Symbol.asyncDispose]() does nothing the second time", async () => {
  const log: string[] = [];
  const container = new Container().bind(A, () => noting(log, "A"), { lifetime: "scoped" });
  const scope = container.createScope();
  scope.get(A);

  await scope[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();

  assertEquals(log, ["A"]);
});

Deno.test("Scope.get() refuses once the scope has been disposed", async () => {
  const scope = scopedContainer().createScope();
  scope.get(UnitOfWork);
  await scope[Symbol.asyncDispose]();

  const error = assertThrows(() => scope.get(UnitOfWork), TypeError);

  assertEquals(error.message, 'Cannot resolve "UnitOfWork": the scope has been disposed');
});

Deno.test("Scope.get() refuses while the scope is being disposed", async () => {
  const errors: unknown[] = [];
  const container: Container = scopedContainer().bind(A, () => ({
    [Symbol.dispose]: () => void errors.push(String(assertThrows(() => scope.get(UnitOfWork)))),
  }), { lifetime: "scoped" });
  const scope: Scope = container.createScope();
  scope.get(A);

  await scope[Symbol.asyncDispose]();

  assertEquals(errors, ['TypeError: Cannot resolve "UnitOfWork": the scope has been disposed']);
});

// The scope of a handler

class FindUser extends Query<string> {}

class CreateUser extends Command<string> {}

class UserCreated extends Event {}

/** A container with a scoped instance that records when it is built and disposed. */
function loggingContainer(log: string[]): Container {
  let built = 0;
  return new Container().bind(A, () => {
    const id = ++built;
    log.push(`${id} built`);
    return noting(log, `${id} disposed`);
  }, { lifetime: "scoped" });
}

Deno.test("A handler has a scope, which its dependencies share and which is disposed after it", async () => {
  const log: string[] = [];
  const router = new MessageRouter(loggingContainer(log).bind(B, () => inject(A), { lifetime: "transient" }));
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly #a = inject(A);
    readonly #b = inject(B);
    async handle(_query: FindUser): Promise<string> {
      await Promise.resolve();
      log.push("handled");
      assertStrictEquals(this.#a, this.#b);
      return "Ada";
    }
  }

  assertEquals(await router.newQueryBus().dispatch(new FindUser()), "Ada");
  assertEquals(log, ["1 built", "handled", "1 disposed"]);
});

Deno.test("A handler has a scope of its own for each dispatch", async () => {
  const log: string[] = [];
  const router = new MessageRouter(loggingContainer(log));
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly a = inject(A);
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  const queries = router.newQueryBus();

  await queries.dispatch(new FindUser());
  await queries.dispatch(new FindUser());

  assertEquals(log, ["1 built", "1 disposed", "2 built", "2 disposed"]);
});

Deno.test("Each handler of an event has a scope of its own", async () => {
  const log: string[] = [];
  const router = new MessageRouter(loggingContainer(log));
  for (let count = 0; count < 2; count++) {
    router.eventHandler(UserCreated)(
      class {
        readonly a = inject(A);
        handle(_event: UserCreated): void {}
      },
    );
  }

  await router.newEventBus({ order: "sequential" }).dispatch(new UserCreated());

  assertEquals(log, ["1 built", "1 disposed", "2 built", "2 disposed"]);
});

for (const failure of ["throws", "rejects"]) {
  Deno.test(`The scope of a handler that ${failure} is disposed, and the dispatch rejects with its error`, async () => {
    const log: string[] = [];
    const error = new RangeError("failure");
    const router = new MessageRouter(loggingContainer(log));
    @router.queryHandler(FindUser)
    class _FindUserHandler {
      readonly a = inject(A);
      handle(_query: FindUser): Promise<string> {
        if (failure === "throws") throw error;
        return Promise.reject(error);
      }
    }

    assertStrictEquals(await assertRejects(() => router.newQueryBus().dispatch(new FindUser())), error);
    assertEquals(log, ["1 built", "1 disposed"]);
  });

  Deno.test(`The scope of a command handler that ${failure} is disposed, and the dispatch rejects with its error`, async () => {
    const log: string[] = [];
    const error = new RangeError("failure");
    const router = new MessageRouter(loggingContainer(log));
    @router.commandHandler(CreateUser)
    class _CreateUserHandler {
      readonly a = inject(A);
      handle(_command: CreateUser): Promise<string> {
        if (failure === "throws") throw error;
        return Promise.reject(error);
      }
    }

    assertStrictEquals(await assertRejects(() => router.newCommandBus().dispatch(new CreateUser())), error);
    assertEquals(log, ["1 built", "1 disposed"]);
  });
}

Deno.test("The scope of a handler that cannot be built is disposed with what was built for it", async () => {
  const log: string[] = [];
  const router = new MessageRouter(loggingContainer(log));
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly a = inject(A);
    readonly missing = inject(UnitOfWork);
    handle(_query: FindUser): string {
      return "Ada";
    }
  }

  await assertRejects(() => router.newQueryBus().dispatch(new FindUser()), ProviderNotFoundError);

  assertEquals(log, ["1 built", "1 disposed"]);
});

for (const [name, use] of [["without", false], ["behind", true]] as const) {
  Deno.test(`The scope of a command ${name} middlewares is disposed after its related events`, async () => {
    const log: string[] = [];
    const router = new MessageRouter(loggingContainer(log));
    router.newEventBus().subscribe(UserCreated, async () => {
      await Promise.resolve();
      log.push("event handled");
    });
    @router.commandHandler(CreateUser)
    class _CreateUserHandler {
      readonly a = inject(A);
      handle(_command: CreateUser, { events }: CommandContext): string {
        events.add(new UserCreated());
        log.push("command handled");
        return "created";
      }
    }
    const commands = router.newCommandBus();
    if (use) commands.use((_message, next) => next());

    assertEquals(await commands.dispatch(new CreateUser()), "created");
    assertEquals(log, ["1 built", "command handled", "event handled", "1 disposed"]);
  });

  Deno.test(`The scope of a command ${name} middlewares is disposed though its related events fail`, async () => {
    const log: string[] = [];
    const router = new MessageRouter(loggingContainer(log));
    router.newEventBus().subscribe(UserCreated, () => Promise.reject(new Error("no mail")));
    @router.commandHandler(CreateUser)
    class _CreateUserHandler {
      readonly a = inject(A);
      handle(_command: CreateUser, { events }: CommandContext): string {
        events.add(new UserCreated());
        return "created";
      }
    }
    const commands = router.newCommandBus();
    if (use) commands.use((_message, next) => next());

    await assertRejects(() => commands.dispatch(new CreateUser()), AggregateError, "no mail");
    assertEquals(log, ["1 built", "1 disposed"]);
  });
}

Deno.test("The scope of a command that a middleware has left behind is disposed when the handler has settled", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<string>();
  const router = new MessageRouter(loggingContainer(log));
  router.newEventBus().subscribe(UserCreated, () => log.push("event handled"));
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly a = inject(A);
    handle(_command: CreateUser, { events }: CommandContext): Promise<string> {
      events.add(new UserCreated());
      return gate.promise;
    }
  }
  const left: Promise<unknown>[] = [];
  const commands = router.newCommandBus().use((_message, next) => {
    left.push(next());
    return Promise.resolve("answered");
  });

  assertEquals(await commands.dispatch(new CreateUser()), "answered");
  assertEquals(log, ["1 built"]);
  gate.resolve("created");
  await Promise.all(left);

  assertEquals(log, ["1 built", "1 disposed"]);
});

Deno.test("A scope that cannot be disposed makes the dispatch fail though the handler has succeeded", async () => {
  const failure = new RangeError("stuck");
  const container = new Container().bind(A, () => ({ [Symbol.asyncDispose]: () => Promise.reject(failure) }), {
    lifetime: "scoped",
  });
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly a = inject(A);
    handle(_query: FindUser): string {
      return "Ada";
    }
  }

  assertStrictEquals(await assertRejects(() => router.newQueryBus().dispatch(new FindUser())), failure);
});

Deno.test("A scope that cannot be disposed after a failure adds its error to that of the handler", async () => {
  const container = new Container().bind(
    A,
    () => ({ [Symbol.asyncDispose]: () => Promise.reject(new RangeError("stuck")) }),
    { lifetime: "scoped" },
  );
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly a = inject(A);
    handle(_query: FindUser): string {
      throw new Error("failure");
    }
  }

  const error = await assertRejects(() => router.newQueryBus().dispatch(new FindUser()), AggregateError);

  assertEquals(error.message, "Cannot dispose the scope of a handler that has failed too");
  assertEquals(error.errors.map(String), ["Error: failure", "RangeError: stuck"]);
});

Deno.test("A handler class that is bound as scoped is disposed with its scope", async () => {
  const log: string[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  @router.queryHandler(FindUser)
  class FindUserHandler {
    handle(_query: FindUser): string {
      log.push("handled");
      throw new RangeError("failure");
    }
    [Symbol.dispose](): void {
      log.push("disposed");
    }
  }
  container.bind(FindUserHandler, () => new FindUserHandler(), { lifetime: "scoped" });

  await assertRejects(() => router.newQueryBus().dispatch(new FindUser()), RangeError, "failure");

  assertEquals(log, ["handled", "disposed"]);
});

Deno.test("A handler finds what was bound for a scope after its first dispatch", async () => {
  const log: string[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  const names = new InjectionToken<string>("NAMES");
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly name = inject(names);
    handle(_query: FindUser): string {
      return this.name;
    }
  }
  const queries = router.newQueryBus();
  await assertRejects(() => queries.dispatch(new FindUser()), ProviderNotFoundError);

  container.bind(names, () => {
    log.push("built");
    return "Ada";
  }, { lifetime: "scoped" });

  assertEquals(await queries.dispatch(new FindUser()), "Ada");
  assertEquals(log, ["built"]);
});

Deno.test("A handler that dispatches to another one does not share its scope", async () => {
  const log: string[] = [];
  const router = new MessageRouter(loggingContainer(log));
  const queries = router.newQueryBus();
  @router.queryHandler(FindUser)
  class _FindUserHandler {
    readonly a = inject(A);
    handle(_query: FindUser): string {
      return "Ada";
    }
  }
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly a = inject(A);
    async handle(_command: CreateUser, context: CommandContext): Promise<string> {
      return await queries.dispatch(new FindUser(), context);
    }
  }

  await router.newCommandBus().dispatch(new CreateUser());

  assertEquals(log, ["1 built", "2 built", "2 disposed", "1 disposed"]);
});
