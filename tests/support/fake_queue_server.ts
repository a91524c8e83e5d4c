import type { Envelope } from "@cq/core/wire";
import type {
  Burial,
  DeadLetterSelection,
  Outgoing,
  QueueStats,
  Received,
  Retry,
  StoredDeadLetter,
} from "@cq/core/queue/durable";

/** A message on the server. */
interface Row {
  readonly seq: number;
  readonly envelope: Envelope;
  readonly sentAt: number;
  due: number;
  attempt: number;
  /** Counts how often the message was taken: what an older holder says of it does nothing. */
  fence: number;
  /** When the lease ends; `undefined` where no consumer holds the message. */
  lease: number | undefined;
  holder: unknown;
  unknownSince: number | undefined;
}

/** What the drivers of this server know a message by. */
export interface FakeReceived extends Received {
  readonly seq: number;
  readonly fence: number;
}

/** A server in memory, with leases. It keeps to the rules of a database, and any number of drivers may use it. */
export class FakeQueueServer {
  readonly dead: StoredDeadLetter[] = [];
  /** Errors of calls, while the server is away. */
  isDown = false;
  readonly #rows: Row[] = [];
  readonly #ids = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #sequence = 0;

  get size(): number {
    return this.#rows.length;
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  publish(messages: readonly Outgoing[]): void {
    for (const { envelope, delayMs } of messages) {
      if (this.#ids.has(envelope.id)) continue;
      this.#ids.add(envelope.id);
      this.#insert(envelope, delayMs);
    }
    this.notify();
  }

  claim(limit: number, { holder, leaseMs }: { holder: unknown; leaseMs: number }): FakeReceived[] {
    const now = Date.now();
    const isFree = (row: Row) => row.due <= now && (row.lease === undefined || row.lease < now);
    const isFirst = (row: Row) =>
      row.envelope.key === undefined ||
      !this.#rows.some((other) => other.envelope.key === row.envelope.key && other.seq < row.seq);
    const rows = this.#rows.filter((row) => isFree(row) && isFirst(row)).sort((a, b) => a.due - b.due || a.seq - b.seq);
    return rows.slice(0, limit).map((row) => {
      const wasLost = row.lease !== undefined;
      Object.assign(row, { lease: now + leaseMs, holder, attempt: row.attempt + 1, fence: row.fence + 1 });
      const { seq, envelope, attempt, fence, unknownSince } = row;
      return { seq, envelope, attempt, fence, wasLost, unknownSince, sentAt: new Date(row.sentAt) };
    });
  }

  ack(messages: readonly FakeReceived[]): void {
    for (const message of messages) this.#remove(this.#find(message));
    this.notify();
  }

  retry(retries: readonly Retry<FakeReceived>[]): void {
    for (const { received, delayMs, unknownSince } of retries) {
      const row = this.#find(received);
      if (row === undefined) continue;
      Object.assign(row, { lease: undefined, due: Date.now() + delayMs });
      if (unknownSince !== undefined) Object.assign(row, { unknownSince, attempt: row.attempt - 1 });
    }
    this.notify();
  }

  giveBack(messages: readonly FakeReceived[]): void {
    for (const message of messages) {
      const row = this.#find(message);
      if (row !== undefined) Object.assign(row, { lease: undefined, attempt: row.attempt - 1 });
    }
    this.notify();
  }

  bury(burials: readonly Burial<FakeReceived>[]): void {
    for (const { received, reason } of burials) {
      const row = this.#find(received);
      if (row === undefined) continue;
      this.#remove(row);
      this.dead.push({ envelope: row.envelope, reason, attempt: row.attempt, at: new Date() });
    }
    this.notify();
  }

  renew(messages: readonly FakeReceived[], leaseMs: number): FakeReceived[] {
    return messages.filter((message) => {
      const row = this.#find(message);
      if (row !== undefined) row.lease = Date.now() + leaseMs;
      return row === undefined;
    });
  }

  /** Ends the leases of a holder at once, as a broker does when a connection is lost. */
  release(holder: unknown): void {
    for (const row of this.#rows) {
      if (row.holder === holder && row.lease !== undefined) row.lease = -1;
    }
    this.notify();
  }

  replay({ ids, limit = Infinity }: DeadLetterSelection): number {
    const letters = this.dead.filter(({ envelope }) => ids?.includes(envelope.id) ?? true).slice(0, limit);
    for (const letter of letters) {
      this.dead.splice(this.dead.indexOf(letter), 1);
      this.#insert(letter.envelope, 0);
    }
    this.notify();
    return letters.length;
  }

  purge({ ids }: DeadLetterSelection): number {
    const letters = this.dead.filter(({ envelope }) => ids?.includes(envelope.id) ?? true);
    for (const letter of letters) this.dead.splice(this.dead.indexOf(letter), 1);
    return letters.length;
  }

  stats(): QueueStats {
    const now = Date.now();
    const held = this.#rows.filter(({ lease }) => lease !== undefined && lease >= now);
    const free = this.#rows.filter((row) => !held.includes(row));
    const delayed = free.filter(({ due }) => due > now);
    const waiting = free.filter(({ due }) => due <= now);
    return {
      waiting: waiting.length,
      delayed: delayed.length,
      held: held.length,
      dead: this.dead.length,
      oldestMs: waiting.length === 0 ? undefined : now - Math.min(...waiting.map(({ sentAt }) => sentAt)),
    };
  }

  /** When the next message is due that no consumer can have yet. */
  nextDueMs(): number | undefined {
    const now = Date.now();
    const dues = this.#rows.filter(({ due }) => due > now).map(({ due }) => due - now);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  #insert(envelope: Envelope, delayMs: number): void {
    const now = Date.now();
    const seq = ++this.#sequence;
    const due = now + delayMs;
    this.#rows.push({
      ...{ seq, envelope, sentAt: now, due, attempt: 0, fence: 0 },
      ...{ lease: undefined, holder: undefined, unknownSince: undefined },
    });
  }

  #find({ seq, fence }: FakeReceived): Row | undefined {
    return this.#rows.find((row) => row.seq === seq && row.fence === fence && row.lease !== undefined);
  }

  #remove(row: Row | undefined): void {
    if (row !== undefined) this.#rows.splice(this.#rows.indexOf(row), 1);
  }
}
