import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Command, DuplicateHandlerError, Event, type HandlerContext, MessageRouter, Query } from "../mod.ts";

class Create extends Command<string> {}
class Update extends Command<string> {}
class Find extends Query<string> {}
class Count extends Query<number> {}
class Happened extends Event {}
class OtherHappened extends Event {}

/** A decorator without its types, as plain JavaScript and older compilers see it. */
type UntypedDecorator = (value: unknown, ...rest: unknown[]) => void;

/** A class decorator that replaces the class by a subclass. */
function replaced<T extends new (...args: never[]) => { handle(): string }>(type: T): T {
  const Original = type as unknown as new () => { handle(): string };
  class Replacement extends Original {
    override handle(): string {
      return `replacement of ${super.handle()}`;
    }
  }
  return Replacement as unknown as T;
}

/** A class decorator that replaces the class by a proxy. */
function proxied<T extends object>(type: T): T {
  return new Proxy(type, {});
}

Deno.test("commandHandler() registers the class that it decorates", async () => {
  const router = new MessageRouter();

  @router.commandHandler(Create)
  class CreateHandler {
    handle(command: Create): string {
      return `created by ${this.constructor.name} from ${command.constructor.name}`;
    }
  }

  assertEquals(router.commandTypes, [Create]);
  assertEquals(await router.newCommandBus().dispatch(new Create()), "created by CreateHandler from Create");
  assertEquals(CreateHandler.name, "CreateHandler");
});

Deno.test("queryHandler() registers the class that it decorates", async () => {
  const router = new MessageRouter();

  @router.queryHandler(Find)
  class FindHandler {
    handle(_query: Find): string {
      return "found";
    }
  }

  assertEquals(router.queryTypes, [Find]);
  assertEquals(await router.newQueryBus().dispatch(new Find()), "found");
  assertEquals(new FindHandler().handle(new Find()), "found");
});

Deno.test("eventHandler() registers each class that it decorates", async () => {
  const router = new MessageRouter();
  const calls: string[] = [];

  @router.eventHandler(Happened)
  class First {
    handle(_event: Happened): void {
      calls.push(First.name);
    }
  }

  @router.eventHandler(Happened)
  class Second {
    handle(_event: Happened): void {
      calls.push(Second.name);
    }
  }

  assertEquals(router.eventTypes, [Happened]);
  await router.newEventBus().dispatch(new Happened());
  assertEquals(calls, ["First", "Second"]);
});

Deno.test("commandHandler() and its siblings do the same when they are called as functions, and return nothing", async () => {
  const router = new MessageRouter();
  const calls: string[] = [];
  class CreateHandler {
    handle = (_command: Create): string => "created";
  }
  class FindHandler {
    handle = (_query: Find): string => "found";
  }
  class HappenedHandler {
    handle = (_event: Happened): number => calls.push("happened");
  }

  const returned: unknown[] = [
    router.commandHandler(Create)(CreateHandler),
    router.queryHandler(Find)(FindHandler),
    router.eventHandler(Happened)(HappenedHandler),
  ];

  assertEquals(returned, [undefined, undefined, undefined]);
  assertEquals(await router.newCommandBus().dispatch(new Create()), "created");
  assertEquals(await router.newQueryBus().dispatch(new Find()), "found");
  await router.newEventBus().dispatch(new Happened());
  assertEquals(calls, ["happened"]);
});

Deno.test("commandHandler() registers one class for each command of a list", async () => {
  const router = new MessageRouter();

  @router.commandHandler([Create, Update])
  class SaveHandler {
    handle(command: Create | Update): string {
      return `saved by ${this.constructor.name}: ${command.constructor.name}`;
    }
  }

  assertEquals(SaveHandler.name, "SaveHandler");
  assertEquals(router.commandTypes, [Create, Update]);
  const commands = router.newCommandBus();
  assertEquals(await commands.dispatch(new Create()), "saved by SaveHandler: Create");
  assertEquals(await commands.dispatch(new Update()), "saved by SaveHandler: Update");
});

Deno.test("eventHandler() registers one class for each event of a list", async () => {
  const router = new MessageRouter();
  const received: Event[] = [];
  router.eventHandler([Happened, OtherHappened])(
    class {
      handle(event: Happened | OtherHappened): void {
        received.push(event);
      }
    },
  );
  const sent = [new Happened(), new OtherHappened()];

  for (const event of sent) await router.newEventBus().dispatch(event);

  assertEquals(received.length, 2);
  assertStrictEquals(received[0], sent[0]);
  assertStrictEquals(received[1], sent[1]);
});

Deno.test("commandHandler() passes failSilently on", async () => {
  class Try extends Command<string | undefined> {}
  const router = new MessageRouter();
  router.commandHandler(Try, { failSilently: true })(
    class {
      handle(_command: Try): string {
        throw new Error("Out of order");
      }
    },
  );

  assertEquals(await router.newCommandBus().dispatch(new Try()), undefined);
});

