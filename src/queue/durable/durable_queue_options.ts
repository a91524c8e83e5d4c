import type { BackoffOptions } from "../../internal/backoff.ts";
import type { MessageCodec } from "../../codec.ts";
import type { DeadLetter } from "./dead_letters.ts";
import type { QueueFailure } from "./failures.ts";

/**
 * How a {@linkcode DurableQueue} treats its messages.
 *
 * @typeParam T The messages.
 */
export interface DurableQueueOptions<T> {
  /** The name of the queue: letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  /** Makes envelopes of messages and messages of envelopes: a catalogue, or `jsonCodec()` for plain data. */
  readonly codec: MessageCodec<T>;
  /**
   * How often a message is delivered before it is given up. `Infinity` never gives up.
   *
   * @default {5}
   */
  readonly maxAttempts?: number | undefined;
  /**
   * How long a message belongs to a consumer that does not answer, in milliseconds. A process that lives prolongs it: a
   * handler may take longer. After a crash the message is delivered again when it is over.
   *
   * @default {30_000}
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long a message waits after a nack without a delay.
   *
   * @default {{ delay: 1_000, factor: 2, maxDelay: 300_000, jitter: true }}
   */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * How many messages are fetched ahead of those that consumers wait for. They belong to this process meanwhile.
   *
   * @default {10}
   */
  readonly prefetch?: number | undefined;
  /**
   * How often the server is asked where nothing tells of new messages, in milliseconds.
   *
   * @default {1_000}
   */
  readonly pollMs?: number | undefined;
  /**
   * Whether an ack resolves when the server has confirmed it, or at once. With `"behind"` it is many times as fast, and a
   * crash delivers the last few messages again.
   *
   * @default {"awaited"}
   */
  readonly acks?: "awaited" | "behind" | undefined;
  /**
   * How many bytes the body of a message may have.
   *
   * @default {1_048_576}
   */
  readonly maxBytes?: number | undefined;
  /**
   * How long a message waits whose name or version the codec does not know, in milliseconds. It is tried for an hour, and
   * its attempts do not count.
   *
   * @default {30_000}
   */
  readonly unknownDelayMs?: number | undefined;
  /**
   * Is told of what fails while no caller waits for it: the server does not answer, a message cannot be decoded. The queue
   * goes on by itself where `willRetry` says so.
   */
  readonly onError?: ((error: unknown, failure: QueueFailure) => unknown) | undefined;
  /** Is told of each message that is given up. The queue keeps it with its dead letters. */
  readonly onDead?: ((letter: DeadLetter<T>) => unknown) | undefined;
}

/** The options, each with its value. */
export type Settings<T> =
  & {
    readonly [O in keyof Omit<DurableQueueOptions<T>, "onError" | "onDead">]-?: Exclude<
      DurableQueueOptions<T>[O],
      undefined
    >;
  }
  & Pick<DurableQueueOptions<T>, "onError" | "onDead">;

const BACKOFF: BackoffOptions = { delay: 1_000, factor: 2, maxDelay: 300_000, jitter: true };

/**
 * Gives each option its value.
 *
 * @param options What the user has said.
 * @returns All options.
 * @throws {RangeError} If one is out of its range.
 */
export function settingsOf<T>(options: DurableQueueOptions<T>): Settings<T> {
  const { name, codec, maxAttempts = 5, leaseMs = 30_000, prefetch = 10, pollMs = 1_000 } = options;
  const { maxBytes = 1_048_576, unknownDelayMs = 30_000, acks = "awaited", backoff = BACKOFF } = options;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    const rule = 'must have 1 to 64 letters, digits, "_" and "-"';
    throw new RangeError(`Cannot make a queue with the name ${JSON.stringify(name)}: ${rule}`);
  }
  const counts = { maxAttempts, leaseMs, prefetch, pollMs, maxBytes, unknownDelayMs };
  for (const [option, value] of Object.entries(counts)) {
    const least = option === "prefetch" ? 0 : 1;
    if (Number.isSafeInteger(value) && value >= least || option === "maxAttempts" && value === Infinity) continue;
    const rule = `must be a whole number from ${least}${option === "maxAttempts" ? ", or Infinity" : ""}`;
    throw new RangeError(`Cannot make the queue "${name}" with ${option}: ${value}: ${rule}`);
  }
  return { ...counts, name, codec, acks, backoff, onError: options.onError, onDead: options.onDead };
}
