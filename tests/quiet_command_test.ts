// A command whose handler declares one parameter, and that nothing else gives the events to, is not waited for by the
// bus: its own promise is the dispatch's. Here is proven that no event is lost in silence, whatever a handler does.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { spy } from "@std/testing/mock";
import {
  type AnyMiddleware,
  Command,
  CommandBus,
  type CommandContext,
  type Constructor,
  Container,
  type DIAdapter,
  Event,
  EventBus,
  HANDLER_CONTEXT,
  type HandlerContext,
  inject,
  MessageRouter,
  RelatedEvents,
} from "@cq/core";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class CreateUser extends Command<unknown> {}

class UserCreated extends Event {
  readonly by: string;

  constructor(by = "") {
    super();
    this.by = by;
  }
}

const UNDECLARED = 'Cannot add "UserCreated" to the related events: the handler declares no context, so that the bus ' +
  "has not waited for it. Declare the context as its second parameter, without a default, or inject RelatedEvents";
const SETTLED = 'Cannot add "UserCreated" to the related events: the command\'s handler has settled. ' +
  "Await in the handler what adds events";

/** Any function, as the compiler would not accept it as a handler. */
// deno-lint-ignore no-explicit-any -- what plain JavaScript may do
type AnyFunction = (...args: any[]) => unknown;

/** A turn of the microtasks: what comes after it comes after the handler has returned. */
const later = () => Promise.resolve();

/** Buses of a router; `published` holds the names in the events that arrive. */
function setUp<S>(adapter: Container | DIAdapter<S> = new Container()) {
  const published: string[] = [];
  const router = new MessageRouter<S>(adapter as DIAdapter<S>);
  const events = adapter instanceof Container ? adapter.get(EventBus) : router.newEventBus();
  events.subscribe(UserCreated, ({ by }) => void published.push(by));
  const commands = adapter instanceof Container ? adapter.get(CommandBus) : router.newCommandBus();
  return { router, commands, events, published };
}

/** Registers a handler class that the compiler need not accept. */
function register(router: MessageRouter, type: Constructor): void {
  router.commandHandler(CreateUser)(type as Constructor<{ handle: AnyFunction }>);
}

/** Dispatches the command to a function, and tells what was published. */
async function publishedBy(handle: AnyFunction): Promise<string[]> {
  const { commands, published } = setUp();
  commands.subscribe(CreateUser, handle);
  await commands.dispatch(new CreateUser());
  return published;
}

/** Dispatches the command to a class, and tells what was published. */
async function publishedByClass(type: Constructor, container = new Container()): Promise<string[]> {
  const { router, commands, published } = setUp(container);
  register(router, type);
  await commands.dispatch(new CreateUser());
  return published;
}

/** Whether the bus gives the handler's own promise to the caller of a dispatch. */
async function isQuiet(subscribe: (parts: ReturnType<typeof setUp>, result: Promise<unknown>) => void) {
  const result = later();
  const parts = setUp();
  subscribe(parts, result);
  const dispatched = parts.commands.dispatch(new CreateUser());
  await dispatched;
  return dispatched === result;
}

// When the handler's own promise is returned

Deno.test("A command's dispatch is the promise of a handler that declares one parameter", async () => {
  const forms: Record<string, (parts: ReturnType<typeof setUp>, result: Promise<unknown>) => void> = {
    "a function": ({ commands }, result) => commands.subscribe(CreateUser, (_command) => result),
    "a class": ({ router }, result) =>
      register(
        router,
        class {
          handle(_command: CreateUser) {
            return result;
          }
        },
      ),
    "a class that inherits the method": ({ router }, result) => {
      class Base {
        handle(_command: CreateUser) {
          return result;
        }
      }
      register(router, class extends Base {});
    },
    "a class that injects what is not the context": ({ router }, result) =>
      register(
        router,
        class {
          readonly bus = inject(EventBus);

          handle(_command: CreateUser) {
            return result;
          }
        },
      ),
    "a bound function with one parameter left": ({ commands }, result) =>
      commands.subscribe(CreateUser, ((_dependency: number, _command: CreateUser) => result).bind(undefined, 1)),
    "a proxy of such a function": ({ commands }, result) =>
      commands.subscribe(CreateUser, new Proxy((_command: CreateUser) => result, {})),
  };
  for (const [form, subscribe] of Object.entries(forms)) {
    assertEquals(await isQuiet(subscribe), true, form);
  }
});

