import { assert, assertEquals } from "@std/assert";
import { Command, Event, MessageRouter, type Middleware, type MiddlewareObject, Query } from "@cq/core";

class CreateUser extends Command<number> {}
class FindUser extends Query<number> {}
class UserCreated extends Event {}

/** How many lines of a stack V8 keeps unless it is told otherwise. */
const V8_LINES = 10;

/** Another engine keeps other lines: what is promised here is promised for V8. */
const isV8 = "captureStackTrace" in Error && !("Bun" in globalThis);

const MIDDLEWARES: readonly (readonly [name: string, middleware: Middleware | MiddlewareObject])[] = [
  ["an async function", async (_message, next) => await next()],
  ["a function that returns the promise of next()", (_message, next) => next()],
  ["a generator", function* () {
    yield;
  }],
  ["an async generator", async function* () {
    yield;
  }],
  ["an object", { invoke: async (_message, next) => await next() }],
];

class ThrowingHandler {
  handle(_message: object): never {
    throw new Error("The disk is full");
  }
}

class LateThrowingHandler {
  async handle(_message: object): Promise<never> {
    await Promise.resolve();
    throw new Error("The disk is full");
  }
}

const HANDLERS = [["at once", ThrowingHandler], ["after an await", LateThrowingHandler]] as const;

/** Makes a router whose buses have the middleware, and on which a class handles every message. */
function setUp(Handler: new () => { handle(message: object): never | Promise<never> }) {
  const router = new MessageRouter();
  router.commandHandler(CreateUser)(class CreateUserHandler extends Handler {});
  router.queryHandler(FindUser)(class FindUserHandler extends Handler {});
  router.eventHandler(UserCreated)(class UserCreatedHandler extends Handler {});
  const [commands, queries, events] = [router.newCommandBus(), router.newQueryBus(), router.newEventBus()];
  return { commands, queries, events };
}

/** The stack of the first error that a handler threw, as V8 cuts it off. */
async function stackOf(call: () => Promise<unknown>): Promise<string> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = V8_LINES;
  try {
    await call();
  } catch (error) {
    const cause = error instanceof AggregateError ? error.errors[0] : error;
    return (cause as Error).stack!;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  throw new Error("The handler has not thrown");
}

for (const [when, Handler] of HANDLERS) {
  for (const [name, middleware] of MIDDLEWARES) {
    Deno.test({
      name: `The stack of an error thrown ${when} behind ${name} shows the line that called dispatch`,
      ignore: !isV8,
      fn: async () => {
        const { commands, queries, events } = setUp(Handler);
        commands.use(middleware);
        queries.use(middleware);
        events.use(middleware);

        async function callCommand() {
          await commands.dispatch(new CreateUser());
        }
        async function callQuery() {
          await queries.dispatch(new FindUser());
        }
        async function callEvent() {
          await events.dispatch(new UserCreated());
        }

        for (const call of [callCommand, callQuery, callEvent]) {
          const stack = await stackOf(call);
          assert(stack.includes(call.name), `${call.name} is missing in: ${stack}`);
        }
      },
    });
  }
}

/** The functions of the sources between the call of dispatch and the handler, the handler's side first. */
interface Frame {
  readonly name: string;
  readonly file: string;
}

function framesOf(error: Error): Frame[] {
  return error.stack!.split("\n").flatMap((line) => {
    const match = /at (?:async )?(?:(.+?) \()?(?:file:\/\/)?\S*\/(src\/\S+?):\d+:\d+\)?$/.exec(line);
    return match === null ? [] : [{ name: match[1] ?? "(anonymous)", file: match[2]! }];
  });
}

/** Dispatches to a handler that looks at the stack. */
async function framesBetween(dispatch: (router: MessageRouter) => Promise<unknown>): Promise<Frame[]> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 50;
  try {
    let frames: Frame[] = [];
    class LookingHandler {
      handle(_message: object): void {
        frames = framesOf(new Error("Look"));
      }
    }
    const router = new MessageRouter();
    router.commandHandler(CreateUser)(LookingHandler as never);
    router.queryHandler(FindUser)(LookingHandler as never);
    await dispatch(router);
    return frames;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const PATHS: readonly {
  readonly name: string;
  readonly dispatch: (router: MessageRouter) => Promise<unknown>;
  readonly frames: number;
  readonly files: number;
}[] = [
  {
    name: "A query",
    dispatch: (router) => router.newQueryBus().dispatch(new FindUser()),
    frames: 5,
    files: 3,
  },
  {
    name: "A command",
    dispatch: (router) => router.newCommandBus().dispatch(new CreateUser()),
    frames: 6,
    files: 4,
  },
  {
    name: "A command behind one middleware",
    dispatch: (router) => router.newCommandBus().use((_message, next) => next()).dispatch(new CreateUser()),
    frames: 12,
    files: 5,
  },
];

// Where the sources are bundled there are no files to count.
const isFromSources = import.meta.url.endsWith("/tests/stack_test.ts");

for (const { name, dispatch, frames, files } of PATHS) {
  Deno.test({
    name: `${name} goes through at most ${frames} functions in ${files} files, all of them with a name`,
    ignore: !isFromSources,
    fn: async () => {
      const found = await framesBetween(dispatch);

      assert(found.length > 0);
      assert(found.length <= frames, JSON.stringify(found));
      assert(new Set(found.map(({ file }) => file)).size <= files, JSON.stringify(found));
      assertEquals(found.filter(({ name }) => /anonymous|^Object\.<|new Promise/.test(name)), []);
    },
  });
}
