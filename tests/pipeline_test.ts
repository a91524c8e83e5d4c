import {
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Command,
  CommandBus,
  Container,
  ContextPipeline,
  ContextValues,
  type DispatchOptions,
  HandlerNotFoundError,
  MessageRouter,
  type Middleware,
  Pipe,
  QueryBus,
  retry,
} from "@cq/core";
import { logging, untyped } from "./support/logging_bus.ts";
import { CreateUser, FindUser, setUp, WelcomeUser } from "./support/sign_up.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class SignUp {
  userId = 0;
  greeting = "";
  readonly notes: string[] = [];
}

/** A dispatcher that records its messages, and returns the name of the message. */
function noting(calls: [message: object, options: DispatchOptions | undefined][]) {
  return (message: object, options?: DispatchOptions) => {
    calls.push([message, options]);
    return message.constructor.name;
  };
}

// The steps

Deno.test("ContextPipeline.dispatch() turns each result into the next message, and resolves to the context", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .query((id, context) => {
      context.userId = id;
      return new FindUser(id);
    })
    .step((name, context) => {
      context.notes.push(name);
      return new WelcomeUser(context.userId);
    })
    .step((greeting, context) => {
      context.greeting = greeting;
    });

  const context = await signUp.dispatch(new CreateUser());

  assertInstanceOf(context, SignUp);
  assertEquals({ ...context }, { userId: 42, greeting: "Hello 42", notes: ["User 42"] });
  assertEquals(log, [new CreateUser(), new FindUser(42), new WelcomeUser(42)]);
});