Deno.test("A command's dispatch waits for a handler that may reach its context by itself", async () => {
  const forms: Record<string, (parts: ReturnType<typeof setUp>, result: Promise<unknown>) => void> = {
    "two parameters": ({ commands }, result) => commands.subscribe(CreateUser, (_command, _context) => result),
    "no parameter": ({ commands }, result) => commands.subscribe(CreateUser, () => result),
    "rest parameters": ({ commands }, result) => commands.subscribe(CreateUser, (..._args) => result),
    "a bound function with two parameters left": ({ commands }, result) =>
      commands.subscribe(CreateUser, ((_command: CreateUser, _context: CommandContext) => result).bind(undefined)),
    "a bound function with rest parameters left": ({ commands }, result) =>
      commands.subscribe(
        CreateUser,
        ((_dependency: number, ..._args: unknown[]) => result).bind(undefined, 1),
      ),
    "a proxy of a function with two parameters": ({ commands }, result) =>
      commands.subscribe(CreateUser, new Proxy((_command: CreateUser, _context: CommandContext) => result, {})),
    "a spy": ({ commands }, result) => commands.subscribe(CreateUser, spy((_command: CreateUser) => result)),
    "a class with two parameters": ({ router }, result) =>
      register(
        router,
        class {
          handle(_command: CreateUser, _context: CommandContext) {
            return result;
          }
        },
      ),
    "an arrow function in a field": ({ router }, result) =>
      register(
        router,
        class {
          handle = (_command: CreateUser) => result;
        },
      ),
    "an accessor that needs an instance": ({ router }, result) =>
      register(
        router,
        class {
          readonly #result = result;

          get handle() {
            const own = this.#result;
            return (_command: CreateUser) => own;
          }
        },
      ),
    "a method that was replaced in the instance": ({ router }, result) =>
      register(
        router,
        class {
          constructor() {
            Object.defineProperty(this, "handle", { value: (_command: CreateUser) => result });
          }

          handle(_command: CreateUser) {}
        },
      ),
  };
  for (const [form, subscribe] of Object.entries(forms)) {
    assertEquals(await isQuiet(subscribe), false, form);
  }
});

Deno.test("A command's dispatch waits where middlewares, failSilently or a scope ask for it", async () => {
  const passThrough: AnyMiddleware = (_message, next) => next();
  const handle = (result: Promise<unknown>) => (_command: CreateUser) => result;
  assertEquals(
    await isQuiet(({ commands }, result) => commands.use(passThrough).subscribe(CreateUser, handle(result))),
    false,
  );
  assertEquals(
    await isQuiet(({ commands }, result) =>
      commands.subscribe(CreateUser, handle(result), { failSilently: true as never })
    ),
    false,
  );
  assertEquals(
    await isQuiet(({ commands }, result) => commands.listen(() => {}).subscribe(CreateUser, handle(result))),
    false,
  );
});

Deno.test("A command's dispatch is that of its handler in value and in failure, with nothing unhandled", async () => {
  const error = new Error("The disk is full");
  const { commands } = setUp();
  class Fail extends Command<unknown> {}
  class Throw extends Command<unknown> {}
  class Return extends Command<unknown> {}
  commands
    .subscribe(CreateUser, async (_command) => await later().then(() => 42))
    .subscribe(Return, (_command) => 43)
    .subscribe(Fail, async (_command) => {
      await later();
      throw error;
    })
    .subscribe(Throw, (_command) => {
      throw error;
    });

  const unhandled = await unhandledRejections(async () => {
    assertEquals(await commands.dispatch(new CreateUser()), 42);
    assertEquals(await commands.dispatch(new Return()), 43);
    assertStrictEquals(await assertRejects(() => commands.dispatch(new Fail())), error);
    assertStrictEquals(await assertRejects(() => commands.dispatch(new Throw())), error);
  });

  assertEquals(unhandled, []);
});

