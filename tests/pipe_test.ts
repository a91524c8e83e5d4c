import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  ContextPipeline,
  ContextValues,
  type DispatchOptions,
  dispatchSequentially,
  Event,
  MessageRouter,
  type Middleware,
  Pipe,
  Query,
  retry,
} from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { logging, untyped } from "./support/logging_bus.ts";

class FindUserId extends Query<number> {
  readonly name: string;

  constructor(name = "Ada") {
    super();
    this.name = name;
  }
}

class FindUser extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

class WelcomeUser extends Command<string> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** Makes a router whose handlers record their messages. */
function setUp(log: unknown[] = []): MessageRouter {
  const router = new MessageRouter();
  router.newQueryBus()
    .subscribe(FindUserId, (query) => {
      log.push(query);
      return 42;
    })
    .subscribe(FindUser, (query) => {
      log.push(query);
      return `User ${query.id}`;
    });
  router.newCommandBus().subscribe(WelcomeUser, (command) => {
    log.push(command);
    return `Hello ${command.name}`;
  });
  return router;
}

Deno.test("Pipe.dispatch() resolves to the last result", async () => {
  const log: unknown[] = [];
  const find = new Pipe(FindUserId, setUp(log).newQueryBus()).step((id) => new FindUser(id));

  assertEquals(await find.dispatch(new FindUserId()), "User 42");
  assertEquals(log, [new FindUserId(), new FindUser(42)]);
});

Deno.test("Pipe.dispatch() resolves to the first result if there is no step", async () => {
  assertEquals(await new Pipe(FindUserId, setUp().newQueryBus()).dispatch(new FindUserId()), 42);
});

Deno.test("Pipe.step() takes async steps", async () => {
  const find = new Pipe(FindUserId, setUp().newQueryBus()).step(async (id) => {
    await Promise.resolve();
    return new FindUser(id);
  });

  assertEquals(await find.dispatch(new FindUserId()), "User 42");
});

Deno.test("Pipe.step() gives the step the last result, and no context", async () => {
  const given: unknown[][] = [];
  const pipe = new Pipe(FindUserId, setUp().newQueryBus()).step((...args) => void given.push(args));

  await pipe.dispatch(new FindUserId());

  assertEquals(given, [[42, undefined]]);
});

Deno.test("Pipe.dispatch() resolves to undefined if a step has ended the run", async () => {
  const log: unknown[] = [];
  const find = new Pipe(FindUserId, setUp(log).newQueryBus())
    .step((id) => id === 42 ? undefined : new FindUser(id))
    .step((name) => {
      log.push("not reached");
      return new FindUser(name.length);
    });

  assertEquals(await find.dispatch(new FindUserId()), undefined);
  assertEquals(log, [new FindUserId()]);
});

Deno.test("Pipe.dispatch() resolves to undefined if the last step has returned nothing", async () => {
  const find = new Pipe(FindUserId, setUp().newQueryBus()).step(async () => {});

  assertEquals(await find.dispatch(new FindUserId()), undefined);
});

Deno.test("Pipe.dispatch() rejects with the error of a step, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const find = new Pipe(FindUserId, setUp(log).newQueryBus())
    .step((): FindUser => {
      throw failure;
    })
    .step(() => void log.push("not reached"));

  assertStrictEquals(await assertRejects(() => find.dispatch(new FindUserId())), failure);
  assertEquals(log, [new FindUserId()]);
});

Deno.test("Pipe.dispatch() rejects with the rejection of a dispatch, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const queries = new MessageRouter().newQueryBus()
    .subscribe(FindUserId, () => 42)
    .subscribe(FindUser, () => Promise.reject(failure));
  const find = new Pipe(FindUserId, queries)
    .step((id) => new FindUser(id))
    .step(() => void log.push("not reached"));

  assertStrictEquals(await assertRejects(() => find.dispatch(new FindUserId())), failure);
  assertEquals(log, []);
});