Deno.test("ContextPipeline.dispatch() dispatches only the first message if there is no step", async () => {
  const log: unknown[] = [];

  const context = await setUp(log).commandPipeline(CreateUser, SignUp).dispatch(new CreateUser());

  assertEquals(context, new SignUp());
  assertEquals(log, [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() also dispatches what the last step returns", async () => {
  const log: unknown[] = [];

  await setUp(log).commandPipeline(CreateUser, SignUp).step((id) => new WelcomeUser(id)).dispatch(new CreateUser());

  assertEquals(log, [new CreateUser(), new WelcomeUser(42)]);
});

Deno.test("ContextPipeline.step() and query() take async steps, which are awaited before the next", async () => {
  const log: unknown[] = [];
  const found = Promise.withResolvers<void>();
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .query(async (id) => {
      log.push("step starts");
      await found.promise;
      return new FindUser(id);
    })
    .step(async (name, context) => {
      await Promise.resolve();
      context.greeting = name;
    });

  const run = signUp.dispatch(new CreateUser());
  found.resolve();

  assertEquals((await run).greeting, "User 42");
  assertEquals(log, [new CreateUser(), "step starts", new FindUser(42)]);
});

Deno.test("ContextPipeline.dispatch() gives a step the result when the dispatch has settled", async () => {
  const log: string[] = [];
  const created = Promise.withResolvers<number>();
  const started = Promise.withResolvers<void>();
  const router = new MessageRouter();
  router.newCommandBus().subscribe(CreateUser, () => {
    started.resolve();
    return created.promise;
  });
  const run = router.commandPipeline(CreateUser, SignUp).step((id) => void log.push(`step ${id}`))
    .dispatch(new CreateUser());

  await started.promise;
  assertEquals(log, []);
  created.resolve(7);
  await run;

  assertEquals(log, ["step 7"]);
});

Deno.test("ContextPipeline.dispatch() ends if a step returns nothing, and resolves to the context", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .step((id, context) => {
      context.userId = id;
      return id === 42 ? undefined : new WelcomeUser(id);
    })
    .step((greeting, context) => {
      context.greeting = greeting;
    });

  assertEquals({ ...await signUp.dispatch(new CreateUser()) }, { userId: 42, greeting: "", notes: [] });
  assertEquals(log, [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() ends if an async step returns nothing", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .step((id) => Promise.resolve(id === 42 ? undefined : new WelcomeUser(id)))
    .step(() => void log.push("not reached"));

  await signUp.dispatch(new CreateUser());

  assertEquals(log, [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() does not end if a result is undefined", async () => {
  class Touch extends Command {}
  const results: unknown[] = [];
  const touch = new ContextPipeline({ message: Touch, context: SignUp }, { dispatcher: () => {} })
    .step((result) => {
      results.push(result);
      return new Touch();
    })
    .step((result) => void results.push(result));

  await touch.dispatch(new Touch());

  assertEquals(results, [undefined, undefined]);
});

Deno.test("ContextPipeline.dispatch() does not take null for nothing: the bus refuses it", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .step(() => null as unknown as WelcomeUser)
    .step(() => void log.push("not reached"));

  await assertRejects(
    () => signUp.dispatch(new CreateUser()),
    TypeError,
    "Cannot dispatch null: a message is an instance of a class",
  );
  assertEquals(log, [new CreateUser()]);
});

// Failures

Deno.test("ContextPipeline.dispatch() rejects with the error of a step, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .step((id): WelcomeUser => {
      if (id === 42) throw failure;
      return new WelcomeUser(id);
    })
    .step(() => void log.push("not reached"));

  assertStrictEquals(await assertRejects(() => signUp.dispatch(new CreateUser())), failure);
  assertEquals(log, [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() rejects with the rejection of an async step", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .step((): Promise<WelcomeUser> => Promise.reject(failure))
    .step(() => void log.push("not reached"));

  assertStrictEquals(await assertRejects(() => signUp.dispatch(new CreateUser())), failure);
  assertEquals(log, [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() rejects with the rejection of a dispatch, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Nobody is at home");
  const router = new MessageRouter();
  router.newCommandBus().subscribe(CreateUser, () => 42).subscribe(WelcomeUser, () => Promise.reject(failure));
  const signUp = router.commandPipeline(CreateUser, SignUp)
    .step((id) => new WelcomeUser(id))
    .step(() => void log.push("not reached"));

  assertStrictEquals(await assertRejects(() => signUp.dispatch(new CreateUser())), failure);
  assertEquals(log, []);
});

Deno.test("ContextPipeline.dispatch() rejects with the rejection of the first dispatch", async () => {
  const log: unknown[] = [];
  const signUp = new MessageRouter().commandPipeline(CreateUser, SignUp).step(() => void log.push("not reached"));

  await assertRejects(() => signUp.dispatch(new CreateUser()), HandlerNotFoundError);
  assertEquals(log, []);
});

Deno.test("ContextPipeline.dispatch() rejects with the error of a plain dispatcher", async () => {
  const failure = new Error("Out of order");
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, {
    dispatcher: () => {
      throw failure;
    },
  });

  assertStrictEquals(await assertRejects(() => signUp.dispatch(new CreateUser())), failure);
});

Deno.test("ContextPipeline.dispatch() rejects with a thrown value that is not an error, unchanged", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((): undefined => {
    throw "a string";
  });

  assertEquals(await signUp.dispatch(new CreateUser()).catch((reason) => reason), "a string");
});

Deno.test("ContextPipeline.dispatch() rejects if the context cannot be constructed, before anything runs", async () => {
  const log: unknown[] = [];
  const failure = new Error("No context today");
  class Broken {
    constructor() {
      throw failure;
    }
  }
  const broken = setUp(log).commandPipeline(CreateUser, Broken);

  assertStrictEquals(await assertRejects(() => broken.dispatch(new CreateUser())), failure);
  assertEquals(log, []);
});

Deno.test("ContextPipeline.dispatch() leaves no unhandled rejection behind when it fails", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(function* () {
      yield;
    }, async (_message, next) => await next())
    .step((): Promise<WelcomeUser> => Promise.reject(new Error("Out of order")));

  const reasons = await unhandledRejections(() => signUp.dispatch(new CreateUser()).catch(() => {}));

  assertEquals(reasons, []);
});

// The context

Deno.test("ContextPipeline.dispatch() makes a new context for each run", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((id, { notes }) => void notes.push(`user ${id}`));

  const first = await signUp.dispatch(new CreateUser());
  const second = await signUp.dispatch(new CreateUser());

  assertNotStrictEquals(first, second);
  assertEquals([first.notes, second.notes], [["user 42"], ["user 42"]]);
});

Deno.test("ContextPipeline.run() takes the context that the caller gives, and resolves to it", async () => {
  const seeded = new SignUp();
  seeded.notes.push("seeded");
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((id, { notes }) => void notes.push(`user ${id}`));

  assertStrictEquals(await signUp.run(seeded, new CreateUser()), seeded);
  assertEquals(seeded.notes, ["seeded", "user 42"]);
});

Deno.test("ContextPipeline.run() makes a new context of a class, and of a subclass", async () => {
  class InvitedSignUp extends SignUp {
    readonly invitedBy = "Grace";
  }
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((id, context) => {
    context.userId = id;
  });

  const context: InvitedSignUp = await signUp.run(InvitedSignUp, new CreateUser());

  assertInstanceOf(context, InvitedSignUp);
  assertEquals({ ...context }, { userId: 42, greeting: "", notes: [], invitedBy: "Grace" });
  assertEquals((await signUp.run(SignUp, new CreateUser())).userId, 42);
});

Deno.test("ContextPipeline.run() takes any object that has what the steps need", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((id, context) => {
    context.userId = id;
  });

  assertEquals(await signUp.run({ userId: 0, greeting: "", notes: [], more: true }, new CreateUser()), {
    userId: 42,
    greeting: "",
    notes: [],
    more: true,
  });
});

