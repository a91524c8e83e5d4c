import { assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { stub } from "@std/testing/mock";
import {
  Command,
  type CommandBus,
  Container,
  Event,
  EventBus,
  type HandlerContext,
  MemoryQueue,
  MessageRouter,
  type Metadata,
  Pump,
  Query,
  retry,
} from "@cq/core";
import {
  correlate,
  type Span,
  type SpanContext,
  type SpanOptions,
  trace,
  type TraceAttributes,
  type TraceContext,
  type Tracer,
} from "@cq/core/middlewares";

/** The key under which OpenTelemetry's API keeps the span in a context. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class RenameUser extends Command<string> {}
class FindUser extends Query<string> {}
class UserRenamed extends Event {}

/** A span that records its calls. */
class NotingSpan implements Span {
  readonly name: string;
  readonly kind: number | undefined;
  readonly parent: SpanContext | undefined;
  readonly attributes: TraceAttributes;
  readonly exceptions: (Error | string)[] = [];
  readonly status: { code: number; message?: string }[] = [];
  ends = 0;
  readonly #context: SpanContext;

  constructor(name: string, options: SpanOptions, contexts: { own: SpanContext; parent: SpanContext | undefined }) {
    this.name = name;
    this.kind = options.kind;
    this.attributes = { ...options.attributes };
    this.#context = contexts.own;
    this.parent = contexts.parent;
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  setAttributes(attributes: TraceAttributes): void {
    Object.assign(this.attributes, attributes);
  }

  setStatus(status: { code: number; message?: string }): void {
    this.status.push(status);
  }

  recordException(exception: Error | string): void {
    this.exceptions.push(exception);
  }

  end(): void {
    this.ends++;
  }
}

/** A tracer that keeps its spans, and has no active span. */
class NotingTracer implements Tracer {
  readonly spans: NotingSpan[] = [];
  readonly contexts: (TraceContext | undefined)[] = [];
  readonly #own: Partial<SpanContext>;

  constructor(own: Partial<SpanContext> = {}) {
    this.#own = own;
  }

  startActiveSpan(
    name: string,
    options: SpanOptions,
    ...rest: [(span: Span) => Promise<unknown>] | [TraceContext, (span: Span) => Promise<unknown>]
  ): Promise<unknown> {
    const [context, run] = rest.length === 2 ? rest : [undefined, rest[0]];
    this.contexts.push(context);
    const parent = (context?.getValue(SPAN_KEY) as Span | undefined)?.spanContext();
    const own = {
      traceId: parent?.traceId ?? "1".repeat(32),
      spanId: String(this.spans.length + 1).padStart(16, "0"),
      traceFlags: 1,
      ...this.#own,
    };
    const span = new NotingSpan(name, options, { own, parent });
    this.spans.push(span);
    return run(span);
  }

  get span(): NotingSpan {
    assertEquals(this.spans.length, 1);
    return this.spans[0]!;
  }
}

/** The metadata that a handler sees, and the span that it runs in. */
async function traceOnce(metadata: Metadata, tracer: NotingTracer = new NotingTracer()) {
  let seen: Metadata = {};
  const commands = new MessageRouter().newCommandBus().use(trace(tracer)).subscribe(RenameUser, (_command, context) => {
    seen = context.metadata;
    return "renamed";
  });
  await commands.dispatch(new RenameUser(), { metadata });
  return { seen, span: tracer.span };
}

function busThatThrows(error: unknown, tracer: Tracer): CommandBus {
  return new MessageRouter().newCommandBus().use(trace(tracer)).subscribe(RenameUser, () => {
    throw error;
  });
}

Deno.test("trace() records a span that names the message, the handler and the outcome", async () => {
  const tracer = new NotingTracer();
  const commands = new MessageRouter().newCommandBus().use(trace(tracer))
    .subscribe(RenameUser, function rename() {
      return "renamed";
    });

  assertEquals(await commands.dispatch(new RenameUser()), "renamed");

  assertEquals(tracer.span.name, "process RenameUser");
  assertEquals(tracer.span.kind, 0);
  assertEquals(tracer.span.attributes, {
    "messaging.system": "cq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "RenameUser",
    "cq.message.type": "RenameUser",
    "cq.message.kind": "command",
    "cq.handler": "rename",
    "cq.attempt": 1,
    "cq.outcome": "success",
  });
  assertEquals(tracer.span.ends, 1);
});

Deno.test("trace() does not set the status of a span after a success", async () => {
  const { span } = await traceOnce({});

  assertEquals([span.status, span.exceptions], [[], []]);
});

Deno.test("trace() ends the span when the handler has settled, not before", async () => {
  const tracer = new NotingTracer();
  const { promise, resolve } = Promise.withResolvers<string>();
  const commands = new MessageRouter().newCommandBus().use(trace(tracer)).subscribe(RenameUser, () => promise);

  const dispatched = commands.dispatch(new RenameUser());
  assertEquals(tracer.span.ends, 0);
  resolve("renamed");
  await dispatched;

  assertEquals(tracer.span.ends, 1);
});

Deno.test("trace() records an error, and lets it out as the same object", async () => {
  const tracer = new NotingTracer();
  const error = new RangeError("The name is too long");

  assertStrictEquals(
    await assertRejects(() => busThatThrows(error, tracer).dispatch(new RenameUser())),
    error,
  );

  const { attributes, exceptions, status, ends } = tracer.span;
  assertStrictEquals(exceptions[0], error);
  assertEquals(status, [{ code: 2, message: "The name is too long" }]);
  assertEquals([attributes["cq.outcome"], attributes["error.type"], ends], ["failure", "RangeError", 1]);
});

for (
  const [thrown, exception, type] of [
    ["a string", "a string", "String"],
    [undefined, "undefined", "undefined"],
    [Object.create(null), 'an instance of "Object"', "Object"],
  ] as const
) {
  Deno.test(`trace() records a thrown value that is not an error: ${exception}`, async () => {
    const tracer = new NotingTracer();

    await busThatThrows(thrown, tracer).dispatch(new RenameUser()).catch(() => {});

    const { attributes, exceptions, status } = tracer.span;
    assertEquals(exceptions, [exception]);
    assertEquals(status, [{ code: 2, message: exception }]);
    assertEquals(attributes["error.type"], type);
  });
}

Deno.test("trace() records a failure that the bus drops silently", async () => {
  const tracer = new NotingTracer();
  class Log extends Command {}
  const commands = new MessageRouter().newCommandBus().use(trace(tracer)).subscribe(Log, () => {
    throw new Error("full");
  }, { failSilently: true });

  await commands.dispatch(new Log());

  assertEquals(tracer.span.attributes["cq.outcome"], "failure");
});

Deno.test("trace() numbers the attempts of a retry around it, each with its own span", async () => {
  const tracer = new NotingTracer();
  let attempt = 0;
  const commands = new MessageRouter().newCommandBus().use(retry({ attempts: 3 }), trace(tracer))
    .subscribe(RenameUser, () => {
      if (++attempt < 3) throw new Error("busy");
      return "renamed";
    });

  await commands.dispatch(new RenameUser());
  await commands.dispatch(new RenameUser());

  assertEquals(
    tracer.spans.map(({ attributes }) => [attributes["cq.attempt"], attributes["cq.outcome"]]),
    [[1, "failure"], [2, "failure"], [3, "success"], [1, "success"]],
  );
});

Deno.test("trace() outside of a retry records one span for all attempts", async () => {
  const tracer = new NotingTracer();
  let attempt = 0;
  const commands = new MessageRouter().newCommandBus().use(trace(tracer), retry({ attempts: 3 }))
    .subscribe(RenameUser, () => {
      if (++attempt < 3) throw new Error("busy");
      return "renamed";
    });

  await commands.dispatch(new RenameUser());

  assertEquals(tracer.span.attributes["cq.outcome"], "success");
});

Deno.test("trace() records a span for each handler of an event", async () => {
  const tracer = new NotingTracer();
  const events = new MessageRouter().newEventBus().use(trace(tracer))
    .subscribe(UserRenamed, function mail() {})
    .subscribe(UserRenamed, function count() {});

  await events.dispatch(new UserRenamed());

  assertEquals(tracer.spans.map(({ name }) => name), ["process UserRenamed", "process UserRenamed"]);
  assertEquals(
    tracer.spans.map((
      { attributes },
    ) => [attributes["cq.message.kind"], attributes["cq.handler"], attributes["cq.attempt"]]),
    [["event", "mail", 1], ["event", "count", 1]],
  );
});

Deno.test("trace() on a pump records the span of a consumer", async () => {
  const tracer = new NotingTracer();
  const queue = new MemoryQueue<RenameUser>({ maxSize: 1 });
  await queue.send(new RenameUser(), { metadata: { traceparent: PARENT } });
  queue.close();

  await new Pump(queue, function handle() {}).use(trace(tracer)).drain();

  assertEquals([tracer.span.kind, tracer.span.attributes["cq.message.kind"]], [4, "queue"]);
  assertEquals(tracer.span.parent?.spanId, "b7ad6b7169203331");
});

Deno.test("trace() records the ids of correlate() in front of it", async () => {
  const tracer = new NotingTracer();
  const queries = new MessageRouter().newQueryBus().use(correlate({ createId: () => "m1" }), trace(tracer))
    .subscribe(FindUser, () => "Ada");

  await queries.dispatch(new FindUser(), { metadata: { correlationId: "r7" } });

  assertEquals(tracer.span.attributes["messaging.message.id"], "m1");
  assertEquals(tracer.span.attributes["messaging.message.conversation_id"], "r7");
});

Deno.test("trace() does not record ids that are not strings", async () => {
  const { span } = await traceOnce({ messageId: 7, correlationId: {} });

  assertEquals(Object.keys(span.attributes).filter((name) => name.startsWith("messaging.message")), []);
});

Deno.test("trace() adds the attributes that a function gives for the message and its context", async () => {
  const tracer = new NotingTracer();
  const message = new FindUser();
  const asked: unknown[] = [];
  const attributes = (message: object, { metadata }: HandlerContext) => {
    asked.push(message);
    return { tenant: String(metadata.tenant), "cq.handler": "mine" };
  };
  const queries = new MessageRouter().newQueryBus().use(trace(tracer, { attributes })).subscribe(FindUser, () => "Ada");

  await queries.dispatch(message, { metadata: { tenant: "acme" } });

  assertStrictEquals(asked[0], message);
  assertEquals([tracer.span.attributes.tenant, tracer.span.attributes["cq.handler"]], ["acme", "mine"]);
});

Deno.test("trace() records each duration in seconds, with the attributes that have few values", async () => {
  const recorded: [number, TraceAttributes | undefined][] = [];
  const duration = {
    record: (value: number, attributes?: TraceAttributes) => void recorded.push([value, attributes]),
  };
  const tracer = new NotingTracer();
  let isBusy = true;
  const queries = new MessageRouter().newQueryBus().use(
    correlate(),
    retry({ attempts: 2 }),
    trace(tracer, { duration }),
  )
    .subscribe(FindUser, function find() {
      if (isBusy) {
        isBusy = false;
        throw new RangeError("busy");
      }
      return "Ada";
    });

  await queries.dispatch(new FindUser());

  const common = {
    "messaging.system": "cq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "FindUser",
    "cq.message.type": "FindUser",
    "cq.message.kind": "query",
    "cq.handler": "find",
  };
  assertEquals(recorded.map(([, attributes]) => attributes), [
    { ...common, "cq.outcome": "failure", "error.type": "RangeError" },
    { ...common, "cq.outcome": "success" },
  ]);
  for (const [seconds] of recorded) assertEquals(seconds >= 0 && seconds < 1, true);
});

for (const outcome of ["success", "failure"]) {
  Deno.test(`trace() records how many seconds it took, from the start of the handler to its ${outcome}`, async () => {
    const recorded: number[] = [];
    let now = 10_000;
    using _now = stub(performance, "now", () => now);
    const tracer = new NotingTracer();
    const queries = new MessageRouter().newQueryBus()
      .use(trace(tracer, { duration: { record: (value) => void recorded.push(value) } }))
      .subscribe(FindUser, async () => {
        await Promise.resolve();
        now += 1_250;
        if (outcome === "failure") throw new Error("busy");
        return "Ada";
      });

    await queries.dispatch(new FindUser()).catch(() => {});
    now += 5_000;
    await queries.dispatch(new FindUser()).catch(() => {});

    assertEquals(recorded, [1.25, 1.25]);
  });
}

// The parent

Deno.test("trace() leaves the parent to the tracer if the metadata names none", async () => {
  const tracer = new NotingTracer();

  await traceOnce({}, tracer);

  assertEquals(tracer.contexts, [undefined]);
});

Deno.test("trace() takes the parent from metadata.traceparent", async () => {
  const { span } = await traceOnce({ traceparent: PARENT });

  assertEquals(span.parent, {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
    isRemote: true,
  });
});

for (const traceparent of [` ${PARENT}`, `${PARENT}\n`, `\t${PARENT} \r\n`]) {
  Deno.test(`trace() takes the parent from a traceparent with white space around it: ${JSON.stringify(traceparent)}`, async () => {
    const { span } = await traceOnce({ traceparent });

    assertEquals(span.parent?.spanId, "b7ad6b7169203331");
  });
}

Deno.test("trace() passes to the tracer that the parent is not sampled", async () => {
  const { span } = await traceOnce({ traceparent: PARENT.replace(/01$/, "00") });

  assertEquals(span.parent?.traceFlags, 0);
});

Deno.test("trace() accepts a traceparent of a later version, with further fields", async () => {
  const { span } = await traceOnce({ traceparent: PARENT.replace(/^00/, "cc") + "-what-the-future-brings" });

  assertEquals(span.parent?.spanId, "b7ad6b7169203331");
});

for (
  const traceparent of [
    "",
    "rubbish",
    PARENT.toUpperCase(),
    `${PARENT}-01`,
    PARENT.replace(/^00/, "ff"),
    PARENT.replace(/-01$/, ""),
    PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
    PARENT.replace("b7ad6b7169203331", "0".repeat(16)),
    PARENT.replace("b7ad6b7169203331", "b7ad6b716920333g"),
    5,
    null,
    { toString: () => PARENT },
  ]
) {
  Deno.test(`trace() ignores a malformed traceparent: ${JSON.stringify(traceparent)}`, async () => {
    const tracer = new NotingTracer();

    const { seen } = await traceOnce({ traceparent }, tracer);

    assertEquals(tracer.contexts, [undefined]);
    assertMatch(String(seen.traceparent), /^00-1{32}-0{15}1-01$/);
  });
}

Deno.test("trace() extends the active context, which it asks for at each dispatch", async () => {
  const other = Symbol("other");
  const asked: TraceContext[] = [];
  const contextOf = (values: Map<symbol, unknown>): TraceContext => ({
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(new Map(values).set(key, value)),
    deleteValue: (key) => contextOf(new Map([...values].filter(([other]) => other !== key))),
  });
  const tracer = new NotingTracer();
  const activeContext = () => {
    const context = contextOf(new Map([[other, asked.length]]));
    asked.push(context);
    return context;
  };
  const queries = new MessageRouter().newQueryBus().use(trace(tracer, { activeContext })).subscribe(FindUser, () => "");

  for (let round = 0; round < 2; round++) await queries.dispatch(new FindUser(), { metadata: { traceparent: PARENT } });

  assertEquals(tracer.contexts.map((context) => context?.getValue(other)), [0, 1]);
  assertEquals(tracer.spans.map(({ parent }) => parent?.spanId), ["b7ad6b7169203331", "b7ad6b7169203331"]);
});

Deno.test("trace() gives the tracer a context that supports all methods of a context", async () => {
  const tracer = new NotingTracer();
  await traceOnce({ traceparent: PARENT }, tracer);
  const context = tracer.contexts[0]!;
  const key = Symbol("key");

  const more = context.setValue(key, 1);

  assertEquals([context.getValue(key), more.getValue(key), more.deleteValue(key).getValue(key)], [
    undefined,
    1,
    undefined,
  ]);
  assertStrictEquals(more.deleteValue(key).getValue(SPAN_KEY), context.getValue(SPAN_KEY));
});

// The state of the trace

Deno.test("trace() gives the parent span the tracestate of the metadata", async () => {
  const { span } = await traceOnce({
    traceparent: PARENT,
    tracestate: " congo=t61rcWkgMzE , rojo@a/b*c=00f067aa0ba902b7",
  });

  const state = span.parent!.traceState!;
  assertEquals(state.get("congo"), "t61rcWkgMzE");
  assertEquals(state.get("other"), undefined);
  assertEquals(state.serialize(), "congo=t61rcWkgMzE,rojo@a/b*c=00f067aa0ba902b7");
  assertEquals(state.set("new", "1").serialize(), "new=1,congo=t61rcWkgMzE,rojo@a/b*c=00f067aa0ba902b7");
  assertEquals(state.set("rojo@a/b*c", "1").serialize(), "rojo@a/b*c=1,congo=t61rcWkgMzE");
  assertEquals(state.unset("congo").serialize(), "rojo@a/b*c=00f067aa0ba902b7");
  assertEquals(state.serialize(), "congo=t61rcWkgMzE,rojo@a/b*c=00f067aa0ba902b7");
});

for (const tracestate of ["", " ", "novalue", "=1", "UPPER=1", "a=", "a=ü", "a=b=c", 5, null, ["a=1"], { a: 1 }]) {
  Deno.test(`trace() gives the parent span no state of a malformed tracestate: ${JSON.stringify(tracestate)}`, async () => {
    const { span } = await traceOnce({ traceparent: PARENT, tracestate });

    assertEquals(span.parent, {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
      isRemote: true,
    });
  });
}

Deno.test("trace() takes the valid members of a tracestate, 32 at most", async () => {
  const members = Array.from({ length: 40 }, (_, index) => `k${index}=${index}`);
  const { span } = await traceOnce({ traceparent: PARENT, tracestate: ["Not=1", ...members].join(",") });

  assertEquals(span.parent?.traceState?.serialize(), members.slice(0, 32).join(","));
});

Deno.test("trace() passes the tracestate of its span on", async () => {
  let seen: Metadata = {};
  // As a sampler of OpenTelemetry may do.
  const tracer: Tracer = {
    startActiveSpan(name: string, options: SpanOptions, ...rest: unknown[]) {
      const [context, run] = rest as [TraceContext, (span: Span) => Promise<unknown>];
      const parent = (context.getValue(SPAN_KEY) as Span).spanContext();
      const own = { ...parent, traceState: parent.traceState!.set("mine", "1") };
      return run(new NotingSpan(name, options, { own, parent }));
    },
  };
  const queries = new MessageRouter().newQueryBus().use(trace(tracer)).subscribe(FindUser, (_query, { metadata }) => {
    seen = metadata;
    return "Ada";
  });

  await queries.dispatch(new FindUser(), { metadata: { traceparent: PARENT, tracestate: "congo=1" } });

  assertEquals(seen.tracestate, "mine=1,congo=1");
});

Deno.test("trace() passes no tracestate on that came without a valid traceparent", async () => {
  const { seen } = await traceOnce({ tracestate: "congo=1", traceparent: "rubbish", tenant: "acme" });

  assertEquals(seen, { tenant: "acme", traceparent: `00-${"1".repeat(32)}-0000000000000001-01` });
});

// What is passed on

Deno.test("trace() names its span in metadata.traceparent, and leaves the rest unchanged", async () => {
  const metadata = { tenant: "acme", traceparent: PARENT, tracestate: "vendor=1" };
  const { seen } = await traceOnce(metadata);

  assertEquals(seen, {
    tenant: "acme",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01",
    tracestate: "vendor=1",
  });
  assertEquals(metadata.traceparent, PARENT);
});

Deno.test("trace() passes on that a span is not sampled", async () => {
  const { seen } = await traceOnce({}, new NotingTracer({ traceFlags: 0 }));

  assertEquals(seen.traceparent, "00-11111111111111111111111111111111-0000000000000001-00");
});

Deno.test("trace() leaves the metadata unchanged with a tracer that does nothing", async () => {
  const nothing = { traceId: "0".repeat(32), spanId: "0".repeat(16), traceFlags: 0 };

  assertEquals((await traceOnce({}, new NotingTracer(nothing))).seen, {});
  assertEquals((await traceOnce({ traceparent: PARENT }, new NotingTracer(nothing))).seen, { traceparent: PARENT });
});

Deno.test("trace() makes messages dispatched with the context, and related events, children of its span", async () => {
  const tracer = new NotingTracer();
  const container = new Container();
  const router = new MessageRouter(container);
  const tracing = trace(tracer);
  const queries = router.newQueryBus().use(tracing).subscribe(FindUser, () => "Ada");
  container.get(EventBus).use(tracing).subscribe(UserRenamed, () => {});
  const commands = router.newCommandBus().use(tracing).subscribe(RenameUser, async (_command, context) => {
    context.events.add(new UserRenamed());
    return await queries.dispatch(new FindUser(), context);
  });

  await commands.dispatch(new RenameUser());

  assertEquals(tracer.spans.map(({ name, parent }) => [name, parent?.spanId]), [
    ["process RenameUser", undefined],
    ["process FindUser", "0000000000000001"],
    ["process UserRenamed", "0000000000000001"],
  ]);
});

Deno.test("trace() makes related events children of the attempt that has succeeded", async () => {
  const tracer = new NotingTracer();
  const container = new Container();
  const router = new MessageRouter(container);
  container.get(EventBus).use(trace(tracer)).subscribe(UserRenamed, () => {});
  let attempt = 0;
  const commands = router.newCommandBus().use(retry({ attempts: 2 }), trace(tracer))
    .subscribe(RenameUser, (_command, { events }) => {
      events.add(new UserRenamed());
      if (++attempt === 1) throw new Error("busy");
      return "renamed";
    });

  await commands.dispatch(new RenameUser());

  assertEquals(tracer.spans.map(({ name, parent }) => [name, parent?.spanId]), [
    ["process RenameUser", undefined],
    ["process RenameUser", undefined],
    ["process UserRenamed", "0000000000000002"],
  ]);
});

Deno.test("trace() leaves the parent to the tracer for a dispatch with traceparent: undefined", async () => {
  const tracer = new NotingTracer();
  const router = new MessageRouter();
  const queries = router.newQueryBus().use(trace(tracer)).subscribe(FindUser, () => "Ada");
  const commands = router.newCommandBus().use(trace(tracer)).subscribe(
    RenameUser,
    (_command, context) =>
      queries.dispatch(new FindUser(), { ...context, metadata: { ...context.metadata, traceparent: undefined } }),
  );

  await commands.dispatch(new RenameUser());

  assertEquals(tracer.contexts, [undefined, undefined]);
});
