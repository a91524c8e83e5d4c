/**
 * Queues in an SQLite database, with outbox, inbox, dead letters, keys, delays and ids. Needs no server.
 *
 * @module
 */

export { SqliteQueue, type SqliteQueueOptions, type SqliteStatementMessage } from "./sqlite_queue.ts";
export { schemaSql, type SqliteSchemaOptions } from "./sqlite_schema.ts";
export type { SqliteClient, SqliteStatement } from "./sqlite_client.ts";
export { SqliteDeduplicationStore, type SqliteDeduplicationStoreOptions } from "./sqlite_deduplication_store.ts";
export { envelopeCodec, jsonCodec, type MessageCodec } from "../../codec.ts";