// What reaches the context without declaring it: at once

Deno.test("Events of a handler that reads arguments[1] before it returns are published", async () => {
  assertEquals(
    await publishedBy(function (_command) {
      arguments[1].events.add(new UserCreated("sync"));
    }),
    ["sync"],
  );
  assertEquals(
    await publishedBy(async function (_command) {
      const { events } = arguments[1];
      await later();
      events.add(new UserCreated("after an await"));
    }),
    ["after an await"],
  );
  assertEquals(
    await publishedByClass(
      class {
        async handle(_command: CreateUser) {
          arguments[1].events.add(new UserCreated("before"));
          await later();
          arguments[1].events.add(new UserCreated("after"));
        }
      },
    ),
    ["before", "after"],
  );
});

Deno.test("Events of a handler that takes them out of a parameter with a default are published", async () => {
  const fake = { events: new RelatedEvents() };

  assertEquals(
    await publishedBy(async (_command, { events } = fake) => {
      await later();
      events.add(new UserCreated("destructured"));
    }),
    ["destructured"],
  );
  assertEquals(
    await publishedBy((_command, context = fake) => void context.events.add(new UserCreated("at once"))),
    ["at once"],
  );
});

Deno.test("Events of a handler that has rest parameters are published, behind the first parameter too if read at once", async () => {
  assertEquals(
    await publishedBy(async (...args) => {
      await later();
      args[1].events.add(new UserCreated("rest alone"));
    }),
    ["rest alone"],
  );
  assertEquals(
    await publishedBy(async (_command, ...[{ events }]) => {
      await later();
      events.add(new UserCreated("rest behind the command"));
    }),
    ["rest behind the command"],
  );
});

// What reaches the context without declaring it: too late

const LATE: Record<string, AnyFunction> = {
  "arguments[1]": async function (_command) {
    await later();
    arguments[1].events.add(new UserCreated());
  },
  "a parameter with a default": async (_command, context = { events: new RelatedEvents() }) => {
    await later();
    context.events.add(new UserCreated());
  },
  "a rest parameter behind the command": async (_command, ...rest) => {
    await later();
    rest[0].events.add(new UserCreated());
  },
  "a wrapper that hands arguments on": function (_command) {
    const inner = async (_command: CreateUser, context: CommandContext) => {
      await later();
      context.events.add(new UserCreated());
    };
    return inner.apply(undefined, arguments as never);
  },
};

for (const [way, handle] of Object.entries(LATE)) {
  Deno.test(`RelatedEvents.add() throws where a handler comes for them late by ${way}, and the dispatch fails`, async () => {
    for (const isClass of [false, true]) {
      const { router, commands, published } = setUp();
      class Handler {}
      Object.defineProperty(Handler.prototype, "handle", { value: handle });
      if (isClass) register(router, Handler);
      else commands.subscribe(CreateUser, handle);

      const error = await assertRejects(() => commands.dispatch(new CreateUser()), TypeError);

      assertEquals(error.message, UNDECLARED);
      assertEquals(published, []);
    }
  });
}

Deno.test("RelatedEvents that are reached late are empty, and cannot be taken", async () => {
  const { commands } = setUp();
  const found: unknown[] = [];
  commands.subscribe(
    CreateUser,
    async function (_command: CreateUser) {
      await later();
      const { events } = arguments[1] as CommandContext;
      found.push(events.size, [...events], assertThrows(() => events.take(), TypeError).message);
    },
  );

  await commands.dispatch(new CreateUser());

  assertEquals(found, [
    0,
    [],
    "Cannot take related events: only a middleware of a command bus can take them, once next() has resolved",
  ]);
});

