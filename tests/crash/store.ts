/**
 * A database for the tests of crashes: a queue, and a table of effects.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { Delivery } from "@cq/core";
import type { DurableQueue } from "@cq/core/queue/durable";
import { PostgresQueue } from "@cq/core/queue/postgres";
import { SqliteQueue } from "@cq/core/queue/sqlite";
import { jsonCodec } from "@cq/core/wire";

export interface Store {
  readonly queue: DurableQueue<number> & { setup(): Promise<void> };
  /** Writes that a message was handled, on its own. */
  effect(message: number): Promise<void>;
  /** Writes it in one transaction with the ack of its delivery. */
  effectWithAck(delivery: Delivery<number>): Promise<void>;
  /** Which messages were handled, as often as they were. */
  effects(): Promise<number[]>;
  close(): Promise<void>;
}

const OPTIONS = {
  ...{ name: "crash", codec: jsonCodec<number>(), leaseMs: 1_000, prefetch: 20, maxAttempts: 100, pollMs: 100 },
  backoff: { delay: 50 },
};

/** Opens a store by its address: `postgres://…#schema`, or the path of a file. */
export async function openStore(address: string): Promise<Store> {
  return await (address.startsWith("postgres") ? openPostgres(address) : openSqlite(address));
}

async function openPostgres(address: string): Promise<Store> {
  const [connectionString, schema] = address.split("#");
  const pool = new pg.Pool({ connectionString, max: 12 });
  pool.on("error", () => {});
  await pool.query(`create schema if not exists ${schema}`).catch(() => {});
  await pool.query(`create table if not exists ${schema}.effects (message integer)`).catch(() => {});
  const queue = new PostgresQueue<number>(pool, { ...OPTIONS, schema, listener: pool });
  const insert = `insert into ${schema}.effects values ($1)`;
  return {
    queue,
    effect: async (message) => void await pool.query(insert, [message]),
    effectWithAck: async (delivery) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await client.query(insert, [delivery.message]);
        await queue.ackWithin(client, delivery);
        await client.query("commit");
        queue.settled(delivery);
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    },
    effects: async () =>
      (await pool.query(`select message from ${schema}.effects`)).rows.map(({ message }: { message: number }) =>
        message
      ),
    close: async () => {
      await queue[Symbol.asyncDispose]();
      await pool.query(`drop schema ${schema} cascade`);
      await pool.end();
    },
  };
}

function openSqlite(path: string): Promise<Store> {
  const [own, application] = [new DatabaseSync(path), new DatabaseSync(path)];
  for (const database of [own, application]) database.exec("pragma busy_timeout = 5000; pragma journal_mode = wal");
  application.exec("create table if not exists effects (message integer)");
  const queue = new SqliteQueue<number>(own, OPTIONS);
  const insert = application.prepare("insert into effects values (?)");
  // A connection has one transaction at a time.
  let works = Promise.resolve();
  return Promise.resolve({
    queue,
    effect: (message) => Promise.resolve(void insert.run(message)),
    effectWithAck: (delivery) =>
      works = works.catch(() => {}).then(async () => {
        application.exec("begin immediate");
        try {
          insert.run(delivery.message);
          await queue.ackWithin(application, delivery);
          application.exec("commit");
          queue.settled(delivery);
        } catch (error) {
          application.exec("rollback");
          throw error;
        }
      }),
    effects: () =>
      Promise.resolve(application.prepare("select message from effects").all().map(({ message }) => Number(message))),
    close: async () => {
      await queue[Symbol.asyncDispose]();
      own.close();
      application.close();
    },
  });
}
