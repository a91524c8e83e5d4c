import type { SqliteClient } from "./sqlite_client.ts";

/** Who is to be woken, by file, table and queue. */
const byFile = new Map<string, Set<() => void>>();

/** A database in memory has no file, and belongs to its connection. */
const byClient = new WeakMap<SqliteClient, Map<string, Set<() => void>>>();

/**
 * Finds those in this process who wait for messages of a queue, whatever connection they use.
 *
 * @param client A connection.
 * @param queue The names of the table and the queue.
 * @returns The functions that wake them. Each is added and deleted by its owner.
 */
export function listenersOf(client: SqliteClient, queue: string): Set<() => void> {
  const main = client.prepare("pragma database_list").all()[0] as { readonly file?: string | null } | undefined;
  const file = main?.file;
  let listeners: Map<string, Set<() => void>> | undefined = byFile;
  if (!file) {
    listeners = byClient.get(client);
    if (listeners === undefined) byClient.set(client, listeners = new Map());
  }
  const place = `${file ?? ""} ${queue}`;
  let found = listeners.get(place);
  if (found === undefined) listeners.set(place, found = new Set());
  return found;
}