Deno.test("RelatedEvents.add() throws in work that a handler has left running, whether it has asked for them or not", async () => {
  const { commands, published } = setUp();
  const messages: string[] = [];
  const left: Promise<void>[] = [];
  const addLate = async (find: () => RelatedEvents) => {
    await new Promise((resolve) => setTimeout(resolve));
    messages.push(assertThrows(() => find().add(new UserCreated()), TypeError).message);
  };
  class Rename extends Command<unknown> {}
  class Fail extends Command<unknown> {}
  commands
    .subscribe(CreateUser, async function (_command: CreateUser) {
      left.push(addLate(() => arguments[1].events));
      await later();
    })
    .subscribe(Rename, async function (_command: Rename) {
      const { events } = arguments[1];
      left.push(addLate(() => events));
      await later();
    })
    .subscribe(Fail, function (_command: Fail) {
      left.push(addLate(() => arguments[1].events));
      throw new Error("at once");
    });

  await commands.dispatch(new CreateUser());
  await commands.dispatch(new Rename());
  await assertRejects(() => commands.dispatch(new Fail()), Error, "at once");
  await Promise.all(left);

  assertEquals(messages, [UNDECLARED, SETTLED, UNDECLARED]);
  assertEquals(published, []);
});

Deno.test("RelatedEvents of a late command say nothing of another: what is reached late is always closed", async () => {
  const { commands, published } = setUp();
  const contexts: CommandContext[] = [];
  commands.subscribe(
    CreateUser,
    async function (_command: CreateUser) {
      contexts.push(arguments[1]);
      await later();
    },
  );
  await Promise.all([commands.dispatch(new CreateUser()), commands.dispatch(new CreateUser())]);

  for (const { events } of contexts) assertThrows(() => events.add(new UserCreated()), TypeError, UNDECLARED);

  assertEquals([...contexts[0]!.events, ...contexts[1]!.events, ...published], []);
});

// Who injects

const ASKING: Record<string, () => Constructor> = {
  "in a field": () =>
    class {
      readonly #events = inject(RelatedEvents);

      async handle(_command: CreateUser) {
        await later();
        this.#events.add(new UserCreated("asked"));
      }
    },
  "in a constructor default": () =>
    class {
      readonly #events: RelatedEvents;

      constructor(events = inject(RelatedEvents)) {
        this.#events = events;
      }

      async handle(_command: CreateUser) {
        await later();
        this.#events.add(new UserCreated("asked"));
      }
    },
  "through the context": () =>
    class {
      readonly #context = inject(HANDLER_CONTEXT);

      async handle(_command: CreateUser) {
        await later();
        this.#context.events!.add(new UserCreated("asked"));
      }
    },
};

for (const [way, makeHandler] of Object.entries(ASKING)) {
  for (const hasScopes of [false, true]) {
    Deno.test(`Events of a handler that injects them ${way} are published, ${hasScopes ? "with" : "without"} scoped bindings`, async () => {
      const container = new Container();
      if (hasScopes) container.bind(Date, () => new Date(), { lifetime: "scoped" });

      assertEquals(await publishedByClass(makeHandler(), container), ["asked"]);
    });
  }
}

for (const lifetime of ["transient", "scoped"] as const) {
  for (const token of [RelatedEvents, HANDLER_CONTEXT] as const) {
    Deno.test(`Events are published that something ${lifetime} adds three levels below the handler, by ${token.name}`, async () => {
      class Journal {
        readonly #found = inject<RelatedEvents | HandlerContext>(token as never);

        async note(): Promise<void> {
          await later();
          const events = this.#found instanceof RelatedEvents ? this.#found : this.#found.events!;
          events.add(new UserCreated("three levels below"));
        }
      }
      class Repository {
        readonly journal = inject(Journal);
      }
      class Service {
        readonly repository = inject(Repository);
      }
      const container = new Container()
        .bind(Journal, () => new Journal(), { lifetime })
        .bind(Repository, () => new Repository(), { lifetime: "transient" })
        .bind(Service, () => new Service(), { lifetime: "transient" });

      const published = await publishedByClass(
        class {
          readonly #service = inject(Service);

          handle(_command: CreateUser) {
            return this.#service.repository.journal.note();
          }
        },
        container,
      );

      assertEquals(published, ["three levels below"]);
    });
  }
}