Deno.test("Pipe.dispatch() keeps concurrent runs apart", async () => {
  const answers = new Map([["Ada", Promise.withResolvers<number>()], ["Bob", Promise.withResolvers<number>()]]);
  const queries = new MessageRouter().newQueryBus()
    .subscribe(FindUserId, ({ name }) => answers.get(name)!.promise)
    .subscribe(FindUser, ({ id }) => `User ${id}`);
  const find = new Pipe(FindUserId, queries).step((id) => new FindUser(id));

  const ada = find.dispatch(new FindUserId("Ada"));
  const bob = find.dispatch(new FindUserId("Bob"));
  answers.get("Bob")!.resolve(2);
  assertEquals(await bob, "User 2");
  answers.get("Ada")!.resolve(1);

  assertEquals(await ada, "User 1");
});

Deno.test("Pipe.step() and use() return a new pipe, so that two of them can share a beginning", async () => {
  const log: string[] = [];
  const beginning = new Pipe(FindUserId, setUp().newQueryBus());
  const one = beginning.step((id) => new FindUser(id));
  const other = beginning.step((id) => new FindUser(id + 1));
  const wrapped = beginning.use(logging(log, "wrapped"));

  assertEquals(await beginning.dispatch(new FindUserId()), 42);
  assertEquals(await one.dispatch(new FindUserId()), "User 42");
  assertEquals(await other.dispatch(new FindUserId()), "User 43");
  assertEquals(log, []);
  assertEquals(await wrapped.dispatch(new FindUserId()), 42);
  assertEquals(log, ["wrapped before", "wrapped after"]);
});

// Dispatchers

Deno.test("Pipe.step() sends the message of one step to a dispatcher of its own", async () => {
  const log: unknown[] = [];
  const router = setUp(log);
  const welcome = new Pipe(FindUserId, router.newQueryBus())
    .step((id) => new FindUser(id))
    .step((name) => new WelcomeUser(name), { dispatcher: router.newCommandBus() })
    .step((greeting) => new FindUser(greeting.length));

  assertEquals(await welcome.dispatch(new FindUserId()), "User 13");
  assertEquals(log, [new FindUserId(), new FindUser(42), new WelcomeUser("User 42"), new FindUser(13)]);
});

Deno.test("Pipe.step() takes an event bus as the dispatcher of a step", async () => {
  class UserFound extends Event {}
  const router = setUp();
  const events = recordingBus(router.newEventBus());
  const find = new Pipe(FindUserId, router.newQueryBus()).step(() => new UserFound(), { dispatcher: events });

  assertEquals(await find.dispatch(new FindUserId()), undefined);
  assertEquals(events.messages(UserFound), [new UserFound()]);
});

Deno.test("Pipe.step() takes functions, pipes and pipelines as the dispatcher of a step", async () => {
  class Context {
    readonly found = "by a pipeline";
  }
  const queries = setUp().newQueryBus();
  const beginning = new Pipe(FindUserId, queries);
  const dispatchers = [
    (query: FindUser) => `function ${query.id}`,
    { dispatch: (query: FindUser) => Promise.resolve(`object ${query.id}`) },
    new Pipe(FindUser, queries).step((name) => new FindUser(name.length)),
    new ContextPipeline({ message: FindUser, context: Context }, { dispatcher: queries }),
  ];

  const results: unknown[] = [];
  for (const dispatcher of dispatchers) {
    results.push(await beginning.step((id) => new FindUser(id), { dispatcher }).dispatch(new FindUserId()));
  }

  assertEquals(results, ["function 42", "object 42", "User 7", new Context()]);
});

Deno.test("Pipe calls the method of a dispatcher on the dispatcher", async () => {
  class Echo {
    readonly #answer = "its own field";

    dispatch(_message: object): string {
      return this.#answer;
    }
  }

  assertEquals(await new Pipe(FindUser, new Echo()).dispatch(new FindUser(1)), "its own field");
});

Deno.test("Pipe is a dispatcher itself", async () => {
  const find = new Pipe(FindUserId, setUp().newQueryBus()).step((id) => new FindUser(id));

  const results: unknown[] = await dispatchSequentially(find, new FindUserId(), new FindUserId());

  assertEquals(results, ["User 42", "User 42"]);
});

Deno.test("Pipe.dispatch() passes the signal and the metadata to every dispatch", async () => {
  const calls: (DispatchOptions | undefined)[] = [];
  const { signal } = new AbortController();
  const metadata = { tenant: "a" };
  const note = (_message: object, options?: DispatchOptions) => calls.push(options);
  const pipe = new Pipe(FindUserId, note)
    .step(() => new FindUser(1))
    .step(() => new FindUser(2), { dispatcher: { dispatch: note } });

  await pipe.dispatch(new FindUserId(), { signal, metadata });

  assertEquals(calls.length, 3);
  for (const options of calls) {
    assertStrictEquals(options?.signal, signal);
    assertStrictEquals(options?.metadata, metadata);
  }
});

