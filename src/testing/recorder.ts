import type { DispatchOptions } from "../context.ts";
import type { DispatcherFunction } from "../dispatcher.ts";
import type { MessageType } from "../message.ts";
import { isInstanceOf } from "../message_class.ts";

/** One dispatch, as it is kept. */
export interface Recording {
  readonly message: unknown;
  readonly options: DispatchOptions | undefined;
  outcome: PromiseSettledResult<unknown> | undefined;
}

/** A dispatch that nobody has waited for yet. */
interface Entry {
  readonly index: number;
  readonly recording: Recording;
  readonly completed: Promise<unknown>;
}

interface Waiter {
  readonly type: MessageType;
  readonly take: (entry: Entry) => void;
}

type Answer = (message: unknown, options: DispatchOptions | undefined) => unknown;

/** Keeps what is dispatched, tells those who wait for it, and answers in place of a bus. */
export class BusRecorder {
  readonly records: Recording[] = [];
  readonly #dispatch: DispatcherFunction<unknown>;
  /** By the prototype of the message's class. */
  readonly #answers = new Map<object, Answer>();
  /** In the order of the dispatches. */
  readonly #entries: Entry[] = [];
  readonly #waiters = new Set<Waiter>();

  constructor(dispatch: DispatcherFunction<unknown>) {
    this.#dispatch = dispatch;
  }

  dispatch(message: unknown, options: DispatchOptions | undefined): Promise<unknown> {
    const recording: Recording = { message, options, outcome: undefined };
    const index = this.records.push(recording);
    const running = this.#run(message, options);
    const completed = running.then(
      (value) => recording.outcome = { status: "fulfilled", value },
      (reason) => recording.outcome = { status: "rejected", reason },
    );
    this.#offer({ index, recording, completed });
    return running;
  }

  messages(type: MessageType): unknown[] {
    return this.records.map(({ message }) => message).filter((message) => isInstanceOf(message, type));
  }

  next(type: MessageType, signal: AbortSignal | undefined): Promise<Recording> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);

      let taken: Entry | undefined;
      const waiter: Waiter = {
        type,
        take: (entry) => {
          taken = entry;
          entry.completed.then(() => {
            signal?.removeEventListener("abort", abort);
            resolve(entry.recording);
          });
        },
      };
      const abort = () => {
        signal?.removeEventListener("abort", abort);
        this.#waiters.delete(waiter);
        reject(signal?.reason);
        if (taken !== undefined) this.#offer(taken);
      };
      signal?.addEventListener("abort", abort);

      const place = this.#entries.findIndex(({ recording }) => isInstanceOf(recording.message, type));
      if (place < 0) this.#waiters.add(waiter);
      else waiter.take(this.#entries.splice(place, 1)[0]!);
    });
  }

  answer(type: MessageType, answer: Answer): void {
    this.#answers.set(type.prototype as object, answer);
  }

  /** The answer for a message: the one for the nearest class. */
  answerFor(message: unknown): Answer | undefined {
    for (let prototype = prototypeOf(message); prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
      const answer = this.#answers.get(prototype);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  async #run(message: unknown, options: DispatchOptions | undefined): Promise<unknown> {
    const answer = this.answerFor(message);
    if (answer === undefined) return await this.#dispatch(message, options);
    // As a bus does.
    options?.signal?.throwIfAborted();
    return await answer(message, options);
  }

  /** Gives a dispatch to whoever has waited for it longest, or keeps it for who comes. */
  #offer(entry: Entry): void {
    for (const waiter of this.#waiters) {
      if (!isInstanceOf(entry.recording.message, waiter.type)) continue;
      this.#waiters.delete(waiter);
      return waiter.take(entry);
    }
    const place = this.#entries.findIndex(({ index }) => index > entry.index);
    this.#entries.splice(place < 0 ? this.#entries.length : place, 0, entry);
  }
}

/** What has no class finds no answer here, and its error where it is dispatched. */
function prototypeOf(message: unknown): object | null {
  return message === null || message === undefined ? null : Object.getPrototypeOf(message);
}
