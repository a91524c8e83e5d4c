// A database with transactions, and a queue in it, which are as small as tests of transactions need them. Each call is a
// step, which is logged, and which a test can have fail or wait.

import type { Consumer, Delivery, NackOptions, Producer, SendOptions } from "@cq/core";
import { InjectionToken } from "@cq/core";
import type { Inbox, Outbox } from "@cq/core/middlewares";

/** A message in the table of a queue. */
interface Row {
  readonly id: number;
  readonly queue: string;
  readonly message: object;
  readonly options: SendOptions;
  attempt: number;
  isHeld: boolean;
}

export const TX: InjectionToken<FakeTx> = new InjectionToken("TX");

/** A transaction: its writes are there once it has committed. */
export class FakeTx {
  readonly writes: (() => void)[] = [];
  /** What has to hold at the commit still, as a lock would keep it. */
  readonly checks: (() => void)[] = [];
  readonly #database: FakeDatabase;
  isOpen = true;

  constructor(database: FakeDatabase) {
    this.#database = database;
  }

  /** Adds a row to the state, at the commit. */
  async write(row: string): Promise<void> {
    await this.run("write", () => void this.#database.rows.push(row));
  }

  async run(step: string, write: () => void): Promise<void> {
    await this.#database.step(step);
    if (!this.isOpen) throw new Error(`The transaction has ended before "${step}"`);
    this.writes.push(write);
  }
}

export class FakeDatabase {
  /** The state. */
  readonly rows: string[] = [];
  /** What has been done, in its order. */
  readonly log: string[] = [];
  /** What a step fails with, which it does every time. */
  readonly failing: Record<string, unknown> = {};
  /** What a step waits for. */
  readonly waiting: Record<string, Promise<unknown>> = {};
  messages: Row[] = [];
  readonly sentIds: Set<string> = new Set();
  ids = 0;

  /** What the queues hold. */
  get stored(): object[] {
    return this.messages.map(({ message }) => message);
  }

  async step(name: string): Promise<void> {
    this.log.push(name);
    await this.waiting[name];
    if (name in this.failing) throw this.failing[name];
  }

  /** The function that clients have for their transactions. */
  readonly begin = async (work: (tx: FakeTx) => Promise<void>): Promise<void> => {
    await this.step("begin");
    const tx = new FakeTx(this);
    try {
      await work(tx);
    } catch (error) {
      tx.isOpen = false;
      await this.step("rollback");
      throw error;
    }
    tx.isOpen = false;
    await this.step("commit");
    for (const check of tx.checks) check();
    for (const write of tx.writes) write();
  };
}

/** A queue in the database, which is an outbox and an inbox. */
export class FakeQueue<T extends object> implements Producer<T>, Consumer<T>, Outbox<FakeTx>, Inbox<FakeTx> {
  readonly #database: FakeDatabase;
  readonly #name: string;
  readonly #knows: (message: object) => boolean;
  readonly #rows = new WeakMap<Delivery<unknown>, Row>();
  readonly #settled = new WeakSet<Delivery<unknown>>();

  constructor(database: FakeDatabase, { name = "queue", knows = () => true }: {
    name?: string;
    knows?: (message: object) => boolean;
  } = {}) {
    this.#database = database;
    this.#name = name;
    this.#knows = knows;
  }

  readonly send = async (message: T, options: SendOptions = {}): Promise<void> => {
    await this.#database.step("send");
    if (options.id !== undefined && this.#database.sentIds.has(options.id)) return;
    if (options.id !== undefined) this.#database.sentIds.add(options.id);
    this.#insert(message, options);
  };

  within(tx: FakeTx): Producer<never> {
    return {
      send: async (message: object, options: SendOptions = {}) => {
        if (!this.#knows(message)) throw new TypeError(`The codec does not know "${message.constructor.name}"`);
        await tx.run("store", () => this.#insert(message, options));
      },
    };
  }

  committed(): void {
    this.#database.log.push("committed");
  }

  async ackWithin(tx: FakeTx, delivery: Delivery<unknown>): Promise<void> {
    const row = this.#rows.get(delivery);
    if (row === undefined) throw new TypeError("Cannot ack a delivery of another queue");
    const { attempt } = delivery;
    const requireHeld = () => {
      if (!this.#isOf(row, attempt)) throw new Error("The delivery is not this consumer's any more");
    };
    requireHeld();
    await tx.run("ack within", () => this.#delete(row, attempt));
    requireHeld();
    tx.checks.push(requireHeld);
  }

  settled(delivery: Delivery<unknown>): void {
    this.#database.log.push("settled");
    this.#settled.add(delivery);
  }

  /** Gives a message that is held to another consumer, as after a lost lease. */
  takeAway(message: object): void {
    const row = this.#database.messages.find((row) => row.message === message)!;
    row.attempt++;
  }

  /** Hands out what waits, and ends when nothing does. What is held stays so until it is nacked, or freed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Delivery<T>, void> {
    for (;;) {
      await this.#database.step("receive");
      const row = this.#database.messages.find(({ queue, isHeld }) => queue === this.#name && !isHeld);
      if (row === undefined) return;
      row.isHeld = true;
      row.attempt++;
      yield this.#deliver(row);
    }
  }

  #insert(message: object, options: SendOptions): void {
    const id = ++this.#database.ids;
    this.#database.messages.push({ id, queue: this.#name, message, options, attempt: 0, isHeld: false });
  }

  #isOf(row: Row, attempt: number): boolean {
    return row.isHeld && row.attempt === attempt && this.#database.messages.includes(row);
  }

  /** The fence: an answer to an earlier attempt does nothing. */
  #delete(row: Row, attempt: number): void {
    if (this.#isOf(row, attempt)) this.#database.messages = this.#database.messages.filter((other) => other !== row);
  }

  #deliver(row: Row): Delivery<T> {
    const { message, attempt, options: { metadata, key } } = row;
    const delivery: Delivery<T> = {
      message: message as T,
      attempt,
      metadata,
      key,
      id: String(row.id),
      ack: async () => {
        if (this.#settled.has(delivery)) return;
        await this.#database.step("ack");
        this.#delete(row, attempt);
      },
      nack: async (_options?: NackOptions) => {
        if (this.#settled.has(delivery)) return;
        await this.#database.step("nack");
        if (this.#isOf(row, attempt)) row.isHeld = false;
      },
    };
    this.#rows.set(delivery, row);
    return delivery;
  }
}