Deno.test("ContextPipeline.dispatch() keeps concurrent runs apart", async () => {
  const answers = new Map([["Ada", Promise.withResolvers<number>()], ["Bob", Promise.withResolvers<number>()]]);
  const router = new MessageRouter();
  router.newCommandBus()
    .subscribe(CreateUser, ({ name }) => answers.get(name)!.promise)
    .subscribe(WelcomeUser, ({ id }) => `Hello ${id}`);
  const signUp = router.commandPipeline(CreateUser, SignUp)
    .step((id, context) => {
      context.userId = id;
      return new WelcomeUser(id);
    })
    .step((greeting, context) => {
      context.greeting = greeting;
    });

  const runs = [signUp.dispatch(new CreateUser("Ada")), signUp.dispatch(new CreateUser("Bob"))];
  answers.get("Bob")!.resolve(2);
  const bob = await runs[1]!;
  answers.get("Ada")!.resolve(1);
  const ada = await runs[0]!;

  assertEquals([ada.userId, ada.greeting], [1, "Hello 1"]);
  assertEquals([bob.userId, bob.greeting], [2, "Hello 2"]);
});

// What is shared is not changed

Deno.test("ContextPipeline.step() and query() return a new pipeline, so that two of them can share a beginning", async () => {
  const log: unknown[] = [];
  const beginning = setUp(log).commandPipeline(CreateUser, SignUp);
  const welcoming = beginning.step((id) => new WelcomeUser(id));
  const finding = beginning.query((id) => new FindUser(id));
  const both = welcoming.query((greeting) => new FindUser(greeting.length));

  await beginning.dispatch(new CreateUser());
  assertEquals(log.splice(0), [new CreateUser()]);
  await welcoming.dispatch(new CreateUser());
  assertEquals(log.splice(0), [new CreateUser(), new WelcomeUser(42)]);
  await finding.dispatch(new CreateUser());
  assertEquals(log.splice(0), [new CreateUser(), new FindUser(42)]);
  await both.dispatch(new CreateUser());
  assertEquals(log.splice(0), [new CreateUser(), new WelcomeUser(42), new FindUser(8)]);
});

Deno.test("ContextPipeline.use() returns a new pipeline, so that two of them can share a beginning", async () => {
  const log: string[] = [];
  const beginning = setUp().commandPipeline(CreateUser, SignUp);
  const one = beginning.use(logging(log, "one"));
  const other = beginning.use(logging(log, "other"));

  await beginning.dispatch(new CreateUser());
  assertEquals(log.splice(0), []);
  await one.dispatch(new CreateUser());
  assertEquals(log.splice(0), ["one before", "one after"]);
  await other.dispatch(new CreateUser());
  assertEquals(log.splice(0), ["other before", "other after"]);
});

