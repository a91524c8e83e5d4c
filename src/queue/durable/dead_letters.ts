import type { MessageCodec } from "../../codec.ts";
import type { DeadLetterSelection, DeadLetterStore, StoredDeadLetter } from "./queue_driver.ts";

/**
 * A message that was given up.
 *
 * @typeParam T The messages of the queue.
 */
export interface DeadLetter<T> {
  /** The id of its envelope. */
  readonly id: string;
  /** The name of its envelope. */
  readonly name: string;
  /** Its body, as it was sent. */
  readonly body: string;
  /** The message; left out where it cannot be decoded. */
  readonly message?: T | undefined;
  /** Why it was given up. */
  readonly reason: string;
  /** How often it was delivered. */
  readonly attempt: number;
  /** When it was given up. */
  readonly at: Date;
}

/**
 * The dead letters of a queue.
 *
 * @typeParam T The messages of the queue.
 */
export interface DeadLetters<T> {
  /** Lists them, the oldest first: all of them, or as many as `limit` says. */
  list(options?: { readonly limit?: number | undefined }): AsyncIterable<DeadLetter<T>>;
  /**
   * Puts them back into the queue, behind all others, with the ids that they have. Their attempts start at 1 again.
   *
   * @returns How many.
   */
  replay(options?: DeadLetterSelection): Promise<number>;
  /**
   * Deletes them.
   *
   * @returns How many.
   */
  purge(options?: Pick<DeadLetterSelection, "ids">): Promise<number>;
}

/** What {@linkcode deadLettersOf} needs of a queue. */
export interface DeadLettersPlan<T> {
  readonly store: () => DeadLetterStore;
  readonly codec: MessageCodec<T>;
  readonly explained: (error: unknown) => unknown;
  /** Is told that there is something to receive. */
  readonly wake: () => void;
}

/**
 * Makes the dead letters of a queue from those of its driver.
 *
 * @typeParam T The messages of the queue.
 * @param plan The queue.
 * @returns The dead letters.
 */
export function deadLettersOf<T>({ store, codec, explained, wake }: DeadLettersPlan<T>): DeadLetters<T> {
  async function explaining<R>(work: () => PromiseLike<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      throw explained(error);
    }
  }
  return {
    list: async function* listDeadLetters({ limit } = {}) {
      try {
        for await (const stored of store().list({ limit: limitOf(limit) })) yield await letterOf(stored, codec);
      } catch (error) {
        throw explained(error);
      }
    },
    replay: async function replayDeadLetters({ ids, limit } = {}) {
      const count = await explaining(async () => await store().replay({ ids, limit: limitOf(limit) }));
      wake();
      return count;
    },
    purge: ({ ids } = {}) => explaining(async () => await store().purge({ ids })),
  };
}

function limitOf(limit: number | undefined): number | undefined {
  if (limit === undefined || Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new RangeError(`Cannot read ${limit} dead letters: must be a whole number from 0`);
}

async function letterOf<T>(stored: StoredDeadLetter, codec: MessageCodec<T>): Promise<DeadLetter<T>> {
  const { envelope, reason, attempt, at } = stored;
  const { id, name, body } = envelope;
  const letter = { id, name, body, reason, attempt, at };
  try {
    return { ...letter, message: await codec.decode(envelope) };
  } catch {
    return letter;
  }
}
