import {
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  CommandBus,
  Container,
  ContextValues,
  type DispatchOptions,
  MessageRouter,
  MethodPipeline,
  type Middleware,
  QueryBus,
  retry,
} from "@cq/core";
import { logging, untyped } from "./support/logging_bus.ts";
import { CreateUser, FindUser, setUp, WelcomeUser } from "./support/sign_up.ts";

// The steps

Deno.test("MethodPipeline.run() runs the methods in the order of the source, with this as the context", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    userId = 0;
    name = "";
    greeting = "";

    @signUp.queryStep
    created(id: number): FindUser {
      this.userId = id;
      return new FindUser(id);
    }

    @signUp.step
    found(name: string): WelcomeUser {
      this.name = name;
      return new WelcomeUser(this.userId);
    }

    @signUp.step
    welcomed(greeting: string): void {
      this.greeting = greeting;
    }
  }

  const context = await signUp.run(SignUp, new CreateUser());

  assertInstanceOf(context, SignUp);
  assertEquals({ ...context }, { userId: 42, name: "User 42", greeting: "Hello 42" });
  assertEquals(log, [new CreateUser(), new FindUser(42), new WelcomeUser(42)]);
});

Deno.test("MethodPipeline.step() and queryStep() take async methods", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    @signUp.queryStep
    async created(id: number): Promise<FindUser> {
      await Promise.resolve();
      return new FindUser(id);
    }

    @signUp.step
    async found(name: string): Promise<void> {
      await Promise.resolve();
      log.push(name);
    }
  }

  await signUp.run(SignUp, new CreateUser());

  assertEquals(log, [new CreateUser(), new FindUser(42), "User 42"]);
});

// Deno reports a syntax error for a decorated private method with parameters, so these have none.
Deno.test("MethodPipeline.step() takes private methods", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    readonly #id = 7;

    @signUp.queryStep
    #created(): FindUser {
      return new FindUser(this.#id);
    }

    @signUp.step
    #found(): void {
      log.push(`found ${this.#id}`);
    }
  }

  await signUp.run(SignUp, new CreateUser());

  assertEquals(log, [new CreateUser(), new FindUser(7), "found 7"]);
});

Deno.test("MethodPipeline.step() takes methods whose name is a symbol or computed", async () => {
  const log: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser);
  const symbol = Symbol("created");
  const name = "welcomed now";

  class SignUp {
    @signUp.step
    [symbol](id: number): WelcomeUser {
      return new WelcomeUser(id);
    }

    @signUp.step
    [name](greeting: string): void {
      log.push(greeting);
    }
  }

  await signUp.run(SignUp, new CreateUser());

  assertEquals(log, ["Hello 42"]);
});

Deno.test("MethodPipeline.step() leaves the method as it is", () => {
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }
  }

  assertEquals(new SignUp().created(7), new WelcomeUser(7));
});

Deno.test("MethodPipeline.step() runs what other decorators make of the method", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);
  const nextUser = <This>(method: (this: This, id: number) => WelcomeUser, _context: ClassMethodDecoratorContext) =>
    function (this: This, id: number): WelcomeUser {
      return method.call(this, id + 1);
    };

  class Outside {
    @nextUser
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }
  }

  class Inside {
    @signUp.step
    @nextUser
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }
  }

  await signUp.run(Outside, new CreateUser());
  await signUp.run(Inside, new CreateUser());

  assertEquals(log, [new CreateUser(), new WelcomeUser(43), new CreateUser(), new WelcomeUser(43)]);
});

Deno.test("MethodPipeline.run() ends if a method returns nothing, and resolves to the context", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser | undefined {
      return id === 42 ? undefined : new WelcomeUser(id);
    }

    @signUp.step
    welcomed(): void {
      log.push("not reached");
    }
  }

  assertInstanceOf(await signUp.run(SignUp, new CreateUser()), SignUp);
  assertEquals(log, [new CreateUser()]);
});

Deno.test("MethodPipeline.run() rejects with the error of a method, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(): WelcomeUser {
      throw failure;
    }

    @signUp.step
    welcomed(): void {
      log.push("not reached");
    }
  }

  assertStrictEquals(await assertRejects(() => signUp.run(SignUp, new CreateUser())), failure);
  assertEquals(log, [new CreateUser()]);
});