Deno.test("queryHandler() passes failSilently on", async () => {
  class Try extends Query<string | undefined> {}
  const router = new MessageRouter();
  router.queryHandler(Try, { failSilently: true })(
    class {
      handle(_query: Try): Promise<string> {
        return Promise.reject(new Error("Out of order"));
      }
    },
  );

  assertEquals(await router.newQueryBus().dispatch(new Try()), undefined);
});

Deno.test("eventHandler() passes failSilently on", async () => {
  const router = new MessageRouter();
  router.eventHandler(Happened, { failSilently: true })(
    class {
      handle(_event: Happened): void {
        throw new Error("Out of order");
      }
    },
  );

  assertEquals(await router.newEventBus().dispatch(new Happened()), undefined);
});

Deno.test("a handler fails loudly by default", async () => {
  const router = new MessageRouter();
  router.commandHandler(Create)(
    class {
      handle(_command: Create): string {
        throw new Error("Out of order");
      }
    },
  );

  const error = await assertRejects(() => router.newCommandBus().dispatch(new Create()), Error);
  assertEquals(error.message, "Out of order");
});

Deno.test("a new handler is built for every dispatch, inside the middlewares", async () => {
  const log: string[] = [];
  const handlers: object[] = [];
  const router = new MessageRouter();
  router.queryHandler(Find)(
    class {
      constructor() {
        log.push("built");
        handlers.push(this);
      }
      handle(_query: Find): string {
        log.push("handled");
        return "found";
      }
    },
  );
  const queries = router.newQueryBus().use(function* () {
    log.push("opened");
    yield;
    log.push("closed");
  });
  assertEquals(log, []);

  await queries.dispatch(new Find());
  await queries.dispatch(new Find());

  assertEquals(log, ["opened", "built", "handled", "closed", "opened", "built", "handled", "closed"]);
  assertNotStrictEquals(handlers[0], handlers[1]);
});

Deno.test("a handler receives the message itself, and a context that names the handler's class", async () => {
  const router = new MessageRouter();
  const received: [unknown, HandlerContext][] = [];
  class FindHandler {
    handle(query: Find, context: HandlerContext): string {
      received.push([query, context]);
      return "found";
    }
  }
  router.queryHandler(Find)(FindHandler);
  const query = new Find();

  await router.newQueryBus().dispatch(query);

  const [[message, context]] = received as [[unknown, HandlerContext]];
  assertStrictEquals(message, query);
  assertStrictEquals(context.handler, FindHandler);
  assertEquals(context.kind, "query");
});

Deno.test("commandHandler() refuses a second handler when the class is defined and keeps the first one", async () => {
  const router = new MessageRouter();
  class First {
    handle = (_command: Create): string => "first";
  }
  router.commandHandler(Create)(First);
  const commands = router.newCommandBus();

  const error = assertThrows(() => {
    @router.commandHandler(Create)
    class Second {
      handle = (_command: Create): string => "second";
    }
    return Second;
  }, DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "Second" for "Create": "First" handles it already. Commands and queries have exactly one handler',
  );
  assertStrictEquals(error.registered, First);
  assertEquals(await commands.dispatch(new Create()), "first");
});

