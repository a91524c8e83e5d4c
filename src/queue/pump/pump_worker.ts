import { EventDispatchError, NonRetryableError } from "../../errors.ts";
import { waitAtMost } from "../../internal/delay.ts";
import { isInstance } from "../../internal/instance_of.ts";
import { ignore, RESOLVED } from "../../internal/promise.ts";
import type { Consumer, Delivery, NackOptions } from "../queue.ts";
import type { PumpOptions } from "./pump_options.ts";
import { Settlement } from "./settlement.ts";

/** How long a stop waits for a consumer that takes back what it has given out, in milliseconds. */
const RETURN_LIMIT_MS = 5_000;

/** Dispatches the message of a delivery through the middlewares. It may throw, and may return a result without a promise. */
export type Handle = (settlement: Settlement, signal: AbortSignal) => unknown;

/** How a worker works. */
export interface WorkerPlan {
  readonly consumer: Consumer<unknown>;
  readonly handle: Handle;
  readonly failSilently: boolean;
  readonly onError: PumpOptions["onError"];
  /** Says how long a message waits after a failure, if the pump decides that. */
  readonly delayAfter: ((error: unknown, attempt: number) => number) | undefined;
}

/** What a worker needs of the run that it belongs to. */
export interface WorkerHost {
  readonly plan: WorkerPlan;
  readonly signal: AbortSignal;
  /** Whether the workers must not receive any more messages. */
  readonly isStopping: boolean;
  /** Whether the queue ends with this run, so that nobody would receive a message that comes back. */
  readonly isClosing: boolean;
  /** Reports an error, which stops the run. */
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
  /** Whether the run has told the worker to end. The worker may still have something to end. */
  #isReleased = false;
  /** Settles when the consumer has taken back what the worker held, or did not do so in time. */
  #returned: Promise<void> = RESOLVED;

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
        if (this.#isReleased) return await this.#refuse(delivery);
        const settlement = new Settlement(delivery, host.signal);
        if (settlement.isLost) {
          settlement.end();
          continue;
        }
        this.#settlement = settlement;
        let isHandled = false;
        // Inline, because a function of its own would add an async frame for each message, which is measurable.
        try {
          await handle(settlement, settlement.signal);
          isHandled = true;
          const acked = settlement.ack();
          if (acked !== RESOLVED) await acked;
        } catch (error) {
          await this.#fail(settlement, { error, isOfQueue: isHandled || settlement.hasFailedAck });
        }
        settlement.end();
        this.#settlement = undefined;
      }
      if (!this.#isReleased) await this.#return();
    } catch (error) {
      if (!this.#isReleased) host.fail(error);
    }
    if (!this.#isReleased) host.leave();
  }

  /** Ends the worker if it waits for a message. A worker that handles a message ends by itself afterwards. */
  release(): void {
    if (this.#isReceiving && !this.#isReleased) this.#leave();
  }

  /** Gives back the message that is being handled, and does not wait for its handler. */
  abandon(): void {
    if (!this.#isReleased && (this.#isReceiving || this.#settlement !== undefined)) this.#leave();
  }

  async #leave(): Promise<void> {
    const host = this.#host;
    this.#isReleased = true;
    this.#returned = waitAtMost(this.#giveBack(), RETURN_LIMIT_MS);
    try {
      await this.#returned;
    } catch (error) {
      host.fail(error);
    }
    host.leave();
  }

  async #giveBack(): Promise<void> {
    const settlement = this.#settlement;
    let isSettled = settlement === undefined;
    try {
      // If a nack fails on its way, the consumer still has the message, which it returns like any other.
      if (settlement !== undefined) isSettled = await settlement.close();
    } finally {
      try {
        await this.#return();
      } finally {
        // A queue that has taken the message back ignores this nack.
        if (!isSettled) await settlement?.delivery.nack({ reason: this.#host.signal.reason });
      }
    }
  }

  /** Refuses a message that came after the worker was released. A queue that has taken it back ignores the nack. */
  async #refuse(delivery: Delivery<unknown>): Promise<void> {
    await this.#returned.catch(ignore);
    await delivery.nack({ reason: this.#host.signal.reason });
  }

  async #return(): Promise<void> {
    const returned = this.#iterator?.return?.();
    if (returned === undefined) return;
    // An async generator that waits for a message returns only after the next one.
    if (this.#isReceiving && isAsyncGenerator(this.#iterator)) returned.then(ignore, ignore);
    else await waitAtMost(returned, RETURN_LIMIT_MS);
  }

  /** Reports a failure, and nacks. */
  async #fail(
    settlement: Settlement,
    { error, isOfQueue }: { readonly error: unknown; readonly isOfQueue: boolean },
  ): Promise<void> {
    if (this.#isReleased) return;
    const host = this.#host;
    const { failSilently, onError } = host.plan;
    // Before the nack, so that no other worker receives the message again.
    if (isOfQueue || !failSilently && onError === undefined) host.fail(error);
    const options = this.#nackOptions(settlement, error);
    const reported = isOfQueue ? RESOLVED : this.#report(settlement, { error, requeue: options.requeue !== false });
    try {
      await settlement.nack(options);
    } catch (failure) {
      if (!this.#isReleased) host.fail(failure);
    }
    await reported;
  }

  #nackOptions({ delivery }: Settlement, error: unknown): NackOptions {
    const { isClosing, plan: { delayAfter } } = this.#host;
    if (isClosing || isNonRetryable(error)) return { reason: error, requeue: false };
    if (delayAfter === undefined) return { reason: error };
    try {
      return { reason: error, delay: delayAfter(error, delivery.attempt) };
    } catch (failure) {
      this.#host.fail(failure);
      return { reason: error };
    }
  }

  async #report(
    { delivery, isSettled }: Settlement,
    { error, requeue }: { readonly error: unknown; readonly requeue: boolean },
  ): Promise<void> {
    const host = this.#host;
    try {
      await host.plan.onError?.(error, delivery, { willRetry: requeue && !isSettled && delivery.isLast !== true });
    } catch (failure) {
      if (!this.#isReleased) host.fail(failure);
    }
  }
}

/** Whether trying again will not help. */
function isNonRetryable(error: unknown): boolean {
  if (isInstance(error, EventDispatchError)) return error.failures.every((failure) => isNonRetryable(failure.error));
  return isInstance(error, NonRetryableError);
}

function isAsyncGenerator(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object AsyncGenerator]";
}
