/**
 * A driver of your own: a queue in a directory, one file a message. It shows all that a driver has to do, and is neither
 * fast nor meant for production. `@cq/core/queue/sqlite` is the same in one file.
 *
 * @module
 */

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  Burial,
  DeadLetterSelection,
  DeadLetterStore,
  Envelope,
  Outgoing,
  QueueDriver,
  QueueStats,
  Received,
  ReceiveRequest,
  ReceiveResult,
  Retry,
  StoredDeadLetter,
} from "@cq/core/queue/durable";

/** What the file of a message holds. */
interface Stored {
  readonly envelope: Envelope;
  readonly sent: number;
  readonly due: number;
  readonly attempt: number;
  /** Counts how often the message was taken, so that an old answer does nothing. */
  readonly fence: number;
  /** When the lease ends; left out where no consumer has the message. */
  readonly lease?: number | undefined;
  readonly unknownSince?: number | undefined;
}

/** What the file of a dead letter holds. */
interface StoredDead extends Omit<StoredDeadLetter, "at"> {
  readonly at: number;
}

/** A message with what the driver needs to find it again. */
interface FileReceived extends Received {
  readonly file: string;
  readonly fence: number;
}

/** A process that holds the lock for longer than this has died. */
const LOCK_LIMIT_MS = 5_000;

/** Keeps messages as files. The names of the files are their order. */
export class DirectoryDriver implements QueueDriver<FileReceived> {
  readonly hasDelays = true;
  readonly dead: DeadLetterStore = {
    list: (selection) => this.#listDead(selection),
    replay: (selection) => this.#eachDead(selection, ({ envelope }) => this.#add({ envelope, delayMs: 0 })),
    purge: (selection) => this.#eachDead(selection, () => Promise.resolve()),
  };
  readonly #messages: string;
  readonly #dead: string;
  readonly #lock: string;
  #count = 0;

  /** @param directory Where the files are. It is made where there is none. */
  constructor(directory: string) {
    this.#messages = join(directory, "messages");
    this.#dead = join(directory, "dead");
    this.#lock = join(directory, "lock");
  }

