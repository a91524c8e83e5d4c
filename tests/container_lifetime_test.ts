import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Command, CommandBus, Container, inject, InjectionToken, MessageRouter } from "@cq/core";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class Database {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

const DB = new InjectionToken<Promise<Database>>("DB");

// A promise that a singleton's factory returned and that rejects. Looked at: get(), inject() in a handler, concurrent
// resolutions, a scoped and a transient binding, a factory that throws, a thenable that is not a promise.

Deno.test("Container asks the factory of a singleton again after its promise has rejected", async () => {
  let attempts = 0;
  const container = new Container();
  container.bind(DB, async () => {
    attempts++;
    await Promise.resolve();
    if (attempts === 1) throw new Error("The database is down");
    return new Database(attempts);
  });

  const first = container.get(DB);
  assertStrictEquals(container.get(DB), first);
  await assertRejects(() => first, Error, "The database is down");

  const second = container.get(DB);
  assertEquals((await second).id, 2);
  assertStrictEquals(container.get(DB), second);
  assertEquals(attempts, 2);
});

Deno.test("Container asks the factory of a singleton again that a handler has injected", async () => {
  class Connect extends Command<number> {}
  let attempts = 0;
  const container = new Container();
  container.bind(DB, () => ++attempts === 1 ? Promise.reject(new Error("down")) : Promise.resolve(new Database(7)));
  const router = new MessageRouter(container);
  router.commandHandler(Connect)(
    class {
      readonly #database = inject(DB);

      async handle(_command: Connect): Promise<number> {
        return (await this.#database).id;
      }
    },
  );
  const commands = container.get(CommandBus);

  await assertRejects(() => commands.dispatch(new Connect()), Error, "down");
  assertEquals(await commands.dispatch(new Connect()), 7);
});

Deno.test("Container reports no unhandled rejection for a singleton whose promise is awaited", async () => {
  const unhandled = await unhandledRejections(async () => {
    const container = new Container();
    container.bind(DB, () => Promise.reject(new Error("down")));
    await assertRejects(() => container.get(DB), Error, "down");
  });

  assertEquals(unhandled, []);
});

Deno.test("Container does not start a thenable that is not a promise", () => {
  let starts = 0;
  const LAZY = new InjectionToken<PromiseLike<number>>("LAZY");
  const container = new Container();
  const lazy: PromiseLike<number> = {
    then: (...callbacks) => {
      starts++;
      return Promise.resolve(1).then(...callbacks);
    },
  };
  container.bind(LAZY, () => lazy);

  assertStrictEquals(container.get(LAZY), lazy);
  assertEquals(starts, 0);
});

// A factory that binds its own token again would make two singletons. Looked at: at once, from a dependency, for each
// lifetime, after a factory that threw.

for (const lifetime of ["singleton", "transient"] as const) {
  Deno.test(`Container.bind() refuses a token whose ${lifetime} is being built`, () => {
    const container = new Container();
    container.bind(Database, () => {
      container.bind(Database, () => new Database(2));
      return new Database(1);
    }, { lifetime });

    const error = assertThrows(() => container.get(Database), TypeError);

    assertEquals(
      error.message,
      'Cannot bind "Database" again: it has been resolved, and what was bound before is in use. Bind it before its first use',
    );
  });
}

Deno.test("Container.bind() takes another factory after the first one has thrown", () => {
  const container = new Container();
  container.bind(Database, () => {
    throw new Error("down");
  });
  assertThrows(() => container.get(Database), Error, "down");

  container.bind(Database, () => new Database(2));

  assertEquals(container.get(Database).id, 2);
});

// Disposal

class Resource {
  readonly #name: string;
  readonly #log: string[];
  readonly #wait: Promise<void> | undefined;

  constructor(name: string, log: string[], wait?: Promise<void>) {
    this.#name = name;
    this.#log = log;
    this.#wait = wait;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wait;
    this.#log.push(this.#name);
  }
}

const tokens = ["A", "B", "C"].map((name) => new InjectionToken<unknown>(name));
const [A, B, C] = tokens as [InjectionToken<unknown>, InjectionToken<unknown>, InjectionToken<unknown>];

Deno.test("Container's dispose disposes the singletons that were built, the last one built first", async () => {
  const log: string[] = [];
  const container = new Container();
  container.bind(A, () => new Resource("A", log));
  container.bind(B, () => [inject(A), new Resource("B", log)][1]);
  container.bind(C, () => new Resource("C", log));
  container.get(B);

  await container[Symbol.asyncDispose]();

  assertEquals(log, ["B", "A"]);
});

Deno.test("Container's dispose disposes what a promise resolves to, and nothing of one that rejected", async () => {
  const log: string[] = [];
  const container = new Container();
  container.bind(A, () => Promise.resolve(new Resource("A", log)));
  container.bind(B, () => Promise.reject(new Error("down")));
  container.bind(C, () => ({ [Symbol.dispose]: () => log.push("C") }));
  for (const token of [A, C]) container.get(token);
  await assertRejects(() => container.get(B) as Promise<unknown>, Error, "down");

  await container[Symbol.asyncDispose]();

  assertEquals(log, ["C", "A"]);
});

Deno.test("Container's dispose leaves scoped and transient instances alone", async () => {
  const log: string[] = [];
  const container = new Container();
  container.bind(A, () => new Resource("A", log), { lifetime: "transient" });
  container.bind(B, () => new Resource("B", log), { lifetime: "scoped" });
  container.get(A);
  container.createScope().get(B);

  await container[Symbol.asyncDispose]();

  assertEquals(log, []);
});

Deno.test("Container's dispose disposes all singletons, even if some fail, and says so", async () => {
  const container = new Container();
  const errors = [new Error("A"), new Error("B")];
  const failing = (error: Error) => ({ [Symbol.dispose]: () => Promise.reject(error) });
  container.bind(A, () => failing(errors[0]!)).bind(B, () => failing(errors[1]!));
  for (const token of [A, B]) container.get(token);

  const error = await assertRejects(() => container[Symbol.asyncDispose](), AggregateError);

  assertEquals(error.message, "Cannot dispose a container: several of its instances failed");
  assertEquals(error.errors, [errors[1], errors[0]]);
});

Deno.test("Container builds no singleton once it is disposed, and gives those that it has", async () => {
  const container = new Container();
  container.bind(A, () => 1).bind(B, () => 2);
  container.get(A);
  await container[Symbol.asyncDispose]();

  assertEquals(container.get(A), 1);
  const error = assertThrows(() => container.get(B), TypeError);
  assertEquals(error.message, 'Cannot resolve "B": the container has been disposed');
});

for (const owner of ["container", "scope"] as const) {
  Deno.test(`A second dispose of a ${owner} waits for the first, and disposes nothing twice`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const container = new Container();
    const lifetime = owner === "container" ? "singleton" : "scoped";
    container.bind(A, () => new Resource("A", log, gate.promise), { lifetime });
    const disposable = owner === "container" ? container : container.createScope();
    disposable.get(A);

    const first = disposable[Symbol.asyncDispose]();
    const second = disposable[Symbol.asyncDispose]().then(() => log.push("second"));
    await Promise.resolve();
    assertEquals(log, []);
    gate.resolve();
    await Promise.all([first, second]);

    assertEquals(log, ["A", "second"]);
  });
}
