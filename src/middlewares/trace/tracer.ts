import type { SpanContext } from "./traceparent.ts";

/** The attributes of a span or a measurement, by OpenTelemetry's names. */
export interface TraceAttributes {
  /** A name such as `cq.handler`, and its value. */
  [name: string]: string | number | boolean | undefined;
}

/** The part of OpenTelemetry's `Context` that tracing needs. */
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
  /** Adds attributes to the span. */
  setAttributes(attributes: TraceAttributes): unknown;
  /** Sets the status of the span. */
  setStatus(status: { code: number; message?: string | undefined }): unknown;
  /** Adds an error. */
  recordException(exception: Error | string): void;
  /** Ends the span. */
  end(): void;
}

/** What a span starts with. */
export interface SpanOptions {
  /** OpenTelemetry's `SpanKind`. */
  kind?: number | undefined;
  /** The first attributes of the span. */
  attributes?: TraceAttributes | undefined;
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

/** Under this key OpenTelemetry's API keeps the span in a context. It is a registered symbol: all versions share it. */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/** A context that starts empty, for callers that offer none. */
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

const EMPTY_CONTEXT: TraceContext = /* @__PURE__ */ new PlainContext(new Map());

/**
 * Makes a context whose active span is one of another process, of which only the ids are known.
 *
 * @param parent What identifies the span.
 * @param context What else the context holds. Nothing unless given.
 * @returns The context.
 */
export function contextWithin(parent: SpanContext, context: TraceContext = EMPTY_CONTEXT): TraceContext {
  // These are the only methods of a parent that a tracer calls.
  return context.setValue(SPAN_KEY, { spanContext: () => parent, isRecording: () => false });
}
