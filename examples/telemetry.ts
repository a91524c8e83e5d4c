/**
 * A span for each run of a handler, and the tree that they make: a request, whose command fails at its first attempt and
 * then publishes two events. Run it with `deno run --allow-env examples/telemetry.ts`.
 */
import { Command, CommandBus, Container, Event, EventBus, inject, MessageRouter, RelatedEvents, retry } from "@cq/core";
import { trace } from "@cq/core/middlewares";
import { context, trace as openTelemetry } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

// As an application sets it up, but for the exporter.
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  sampler: new AlwaysOnSampler(),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
openTelemetry.setGlobalTracerProvider(provider);
const tracer = openTelemetry.getTracer("shop");

class PlaceOrder extends Command<number> {}
class OrderPlaced extends Event {}
class StockChanged extends Event {}

const container = new Container();
const router = new MessageRouter(container);
let attempts = 0;

@router.commandHandler(PlaceOrder)
export class PlaceOrderHandler {
  readonly #events = inject(RelatedEvents);

  handle(_command: PlaceOrder): number {
    if (++attempts === 1) throw new Error("The database is busy");
    this.#events.add(new OrderPlaced(), new StockChanged());
    return 7;
  }
}

@router.eventHandler(OrderPlaced)
export class SendConfirmation {
  handle(_event: OrderPlaced): void {}
}

@router.eventHandler(OrderPlaced)
export class CountOrders {
  handle(_event: OrderPlaced): void {}
}

@router.eventHandler(StockChanged)
export class UpdateStock {
  handle(_event: StockChanged): void {}
}

// One line for each bus. Behind `retry`, each attempt is a span.
container.get(CommandBus).use(retry({ attempts: 3 }), trace(tracer));
container.get(EventBus).use(trace(tracer));

await tracer.startActiveSpan("POST /orders", async (span) => {
  await container.get(CommandBus).dispatch(new PlaceOrder());
  span.end();
});

function printTree(spans: readonly ReadableSpan[], parent?: ReadableSpan, indent = ""): void {
  for (const span of spans) {
    if (span.parentSpanContext?.spanId !== parent?.spanContext().spanId) continue;
    console.log(indent + describe(span));
    printTree(spans, span, `${indent}  `);
  }
}

function describe({ name, attributes, status }: ReadableSpan): string {
  const handler = attributes["cq.handler"];
  if (handler === undefined) return name;
  const outcome = status.message ?? attributes["cq.outcome"];
  return `${name}: ${handler}, attempt ${attributes["cq.attempt"]}: ${outcome}`;
}

printTree(exporter.getFinishedSpans());