Deno.test("The context of a handler that injects it, or declares it, has its events in a copy and in what derives from it", async () => {
  const both = async (context: HandlerContext, by: string) => {
    const [copy, derived]: HandlerContext[] = [{ ...context }, Object.create(context)];
    await later();
    copy!.events!.add(new UserCreated(`${by}: copy`));
    derived!.events!.add(new UserCreated(`${by}: derived`));
  };
  const names = (by: string) => [`${by}: copy`, `${by}: derived`];

  assertEquals(await publishedBy((_command, context) => both(context, "declared")), names("declared"));
  assertEquals(await publishedBy((...args) => both(args[1], "rest")), names("rest"));
  assertEquals(
    await publishedByClass(
      class {
        handle(_command: CreateUser, context: CommandContext) {
          return both(context, "class");
        }
      },
    ),
    names("class"),
  );
  assertEquals(
    await publishedByClass(
      class {
        readonly #context = inject(HANDLER_CONTEXT);

        handle(_command: CreateUser) {
          return both(this.#context, "injected");
        }
      },
    ),
    names("injected"),
  );
});

Deno.test("What derives from a context that a handler does not declare has no events, and says so", async () => {
  const { commands } = setUp();
  commands.subscribe(
    CreateUser,
    function (_command: CreateUser) {
      Object.create(arguments[1]).events.add(new UserCreated());
    },
  );

  await assertRejects(() => commands.dispatch(new CreateUser()), TypeError);
});

// What is built is not what is registered

Deno.test("Events are published of a handler that a factory builds of another class, which declares the context", async () => {
  class Registered {
    handle(_command: CreateUser): unknown {
      return undefined;
    }
  }
  class Built extends Registered {
    override async handle(_command: CreateUser, context?: unknown, _other?: unknown) {
      await later();
      (context as CommandContext).events.add(new UserCreated("of the subclass"));
    }
  }
  class Unrelated {
    async handle(_command: CreateUser, { events }: CommandContext) {
      await later();
      events.add(new UserCreated("of another class"));
    }
  }
  for (const lifetime of ["transient", "singleton", "scoped"] as const) {
    const ofSubclass = new Container().bind(Registered, () => new Built(), { lifetime });
    assertEquals(await publishedByClass(Registered, ofSubclass), ["of the subclass"]);
    const ofAnother = new Container().bind(Registered, (() => new Unrelated()) as never, { lifetime });
    assertEquals(await publishedByClass(Registered, ofAnother), ["of another class"]);
  }
});

Deno.test("Events are published of a handler that is built asynchronously", async () => {
  class Handler {
    readonly #events: RelatedEvents | undefined;

    constructor(events?: RelatedEvents) {
      this.#events = events;
    }

    async handle(_command: CreateUser) {
      await later();
      (this.#events ?? arguments[1].events).add(new UserCreated("built"));
    }
  }
  const injecting = new Container().bind(
    Handler,
    (async () => {
      const events = inject(RelatedEvents);
      await later();
      return new Handler(events);
    }) as never,
    { lifetime: "transient" },
  );
  assertEquals(await publishedByClass(Handler, injecting), ["built"]);

  const plain = new Container().bind(
    Handler,
    (async () => {
      await later();
      return new Handler();
    }) as never,
    { lifetime: "transient" },
  );
  assertEquals(await publishedByClass(Handler, plain), ["built"]);
});

Deno.test("Events are published of a method that a decorator has wrapped, and of one that was replaced after the first dispatch", async () => {
  const logged = (method: AnyFunction) =>
    function (this: unknown, ...args: unknown[]) {
      return method.apply(this, args);
    };
  class Wrapped {
    async handle(_command: CreateUser, { events }: CommandContext) {
      await later();
      events.add(new UserCreated("wrapped"));
    }
  }
  Wrapped.prototype.handle = logged(Wrapped.prototype.handle) as never;
  assertEquals(await publishedByClass(Wrapped), ["wrapped"]);

  class Replaced {
    handle(_command: CreateUser): unknown {
      return undefined;
    }
  }
  const { router, commands, published } = setUp();
  register(router, Replaced);
  await commands.dispatch(new CreateUser());
  Replaced.prototype.handle = (async (_command: CreateUser, context: CommandContext) => {
    await later();
    context.events.add(new UserCreated("replaced"));
  }) as never;
  await commands.dispatch(new CreateUser());
  assertEquals(published, ["replaced"]);
});

// Scopes

Deno.test("Events are published of a function that reaches them late where the container opens a scope for it", async () => {
  const container = new Container().bind(Date, () => new Date(), { lifetime: "scoped" });
  const { commands, published } = setUp(container);
  commands.subscribe(
    CreateUser,
    async function (_command: CreateUser) {
      await later();
      arguments[1].events.add(new UserCreated("in a scope"));
    },
  );

  await commands.dispatch(new CreateUser());

  assertEquals(published, ["in a scope"]);
});

Deno.test("A scope is disposed after a handler that declares one parameter, and after the events that it injected", async () => {
  const log: string[] = [];
  class Connection {
    [Symbol.dispose]() {
      log.push("disposed");
    }
  }
  const container = new Container().bind(Connection, () => new Connection(), { lifetime: "scoped" });
  const { router, commands, events } = setUp(container);
  events.listen(() => void log.push("published"));
  register(
    router,
    class {
      readonly connection = inject(Connection);
      readonly #events = inject(RelatedEvents);

      async handle(_command: CreateUser) {
        await later();
        log.push("handled");
        this.#events.add(new UserCreated());
      }
    },
  );

  await commands.dispatch(new CreateUser());

  assertEquals(log, ["handled", "published", "disposed"]);
});

Deno.test("Events of two dispatches at once do not mix, where one handler asks for them and where none does", async () => {
  const { commands, published } = setUp();
  class Create extends Command<unknown> {
    readonly by: string;

    constructor(by: string) {
      super();
      this.by = by;
    }
  }
  commands.subscribe(
    Create,
    async function ({ by }: Create) {
      const events: RelatedEvents | undefined = by === "quiet" ? undefined : arguments[1].events;
      await later();
      events?.add(new UserCreated(by));
    },
  );

  await Promise.all(["Ada", "quiet", "Bob", "quiet"].map((by) => commands.dispatch(new Create(by))));

  assertEquals(published, ["Ada", "Bob"]);
});

// Containers

/** A handler that declares one parameter and adds an event by what its container gave to it, later than it returns. */
class Handler {
  readonly #find: () => RelatedEvents;

  constructor(...found: (() => RelatedEvents)[]) {
    this.#find = found[0]!;
  }

  async handle(_command: CreateUser) {
    await later();
    this.#find().add(new UserCreated("by the container"));
  }
}

/** An adapter that hands the context on in its own way. */
function foreign<S>(parts: {
  createScope?: (context: HandlerContext) => S | PromiseLike<S>;
  find: (scope: S) => () => RelatedEvents;
}): { adapter: DIAdapter<S>; use(bus: EventBus): void } {
  let events: EventBus;
  const { createScope, find } = parts;
  const adapter: DIAdapter<S> = {
    wire: (type) => (scope) => new type(find(scope)),
    lazy: () => () => events as never,
    ...createScope === undefined ? {} : { createScope },
  };
  return { adapter, use: (bus) => void (events = bus) };
}

let kept: HandlerContext | undefined;
const eventsOf = (context: unknown) => () => (context as CommandContext).events;

const FOREIGN: Record<string, () => { adapter: DIAdapter; use(bus: EventBus): void }> = {
  "nothing, and keeps the context": () =>
    foreign({
      createScope: (context) => void (kept = context),
      find: () => {
        const context = kept;
        return eventsOf(context);
      },
    }) as never,
  "the context itself": () => foreign({ createScope: (context) => context, find: eventsOf }) as never,
  "a promise of the context": () =>
    foreign({ createScope: (context) => Promise.resolve(context), find: eventsOf }) as never,
  "a promise of nothing, and keeps the context": () =>
    foreign({
      createScope: async (context) => {
        await later();
        kept = context;
      },
      find: () => {
        const context = kept;
        return eventsOf(context);
      },
    }) as never,
  "an object": () =>
    foreign({ createScope: (context) => ({ context }), find: ({ context }) => eventsOf(context) }) as never,
  "an object with the events alone": () =>
    foreign({ createScope: ({ events }) => ({ events }), find: ({ events }) => () => events! }) as never,
  "a promise of a disposable object": () =>
    foreign({
      createScope: (context) => Promise.resolve({ context, [Symbol.dispose]: () => {} }),
      find: ({ context }) => eventsOf(context),
    }) as never,
};

for (const [shape, makeAdapter] of Object.entries(FOREIGN)) {
  Deno.test(`Events are published that a handler reaches by a foreign container whose createScope() returns ${shape}`, async () => {
    const { adapter, use } = makeAdapter();
    const { router, commands, events, published } = setUp(adapter);
    use(events);
    register(router, Handler);

    await commands.dispatch(new CreateUser());

    assertEquals(published, ["by the container"]);
  });
}

Deno.test("A foreign container without createScope has no context to hand on, and its handler's promise is the dispatch's", async () => {
  const result = later();
  const { adapter, use } = foreign({ find: () => () => assert(false) as never });
  const { router, commands, events } = setUp(adapter);
  use(events);
  register(
    router,
    class {
      handle(_command: CreateUser) {
        return result;
      }
    },
  );

  assertStrictEquals(commands.dispatch(new CreateUser()), result);
  await result;
});

Deno.test("A foreign container without createScope may build the handler asynchronously, and is waited for", async () => {
  const { adapter, use } = foreign({ find: () => () => new RelatedEvents() });
  const { router, commands, events, published } = setUp({
    ...adapter,
    wire: (type) => () => Promise.resolve(new type()),
  });
  use(events);
  register(
    router,
    class {
      async handle(_command: CreateUser) {
        await later();
        arguments[1].events.add(new UserCreated("asynchronously"));
      }
    },
  );

  await commands.dispatch(new CreateUser());

  assertEquals(published, ["asynchronously"]);
});

Deno.test("A createScope that a container gets later still has its handlers fail aloud", async () => {
  const { adapter, use } = foreign({ find: () => eventsOf(kept) });
  const { router, commands, events, published } = setUp(adapter);
  use(events);
  kept = { events: new RelatedEvents() } as unknown as HandlerContext;
  register(router, Handler);
  await commands.dispatch(new CreateUser());
  adapter.createScope = (context) => void (kept = context);

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), TypeError);

  assertEquals(error.message, UNDECLARED);
  assertEquals(published, []);
});

