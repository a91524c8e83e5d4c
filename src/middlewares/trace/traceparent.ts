import { parseTraceState, type TraceState } from "./trace_state.ts";

/** What identifies a span, in the shape of OpenTelemetry's API. */
export interface SpanContext {
  /** The id of the trace, 32 hexadecimal digits. */
  readonly traceId: string;
  /** The id of the span, 16 hexadecimal digits. */
  readonly spanId: string;
  /** Flags; the lowest bit says that the trace is recorded. */
  readonly traceFlags: number;
  /** Whether the span belongs to another process. */
  readonly isRemote?: boolean | undefined;
  /** What the systems that trace have to say of the trace, each under its own key. */
  readonly traceState?: TraceState | undefined;
}

// Later versions may append fields. Version ff is not valid.
const PATTERN = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads the headers by which the W3C's Trace Context names the parent of a span. White space around them is not part of
 * them.
 *
 * @param traceparent The header `traceparent`, or any other value.
 * @param tracestate The header `tracestate`, or any other value. Without a valid `traceparent` it means nothing.
 * @returns The parent; `undefined` if `traceparent` is not a valid header.
 */
export function parseTraceparent(traceparent: unknown, tracestate?: unknown): SpanContext | undefined {
  const match = typeof traceparent === "string" ? PATTERN.exec(traceparent.trim()) : null;
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ];
  const traceState = parseTraceState(tracestate);
  const context = {
    traceId,
    spanId,
    traceFlags: parseInt(flags, 16),
    isRemote: true,
    ...(traceState === undefined ? {} : { traceState }),
  };
  return isValid(context) && (version !== "00" || rest === undefined) ? context : undefined;
}

/**
 * Writes the header by which the W3C's Trace Context names the parent of a span.
 *
 * @param context The parent.
 * @returns The header; `undefined` if the span has no ids, because its tracer does nothing.
 */
export function formatTraceparent(context: SpanContext): string | undefined {
  if (!isValid(context)) return undefined;
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, "0")}`;
}

function isValid({ traceId, spanId }: SpanContext): boolean {
  return !/^0*$/.test(traceId) && !/^0*$/.test(spanId);
}