Deno.test("MethodPipeline.run() rejects with the rejection of a dispatch, and runs nothing after it", async () => {
  const log: unknown[] = [];
  const failure = new Error("Out of order");
  const router = new MessageRouter();
  router.newCommandBus().subscribe(CreateUser, () => 42);
  router.newQueryBus().subscribe(FindUser, () => Promise.reject(failure));
  const signUp = router.commandPipeline(CreateUser);

  class SignUp {
    @signUp.queryStep
    created(id: number): FindUser {
      return new FindUser(id);
    }

    @signUp.step
    found(): void {
      log.push("not reached");
    }
  }

  assertStrictEquals(await assertRejects(() => signUp.run(SignUp, new CreateUser())), failure);
  assertEquals(log, []);
});

// The context

Deno.test("MethodPipeline.run() makes a new context of a class, and takes an instance", async () => {
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    readonly notes: string[] = [];

    @signUp.step
    created(id: number): void {
      this.notes.push(`user ${id}`);
    }
  }

  const first = await signUp.run(SignUp, new CreateUser());
  const second = await signUp.run(SignUp, new CreateUser());
  const seeded = new SignUp();
  seeded.notes.push("seeded");

  assertNotStrictEquals(first, second);
  assertEquals([first.notes, second.notes], [["user 42"], ["user 42"]]);
  assertStrictEquals(await signUp.run(seeded, new CreateUser()), seeded);
  assertEquals(seeded.notes, ["seeded", "user 42"]);
});

Deno.test("MethodPipeline.run() takes an instance whose class needs arguments", async () => {
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    readonly ids: number[];

    constructor(ids: number[]) {
      this.ids = ids;
    }

    @signUp.step
    created(id: number): void {
      this.ids.push(id);
    }
  }

  assertEquals((await signUp.run(new SignUp([1]), new CreateUser())).ids, [1, 42]);
});

Deno.test("MethodPipeline.run() keeps concurrent runs apart", async () => {
  const answers = new Map([["Ada", Promise.withResolvers<number>()], ["Bob", Promise.withResolvers<number>()]]);
  const router = new MessageRouter();
  router.newCommandBus()
    .subscribe(CreateUser, ({ name }) => answers.get(name)!.promise)
    .subscribe(WelcomeUser, ({ id }) => `Hello ${id}`);
  const signUp = router.commandPipeline(CreateUser);

  class SignUp {
    userId = 0;
    greeting = "";

    @signUp.step
    created(id: number): WelcomeUser {
      this.userId = id;
      return new WelcomeUser(id);
    }

    @signUp.step
    welcomed(greeting: string): void {
      this.greeting = greeting;
    }
  }

  const runs = [signUp.run(SignUp, new CreateUser("Ada")), signUp.run(SignUp, new CreateUser("Bob"))];
  answers.get("Bob")!.resolve(2);
  const bob = await runs[1]!;
  answers.get("Ada")!.resolve(1);
  const ada = await runs[0]!;

  assertEquals({ ...ada }, { userId: 1, greeting: "Hello 1" });
  assertEquals({ ...bob }, { userId: 2, greeting: "Hello 2" });
});

// Classes

Deno.test("MethodPipeline.run() runs the steps that a subclass inherits", async () => {
  const log: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }

    @signUp.step
    #welcomed(): void {
      log.push("welcomed");
    }
  }

  class InvitedSignUp extends SignUp {}

  assertInstanceOf(await signUp.run(InvitedSignUp, new CreateUser()), InvitedSignUp);
  assertEquals(log, ["welcomed"]);
});

Deno.test("MethodPipeline.run() runs the method with which a subclass overrides a step, in its place", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }

    @signUp.step
    welcomed(greeting: string): void {
      log.push(greeting);
    }
  }

  class InvitedSignUp extends SignUp {
    override created(id: number): WelcomeUser {
      return new WelcomeUser(super.created(id).id + 1);
    }
  }

  await signUp.run(InvitedSignUp, new CreateUser());

  assertEquals(log, [new CreateUser(), new WelcomeUser(43), "Hello 43"]);
});

