import type { PostgresClient } from "@cq/core/queue/postgres";
import type { SqliteClient } from "@cq/core/queue/sqlite";

/** The way to a server, which a test can cut. */
export class TestLink {
  isCut = false;

  /** A client that gets through as long as the link is not cut. */
  sqlite(client: SqliteClient): SqliteClient {
    return {
      exec: (sql) => this.#pass(() => client.exec(sql)),
      prepare: (sql) => {
        const statement = client.prepare(sql);
        return {
          all: (...values) => this.#pass(() => statement.all(...values)),
          run: (...values) => this.#pass(() => statement.run(...values)),
        };
      },
    };
  }

  postgres(client: PostgresClient): PostgresClient {
    if ("unsafe" in client) {
      return { unsafe: (...values: Parameters<typeof client.unsafe>) => this.#pass(() => client.unsafe(...values)) };
    }
    return {
      // PGlite is told by this.
      ...("exec" in client ? { exec: true } : {}),
      query: (text: string, values?: unknown[]) => this.#pass(() => client.query(text, values)),
    };
  }

  #pass<R>(work: () => R): R {
    if (this.isCut) throw new Error("Cannot reach the server: the link is cut");
    return work();
  }
}
