import { RESOLVED } from "../../internal/promise.ts";
import type { Consumer, Delivery } from "../queue.ts";
import { Settlement } from "./settlement.ts";

/** Dispatches a delivery through the middlewares. It may throw, and may return its result plainly. */
export type Handle = (settlement: Settlement, signal: AbortSignal) => unknown;

/** What a worker needs of the run that it belongs to. */
export interface WorkerHost {
  readonly consumer: Consumer<unknown>;
  readonly handle: Handle;
  readonly failSilently: boolean;
  readonly signal: AbortSignal;
  /** Whether nothing more is to be received. */
  readonly isStopping: boolean;
  /** Is told of an error, which may stop the run. */
  fail(error: unknown): void;
  /** Is told, once by each worker, that it is not to be waited for any more. */
  leave(): void;
}

/** Receives and handles one message at a time. */
export class PumpWorker {
  readonly #host: WorkerHost;
  #iterator: AsyncIterator<Delivery<unknown>> | undefined;
  /** Of the message that is handled. */
  #settlement: Settlement | undefined;
  #isReceiving = false;
  /** Whether the run does not wait for the worker any more, which may have something left to end. */
  #isDone = false;

  constructor(host: WorkerHost) {
    this.#host = host;
  }

  /** Works until the queue ends or the run stops. It never rejects. */
  async run(): Promise<void> {
    const host = this.#host;
    try {
      while (!host.isStopping) {
        this.#iterator ??= host.consumer[Symbol.asyncIterator]();
        this.#isReceiving = true;
        const result = await this.#iterator.next();
        this.#isReceiving = false;
        if (result.done) {
          this.#iterator = undefined;
          break;
        }
        const delivery = result.value;
        // The message has come after the worker was told to go. A queue that has taken it back already ignores this.
        if (this.#isDone) return await delivery.nack({ reason: host.signal.reason });

        const settlement = this.#settlement = new Settlement(delivery);
        // Not in a function of its own: another async frame for each message would be felt.
        try {
          await host.handle(settlement, host.signal);
          const acked = settlement.ack();
          if (acked !== RESOLVED) await acked;
        } catch (error) {
          await this.#fail(settlement, error);
        }
        this.#settlement = undefined;
      }
      if (!this.#isDone) await this.#iterator?.return?.();
    } catch (error) {
      if (!this.#isDone) host.fail(error);
    }
    this.#leave();
  }

  /** Lets the worker go if it is waiting for a message. One that handles a message ends by itself. */
  release(): void {
    if (!this.#isReceiving) return;
    this.#returnIterator();
    this.#leave();
  }

  /** Nacks the message that is handled, and waits for nothing else. */
  async abandon(reason: unknown): Promise<void> {
    if (this.#isDone) return;
    const settlement = this.#settlement;
    if (settlement === undefined) return this.release();
    this.#isDone = true;
    try {
      await settlement.nack(reason);
    } catch (error) {
      this.#host.fail(error);
    }
    this.#returnIterator();
    this.#host.leave();
  }

  async #fail(settlement: Settlement, reason: unknown): Promise<void> {
    if (this.#isDone) return;
    // Before the nack, so that no other worker receives the message again.
    if (!this.#host.failSilently) this.#host.fail(reason);
    try {
      await settlement.nack(reason);
    } catch (error) {
      if (!this.#isDone) this.#host.fail(error);
    }
  }

  /** The promise of an iterator that is waiting may not settle before its next message, so nobody waits for it. */
  async #returnIterator(): Promise<void> {
    try {
      await this.#iterator?.return?.();
    } catch {
      // Whoever is told has left.
    }
  }

  #leave(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#host.leave();
  }
}
