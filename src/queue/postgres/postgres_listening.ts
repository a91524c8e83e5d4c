import { backoff } from "../../internal/backoff.ts";
import { sleep } from "../../internal/delay.ts";
import type { ListeningPool, PostgresListener } from "./postgres_client.ts";

/** What hears of notifications. */
export interface ListeningHost {
  readonly listener: PostgresListener;
  readonly channel: string;
  /** Is told of each payload; `undefined` where one may have been missed. */
  heard(payload: string | undefined): void;
  /** Is told that listening has failed. It goes on by itself. */
  failed(error: unknown): void;
}

const delayAfter = backoff({ delay: 100, factor: 2, maxDelay: 5_000, jitter: true }, "listen");

/**
 * Listens to a channel until the signal fires, through connections that are lost.
 *
 * @param host Who hears of it.
 * @param signal Ends it.
 */
export async function keepListening(host: ListeningHost, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      if ("connect" in host.listener && !("listen" in host.listener)) await listenOnPool(host.listener, host, signal);
      else return await listenOnClient(host, signal);
    } catch (error) {
      if (signal.aborted) return;
      host.failed(error);
      await sleep(delayAfter(error, attempt), signal).catch(() => {});
    }
  }
}

/** Clients that listen by themselves come back by themselves. */
async function listenOnClient({ listener, channel, heard }: ListeningHost, signal: AbortSignal): Promise<void> {
  if (!("listen" in listener)) return;
  // The third parameter of PGlite is a transaction.
  const rest = "exec" in listener ? [] : [() => heard(undefined)];
  const listening = await listener.listen(channel, heard, ...rest) as (() => unknown) | { unlisten(): unknown };
  const stop = async () => {
    try {
      await (typeof listening === "function" ? listening() : listening.unlisten());
    } catch {
      // The connection has ended, and the listening with it.
    }
  };
  heard(undefined);
  if (signal.aborted) await stop();
  else signal.addEventListener("abort", stop);
}

/** A client of pg does not come back: another one is taken. */
async function listenOnPool(pool: ListeningPool, host: ListeningHost, signal: AbortSignal): Promise<void> {
  const client = await pool.connect();
  try {
    await new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => resolve());
      client.on("error", reject);
      client.on("end", () => reject(new Error(`Cannot listen to "${host.channel}": the connection has ended`)));
      client.on("notification", ({ payload }: { payload?: string }) => host.heard(payload));
      const listening = client.query(`listen "${host.channel}"`);
      listening.then(() => signal.aborted ? resolve() : host.heard(undefined), reject);
    });
  } finally {
    client.release(true);
  }
}
