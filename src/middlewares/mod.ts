/**
 * Middlewares that tie the buses to something outside: validation, tracing, correlation, idempotency. None of them needs
 * a dependency. Those that need nothing outside, such as `retry` and `timeout`, are in `@cq/core` itself.
 *
 * @example
 * ```ts
 * import { MessageRouter, retry } from "@cq/core";
 * import { correlate, deduplicate, validate } from "@cq/core/middlewares";
 *
 * const commands = new MessageRouter().newCommandBus().use(
 *   correlate(),
 *   validate(),
 *   deduplicate({ key: (message) => (message as { id?: string }).id, ttlMs: 60_000 }),
 *   retry({ attempts: 3, delay: 100, backoff: 2, jitter: true }),
 * );
 * ```
 *
 * @module
 */

export { correlate, type CorrelateOptions, type CorrelationIds } from "./correlate.ts";
export { deduplicate, type DeduplicateOptions } from "./deduplicate/deduplicate.ts";
export type { DeduplicatedResult, DeduplicationStore } from "./deduplicate/deduplication_store.ts";
export {
  MemoryDeduplicationStore,
  type MemoryDeduplicationStoreOptions,
} from "./deduplicate/memory_deduplication_store.ts";
export { MessageValidationError, type ValidationIssue } from "./validate/message_validation_error.ts";
export type { MessageData, SchemaFor, SchemaIssue, SchemaResult, StandardSchema } from "../standard_schema.ts";
export { trace, type TraceOptions } from "./trace/trace.ts";
export type { SpanContext } from "./trace/traceparent.ts";
export type { Histogram, Span, SpanOptions, TraceAttributes, TraceContext, Tracer } from "./trace/tracer.ts";
export { validate } from "./validate/validate.ts";