// Middlewares

Deno.test("ContextPipeline.use() puts the first middleware outermost, within a call and across calls", async () => {
  const log: string[] = [];
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(logging(log, "first"), logging(log, "second"))
    .use(logging(log, "third"))
    .step(() => void log.push("step"));

  await signUp.dispatch(new CreateUser());

  assertEquals(log, [
    "first before",
    "second before",
    "third before",
    "step",
    "third after",
    "second after",
    "first after",
  ]);
});

Deno.test("ContextPipeline.use() also goes around the steps that are added after it", async () => {
  const log: string[] = [];
  const pipeline = setUp().commandPipeline(CreateUser, SignUp);

  await pipeline.use(logging(log, "around")).step(() => void log.push("step")).dispatch(new CreateUser());
  await pipeline.step(() => void log.push("step")).use(logging(log, "around")).dispatch(new CreateUser());

  const once = ["around before", "step", "around after"];
  assertEquals(log, [...once, ...once]);
});

Deno.test("ContextPipeline.use() wraps the whole run, not each message", async () => {
  const messages: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(async (message, next) => {
      messages.push(message);
      return await next();
    })
    .step((id) => new WelcomeUser(id));

  await signUp.dispatch(new CreateUser());

  assertEquals(messages, [new CreateUser()]);
});

Deno.test("ContextPipeline.use() takes async generators, sync generators and objects", async () => {
  const log: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(
      async function* () {
        log.push("async before");
        const result = yield;
        log.push(`async after: ${result}`);
      },
      function* () {
        log.push("sync before");
        const result = yield;
        log.push(`sync after: ${result}`);
      },
      { invoke: logging(log as string[], "object") },
    )
    .step((id) => new WelcomeUser(id));

  await signUp.dispatch(new CreateUser());

  assertEquals(log, [
    "async before",
    "sync before",
    "object before",
    "object after",
    "sync after: Hello 42",
    "async after: Hello 42",
  ]);
});

Deno.test("ContextPipeline.use() lets a retry run again from the first message, with the same context", async () => {
  const log: unknown[] = [];
  const contexts = new Set<SignUp>();
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .use(retry({ attempts: 3 }))
    .step((id, context) => {
      contexts.add(context);
      context.notes.push("step");
      return new WelcomeUser(id);
    })
    .step((_greeting, { notes }) => {
      if (notes.length < 3) throw new Error(`failure ${notes.length}`);
    });

  const context = await signUp.dispatch(new CreateUser());

  assertEquals([...contexts], [context]);
  assertEquals(context.notes, ["step", "step", "step"]);
  assertEquals(log.length, 6);
  assertEquals(log.slice(4), [new CreateUser(), new WelcomeUser(42)]);
});

Deno.test("ContextPipeline.use() lets a generator run again with another yield after a failure", async () => {
  const log: unknown[] = [];
  let attempt = 0;
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp)
    .use(async function* () {
      try {
        yield;
      } catch {
        yield;
      }
    })
    .step(() => {
      if (++attempt === 1) throw new Error("failure");
    });

  await signUp.dispatch(new CreateUser());

  assertEquals([attempt, log], [2, [new CreateUser(), new CreateUser()]]);
});

Deno.test("ContextPipeline.use() lets a middleware replace the message, the signal and the metadata", async () => {
  const calls: [object, DispatchOptions | undefined][] = [];
  const { signal } = new AbortController();
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, { dispatcher: noting(calls) })
    .use(async (_message, next) => await next(new CreateUser("Grace"), { signal, metadata: { tenant: "b" } }))
    .step(() => new WelcomeUser(1));

  await signUp.dispatch(new CreateUser(), { metadata: { tenant: "a" } });

  assertEquals(calls.map(([message]) => message), [new CreateUser("Grace"), new WelcomeUser(1)]);
  for (const [, options] of calls) {
    assertStrictEquals(options?.signal, signal);
    assertEquals(options?.metadata, { tenant: "b" });
  }
});