Deno.test("Pipe.dispatch() rejects with the reason of a signal that has fired, before anything runs", async () => {
  const log: string[] = [];
  const reason = new Error("Hung up");
  const pipe = new Pipe(FindUserId, () => log.push("dispatched")).use(logging(log, "middleware"));

  const error = await assertRejects(() => pipe.dispatch(new FindUserId(), { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(error, reason);
  assertEquals(log, []);
});

// Middlewares

Deno.test("Pipe.use() puts the first middleware outermost, around the whole run", async () => {
  const log: unknown[] = [];
  const find = new Pipe(FindUserId, setUp(log).newQueryBus())
    .use(logging(log as string[], "first"))
    .step((id) => new FindUser(id))
    .use(logging(log as string[], "second"));

  await find.dispatch(new FindUserId());

  assertEquals(log, [
    "first before",
    "second before",
    new FindUserId(),
    new FindUser(42),
    "second after",
    "first after",
  ]);
});

Deno.test("Pipe.use() lets a middleware replace the result", async () => {
  const find = new Pipe(FindUserId, setUp().newQueryBus())
    .step((id) => new FindUser(id))
    .use(async (_message, next) => `${await next()}!`);

  assertEquals(await find.dispatch(new FindUserId()), "User 42!");
});

Deno.test("Pipe.use() shows a generator the last result", async () => {
  const seen: unknown[] = [];
  const find = new Pipe(FindUserId, setUp().newQueryBus()).step((id) => new FindUser(id)).use(function* () {
    const result = yield;
    seen.push(result);
  });

  assertEquals(await find.dispatch(new FindUserId()), "User 42");
  assertEquals(seen, ["User 42"]);
});

Deno.test("Pipe.use() lets a retry run again from the first message", async () => {
  const log: unknown[] = [];
  let attempt = 0;
  const find = new Pipe(FindUserId, setUp(log).newQueryBus())
    .use(retry({ attempts: 2 }))
    .step((id) => {
      if (++attempt === 1) throw new Error("failure");
      return new FindUser(id);
    });

  assertEquals(await find.dispatch(new FindUserId()), "User 42");
  assertEquals(log, [new FindUserId(), new FindUserId(), new FindUser(42)]);
});

Deno.test("Pipe.use() shows middlewares a pipeline, and Pipe as the handler", async () => {
  const contexts: unknown[] = [];
  const note: Middleware = async (_message, next, context) => {
    contexts.push(context);
    return await next();
  };

  await new Pipe(FindUserId, setUp().newQueryBus()).use(note).dispatch(new FindUserId());

  assertEquals(contexts, [{
    kind: "pipeline",
    signal: undefined,
    metadata: {},
    values: new ContextValues(),
    handler: Pipe,
  }]);
});

// Misuse

Deno.test("new Pipe() refuses a value that does not dispatch", () => {
  assertThrows(
    () => new Pipe(FindUserId, { dispatch: "bus" } as never),
    TypeError,
    'Cannot dispatch to an instance of "Object": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("Pipe.step() refuses a step that is not a function, and a dispatcher that does not dispatch", () => {
  const pipe = new Pipe(FindUserId, setUp().newQueryBus());

  assertThrows(
    () => pipe.step("step" as never),
    TypeError,
    'Cannot use "step" as a step: it is not a function',
  );
  assertThrows(
    () => pipe.step(() => new FindUser(1), { dispatcher: null as never }),
    TypeError,
    'Cannot dispatch to "null": it is neither a bus, a pipeline nor a function',
  );
  assertThrows(
    () => pipe.step(() => new FindUser(1), { dispatcher: undefined as never }),
    TypeError,
    'Cannot dispatch to "undefined": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("Pipe.use() refuses a value that is not a middleware", () => {
  assertThrows(
    () => new Pipe(FindUserId, setUp().newQueryBus()).use(untyped(undefined)),
    TypeError,
    'Cannot use "undefined" as a middleware: it is neither a function nor an object with a method "invoke"',
  );
});