  publish(messages: readonly Outgoing[]): Promise<void> {
    return this.#locked(async () => {
      for (const message of messages) await this.#add(message);
    });
  }

  receive({ limit, leaseMs }: ReceiveRequest): Promise<ReceiveResult<FileReceived>> {
    return this.#locked(async () => {
      const now = Date.now();
      const messages: FileReceived[] = [];
      let nextDue = Infinity;
      for (const file of await filesIn(this.#messages)) {
        if (messages.length === limit) break;
        const stored = await read<Stored>(file);
        if (stored.due > now) nextDue = Math.min(nextDue, stored.due);
        if (stored.due > now || (stored.lease ?? 0) > now) continue;
        const { envelope, unknownSince, sent } = stored;
        const [attempt, fence] = [stored.attempt + 1, stored.fence + 1];
        await write(file, { ...stored, attempt, fence, lease: now + leaseMs });
        const wasLost = stored.lease !== undefined;
        messages.push({ file, fence, envelope, attempt, wasLost, unknownSince, sentAt: new Date(sent) });
      }
      return { messages, idleMs: nextDue - now };
    });
  }

  ack(messages: readonly FileReceived[]): Promise<void> {
    return this.#locked(async () => {
      for (const { file } of await this.#held(messages)) await rm(file);
    });
  }

  retry(retries: readonly Retry<FileReceived>[]): Promise<void> {
    return this.#locked(async () => {
      for (const { received, delayMs, unknownSince } of retries) {
        for (const { file, stored } of await this.#held([received])) {
          const attempt = stored.attempt - (unknownSince === undefined ? 0 : 1);
          await write(file, { ...stored, attempt, unknownSince, lease: undefined, due: Date.now() + delayMs });
        }
      }
    });
  }

  giveBack(messages: readonly FileReceived[]): Promise<void> {
    return this.#locked(async () => {
      for (const { file, stored } of await this.#held(messages)) {
        await write(file, { ...stored, attempt: stored.attempt - 1, lease: undefined });
      }
    });
  }

  bury(burials: readonly Burial<FileReceived>[]): Promise<void> {
    return this.#locked(async () => {
      for (const { received, reason } of burials) {
        for (const { file, stored: { envelope, attempt } } of await this.#held([received])) {
          // First the copy: a crash in between makes two of one, and never none.
          await write(join(this.#dead, this.#nextName()), { envelope, attempt, reason, at: Date.now() });
          await rm(file);
        }
      }
    });
  }

  renew(messages: readonly FileReceived[], leaseMs: number): Promise<FileReceived[]> {
    return this.#locked(async () => {
      const held = await this.#held(messages);
      for (const { file, stored } of held) await write(file, { ...stored, lease: Date.now() + leaseMs });
      return messages.filter(({ file }) => !held.some((other) => other.file === file));
    });
  }

  stats(): Promise<QueueStats> {
    return this.#locked(async () => {
      const now = Date.now();
      const all = await Promise.all((await filesIn(this.#messages)).map((file) => read<Stored>(file)));
      const held = all.filter(({ lease = 0 }) => lease > now);
      const delayed = all.filter(({ lease = 0, due }) => lease <= now && due > now);
      const waiting = all.filter(({ lease = 0, due }) => lease <= now && due <= now);
      return {
        waiting: waiting.length,
        delayed: delayed.length,
        held: held.length,
        dead: (await filesIn(this.#dead)).length,
        oldestMs: waiting.length === 0 ? undefined : now - Math.min(...waiting.map(({ sent }) => sent)),
      };
    });
  }

  async ping(): Promise<void> {
    await stat(this.#messages);
  }

  /** What only a person can heal: there is no right to write. */
  explain(error: unknown): Error | undefined {
    if (!["EACCES", "EROFS", "ENOTDIR"].includes((error as { code?: string }).code ?? "")) return undefined;
    return new Error(`Cannot write to "${this.#messages}": ${(error as Error).message}`, { cause: error });
  }

  async #add({ envelope, delayMs }: Outgoing): Promise<void> {
    const now = Date.now();
    await write(join(this.#messages, this.#nextName()), {
      envelope,
      sent: now,
      due: now + delayMs,
      attempt: 0,
      fence: 0,
    });
  }

  /** Finds those of the messages that are still this process's. */
  async #held(messages: readonly FileReceived[]): Promise<{ file: string; stored: Stored }[]> {
    const held: { file: string; stored: Stored }[] = [];
    for (const { file, fence } of messages) {
      const stored = await read<Stored>(file).catch(() => undefined);
      if (stored?.fence === fence && stored.lease !== undefined) held.push({ file, stored });
    }
    return held;
  }

  async *#listDead({ limit }: DeadLetterSelection): AsyncGenerator<StoredDeadLetter> {
    for (const file of (await filesIn(this.#dead)).slice(0, limit)) {
      const { at, ...letter } = await read<StoredDead>(file);
      yield { ...letter, at: new Date(at) };
    }
  }

  #eachDead({ ids, limit }: DeadLetterSelection, act: (letter: StoredDead) => Promise<void>): Promise<number> {
    return this.#locked(async () => {
      let count = 0;
      for (const file of await filesIn(this.#dead)) {
        const letter = await read<StoredDead>(file);
        if (count === limit || ids !== undefined && !ids.includes(letter.envelope.id)) continue;
        await act(letter);
        await rm(file);
        count++;
      }
      return count;
    });
  }

  /** A name behind all others of this process, and behind older ones of other processes. */
  #nextName(): string {
    return `${Date.now()}-${String(++this.#count).padStart(9, "0")}-${crypto.randomUUID().slice(0, 8)}.json`;
  }

  /** Does work while no other process does. */
  async #locked<R>(work: () => Promise<R>): Promise<R> {
    await Promise.all([this.#messages, this.#dead].map((folder) => mkdir(folder, { recursive: true })));
    // A directory can be made once only: the process that makes it has the lock.
    while (!await mkdir(this.#lock).then(() => true, () => false)) {
      const age = Date.now() - await stat(this.#lock).then(({ mtimeMs }) => mtimeMs, () => Date.now());
      if (age > LOCK_LIMIT_MS) await rm(this.#lock, { recursive: true, force: true });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    try {
      return await work();
    } finally {
      await rm(this.#lock, { recursive: true, force: true });
    }
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".json")).sort().map((name) => join(folder, name));
}

async function read<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, "utf8"));
}

/** Replaces a file at one go: a crash leaves the old one or the new one. */
async function write(file: string, content: Stored | StoredDead): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(content));
  await rename(`${file}.new`, file);
}
