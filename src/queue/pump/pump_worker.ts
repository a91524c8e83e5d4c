import { RESOLVED } from "../../internal/promise.ts";
import type { Consumer, Delivery } from "../queue.ts";
import { Settlement } from "./settlement.ts";

/** Dispatches the message of a delivery through the middlewares. It may throw, and may return a result without a promise. */
export type Handle = (settlement: Settlement, signal: AbortSignal) => unknown;

/** How a worker works. */
export interface WorkerPlan {
  readonly consumer: Consumer<unknown>;
  readonly handle: Handle;
  readonly failSilently: boolean;
}

/** What a worker needs of the run that it belongs to. */
export interface WorkerHost {
  readonly plan: WorkerPlan;
  readonly signal: AbortSignal;
  /** Whether the workers must not receive any more messages. */
  readonly isStopping: boolean;
  /** Reports an error, which may stop the run. */
  fail(error: unknown): void;
  /** Reports, once for each worker, that the run need not wait for the worker any more. */
  leave(): void;
}

/** Receives and handles one message at a time. */
export class PumpWorker {
  readonly #host: WorkerHost;
  #iterator: AsyncIterator<Delivery<unknown>> | undefined;
  /** The settlement of the message that is being handled. */
  #settlement: Settlement | undefined;
  #isReceiving = false;
  /** Whether the run has stopped waiting for the worker. The worker may still have something to end. */
  #isDone = false;

  constructor(host: WorkerHost) {
    this.#host = host;
  }

  /** Works until the queue ends or the run stops. It never rejects. */
  async run(): Promise<void> {
    const host = this.#host;
    const { consumer, handle } = host.plan;
    try {
      while (!host.isStopping) {
        this.#iterator ??= consumer[Symbol.asyncIterator]();
        this.#isReceiving = true;
        const result = await this.#iterator.next();
        this.#isReceiving = false;
        if (result.done) {
          this.#iterator = undefined;
          break;
        }
        const delivery = result.value;
        // The worker was released before the message came. A queue that has taken the message back ignores this nack.
        if (this.#isDone) return await delivery.nack({ reason: host.signal.reason });

        const settlement = this.#settlement = new Settlement(delivery);
        // Inline, because a function of its own would add an async frame for each message, which is measurable.
        try {
          await handle(settlement, host.signal);
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

  /** Ends the worker if it waits for a message. A worker that handles a message ends by itself afterwards. */
  release(): void {
    if (!this.#isReceiving) return;
    this.#returnIterator();
    this.#leave();
  }

  /** Nacks the message that is being handled, and does not wait for its handler. */
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
    if (!this.#host.plan.failSilently) this.#host.fail(reason);
    try {
      await settlement.nack(reason);
    } catch (error) {
      if (!this.#isDone) this.#host.fail(error);
    }
  }

  /** The run does not wait for this: the iterator of an async generator returns only after its next message. */
  async #returnIterator(): Promise<void> {
    try {
      await this.#iterator?.return?.();
    } catch {
      // The run that could report the error may have ended.
    }
  }

  #leave(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#host.leave();
  }
}