Deno.test("ContextPipeline.dispatch() resolves to the context, not to what a middleware returns", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(async (_message, next) => {
      await next();
      return "something else";
    });

  assertInstanceOf(await signUp.dispatch(new CreateUser()), SignUp);
});

Deno.test("ContextPipeline.dispatch() resolves to the unfinished context if a middleware drops the error", async () => {
  const signUp = setUp().commandPipeline(CreateUser, SignUp)
    .use(function* () {
      try {
        yield;
      } catch {
        // Dropped.
      }
    })
    .step((id, context): WelcomeUser => {
      context.userId = id;
      throw new Error("Out of order");
    });

  assertEquals((await signUp.dispatch(new CreateUser())).userId, 42);
});

Deno.test("ContextPipeline.use() lets a middleware keep the run from starting", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser, SignUp).use(() => Promise.resolve());

  assertEquals(await signUp.dispatch(new CreateUser()), new SignUp());
  assertEquals(log, []);
});

Deno.test("ContextPipeline.use() shows middlewares a pipeline, and its context class as the handler", async () => {
  const contexts: unknown[] = [];
  const { signal } = new AbortController();
  const metadata = { tenant: "a" };
  const note: Middleware = async (_message, next, context) => {
    contexts.push(context);
    return await next();
  };
  const signUp = setUp().commandPipeline(CreateUser, SignUp).use(note);

  await signUp.dispatch(new CreateUser(), { signal, metadata });
  await signUp.run(new SignUp(), new CreateUser());

  assertEquals(contexts, [
    { kind: "pipeline", signal, metadata, values: new ContextValues(), handler: SignUp },
    { kind: "pipeline", signal: undefined, metadata: {}, values: new ContextValues(), handler: SignUp },
  ]);
});

Deno.test("ContextPipeline.use() refuses a value that is not a middleware", () => {
  assertThrows(
    () => setUp().commandPipeline(CreateUser, SignUp).use(untyped("log")),
    TypeError,
    'Cannot use "log" as a middleware: it is neither a function nor an object with a method "invoke"',
  );
});

// The signal and the metadata

Deno.test("ContextPipeline.dispatch() passes the signal and the metadata to every dispatch", async () => {
  const commands: [object, DispatchOptions | undefined][] = [];
  const queries: [object, DispatchOptions | undefined][] = [];
  const { signal } = new AbortController();
  const metadata = { tenant: "a" };
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, {
    dispatcher: noting(commands),
    queryDispatcher: noting(queries),
  }).step(() => new WelcomeUser(1)).query(() => new FindUser(1));

  await signUp.dispatch(new CreateUser(), { signal, metadata });

  assertEquals([commands.length, queries.length], [2, 1]);
  for (const [, options] of [...commands, ...queries]) {
    assertStrictEquals(options?.signal, signal);
    assertStrictEquals(options?.metadata, metadata);
  }
});

Deno.test("ContextPipeline.dispatch() passes no signal, and empty metadata, if the caller gave none", async () => {
  const calls: [object, DispatchOptions | undefined][] = [];
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, { dispatcher: noting(calls) });

  await signUp.dispatch(new CreateUser());

  assertEquals(calls, [[new CreateUser(), { signal: undefined, metadata: {}, values: new ContextValues() }]]);
});

Deno.test("router.commandPipeline() lets the handlers of its commands and queries see the signal and the metadata", async () => {
  const seen: unknown[] = [];
  const { signal } = new AbortController();
  const router = new MessageRouter();
  router.newCommandBus().subscribe(CreateUser, (_command, context) => {
    seen.push([context.signal, context.metadata.tenant]);
    return 42;
  });
  router.newQueryBus().subscribe(FindUser, (_query, context) => {
    seen.push([context.signal, context.metadata.tenant]);
    return "Ada";
  });

  await router.commandPipeline(CreateUser, SignUp).query((id) => new FindUser(id))
    .dispatch(new CreateUser(), { signal, metadata: { tenant: "a" } });

  assertEquals(seen, [[signal, "a"], [signal, "a"]]);
});

