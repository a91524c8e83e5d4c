import { type Delivery, type NackOptions, type Queue, QueueClosedError, type SendOptions } from "@cq/core";
import type { TestMessage } from "@cq/core/testing";
import type { TestConsumer } from "./wrapped_queue.ts";

/** A message in a {@linkcode Store}. What cannot be decoded has none. */
interface Row {
  readonly message: TestMessage | undefined;
  readonly id: string | undefined;
  attempt: number;
  /** The delivery that has the message, as long as its lease lasts. */
  holder: object | undefined;
  leasedUntil: number;
}

/** What several queues share, as the tables of a database. */
export class Store {
  rows: Row[] = [];
  readonly dead: Row[] = [];
  isUp = true;
  /** Settles when the server is there. */
  up: Promise<void> = Promise.resolve();
  restart: () => void = () => {};
  readonly #waiting = new Set<() => void>();

  stop(): void {
    this.isUp = false;
    this.up = new Promise((resolve) => {
      this.restart = () => {
        this.isUp = true;
        resolve();
      };
    });
  }

  /** Waits until something may have changed, or until a time has passed. */
  async changed(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.add(resolve);
      if (ms < Infinity) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A correct queue with leases, ids and dead letters. A subclass can replace parts by others that are not correct. */
export class StoredQueue implements Queue<TestMessage> {
  static readonly LEASE_MS = 30_000;

  readonly store: Store;
  readonly held = new Map<object, Row>();
  #isClosed = false;
  #isDisposed = false;
  #renewal: ReturnType<typeof setInterval> | undefined;

  constructor(store = new Store()) {
    this.store = store;
    this.#renewal = setInterval(() => this.renew(), StoredQueue.LEASE_MS / 3);
  }

  readonly send = async (message: TestMessage, { signal, key, delay, id }: SendOptions = {}): Promise<void> => {
    signal?.throwIfAborted();
    if (key !== undefined || delay !== undefined) throw new RangeError("Cannot send with a key or a delay");
    if (this.#isClosed) throw new QueueClosedError(message);
    await this.store.up;
    if (id === undefined || !this.knows(id)) this.add({ message, id });
  };

  add({ message, id }: { message?: TestMessage; id?: string | undefined }): void {
    this.store.rows.push({ message, id, attempt: 0, holder: undefined, leasedUntil: 0 });
    this.store.wake();
  }

  close(): void {
    this.#isClosed = true;
    this.store.wake();
  }

  cutOff(): void {
    clearInterval(this.#renewal);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.close();
    this.cutOff();
    for (const holder of this.held.keys()) this.#giveBack(holder);
    this.store.wake();
  }

  [Symbol.asyncIterator](): TestConsumer {
    const holders = new Set<object>();
    let hasLeft = false;
    const done = { done: true, value: undefined } as const;
    return {
      next: async () => {
        while (!hasLeft && !this.#isDisposed) {
          await this.waitForServer();
          const row = hasLeft || this.#isDisposed ? undefined : this.store.rows.find((row) => this.isFree(row));
          if (row?.message !== undefined) {
            const holder = {};
            holders.add(holder);
            return { done: false, value: this.#deliver(row, holder) };
          }
          if (row !== undefined) this.bury(row);
          else if (this.#isClosed) return done;
          else await this.store.changed(StoredQueue.LEASE_MS / 3);
        }
        return done;
      },
      return: () => {
        hasLeft = true;
        for (const holder of holders) this.#giveBack(holder);
        this.store.wake();
        return Promise.resolve(done);
      },
    };
  }

  protected waitForServer(): Promise<void> {
    return this.store.up;
  }

  protected knows(id: string): boolean {
    return this.store.rows.some((row) => row.id === id);
  }

  protected isFree({ holder, leasedUntil }: Row): boolean {
    return holder === undefined || leasedUntil <= Date.now();
  }

  protected isHolder(row: Row, holder: object): boolean {
    return row.holder === holder;
  }

  renew(): void {
    for (const [holder, row] of this.held) {
      if (row.holder === holder) row.leasedUntil = Date.now() + StoredQueue.LEASE_MS;
    }
  }

  bury(row: Row): void {
    this.#remove(row);
    this.store.dead.push(row);
  }

  #deliver(row: Row, holder: object): Delivery<TestMessage> {
    row.holder = holder;
    row.leasedUntil = Date.now() + StoredQueue.LEASE_MS;
    row.attempt++;
    this.held.set(holder, row);
    const settle = async (act: () => void) => {
      await this.store.up;
      if (!this.held.delete(holder) || !this.isHolder(row, holder)) return;
      act();
      this.store.wake();
    };
    return {
      message: row.message!,
      attempt: row.attempt,
      id: row.id,
      ack: () => settle(() => this.#remove(row)),
      nack: ({ requeue = true }: NackOptions = {}) =>
        settle(() => {
          row.holder = undefined;
          if (!requeue) this.#remove(row);
        }),
    };
  }

  #giveBack(holder: object): void {
    const row = this.held.get(holder);
    this.held.delete(holder);
    if (row?.holder !== holder) return;
    row.holder = undefined;
    row.attempt--;
  }

  #remove(row: Row): void {
    this.store.rows = this.store.rows.filter((other) => other !== row);
  }
}
