/**
 * The engine of durable queues, and what a driver has to offer to put a technology behind it.
 *
 * @module
 */

export { DurableQueue } from "./durable_queue.ts";
export type { DurableQueueOptions } from "./durable_queue_options.ts";
export type { DeadLetter, DeadLetters } from "./dead_letters.ts";
export type { QueueFailure } from "./failures.ts";
export type {
  Burial,
  DeadLetterSelection,
  DeadLetterStore,
  Outgoing,
  QueueDriver,
  QueueSink,
  QueueStats,
  Received,
  ReceiveRequest,
  ReceiveResult,
  Retry,
  StoredDeadLetter,
} from "./queue_driver.ts";
export type { Envelope } from "../../envelope.ts";
export { envelopeCodec, jsonCodec, type MessageCodec } from "../../codec.ts";