Deno.test("queryHandler() refuses a second handler, called as a function too", async () => {
  const router = new MessageRouter();
  class First {
    handle = (_query: Find): string => "first";
  }
  class Second {
    handle = (_query: Find): string => "second";
  }
  router.queryHandler(Find)(First);

  const error = assertThrows(() => router.queryHandler(Find)(Second), DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "Second" for "Find": "First" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(await router.newQueryBus().dispatch(new Find()), "first");
});

Deno.test("commandHandler() registers none of a list if one command is taken", async () => {
  const router = new MessageRouter();
  class First {
    handle = (_command: Update): string => "first";
  }
  class Both {
    handle = (_command: Create | Update): string => "both";
  }
  router.commandHandler(Update)(First);

  const error = assertThrows(() => router.commandHandler([Create, Update])(Both), DuplicateHandlerError);

  assertEquals(
    error.message,
    'Cannot register "Both" for "Update": "First" handles it already. Commands and queries have exactly one handler',
  );
  assertEquals(router.commandTypes, [Update]);
  assertEquals(router.newCommandBus().canHandle(new Create()), false);
  assertEquals(await router.newCommandBus().dispatch(new Update()), "first");
});

Deno.test("commandHandler() registers nothing before the decorator is applied", () => {
  const router = new MessageRouter();
  router.commandHandler(Create);

  assertEquals(router.commandTypes, []);
});

Deno.test("commandHandler() registers the class by which a decorator below it replaced the decorated one", async () => {
  const router = new MessageRouter();

  @router.commandHandler(Create)
  @replaced
  class CreateHandler {
    handle(): string {
      return "original";
    }
  }

  assertEquals(await router.newCommandBus().dispatch(new Create()), "replacement of original");
  assertEquals(new CreateHandler().handle(), "replacement of original");
});

Deno.test("commandHandler() registers the class by which a decorator above it replaced the decorated one", async () => {
  const router = new MessageRouter();
  const handlers: unknown[] = [];

  @replaced
  @router.commandHandler(Create)
  class CreateHandler {
    handle(): string {
      return "original";
    }
  }

  const commands = router.newCommandBus().use((_message, next, { handler }) => {
    handlers.push(handler);
    return next();
  });
  assertEquals(await commands.dispatch(new Create()), "replacement of original");
  assertStrictEquals(handlers[0], CreateHandler);
});

Deno.test("queryHandler() registers the proxy by which another decorator replaced the class", async () => {
  const router = new MessageRouter();

  @proxied
  @router.queryHandler(Find)
  class FindHandler {
    handle(_query: Find, context: HandlerContext): string {
      return context.handler === this.constructor ? "the class behind the proxy" : "the proxy";
    }
  }

  const handlers: unknown[] = [];
  const queries = router.newQueryBus().use((_message, next, { handler }) => {
    handlers.push(handler);
    return next();
  });
  assertEquals(await queries.dispatch(new Find()), "the proxy");
  assertStrictEquals(handlers[0], FindHandler);
});

Deno.test("several decorators on one class register it with each of their buses", async () => {
  const router = new MessageRouter();

  @router.commandHandler(Create)
  @router.queryHandler(Count)
  class Both {
    static handled = 0;
    handle(_message: Create | Count, { kind }: HandlerContext): never {
      Both.handled++;
      throw new Error(kind);
    }
  }

  await assertRejects(() => router.newCommandBus().dispatch(new Create()), Error, "command");
  await assertRejects(() => router.newQueryBus().dispatch(new Count()), Error, "query");
  assertEquals(Both.handled, 2);
});

const REFUSALS = [
  ["an arrow function", (_command: Create) => "created", "(anonymous)"],
  ["a bound function", assertRefuses.bind(null), "bound assertRefuses"],
  ["an object with a method handle", { handle: () => "created", toString: () => "an object" }, "an object"],
  [
    "an instance of a handler class",
    new (class {
      handle = () => 1;
      toString = () => "it";
    })(),
    "it",
  ],
  ["undefined", undefined, "undefined"],
  ["null", null, "null"],
] as const;

function assertRefuses(define: () => unknown, { kind = "command", name }: { kind?: string; name: string }): void {
  assertEquals(
    assertThrows(define, TypeError).message,
    `Cannot use "${name}" as ${kind === "event" ? "an" : "a"} ${kind} handler: it is not a class. ` +
      `A function is registered with subscribe() on the ${kind} bus`,
  );
}

for (const [what, value, name] of REFUSALS) {
  Deno.test(`commandHandler() refuses ${what}, which is not a class`, () => {
    const router = new MessageRouter();
    const decorate = router.commandHandler(Create) as UntypedDecorator;

    assertRefuses(() => decorate(value), { name });
    assertEquals(router.commandTypes, []);
  });
}

Deno.test("queryHandler() and eventHandler() name their own bus when they refuse", () => {
  const router = new MessageRouter();

  assertRefuses(() => (router.queryHandler(Find) as UntypedDecorator)(undefined), { kind: "query", name: "undefined" });
  assertRefuses(() => (router.eventHandler(Happened) as UntypedDecorator)(undefined), {
    kind: "event",
    name: "undefined",
  });
});

Deno.test("commandHandler() refuses to decorate a method", () => {
  const router = new MessageRouter();
  const decorate = router.commandHandler(Create) as UntypedDecorator;

  assertRefuses(() =>
    class {
      @decorate
      create() {}
    }, { name: "create" });
  assertEquals(router.commandTypes, []);
});

Deno.test("commandHandler() refuses to decorate a static method", () => {
  const decorate = new MessageRouter().commandHandler(Create) as UntypedDecorator;

  assertRefuses(() =>
    class {
      @decorate
      static create() {}
    }, { name: "create" });
});

Deno.test("commandHandler() refuses to decorate a generator method, though it has a prototype like a class", () => {
  const router = new MessageRouter();
  const decorate = router.commandHandler(Create) as UntypedDecorator;

  assertRefuses(() =>
    class {
      @decorate
      *create() {}
    }, { name: "create" });
  assertEquals(router.commandTypes, []);
});

Deno.test("commandHandler() refuses to decorate a field that holds a class", () => {
  const decorate = new MessageRouter().commandHandler(Create) as UntypedDecorator;

  assertRefuses(() =>
    class {
      @decorate
      handler = class {};
    }, { name: "undefined" });
});

Deno.test("commandHandler() refuses to decorate a getter", () => {
  const decorate = new MessageRouter().commandHandler(Create) as UntypedDecorator;

  assertRefuses(() =>
    class {
      @decorate
      get create() {
        return 1;
      }
    }, { name: "get create" });
});

Deno.test("commandHandler() decorates a class the legacy way, which passes only the class", async () => {
  const router = new MessageRouter();
  const decorate = router.commandHandler(Create) as UntypedDecorator;
  // This is the call that compilers make for the older decorators.
  const returned: unknown = Reflect.apply(decorate, undefined, [
    class {
      handle = () => "created";
    },
  ]);

  assertEquals(returned, undefined);
  assertEquals(await router.newCommandBus().dispatch(new Create()), "created");
});

Deno.test("commandHandler() refuses to decorate a method the legacy way, which passes the prototype", () => {
  const router = new MessageRouter();
  const decorate = router.commandHandler(Create) as UntypedDecorator;
  class Handlers {
    create() {}
    toString() {
      return "the prototype";
    }
  }

  assertRefuses(
    () => decorate(Handlers.prototype, "create", Object.getOwnPropertyDescriptor(Handlers.prototype, "create")),
    { name: "the prototype" },
  );
  assertEquals(router.commandTypes, []);
});

Deno.test("commandHandler() refuses to decorate a static method the legacy way, which passes the class around it", () => {
  const router = new MessageRouter();
  const decorate = router.commandHandler(Create) as UntypedDecorator;
  class Handlers {
    static create() {}
  }

  assertRefuses(
    () => decorate(Handlers, "create", Object.getOwnPropertyDescriptor(Handlers, "create")),
    { name: "Handlers" },
  );
  assertEquals(router.commandTypes, []);
});

Deno.test("a class without a method handle is refused when a message reaches it", async () => {
  const router = new MessageRouter();
  class Useless {}
  // The compiler refuses it; plain JavaScript does not.
  (router.queryHandler(Find) as UntypedDecorator)(Useless);

  const error = await assertRejects(() => router.newQueryBus().dispatch(new Find()), TypeError);
  assertEquals(error.message, 'Cannot use "Useless" as a handler: it has no method "handle"');
});

Deno.test("commandHandler() refuses a value that is not a class of message when it is applied", () => {
  const decorate = new MessageRouter().commandHandler("Create" as never) as UntypedDecorator;

  const error = assertThrows(() => decorate(class {}), TypeError);
  assertEquals(error.message, 'Cannot register a handler for "Create": it is not a class');
  assert(!(error instanceof DuplicateHandlerError));
});

for (const kind of ["command", "query", "event"] as const) {
  Deno.test(`${kind}Handler() refuses an empty list of messages before it is applied`, () => {
    const router = new MessageRouter();
    const decorators = {
      command: () => router.commandHandler([] as never),
      query: () => router.queryHandler([] as never),
      event: () => router.eventHandler([] as never),
    };

    const error = assertThrows(decorators[kind], TypeError);

    assertEquals(
      error.message,
      `Cannot register a ${kind} handler for an empty list: name at least one class of message`,
    );
  });
}
// Looked at: the decorators of all three kinds and of both routers, and the two of a pipeline, each as Next's compiler and
// Babel's "2018-09" call them.
Deno.test("a decorator that was compiled as in the proposal of 2018 says so, and names the way out", () => {
  class Descriptor {
    readonly kind: string;
    constructor(parts: { kind: string }) {
      this.kind = parts.kind;
      Object.assign(this, parts);
    }
  }
  const ofClass = new Descriptor({ kind: "class", elements: [] } as { kind: string });
  const ofMethod = new Descriptor({ kind: "method", key: "created", placement: "prototype" } as { kind: string });
  const router = new MessageRouter();
  const pipeline = router.commandPipeline(Create);
  const message = (what: string, role: string) =>
    `Cannot use ${what} as ${role}: its decorator was compiled as in an old proposal. Set "experimentalDecorators": true in ` +
    'tsconfig.json, or the version "2023-11" in the options of the compiler';

  for (
    const [decorate, descriptor, expected] of [
      [router.commandHandler(Create), ofClass, message("a class", "a command handler")],
      [router.queryHandler(Find), ofClass, message("a class", "a query handler")],
      [router.eventHandler(Happened), ofClass, message("a class", "an event handler")],
      [pipeline.step, ofMethod, message('"created"', "a step")],
      [pipeline.queryStep, ofMethod, message('"created"', "a step")],
    ] as readonly (readonly [(decorated: never) => unknown, Descriptor, string])[]
  ) {
    assertEquals(assertThrows(() => decorate(descriptor as never), TypeError).message, expected);
  }
});