Deno.test("MethodPipeline.run() runs an override that is itself a step once, in its place", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }

    @signUp.step
    welcomed(greeting: string): WelcomeUser {
      return new WelcomeUser(greeting.length);
    }
  }

  class InvitedSignUp extends SignUp {
    @signUp.step
    override created(id: number): WelcomeUser {
      return new WelcomeUser(id + 1);
    }
  }

  await signUp.run(InvitedSignUp, new CreateUser());
  assertEquals(log.splice(0), [new CreateUser(), new WelcomeUser(43), new WelcomeUser(8)]);

  await signUp.run(SignUp, new CreateUser());
  assertEquals(log, [new CreateUser(), new WelcomeUser(42), new WelcomeUser(8)]);
});

Deno.test("MethodPipeline.run() runs the steps that a subclass adds after those of its base, and not for the base", async () => {
  const log: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(id: number): WelcomeUser {
      return new WelcomeUser(id);
    }
  }

  class InvitedSignUp extends SignUp {
    @signUp.step
    welcomed(greeting: string): void {
      log.push(greeting);
    }
  }

  await signUp.run(SignUp, new CreateUser());
  assertEquals(log, []);

  await signUp.run(InvitedSignUp, new CreateUser());
  assertEquals(log, ["Hello 42"]);
});

Deno.test("MethodPipeline.run() runs the private steps of a class and of its subclass, though they have the same name", async () => {
  const log: unknown[] = [];
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    #next(): WelcomeUser {
      log.push("base");
      return new WelcomeUser(7);
    }
  }

  class InvitedSignUp extends SignUp {
    @signUp.step
    #next(): void {
      log.push("subclass");
    }
  }

  await signUp.run(InvitedSignUp, new CreateUser());

  assertEquals(log, ["base", "subclass"]);
});

Deno.test("MethodPipeline.run() keeps the steps of unrelated classes apart, though they have the same name", async () => {
  const log: string[] = [];
  const signUp = setUp().commandPipeline(CreateUser);

  class One {
    @signUp.step
    created(id: number): WelcomeUser {
      log.push("one created");
      return new WelcomeUser(id);
    }

    @signUp.step
    next(): void {
      log.push("one next");
    }
  }

  class Other {
    @signUp.step
    next(id: number): WelcomeUser {
      log.push("other next");
      return new WelcomeUser(id);
    }

    @signUp.step
    created(): void {
      log.push("other created");
    }
  }

  await signUp.run(One, new CreateUser());
  await signUp.run(Other, new CreateUser());

  assertEquals(log, ["one created", "one next", "other next", "other created"]);
});

Deno.test("MethodPipeline.step() lets two pipelines share a class, and a method", async () => {
  const log: string[] = [];
  const router = setUp();
  const signUp = router.commandPipeline(CreateUser);
  const welcome = router.commandPipeline(WelcomeUser);

  class Users {
    @signUp.step
    created(id: number): WelcomeUser {
      log.push(`created ${id}`);
      return new WelcomeUser(id);
    }

    @signUp.step
    @welcome.queryStep
    welcomed(greeting: string): void {
      log.push(greeting);
    }
  }

  await signUp.run(Users, new CreateUser());
  assertEquals(log.splice(0), ["created 42", "Hello 42"]);

  await welcome.run(Users, new WelcomeUser(7));
  assertEquals(log, ["Hello 7"]);
});

Deno.test("MethodPipeline.run() refuses a context without a step", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser);

  class Stranger {
    created(): void {}
  }

  await assertRejects(
    () => signUp.run(Stranger, new CreateUser()),
    TypeError,
    'Cannot run a pipeline with an instance of "Stranger": none of its methods is a step of the pipeline',
  );
  await assertRejects(
    () => signUp.run(undefined as never, new CreateUser()),
    TypeError,
    "Cannot run a pipeline: the class of its context is undefined",
  );
  assertEquals(log, []);
});

// Middlewares, signal and metadata

