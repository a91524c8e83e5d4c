import { envelopeOf, type EnvelopeRow } from "../durable/envelope_row.ts";
import type { DeadLetterStore } from "../durable/queue_driver.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import type { SqliteStatements } from "./sqlite_statements.ts";

interface DeadRow extends EnvelopeRow {
  readonly seq: number;
  readonly attempt: number;
  readonly died: number;
  readonly reason: string;
}

/** Whose dead letters are meant. */
export interface SqliteDeadLettersPlan {
  readonly name: string;
  readonly sql: SqliteStatements;
  /** Is told that messages were put back. */
  readonly notify: () => void;
}

/** How many are read at once. */
const PAGE = 100;

/**
 * The dead letters of a queue.
 *
 * @param connection The connection of the queue.
 * @param plan The queue.
 * @returns The dead letters.
 */
export function deadLettersIn(
  connection: SqliteConnection,
  { name, sql, notify }: SqliteDeadLettersPlan,
): DeadLetterStore {
  function purge(ids: string | null): number {
    return connection.prepared(sql.purge).all(name, ids, ids).length;
  }
  return {
    list: async function* listDeadLetters({ limit = Infinity }) {
      let after = 0;
      for (let left = limit; left > 0;) {
        const rows = connection.prepared(sql.listDead).all(name, after, Math.min(left, PAGE)) as DeadRow[];
        for (const row of rows) {
          yield { envelope: envelopeOf(row), reason: row.reason, attempt: row.attempt, at: new Date(row.died) };
          after = row.seq;
          left--;
        }
        if (rows.length < PAGE) return;
      }
    },
    replay: async function replayDeadLetters({ ids, limit = -1 }) {
      const count = await connection.write(() => {
        const wanted = idsJson(ids);
        const replayed = connection.prepared(sql.replay).all(Date.now(), name, wanted, wanted, limit) as {
          id: string;
        }[];
        return purge(idsJson(replayed.map(({ id }) => id)));
      });
      notify();
      return count;
    },
    purge: ({ ids }) => connection.write(() => purge(idsJson(ids))),
  };
}

function idsJson(ids: readonly string[] | undefined): string | null {
  return ids === undefined ? null : JSON.stringify(ids);
}
