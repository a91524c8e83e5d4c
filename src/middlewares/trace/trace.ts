import type { HandlerContext } from "../../context.ts";
import type { Middleware } from "../../middleware.ts";
import { describe, nameOf, typeNameOf } from "../../naming.ts";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";
import {
  contextWithin,
  type Histogram,
  type Span,
  type TraceAttributes,
  type TraceContext,
  type Tracer,
} from "./tracer.ts";

/** What {@linkcode trace} adds, and to what. */
export interface TraceOptions {
  /** What else to say of a span. It is given the message and the context. */
  readonly attributes?: (message: object, context: HandlerContext) => TraceAttributes;
  /**
   * Where each duration is recorded, in seconds: the histogram `messaging.process.duration` of a meter. Its attributes
   * are those of the span that have few values.
   */
  readonly duration?: Histogram;
  /**
   * Gives OpenTelemetry's active context, `() => context.active()`, so that what it holds, such as baggage, is kept
   * where the parent comes from the metadata.
   *
   * @default {an empty context}
   */
  readonly activeContext?: () => TraceContext;
}

// OpenTelemetry's SpanKind and SpanStatusCode.
const INTERNAL = 0;
const CONSUMER = 4;
const ERROR = 2;

/**
 * Makes a middleware that records a span for each run of a handler, with a tracer of OpenTelemetry's.
 *
 * The span is named `process CreateUser`, as OpenTelemetry's conventions for messaging ask. Its attributes say what is
 * handled (`cq.message.type`, `cq.message.kind`), by whom (`cq.handler`), at which attempt (`cq.attempt`, from 1) and
 * how it went (`cq.outcome`, `success` or `failure`). An error is recorded, and makes the status of the span an error.
 * The ids of {@linkcode correlate}, in front of it, become `messaging.message.id` and `messaging.message.conversation_id`.
 *
 * The parent is the span that `metadata.traceparent` names, as the W3C's Trace Context writes it, and otherwise the
 * active span. What is handled finds its own span there: whatever a handler dispatches with its context, related events
 * and messages that it sends to a queue belong to it, in another process too. A malformed one is ignored. To have a
 * span that the handler has opened be the parent instead, dispatch with `traceparent: undefined` in the metadata.
 *
 * Put it right behind a `retry`, so that each attempt has a span and a number of its own.
 *
 * @param tracer The tracer: `trace.getTracer("my-app")` of OpenTelemetry's API.
 * @param options What to add, and to what.
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
  const { attributes, duration, activeContext } = options;
  // Each attempt of one run is handed the same context.
  const attempts = new WeakMap<HandlerContext, number>();

  return function trace(message, next, context) {
    const attempt = (attempts.get(context) ?? 0) + 1;
    attempts.set(context, attempt);

    const common = commonAttributes(message, context);
    const start = performance.now();
    const end = (span: Span, outcome: TraceAttributes) => {
      span.setAttributes(outcome);
      span.end();
      duration?.record((performance.now() - start) / 1000, { ...common, ...outcome });
    };

    const run = async (span: Span) => {
      let result: unknown;
      try {
        result = await next(undefined, passOn(span, context));
      } catch (error) {
        const exception = error instanceof Error || typeof error === "string" ? error : describe(error);
        span.recordException(exception);
        span.setStatus({ code: ERROR, message: typeof exception === "string" ? exception : exception.message });
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
    const parent = parseTraceparent(context.metadata.traceparent);
    return parent === undefined
      ? tracer.startActiveSpan(name, spanOptions, run)
      : tracer.startActiveSpan(name, spanOptions, contextWithin(parent, activeContext?.()), run);
  };
}

/** What is the same for many messages. */
function commonAttributes(message: object, { kind, handler }: HandlerContext): TraceAttributes {
  const type = typeNameOf(message);
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

/** What the handler passes on names its span as the parent. */
function passOn(span: Span, { metadata }: HandlerContext): { metadata: HandlerContext["metadata"] } | undefined {
  const traceparent = formatTraceparent(span.spanContext());
  return traceparent === undefined ? undefined : { metadata: { ...metadata, traceparent } };
}
