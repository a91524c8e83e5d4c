import { backoff } from "../../internal/backoff.ts";
import { sleep } from "../../internal/delay.ts";
import { reasonOf } from "../../naming.ts";

/** What a queue was doing when something failed. */
export interface QueueFailure {
  /** The name of the queue. */
  readonly queue: string;
  /** What failed. `listen` is what the driver does of its own accord; `onDead` is the user's function. */
  readonly action: "receive" | "ack" | "retry" | "give back" | "bury" | "renew" | "listen" | "decode" | "onDead";
  /** Whether the queue tries it again by itself. */
  readonly willRetry: boolean;
}

/** What {@linkcode Failures} are told of. */
export interface FailuresOptions {
  readonly name: string;
  readonly explain: ((error: unknown) => Error | undefined) | undefined;
  readonly onError: ((error: unknown, failure: QueueFailure) => unknown) | undefined;
}

const delayAfter = backoff({ delay: 100, factor: 2, maxDelay: 5_000, jitter: true }, "insist");

/** Decides what a failure of the server means, and tells the user. */
export class Failures {
  readonly #options: FailuresOptions;
  readonly #ending = new AbortController();

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  /** Ends the waits: what fails from now on is not tried again. */
  end(): void {
    this.#ending.abort();
  }

  /** Makes of an error what the caller of the queue gets. */
  explained(error: unknown): unknown {
    return this.#options.explain?.(error) ?? error;
  }

  /**
   * Waits until it is time to try again. It resolves to whether to do so: not when the queue is disposed. It rejects with
   * the error to end with where trying again cannot help.
   */
  async again(action: QueueFailure["action"], error: unknown, attempt: number): Promise<boolean> {
    const final = this.#options.explain?.(error);
    const { signal } = this.#ending;
    this.report(action, error, final === undefined && !signal.aborted);
    if (final !== undefined) throw final;
    await sleep(delayAfter(error, attempt), signal).catch(() => {});
    return !signal.aborted;
  }

  /** Tells the user. What `onError` throws is an unhandled rejection: the queue has no one else to tell. */
  async report(action: QueueFailure["action"], error: unknown, willRetry: boolean): Promise<void> {
    await this.#options.onError?.(error, { queue: this.#options.name, action, willRetry });
  }
}

/** How many causes of an error are told. */
const MAX_CAUSES = 5;
const MAX_REASON = 10_000;

/**
 * Puts the reason of a nack into words that can be stored. A stack is left out: it may hold secrets.
 *
 * @param reason The reason, which may be anything.
 * @returns The words, without characters that databases refuse.
 */
export function reasonText(reason: unknown): string {
  const text = wordsOf(reason);
  // Half a character cannot be stored, either.
  return text.slice(0, MAX_REASON).replace(/[\0\p{Surrogate}]/gu, "");
}

function wordsOf(reason: unknown): string {
  if (reason === undefined) return "no reason was given";
  if (typeof reason === "string") return reason;
  try {
    if (!(reason instanceof Error)) return JSON.stringify(reason) ?? String(reason);
    let text = `${reason.name}: ${reason.message}`;
    let { cause } = reason;
    for (let count = 0; cause !== undefined && count < MAX_CAUSES; count++) {
      text += `; caused by ${cause instanceof Error ? `${cause.name}: ${cause.message}` : reasonOf(cause)}`;
      cause = cause instanceof Error ? cause.cause : undefined;
    }
    return text;
  } catch {
    return reasonOf(reason);
  }
}
