/** A client with `query`, by its shape: a pool or a client of pg, PGlite, and their transactions. */
export interface QueryClient {
  /** Runs a statement. */
  query(text: string, values?: unknown[]): PromiseLike<{ rows: unknown[] }>;
}

/** A client with `unsafe`, by its shape: `sql` of postgres.js or of Bun, and their transactions. */
export interface UnsafeClient {
  /** Runs a statement. */
  // deno-lint-ignore no-explicit-any -- The clients have types of their own for values.
  unsafe(text: string, values?: any[], options?: any): PromiseLike<unknown>;
}

/**
 * A client of PostgreSQL, by its shape: a pool of pg, `sql` of postgres.js and of Bun, PGlite, and the transactions of each
 * of them.
 */
export type PostgresClient = QueryClient | UnsafeClient;

/** What LISTEN runs on: postgres.js, Bun and PGlite as they are, or a pool of pg, of which one client is taken. */
export type PostgresListener = ListeningClient | ListeningPool;

/** A client that listens by itself. */
export interface ListeningClient {
  /** Calls a function with each payload that comes by a channel. */
  // deno-lint-ignore no-explicit-any -- postgres.js has a third parameter that PGlite takes for something else.
  listen(channel: string, notify: (payload: string) => void, ...rest: any[]): PromiseLike<unknown>;
}

/** A pool of pg. */
export interface ListeningPool {
  /** Takes a client. */
  connect(): PromiseLike<ListeningPoolClient>;
}

/** A client of pg. */
export interface ListeningPoolClient {
  /** Calls a function when something happens. */
  // deno-lint-ignore no-explicit-any -- Each event has its own arguments.
  on(event: any, listener: (...values: any[]) => void): unknown;
  /** Runs a statement. */
  query(text: string): PromiseLike<unknown>;
  /** Gives the client back, or ends its connection. */
  release(isDestroyed?: boolean): unknown;
}

/** Runs a statement on any client, and returns its rows. */
export async function rowsOf(
  client: PostgresClient,
  text: string,
  { values, prepare }: { readonly values: readonly unknown[]; readonly prepare: boolean },
): Promise<unknown[]> {
  const list = [...values];
  if ("unsafe" in client) return await client.unsafe(text, list, { prepare }) as unknown[];
  // PGlite has `exec`, and refuses the form with a name.
  if (!prepare || "exec" in client) return (await client.query(text, list)).rows;
  const named = { name: nameFor(text), text, values: list } as unknown as string;
  return (await client.query(named)).rows;
}

const names = new Map<string, string>();

/** A name for a statement. pg refuses one name for two texts, so it is made of the text. */
function nameFor(text: string): string {
  let name = names.get(text);
  if (name !== undefined) return name;
  let [low, high] = [0x811c9dc5, 0x01000193];
  for (let index = 0; index < text.length; index++) {
    low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    high = Math.imul(high + text.charCodeAt(index), 0x85ebca6b) ^ high >>> 13;
  }
  name = `cq_${(low >>> 0).toString(36)}_${(high >>> 0).toString(36)}`;
  names.set(text, name);
  return name;
}

/** What only a person can heal, by the code of the server or by what the client says, and the way out. */
const HOPELESS: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^(?:42P01|3F000)$/, "Call setup() once, or make it in your migrations"],
  [/^42703$/, "The tables are older than this version: call setup(), or run schemaSql({ from })"],
  [/^(?:28P01|28000)$/, "Check the user and the password"],
  [/^3D000$/, "Check the name of the database"],
  [/^42501$/, "Grant the user select, insert, update and delete on the tables"],
  [/^25006$/, "Connect to the primary: a standby cannot be written"],
  [/^CONNECTION_ENDED$|after calling end on the pool|is closed$/, "Dispose the queue before the client is closed"],
];

/**
 * Says the way out of what only a person can heal.
 *
 * @param error What a client has thrown.
 * @param what What cannot be done.
 * @returns The error that says so; `undefined` where trying again may help.
 */
export function explainPostgres(error: unknown, what: string): Error | undefined {
  const { code, errno, message } = error as { code?: unknown; errno?: unknown; message?: unknown };
  const found = HOPELESS.find(([pattern]) => [code, errno, message].some((text) => pattern.test(String(text))));
  return found && new Error(`Cannot ${what}: ${message}. ${found[1]}`, { cause: error });
}
