import { AsyncLocalStorage } from "node:async_hooks";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  Command,
  CommandBus,
  Container,
  Event,
  EventBus,
  type HandlerContext,
  MemoryQueue,
  MessageRouter,
  Pump,
  Query,
  QueryBus,
  retry,
  StreamQuery,
} from "@cq/core";
import {
  type Histogram,
  type Span,
  trace,
  type TraceContext,
  type TraceOptions,
  type Tracer,
} from "@cq/core/middlewares";
import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class PlaceOrder extends Command<string> {}
class FindPrice extends Query<number> {}
class OrderPlaced extends Event {}
class StockChanged extends Event {}

/** Three buses whose handlers are traced by the real tracer, and what it exports. */
function tracedBuses(options: TraceOptions & { sampler?: Sampler } = {}) {
  const { sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() }), ...traceOptions } = options;
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer("tests");
  const tracing = trace(tracer, traceOptions);

  const container = new Container();
  new MessageRouter(container);
  const commands = container.get(CommandBus).use(retry({ attempts: 3 }), tracing);
  const queries = container.get(QueryBus).use(tracing);
  const events = container.get(EventBus).use(tracing);
  return { tracer, exporter, commands, queries, events };
}

type Tree = readonly [name: string, ...children: Tree[]];

/** The exported spans as a tree, each with its handler, its attempt and its outcome, in the order in which they ended. */
function treeOf(exporter: InMemorySpanExporter, parent?: ReadableSpan): Tree[] {
  const spans = exporter.getFinishedSpans();
  const children = spans.filter((span) =>
    parent === undefined
      ? !spans.some((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
      : span.parentSpanContext?.spanId === parent.spanContext().spanId
  );
  const describe = ({ name, attributes }: ReadableSpan) =>
    [name, attributes["cq.handler"], attributes["cq.attempt"], attributes["cq.outcome"]].filter(Boolean).join(" ");
  return children.map((span): Tree => [describe(span), ...treeOf(exporter, span)]);
}

/** Runs a function with a context manager. Without one no span is ever active. */
async function withActiveContext(run: () => Promise<void>): Promise<void> {
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  try {
    await run();
  } finally {
    api.context.disable();
  }
}

Deno.test("trace() makes the expected tree of a command with a retry and two events", async () => {
  await withActiveContext(async () => {
    const { tracer, exporter, commands, queries, events } = tracedBuses();
    let attempt = 0;
    commands.subscribe(PlaceOrder, async function placeOrder(_command, context) {
      await queries.dispatch(new FindPrice(), context);
      context.events.add(new OrderPlaced(), new StockChanged());
      if (++attempt === 1) throw new Error("The database is busy");
      return "placed";
    });
    queries.subscribe(FindPrice, function findPrice() {
      return 99;
    });
    events.subscribe(OrderPlaced, function mail() {}).subscribe(OrderPlaced, function count() {});
    events.subscribe(StockChanged, function refill() {});

    await tracer.startActiveSpan("POST /orders", async (span) => {
      assertEquals(await commands.dispatch(new PlaceOrder()), "placed");
      span.end();
    });

    assertEquals(treeOf(exporter), [
      [
        "POST /orders",
        ["process PlaceOrder placeOrder 1 failure", ["process FindPrice findPrice 1 success"]],
        [
          "process PlaceOrder placeOrder 2 success",
          ["process FindPrice findPrice 1 success"],
          ["process OrderPlaced mail 1 success"],
          ["process OrderPlaced count 1 success"],
          ["process StockChanged refill 1 success"],
        ],
      ],
    ]);
    assertEquals(new Set(exporter.getFinishedSpans().map((span) => span.spanContext().traceId)).size, 1);
  });
});

Deno.test("trace() makes a tree without a context manager too, as on edge runtimes", async () => {
  const { exporter, commands, events } = tracedBuses();
  commands.subscribe(PlaceOrder, function placeOrder(_command, { events }) {
    events.add(new OrderPlaced());
    return "placed";
  });
  events.subscribe(OrderPlaced, function mail() {});

  await commands.dispatch(new PlaceOrder());

  assertEquals(treeOf(exporter), [
    ["process PlaceOrder placeOrder 1 success", ["process OrderPlaced mail 1 success"]],
  ]);
});

Deno.test("trace() exports the failure of a handler", async () => {
  const { exporter, queries } = tracedBuses();
  queries.subscribe(FindPrice, () => {
    throw new RangeError("The shop is closed");
  });

  await assertRejects(() => queries.dispatch(new FindPrice()), RangeError);

  const [span] = exporter.getFinishedSpans();
  assertEquals(span?.status, { code: api.SpanStatusCode.ERROR, message: "The shop is closed" });
  assertEquals(span?.attributes["error.type"], "RangeError");
  assertEquals(span?.events.map(({ name, attributes }) => [name, attributes?.["exception.message"]]), [
    ["exception", "The shop is closed"],
  ]);
});

Deno.test("trace() names the kinds of span by the numbers of the API", async () => {
  const { tracer, exporter, queries } = tracedBuses();
  queries.subscribe(FindPrice, () => 99);
  const queue = new MemoryQueue<FindPrice>({ maxSize: 1 });
  await queue.send(new FindPrice());
  queue.close();

  await queries.dispatch(new FindPrice());
  await new Pump(queue, () => {}).use(trace(tracer)).drain();

  assertEquals(exporter.getFinishedSpans().map(({ kind }) => kind), [api.SpanKind.INTERNAL, api.SpanKind.CONSUMER]);
});

Deno.test("trace() keeps its span active while the handler runs", async () => {
  await withActiveContext(async () => {
    const { exporter, queries } = tracedBuses();
    let active: api.Span | undefined;
    queries.subscribe(FindPrice, async () => {
      await Promise.resolve();
      active = api.trace.getActiveSpan();
      return 99;
    });

    await queries.dispatch(new FindPrice());
    await queries.dispatch(new FindPrice(), { metadata: { traceparent: PARENT } });

    assertEquals(active?.spanContext().spanId, exporter.getFinishedSpans()[1]?.spanContext().spanId);
  });
});

Deno.test("trace() continues the trace of metadata.traceparent, even within another span", async () => {
  await withActiveContext(async () => {
    const { tracer, exporter, queries } = tracedBuses();
    queries.subscribe(FindPrice, () => 99);

    await tracer.startActiveSpan("other", async (span) => {
      await queries.dispatch(new FindPrice(), { metadata: { traceparent: PARENT } });
      span.end();
    });

    const [span] = exporter.getFinishedSpans();
    assertEquals(span?.spanContext().traceId, "0af7651916cd43dd8448eb211c80319c");
    assertEquals(span?.parentSpanContext?.spanId, "b7ad6b7169203331");
    assertEquals(span?.parentSpanContext?.isRemote, true);
  });
});

Deno.test("trace() makes a span that the handler has opened the parent of a dispatch without a traceparent", async () => {
  await withActiveContext(async () => {
    const { tracer, exporter, commands, queries } = tracedBuses();
    queries.subscribe(FindPrice, function findPrice() {
      return 99;
    });
    commands.subscribe(PlaceOrder, function placeOrder(_command, context) {
      const inner = { ...context, metadata: { ...context.metadata, traceparent: undefined } };
      return tracer.startActiveSpan("calculate", async (span) => {
        await queries.dispatch(new FindPrice(), inner);
        span.end();
        return "placed";
      });
    });

    await commands.dispatch(new PlaceOrder());

    assertEquals(treeOf(exporter), [
      ["process PlaceOrder placeOrder 1 success", ["calculate", ["process FindPrice findPrice 1 success"]]],
    ]);
  });
});

Deno.test("trace() begins a trace if the traceparent is malformed", async () => {
  const { exporter, queries } = tracedBuses();
  queries.subscribe(FindPrice, () => 99);

  await queries.dispatch(new FindPrice(), { metadata: { traceparent: "00-rubbish" } });

  assertEquals(exporter.getFinishedSpans()[0]?.parentSpanContext, undefined);
});

Deno.test("trace() joins the two sides of a queue", async () => {
  const { exporter, commands, queries } = tracedBuses();
  const queue = new MemoryQueue<PlaceOrder>({ maxSize: 1 });
  queries.subscribe(FindPrice, async function ask(_query, context) {
    await queue.send(new PlaceOrder(), context);
    return 99;
  });
  commands.subscribe(PlaceOrder, function placeOrder() {
    return "placed";
  });

  await queries.dispatch(new FindPrice());
  queue.close();
  await new Pump(queue, commands).drain();

  assertEquals(treeOf(exporter), [["process FindPrice ask 1 success", ["process PlaceOrder placeOrder 1 success"]]]);
});

Deno.test("trace() exports nothing of a trace that is not sampled, and passes on that it is not", async () => {
  for (
    const [sampler, traceparent] of [
      [new ParentBasedSampler({ root: new AlwaysOnSampler() }), PARENT.replace(/01$/, "00")],
      [new AlwaysOffSampler(), undefined],
    ] as const
  ) {
    const { exporter, queries } = tracedBuses({ sampler });
    let seen: unknown;
    queries.subscribe(FindPrice, (_query, { metadata }) => {
      seen = metadata.traceparent;
      return 99;
    });

    assertEquals(await queries.dispatch(new FindPrice(), { metadata: { traceparent } }), 99);

    assertEquals(exporter.getFinishedSpans(), []);
    assertEquals(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/.test(String(seen)), true);
  }
});

Deno.test("trace() works with the API alone, without a tracer that was set up", async () => {
  const queries = new MessageRouter().newQueryBus().use(trace(api.trace.getTracer("tests")));
  let seen: unknown;
  queries.subscribe(FindPrice, (_query, { metadata }) => {
    seen = metadata;
    return 99;
  });

  assertEquals(await queries.dispatch(new FindPrice()), 99);
  assertEquals(seen, {});
  assertEquals(await queries.dispatch(new FindPrice(), { metadata: { traceparent: PARENT } }), 99);
  assertEquals(seen, { traceparent: PARENT });
});

Deno.test("trace() keeps the content of the active context if it is told how to get it", async () => {
  await withActiveContext(async () => {
    const { queries } = tracedBuses({ activeContext: () => api.context.active() });
    const baggage = api.propagation.createBaggage({ tenant: { value: "acme" } });
    let seen: unknown;
    queries.subscribe(FindPrice, () => {
      seen = api.propagation.getActiveBaggage()?.getEntry("tenant")?.value;
      return 99;
    });

    await api.context.with(
      api.propagation.setBaggage(api.context.active(), baggage),
      () => queries.dispatch(new FindPrice(), { metadata: { traceparent: PARENT } }),
    );

    assertEquals(seen, "acme");
  });
});

Deno.test("trace() puts the parent where the API looks for it, and the API writes it as trace() does", async () => {
  const { tracer, queries } = tracedBuses();
  let given: api.Context | undefined;
  let seen: HandlerContext | undefined;
  const start = tracer.startActiveSpan;
  tracer.startActiveSpan = ((...args: Parameters<typeof start>) => {
    given = (args as unknown[]).length === 4 ? args[2] as api.Context : undefined;
    return Reflect.apply(start, tracer, args);
  }) as typeof start;
  queries.subscribe(FindPrice, (_query, context) => {
    seen = context;
    return 99;
  });

  await queries.dispatch(new FindPrice(), { metadata: { traceparent: PARENT } });

  assertEquals(api.trace.getSpanContext(given!)?.spanId, "b7ad6b7169203331");
  assertEquals(api.isSpanContextValid(api.trace.getSpanContext(given!)!), true);
  assertEquals(String(seen?.metadata.traceparent).startsWith("00-0af7651916cd43dd8448eb211c80319c-"), true);
  assertStrictEquals(api.trace.getSpan(api.trace.deleteSpan(given!)), undefined);
});

Deno.test("trace() accepts a tracer, a histogram and a context of the API", () => {
  const check = (tracer: api.Tracer, histogram: api.Histogram, span: api.Span, context: api.Context) => {
    const ours: [Tracer, Histogram, Span, TraceContext] = [tracer, histogram, span, context];
    return [ours, trace(tracer, { duration: histogram, activeContext: () => api.context.active() })];
  };

  assertEquals(check.length, 4);
});

// Streams

class TailPrices extends StreamQuery<number> {}

Deno.test("trace() records one span over the whole of a stream, and all that its handler does is within that span", async () => {
  await withActiveContext(async () => {
    const { tracer, exporter, queries } = tracedBuses();
    const read = (number: number) =>
      tracer.startActiveSpan(`read ${number}`, async (span) => {
        await Promise.resolve();
        span.end();
        return number;
      });
    queries.subscribe(TailPrices, async function* tailPrices() {
      try {
        for (let number = 1; number <= 3; number++) yield await read(number);
      } finally {
        await read(0);
      }
    });

    // Each item is asked for within a span of the consumer's.
    await tracer.startActiveSpan("consume", async (root) => {
      const stream = queries.stream(new TailPrices());
      for (let number = 1; number <= 2; number++) {
        await tracer.startActiveSpan(`use ${number}`, async (span) => {
          assertEquals((await stream.next()).value, number);
          span.end();
        });
      }
      await tracer.startActiveSpan("leave", async (span) => {
        await stream.return();
        span.end();
      });
      root.end();
    });

    assertEquals(treeOf(exporter), [
      [
        "consume",
        [
          "use 1",
          ["process TailPrices tailPrices 1 success", ["read 1"], ["read 2"], ["read 0"]],
        ],
        ["use 2"],
        ["leave"],
      ],
    ]);
  });
});

Deno.test("A signal closes a stream that rests within the span of its handler", async () => {
  await withActiveContext(async () => {
    const { tracer, exporter, queries } = tracedBuses();
    queries.subscribe(TailPrices, async function* tailPrices() {
      try {
        yield 1;
      } finally {
        tracer.startActiveSpan("clean up", (span) => span.end());
      }
    });
    const controller = new AbortController();
    const stream = queries.stream(new TailPrices(), { signal: controller.signal });
    await stream.next();
    tracer.startActiveSpan("abort", (span) => {
      controller.abort(new Error("Stop"));
      span.end();
    });
    await assertRejects(() => stream.next(), Error, "Stop");

    assertEquals(treeOf(exporter), [
      ["abort"],
      ["process TailPrices tailPrices 1 failure", ["clean up"]],
    ]);
  });
});

Deno.test("A stream keeps the store of an AsyncLocalStorage of its handler, whoever asks for the items", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const { queries } = tracedBuses();
  queries.use((_message, next) => storage.run("handler", () => next()));
  queries.subscribe(TailPrices, async function* () {
    try {
      for (let number = 1; number <= 3; number++) {
        seen.push(storage.getStore());
        yield number;
        seen.push(storage.getStore());
      }
    } finally {
      seen.push(storage.getStore());
    }
  });
  await storage.run("consumer", async () => {
    for await (const number of queries.stream(new TailPrices())) {
      assertEquals(storage.getStore(), "consumer");
      if (number === 2) break;
    }
    const stream = queries.stream(new TailPrices());
    await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
    assertEquals(storage.getStore(), "consumer");
  });

  assertEquals(new Set(seen), new Set(["handler"]));
});

Deno.test("Nested streams nest their spans", async () => {
  await withActiveContext(async () => {
    class Outer extends StreamQuery<number> {}
    const { exporter, queries } = tracedBuses();
    queries.subscribe(TailPrices, function tailPrices() {
      return [1, 2];
    });
    queries.subscribe(Outer, async function* outer(_query, context) {
      yield* queries.stream(new TailPrices(), context);
    });
    const items: number[] = [];
    for await (const item of queries.stream(new Outer())) items.push(item);

    assertEquals(items, [1, 2]);
    assertEquals(treeOf(exporter), [["process Outer outer 1 success", ["process TailPrices tailPrices 1 success"]]]);
  });
});