Deno.test("ContextPipeline.dispatch() rejects with the reason of a signal that has fired, before anything runs", async () => {
  const log: string[] = [];
  const reason = new Error("Hung up");
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, {
    dispatcher: () => log.push("dispatched"),
  }).use(logging(log, "middleware")).step(() => void log.push("step"));

  const error = await assertRejects(() => signUp.dispatch(new CreateUser(), { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(error, reason);
  assertEquals(log, []);
});

Deno.test("ContextPipeline.dispatch() dispatches nothing more once the signal fires during a run", async () => {
  const calls: [object, DispatchOptions | undefined][] = [];
  const controller = new AbortController();
  const reason = new Error("Hung up");
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, { dispatcher: noting(calls) })
    .step(() => {
      controller.abort(reason);
      return new WelcomeUser(1);
    });

  const error = await assertRejects(() => signUp.dispatch(new CreateUser(), { signal: controller.signal }));

  assertStrictEquals(error, reason);
  assertEquals(calls.map(([message]) => message), [new CreateUser()]);
});

Deno.test("ContextPipeline.dispatch() respects a fired signal that a middleware has put in", async () => {
  const calls: [object, DispatchOptions | undefined][] = [];
  const reason = new Error("Too late");
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, { dispatcher: noting(calls) })
    .use(async (_message, next) => await next(undefined, { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(await assertRejects(() => signUp.dispatch(new CreateUser())), reason);
  assertEquals(calls, []);
});

Deno.test("ContextPipeline.dispatch() lets a run succeed whose last dispatch has succeeded, although the signal fires", async () => {
  const controller = new AbortController();
  const signUp = setUp().commandPipeline(CreateUser, SignUp).step((id, context) => {
    controller.abort();
    context.userId = id;
  });

  assertEquals((await signUp.dispatch(new CreateUser(), { signal: controller.signal })).userId, 42);
});

// Dispatchers

Deno.test("router.commandPipeline() uses the buses that are configured after it was made", async () => {
  const log: string[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  const signUp = router.commandPipeline(CreateUser, SignUp).query((id) => new FindUser(id));

  container.bind(CommandBus, () => router.newCommandBus().use(logging(log, "command bus")));
  container.bind(QueryBus, () => router.newQueryBus().use(logging(log, "query bus")));
  router.newCommandBus().subscribe(CreateUser, () => 42);
  router.newQueryBus().subscribe(FindUser, () => "Ada");
  await signUp.dispatch(new CreateUser());

  assertEquals(log, ["command bus before", "command bus after", "query bus before", "query bus after"]);
});

Deno.test("router.commandPipeline() asks the container for a bus only when it runs", () => {
  const asked: unknown[] = [];
  const router = new MessageRouter({
    wire: (type) => () => new type(),
    lazy: (type) => () => {
      asked.push(type);
      throw new Error("Asked");
    },
  });

  router.commandPipeline(CreateUser, SignUp).query((id) => new FindUser(id));
  router.commandPipeline(CreateUser);

  assertEquals(asked, []);
});

Deno.test("router.commandPipeline() uses the buses of a container that resolves them later", async () => {
  const router = setUp();
  const buses = new Map<unknown, object>([[CommandBus, router.newCommandBus()], [QueryBus, router.newQueryBus()]]);
  const asynchronous = new MessageRouter({
    wire: (type) => () => new type(),
    lazy: <T extends object>(type: unknown) => () => Promise.resolve(buses.get(type) as T),
  });

  const { userId, greeting } = await asynchronous.commandPipeline(CreateUser, SignUp)
    .query((id, context) => {
      context.userId = id;
      return new FindUser(id);
    })
    .step((name, context) => {
      context.greeting = name;
    })
    .dispatch(new CreateUser());

  assertEquals([userId, greeting], [42, "User 42"]);
});

Deno.test("router.commandPipeline() goes through the middlewares and listeners of the buses", async () => {
  const log: string[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  container.get(CommandBus)
    .subscribe(CreateUser, () => 42)
    .subscribe(WelcomeUser, () => "Hello")
    .use(logging(log, "bus"))
    .listen((message) => void log.push(message.constructor.name));

  await router.commandPipeline(CreateUser, SignUp).use(logging(log, "pipeline")).step((id) => new WelcomeUser(id))
    .dispatch(new CreateUser());

  assertEquals(log, [
    "pipeline before",
    "CreateUser",
    "bus before",
    "bus after",
    "WelcomeUser",
    "bus before",
    "bus after",
    "pipeline after",
  ]);
});

Deno.test("router.commandPipeline() takes commands of a plain class, whose result is unknown", async () => {
  class Plain {}
  const router = new MessageRouter();
  router.newCommandBus().subscribe(Plain, () => 7);
  const plain = router.commandPipeline(Plain, SignUp).step((result, context) => {
    context.userId = Number(result);
  });

  assertEquals((await plain.dispatch(new Plain())).userId, 7);
});

Deno.test("new ContextPipeline() dispatches to functions, buses and pipelines alike", async () => {
  const router = setUp();
  const commands = router.newCommandBus();
  const types = { message: CreateUser, context: SignUp };
  const pipe = new Pipe(CreateUser, commands);
  const dispatchers = [
    commands,
    pipe,
    { dispatch: (_message: CreateUser) => 42 },
    (_message: CreateUser) => 42,
    (message: CreateUser) => commands.dispatch(message),
  ];

  for (const dispatcher of dispatchers) {
    const pipeline = new ContextPipeline<CreateUser, SignUp, number, CreateUser>(types, { dispatcher })
      .step((id, context) => {
        context.userId = id;
      });
    assertEquals((await pipeline.dispatch(new CreateUser())).userId, 42);
  }
});

Deno.test("new ContextPipeline() dispatches to another pipeline, whose context is the result", async () => {
  const inner = setUp().commandPipeline(CreateUser, SignUp).step((id, context) => {
    context.userId = id;
  });
  class Outer {
    inner: unknown;
  }
  const outer = new ContextPipeline<CreateUser, Outer, unknown, CreateUser>(
    { message: CreateUser, context: Outer },
    { dispatcher: inner },
  ).step((result, context) => {
    context.inner = result;
  });

  const { inner: context } = await outer.dispatch(new CreateUser());

  assertInstanceOf(context, SignUp);
  assertEquals(context.userId, 42);
});

Deno.test("new ContextPipeline() sends queries to the dispatcher of the commands if there is no other one", async () => {
  const calls: [object, DispatchOptions | undefined][] = [];
  const signUp = new ContextPipeline({ message: CreateUser, context: SignUp }, { dispatcher: noting(calls) })
    .query(() => new FindUser(1))
    .step(() => new WelcomeUser(1));

  await signUp.dispatch(new CreateUser());

  assertEquals(calls.map(([message]) => message), [new CreateUser(), new FindUser(1), new WelcomeUser(1)]);
});

Deno.test("new ContextPipeline() refuses a value that does not dispatch", () => {
  const types = { message: CreateUser, context: SignUp };

  assertThrows(
    () => new ContextPipeline(types, { dispatcher: "bus" as never }),
    TypeError,
    'Cannot dispatch to "bus": it is neither a bus, a pipeline nor a function',
  );
  assertThrows(
    () => new ContextPipeline(types, { dispatcher: () => {}, queryDispatcher: new SignUp() as never }),
    TypeError,
    'Cannot dispatch to an instance of "SignUp": it is neither a bus, a pipeline nor a function',
  );
});

Deno.test("ContextPipeline.step() and query() refuse a value that is not a function", () => {
  const pipeline = setUp().commandPipeline(CreateUser, SignUp);

  assertThrows(
    () => pipeline.step(new WelcomeUser(1) as never),
    TypeError,
    'Cannot use an instance of "WelcomeUser" as a step: it is not a function',
  );
  assertThrows(
    () => pipeline.query(undefined as never),
    TypeError,
    'Cannot use "undefined" as a step: it is not a function',
  );
});
