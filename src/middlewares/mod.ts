/**
 * All middlewares of the library. Those that need nothing outside of a bus, such as `retry` and `timeout`, are in
 * `@cq/core` too. The others connect a bus to something outside: validation, tracing, correlation, idempotency. None of
 * them needs a dependency.
 *
 * @example
 * ```ts
 * import { MessageRouter } from "@cq/core";
 * import { correlate, deduplicate, retry, validate } from "@cq/core/middlewares";
 *
 * const commands = new MessageRouter().newCommandBus().use(
 *   correlate(),
 *   validate(),
 *   deduplicate({ key: (message) => (message as { id?: string }).id, ttlMs: 60_000 }),
 *   retry({ attempts: 3, delay: 100, factor: 2, jitter: true }),
 * );
 * ```
 *
 * @module
 */

export { captureError, type CaptureErrorOptions } from "./capture_error.ts";
export type { ErrorFilter } from "./error_filter.ts";
export { retry, type RetryOptions } from "./retry.ts";
export type { BackoffOptions } from "../internal/backoff.ts";
export { timeout, type TimeoutOptions } from "./timeout.ts";
export { type AnyDisposable, using } from "./using.ts";

export { correlate, type CorrelateOptions, type CorrelationIds } from "./correlate.ts";
export { deduplicate, type DeduplicateOptions } from "./deduplicate/deduplicate.ts";
export type {
  Acquisition,
  DeduplicatedResult,
  DeduplicationClaim,
  DeduplicationStore,
} from "./deduplicate/deduplication_store.ts";
export {
  MemoryDeduplicationStore,
  type MemoryDeduplicationStoreOptions,
} from "./deduplicate/memory_deduplication_store.ts";
export { trace, type TraceOptions } from "./trace/trace.ts";
export type { SpanContext } from "./trace/traceparent.ts";
export type { TraceState } from "./trace/trace_state.ts";
export type { Histogram, Span, SpanOptions, TraceAttributes, TraceContext, Tracer } from "./trace/tracer.ts";
export { transaction } from "./transaction/transaction.ts";
export type { BeginTransaction, TransactionOptions } from "./transaction/transaction_plan.ts";
export type { Inbox } from "../queue/inbox.ts";
export type { Outbox } from "../queue/outbox.ts";
export { validate } from "./validate/validate.ts";
export { MessageValidationError, type ValidationIssue } from "./validate/message_validation_error.ts";
export type { MessageNames } from "../naming.ts";
export type { MessageData, SchemaFor, SchemaIssue, SchemaResult, StandardSchema } from "../standard_schema.ts";
