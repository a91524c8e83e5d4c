import type { SpanContext } from "./traceparent.ts";

/** What is known of a span or a measurement, by OpenTelemetry's names. */
export interface TraceAttributes {
  /** A name such as `cq.handler`, with what it stands for. */
  [name: string]: string | number | boolean | undefined;
}

/** What OpenTelemetry carries along with the flow of the code. */
export interface TraceContext {
  /** Reads a value. */
  getValue(key: symbol): unknown;
  /** Makes a context with one more value. */
  setValue(key: symbol, value: unknown): TraceContext;
  /** Makes a context without a value. */
  deleteValue(key: symbol): TraceContext;
}

/** The part of OpenTelemetry's `Span` that tracing needs. */
export interface Span {
  /** What identifies the span. */
  spanContext(): SpanContext;
  /** Adds what is known of the span. */
  setAttributes(attributes: TraceAttributes): unknown;
  /** Says how it went. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** Adds an error. */
  recordException(exception: Error | string): void;
  /** Ends the span. */
  end(): void;
}

/** What a span starts with. */
export interface SpanOptions {
  /** OpenTelemetry's `SpanKind`. */
  kind?: number;
  /** What is known of it. */
  attributes?: TraceAttributes;
}

/** The part of OpenTelemetry's `Tracer` that tracing needs. */
export interface Tracer {
  /** Starts a span within the active one, and runs a function with the span active. */
  startActiveSpan(name: string, options: SpanOptions, run: (span: Span) => Promise<unknown>): Promise<unknown>;
  /** Starts a span within the one of a context, and runs a function with the span active. */
  startActiveSpan(
    name: string,
    options: SpanOptions,
    context: TraceContext,
    run: (span: Span) => Promise<unknown>,
  ): Promise<unknown>;
}

/** The part of OpenTelemetry's `Histogram` that tracing needs. */
export interface Histogram {
  /** Adds a measurement. */
  record(value: number, attributes?: TraceAttributes): void;
}

/** Under which OpenTelemetry's API keeps the span in a context. The key is registered, so that all its versions agree. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/** A context with nothing but what is set, where the caller offers no other. */
class PlainContext implements TraceContext {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown>) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): TraceContext {
    return new PlainContext(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): TraceContext {
    const values = new Map(this.#values);
    values.delete(key);
    return new PlainContext(values);
  }
}

const EMPTY_CONTEXT: TraceContext = new PlainContext(new Map());

/**
 * Makes a context within a span that is known by what identifies it alone.
 *
 * @param parent The span.
 * @param context What the context holds besides; nothing unless given.
 * @returns The context.
 */
export function contextWithin(parent: SpanContext, context: TraceContext = EMPTY_CONTEXT): TraceContext {
  // A tracer asks the span of a parent for no more than this.
  return context.setValue(SPAN_KEY, { spanContext: () => parent, isRecording: () => false });
}
