import { backoff, type BackoffOptions } from "../../internal/backoff.ts";
import type { NackOptions } from "../queue.ts";
import { Batch } from "./batch.ts";
import type { DurableDelivery } from "./durable_delivery.ts";
import { type Failures, type QueueFailure, reasonText } from "./failures.ts";
import type { Burial, QueueDriver, Received, Retry } from "./queue_driver.ts";

/** What {@linkcode Settling} is made of. */
export interface SettlingPlan<T> {
  readonly driver: QueueDriver;
  readonly failures: Failures;
  readonly maxAttempts: number;
  readonly backoff: BackoffOptions;
  readonly acks: "awaited" | "behind";
  /** Is told that the server has confirmed how a message was settled. */
  readonly confirmed: (delivery: DurableDelivery<T>) => void;
  /** Is told that acks are on their way, so that a receive may go along. */
  readonly acking: () => void;
  /** Is told that there may be something to receive. */
  readonly wake: () => void;
  /** Is told of a message that was given up. */
  readonly buried: (burial: Burial, message: T | undefined) => void;
}

/** How long acks that are not waited for wait for others, in milliseconds. */
const LINGER_MS = 10;

/**
 * Brings to the server how deliveries were settled: all acks of a tick at once, and so with all that it does. It insists
 * until the server has confirmed it.
 *
 * @typeParam T The messages.
 */
export class Settling<T> {
  readonly maxAttempts: number;
  readonly #plan: SettlingPlan<T>;
  readonly #delayAfter: (error: unknown, attempt: number) => number;
  readonly #acks: Batch<Received>;
  readonly #retries: Batch<Retry>;
  readonly #returns: Batch<Received>;
  readonly #burials: Batch<Burial>;

  constructor(plan: SettlingPlan<T>) {
    this.#plan = plan;
    this.maxAttempts = plan.maxAttempts;
    this.#delayAfter = backoff(plan.backoff, "deliver again");
    const { driver, acks, acking, wake, failures } = plan;
    function batch<Item>(
      action: QueueFailure["action"],
      flush: (items: readonly Item[]) => PromiseLike<unknown>,
      lingerMs?: number,
    ): Batch<Item> {
      return new Batch({ flush, again: (error, attempt) => failures.again(action, error, attempt), lingerMs });
    }
    this.#acks = batch("ack", function flushAcks(messages) {
      const acked = driver.ack(messages);
      acking();
      // The next message of a key is there only now.
      return messages.some(({ envelope }) => envelope.key !== undefined) ? acked.then(wake) : acked;
    }, acks === "behind" ? LINGER_MS : undefined);
    this.#retries = batch("retry", async function flushRetries(retries) {
      await driver.retry(retries);
      wake();
    });
    this.#returns = batch("give back", async function flushReturns(messages) {
      await driver.giveBack(messages);
      wake();
    });
    this.#burials = batch("bury", (burials) => driver.bury(burials));
  }

  async ack(delivery: DurableDelivery<T>): Promise<void> {
    const acked = this.#confirm(delivery, this.#acks.add(delivery.received));
    // Where no caller waits for it, the user has heard of a failure.
    if (this.#plan.acks === "behind") acked.catch(() => {});
    else await acked;
  }

  nack(delivery: DurableDelivery<T>, { reason, delay, requeue = true }: NackOptions): () => Promise<void> {
    const { received } = delivery;
    if (delay !== undefined && !(delay >= 0 && delay < Infinity)) {
      throw new RangeError(`Cannot deliver "${received.envelope.name}" again in ${delay} ms: must be a number from 0`);
    }
    if (!requeue || delivery.isLast) {
      const burying = () => this.bury(delivery, reasonText(reason));
      return burying;
    }
    const delayMs = delay ?? this.#delayAfter(reason, received.attempt);
    const retrying = () => this.retry(delivery, { received, delayMs });
    return retrying;
  }

  async giveBack(delivery: DurableDelivery<T>): Promise<void> {
    await this.#confirm(delivery, this.#returns.add(delivery.received));
  }

  async retry(delivery: DurableDelivery<T>, retry: Retry): Promise<void> {
    await this.#confirm(delivery, this.#retries.add(retry));
  }

  async bury(delivery: DurableDelivery<T>, reason: string, message: T | undefined = delivery.message): Promise<void> {
    const burial = { received: delivery.received, reason };
    if (await this.#confirm(delivery, this.#burials.add(burial))) this.#plan.buried(burial, message);
  }

  /** Starts the acks that wait for others, so that a receive may go along. */
  startAcks(): void {
    this.#acks.start();
  }

  /** Resolves when the server has confirmed everything, or nothing more is tried. */
  async idle(): Promise<void> {
    await Promise.all([this.#acks, this.#retries, this.#returns, this.#burials].map((batch) => batch.idle()));
  }

  /** What was not done when the queue was disposed is left to its lease: the caller has nothing to do about it. */
  async #confirm(delivery: DurableDelivery<T>, settled: Promise<boolean>): Promise<boolean> {
    const isDone = await settled;
    if (isDone) this.#plan.confirmed(delivery);
    return isDone;
  }
}