Deno.test("MethodPipeline.use() goes around the whole run, the first middleware outermost", async () => {
  const log: string[] = [];
  const signUp = setUp().commandPipeline(CreateUser).use(logging(log, "first"), logging(log, "second"));

  class SignUp {
    @signUp.step
    created(): void {
      log.push("step");
    }
  }

  assertStrictEquals(signUp.use(logging(log, "third")), signUp);
  await signUp.run(SignUp, new CreateUser());

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

Deno.test("MethodPipeline.use() lets a retry run again from the first message, with the same context", async () => {
  const log: unknown[] = [];
  const signUp = setUp(log).commandPipeline(CreateUser).use(retry({ attempts: 3 }));

  class SignUp {
    attempts = 0;

    @signUp.step
    created(): void {
      if (++this.attempts < 3) throw new Error(`failure ${this.attempts}`);
    }
  }

  assertEquals((await signUp.run(SignUp, new CreateUser())).attempts, 3);
  assertEquals(log, [new CreateUser(), new CreateUser(), new CreateUser()]);
});

Deno.test("MethodPipeline.use() does not affect a run that has started", async () => {
  const log: string[] = [];
  const signUp = setUp().commandPipeline(CreateUser);

  class SignUp {
    @signUp.step
    created(): void {
      signUp.use(logging(log, "late"));
    }
  }

  await signUp.run(SignUp, new CreateUser());
  assertEquals(log, []);

  await signUp.run(SignUp, new CreateUser());
  assertEquals(log, ["late before", "late after"]);
});

Deno.test("MethodPipeline.use() shows middlewares a pipeline, and the class of the context as the handler", async () => {
  const contexts: unknown[] = [];
  const { signal } = new AbortController();
  const metadata = { tenant: "a" };
  const note: Middleware = async (_message, next, context) => {
    contexts.push(context);
    return await next();
  };
  const signUp = setUp().commandPipeline(CreateUser).use(note);

  class SignUp {
    @signUp.step
    created(): void {}
  }

  class InvitedSignUp extends SignUp {}

  await signUp.run(SignUp, new CreateUser(), { signal, metadata });
  await signUp.run(Object.assign(new InvitedSignUp(), { constructor: "data" }), new CreateUser());

  assertEquals(contexts, [
    { kind: "pipeline", signal, metadata, values: new ContextValues(), handler: SignUp },
    { kind: "pipeline", signal: undefined, metadata: {}, values: new ContextValues(), handler: InvitedSignUp },
  ]);
});

Deno.test("MethodPipeline.use() refuses a value that is not a middleware", () => {
  assertThrows(
    () => setUp().commandPipeline(CreateUser).use(untyped(7)),
    TypeError,
    'Cannot use "7" as a middleware: it is neither a function nor an object with a method "invoke"',
  );
});

Deno.test("MethodPipeline.run() passes the signal and the metadata to every dispatch", async () => {
  const calls: [string, DispatchOptions | undefined][] = [];
  const { signal } = new AbortController();
  const metadata = { tenant: "a" };
  const signUp = new MethodPipeline<CreateUser>({
    dispatcher: (_message, options) => calls.push(["command", options]),
    queryDispatcher: (_message, options) => calls.push(["query", options]),
  });

  class SignUp {
    @signUp.queryStep
    created(): FindUser {
      return new FindUser(1);
    }

    @signUp.step
    found(): WelcomeUser {
      return new WelcomeUser(1);
    }
  }

  await signUp.run(SignUp, new CreateUser(), { signal, metadata });

  assertEquals(calls.map(([kind]) => kind), ["command", "query", "command"]);
  for (const [, options] of calls) {
    assertStrictEquals(options?.signal, signal);
    assertStrictEquals(options?.metadata, metadata);
  }
});

Deno.test("MethodPipeline.run() rejects with the reason of a signal that has fired, before anything runs", async () => {
  const log: string[] = [];
  const reason = new Error("Hung up");
  const signUp = new MethodPipeline<CreateUser>({ dispatcher: () => log.push("dispatched") })
    .use(logging(log, "middleware"));

  class SignUp {
    @signUp.step
    created(): void {
      log.push("step");
    }
  }

  const error = await assertRejects(() => signUp.run(SignUp, new CreateUser(), { signal: AbortSignal.abort(reason) }));

  assertStrictEquals(error, reason);
  assertEquals(log, []);
});

// Dispatchers

Deno.test("MethodPipeline uses the buses that are configured after its steps were", async () => {
  const log: string[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  const signUp = router.commandPipeline(CreateUser);

  class SignUp {
    @signUp.queryStep
    created(id: number): FindUser {
      return new FindUser(id);
    }
  }

  container.bind(CommandBus, () => router.newCommandBus().use(logging(log, "command bus")));
  container.bind(QueryBus, () => router.newQueryBus().use(logging(log, "query bus")));
  router.newCommandBus().subscribe(CreateUser, () => 42);
  router.newQueryBus().subscribe(FindUser, () => "Ada");
  await signUp.run(SignUp, new CreateUser());

  assertEquals(log, ["command bus before", "command bus after", "query bus before", "query bus after"]);
});

Deno.test("new MethodPipeline() sends queries to the dispatcher of the commands if there is no other one", async () => {
  const messages: object[] = [];
  const signUp = new MethodPipeline<CreateUser>({ dispatcher: { dispatch: (message) => messages.push(message) } });

  class SignUp {
    @signUp.queryStep
    created(): FindUser {
      return new FindUser(1);
    }
  }

  await signUp.run(SignUp, new CreateUser());

  assertEquals(messages, [new CreateUser(), new FindUser(1)]);
});

Deno.test("new MethodPipeline() refuses a value that does not dispatch", () => {
  assertThrows(
    () => new MethodPipeline({ dispatcher: 7 as never }),
    TypeError,
    'Cannot dispatch to "7": it is neither a bus, a pipeline nor a function',
  );
  assertThrows(
    () => new MethodPipeline({ dispatcher: () => {}, queryDispatcher: {} as never }),
    TypeError,
    'Cannot dispatch to an instance of "Object": it is neither a bus, a pipeline nor a function',
  );
});

// Misuse of the decorators

function refusal(name: string): string {
  return `Cannot use "${name}" as a step: a step needs a standard decorator on a method that is not static. ` +
    "For steps that are functions, make the pipeline with its context class";
}

/** Lets a decorator be used where the compiler refuses it. */
function untypedDecorator(decorator: unknown): (value: unknown, context: unknown) => void {
  return decorator as (value: unknown, context: unknown) => void;
}

Deno.test("MethodPipeline.step() refuses a static method", () => {
  const step = untypedDecorator(setUp().commandPipeline(CreateUser).step);

  assertThrows(
    () => {
      class SignUp {
        @step
        static created(): void {}
      }
      return SignUp;
    },
    TypeError,
    refusal("created"),
  );
});

Deno.test("MethodPipeline.step() and queryStep() refuse a value that is not a method", () => {
  const signUp = setUp().commandPipeline(CreateUser);
  const step = untypedDecorator(signUp.step);
  const queryStep = untypedDecorator(signUp.queryStep);

  assertThrows(
    () => {
      class Field {
        @step
        created = (): void => {};
      }
      return Field;
    },
    TypeError,
    refusal("created"),
  );
  assertThrows(
    () => {
      class Getter {
        @queryStep
        get found(): number {
          return 1;
        }
      }
      return Getter;
    },
    TypeError,
    refusal("found"),
  );
  assertThrows(
    () => {
      @step
      class Whole {}
      return Whole;
    },
    TypeError,
    refusal("Whole"),
  );
});

Deno.test("MethodPipeline.step() refuses a call as a legacy decorator, or with only a function", () => {
  const step = setUp().commandPipeline(CreateUser).step as (...args: unknown[]) => void;
  const created = () => {};

  assertThrows(() => step({ created }, "created", { value: created }), TypeError, refusal("created"));
  assertThrows(() => step({}, Symbol("created"), {}), TypeError, refusal("Symbol(created)"));
  assertThrows(() => step(created), TypeError, refusal("created"));
  assertThrows(() => step(undefined), TypeError, refusal("undefined"));
});
