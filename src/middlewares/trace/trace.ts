import type { HandlerContext } from "../../context.ts";
import type { Middleware } from "../../middleware.ts";
import { type MessageNames, nameOf, reasonOf, typeNameOf } from "../../naming.ts";
import { formatTraceparent, parseTraceparent, type SpanContext } from "./traceparent.ts";
import {
  contextWithin,
  type Histogram,
  type Span,
  type TraceAttributes,
  type TraceContext,
  type Tracer,
} from "./tracer.ts";

/** What {@linkcode trace} records besides, and which context it starts from. */
export interface TraceOptions {
  /** Returns further attributes of a span, for a message and its context. */
  readonly attributes?: ((message: object, context: HandlerContext) => TraceAttributes) | undefined;
  /**
   * Where each duration is recorded, in seconds: the histogram `messaging.process.duration` of a meter. It gets those
   * attributes of the span that have few different values.
   */
  readonly duration?: Histogram | undefined;
  /**
   * Returns OpenTelemetry's active context, `() => context.active()`. Where the parent comes from the metadata, the rest
   * of that context, such as baggage, is then kept.
   *
   * @default {an empty context}
   */
  readonly activeContext?: (() => TraceContext) | undefined;
  /**
   * Knows the stable names of messages, which a {@linkcode MessageCatalogue} does. Spans are then named by them, whatever a
   * minifier makes of the names of classes.
   *
   * @default {the names of the classes}
   */
  readonly catalogue?: MessageNames | undefined;
}

// OpenTelemetry's SpanKind and SpanStatusCode.
const INTERNAL = 0;
const CONSUMER = 4;
const ERROR = 2;

/**
 * Makes a middleware that records a span each time a handler runs, with a tracer of OpenTelemetry.
 *
 * The span is named `process CreateUser`, as OpenTelemetry's conventions for messaging demand. Its attributes name the
 * message (`cq.message.type`, `cq.message.kind`), the handler (`cq.handler`), the attempt (`cq.attempt`, from 1) and the
 * outcome (`cq.outcome`, `success` or `failure`). An error is recorded and sets the status of the span to error. The ids
 * from a {@linkcode correlate} in front of it become `messaging.message.id` and `messaging.message.conversation_id`.
 *
 * The parent is the span that `metadata.traceparent` names, in the format of the W3C's Trace Context, with its
 * `metadata.tracestate`. Without a `traceparent`, or if it is malformed, the parent is the active span. The handler's context names the new span there: messages that the
 * handler dispatches with its context, its related events and messages that it sends to a queue become children of that
 * span, in another process too. To make a span that the handler opened the parent instead, dispatch with
 * `traceparent: undefined` in the metadata.
 *
 * Place it right behind a `retry`: then each attempt has its own span and its own number.
 *
 * @param tracer The tracer: `trace.getTracer("my-app")` of OpenTelemetry's API.
 * @param options What to record besides, and which context to start from.
 * @returns The middleware.
 *
 * @example
 * ```ts ignore
 * import { trace as openTelemetry } from "@opentelemetry/api";
 * import { MessageRouter, retry } from "@cq/core";
 * import { trace } from "@cq/core/middlewares";
 *
 * const tracing = trace(openTelemetry.getTracer("my-app"));
 *
 * const router = new MessageRouter();
 * const commands = router.newCommandBus().use(retry({ attempts: 3 }), tracing);
 * const queries = router.newQueryBus().use(tracing);
 * ```
 */
export function trace(tracer: Tracer, options: TraceOptions = {}): Middleware {
  const { attributes, duration, activeContext, catalogue } = options;
  // All attempts of one handler in one dispatch get the same context object.
  const attempts = new WeakMap<HandlerContext, number>();

  return function trace(message, next, context) {
    const attempt = (attempts.get(context) ?? 0) + 1;
    attempts.set(context, attempt);

    const parent = parseTraceparent(context.metadata["traceparent"], context.metadata["tracestate"]);
    const common = commonAttributes(catalogue?.nameOf(message) ?? typeNameOf(message), context);
    const start = performance.now();
    const end = (span: Span, outcome: TraceAttributes) => {
      span.setAttributes(outcome);
      span.end();
      duration?.record((performance.now() - start) / 1000, { ...common, ...outcome });
    };

    const recordSpan = async (span: Span) => {
      let result: unknown;
      try {
        result = await next(undefined, optionsWithin(span, context, parent));
      } catch (error) {
        recordError(span, error);
        end(span, { "cq.outcome": "failure", "error.type": typeNameOf(error) });
        throw error;
      }
      end(span, { "cq.outcome": "success" });
      return result;
    };

    const name = `process ${common["cq.message.type"]}`;
    const spanOptions = {
      kind: context.kind === "queue" ? CONSUMER : INTERNAL,
      attributes: {
        ...common,
        ...correlationAttributes(context),
        "cq.attempt": attempt,
        ...attributes?.(message, context),
      },
    };
    return parent === undefined
      ? tracer.startActiveSpan(name, spanOptions, recordSpan)
      : tracer.startActiveSpan(name, spanOptions, contextWithin(parent, activeContext?.()), recordSpan);
  };
}

/** The attributes that have few different values, so that a histogram can take them. */
function commonAttributes(type: string, { kind, handler }: HandlerContext): TraceAttributes {
  return {
    "messaging.system": "cq",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": type,
    "cq.message.type": type,
    "cq.message.kind": kind,
    "cq.handler": nameOf(handler),
  };
}

function correlationAttributes({ metadata: { messageId, correlationId } }: HandlerContext): TraceAttributes {
  return {
    ...(typeof messageId === "string" ? { "messaging.message.id": messageId } : {}),
    ...(typeof correlationId === "string" ? { "messaging.message.conversation_id": correlationId } : {}),
  };
}

/** The span has to end, and the error to come out as it is, even where the tracer cannot read the error. */
function recordError(span: Span, error: unknown): void {
  const reason = reasonOf(error);
  try {
    span.recordException(hasStack(error) ? error : reason);
  } catch {
    span.recordException(reason);
  }
  span.setStatus({ code: ERROR, message: reason });
}

/** Whether it is an error, of another realm too. The tracer reads its stack. */
function hasStack(error: unknown): error is Error {
  return typeof error === "object" && error !== null && typeof (error as Partial<Error>).stack === "string";
}

/** Makes the span the parent of all that the handler dispatches with its context. */
function optionsWithin(
  span: Span,
  { metadata }: HandlerContext,
  parent: SpanContext | undefined,
): { metadata: HandlerContext["metadata"] } | undefined {
  const own = span.spanContext();
  const traceparent = formatTraceparent(own);
  if (traceparent === undefined) return undefined;
  const { tracestate: inherited, ...rest } = metadata;
  // One that came without its traceparent is of another trace. A tracer may know nothing of it: then it goes on as it is.
  const tracestate = own.traceState?.serialize() ?? (parent === undefined ? undefined : inherited);
  return { metadata: { ...rest, traceparent, ...(tracestate === undefined ? {} : { tracestate }) } };
}
