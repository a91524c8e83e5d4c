/**
 * Queues in PostgreSQL, with outbox, inbox, dead letters, keys, delays and ids. The client is the one that you have.
 *
 * @module
 */

export { PostgresQueue, type PostgresQueueOptions, type PostgresStatementMessage } from "./postgres_queue.ts";
export { type PostgresSchemaOptions, schemaSql } from "./postgres_schema.ts";
export type {
  ListeningClient,
  ListeningPool,
  ListeningPoolClient,
  PostgresClient,
  PostgresListener,
  QueryClient,
  UnsafeClient,
} from "./postgres_client.ts";
export { PostgresDeduplicationStore, type PostgresDeduplicationStoreOptions } from "./postgres_deduplication_store.ts";
export { envelopeCodec, jsonCodec, type MessageCodec } from "../../codec.ts";