/** Keeps the context of the handler that is being built. */
class KeepingContainer extends Container {
  context: HandlerContext | undefined;

  override createScope(): never;
  override createScope(context: HandlerContext): HandlerContext;
  override createScope(context?: HandlerContext): HandlerContext {
    this.context = context;
    return context!;
  }
}

Deno.test("Events are published that a handler reaches by a subclass of the Container", async () => {
  const container = new KeepingContainer();
  const { router, commands, published } = setUp(container);
  container.bind(Handler, () => {
    const { context } = container;
    return new Handler(() => context!.events!);
  }, { lifetime: "transient" });
  register(router, Handler);

  await commands.dispatch(new CreateUser());

  assertEquals(published, ["by the container"]);
});

Deno.test("Events are published that a handler reaches by an adapter around a Container, a copy of it included", async () => {
  const copies: ((container: Container) => object)[] = [
    () => ({}),
    (container) => ({ ...container }),
    (container) => Object.create(container),
  ];
  for (const copyOf of copies) {
    const container = new Container();
    let context: HandlerContext | undefined;
    const adapter: DIAdapter<HandlerContext> = Object.assign(copyOf(container), {
      wire: <T extends object>(type: Constructor<T>) => container.wire(type),
      lazy: <T extends object>(type: Constructor<T>) => container.lazy(type),
      registerDefaults: (buses: never) => container.registerDefaults(buses),
      createScope: (handlerContext: HandlerContext) => context = handlerContext,
    });
    container.bind(Handler, () => {
      const own = context;
      return new Handler(() => own!.events!);
    }, { lifetime: "transient" });
    const router = new MessageRouter(adapter);
    const published: string[] = [];
    container.get(EventBus).subscribe(UserCreated, ({ by }) => void published.push(by));
    register(router, Handler);

    await container.get(CommandBus).dispatch(new CreateUser());

    assertEquals(published, ["by the container"]);
  }
});
