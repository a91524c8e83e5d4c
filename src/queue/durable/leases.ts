import { MAX_DELAY_MS } from "../../internal/delay.ts";
import type { DurableDelivery } from "./durable_delivery.ts";
import type { Failures } from "./failures.ts";
import type { QueueDriver } from "./queue_driver.ts";

/** What {@linkcode Leases} need of the queue that they belong to. */
export interface LeaseHost<T> {
  readonly driver: QueueDriver;
  readonly failures: Failures;
  readonly leaseMs: number;
  /** Is told that a delivery was lost. */
  lost(delivery: DurableDelivery<T>, why: string): void;
}

/**
 * Prolongs the leases of all that a process has: what consumers hold, what waits to be handed out, and what is settled
 * without the server having said so yet.
 *
 * A lease that the server could not be asked to prolong is taken for lost when it ends. Another consumer may have the
 * message by then.
 *
 * @typeParam T The messages.
 */
export class Leases<T> {
  readonly #host: LeaseHost<T>;
  readonly #deliveries = new Set<DurableDelivery<T>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewAt = 0;
  /** When the renewal started that is under way. */
  #renewingSince: number | undefined;

  constructor(host: LeaseHost<T>) {
    this.#host = host;
  }

  /** When a lease ends that begins now. */
  get deadline(): number {
    return this.#host.driver.renew === undefined ? Infinity : Date.now() + this.#host.leaseMs;
  }

  /** All that this process has. */
  get deliveries(): Iterable<DurableDelivery<T>> {
    return this.#deliveries;
  }

  add(delivery: DurableDelivery<T>): void {
    this.#deliveries.add(delivery);
    if (this.#timer !== undefined || this.#host.driver.renew === undefined) return;
    this.#renewAt = Date.now() + this.#host.leaseMs / 3;
    this.#schedule();
  }

  /** Forgets a delivery: the server has confirmed how it was settled. */
  delete(delivery: DurableDelivery<T>): void {
    this.#deliveries.delete(delivery);
  }

  /** Stops the timer where nothing is left to be renewed, so that it does not keep the process alive. */
  rest(): void {
    if (this.#deliveries.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Forgets all deliveries. */
  stop(): void {
    this.#deliveries.clear();
    this.rest();
  }

  #schedule(): void {
    let at = Infinity;
    for (const { deadline } of this.#deliveries) at = Math.min(at, deadline);
    at = this.#renewingSince === undefined ? Math.min(at, this.#renewAt) : Math.max(at, this.#patienceEnds);
    const ms = Math.max(1, Math.min(at - Date.now(), MAX_DELAY_MS));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), ms);
  }

  /** A process that was busy for longer than the lease asks before it gives up: the message may still be its own. */
  get #patienceEnds(): number {
    return this.#renewingSince! + this.#host.leaseMs / 3;
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    if (this.#renewingSince === undefined && this.#renewAt <= Date.now()) {
      this.#renewingSince = Date.now();
      const renewing = this.#renew();
      if (this.#deliveries.size > 0) this.#schedule();
      await renewing;
      this.#renewingSince = undefined;
    } else {
      this.#dropOverdue();
    }
    if (this.#deliveries.size > 0) this.#schedule();
    else this.rest();
  }

  async #renew(): Promise<void> {
    const { driver, failures, leaseMs } = this.#host;
    const deliveries = new Map(Array.from(this.#deliveries, (delivery) => [delivery.received, delivery]));
    const startedAt = Date.now();
    this.#renewAt = startedAt + leaseMs / 3;
    if (deliveries.size === 0) return;
    try {
      const lost = await driver.renew!([...deliveries.keys()], leaseMs);
      for (const delivery of deliveries.values()) delivery.deadline = startedAt + leaseMs;
      for (const received of lost) this.#lose(deliveries.get(received), "its lease was lost to another consumer");
    } catch (error) {
      failures.report("renew", error, true);
      this.#renewAt = Date.now() + leaseMs / 10;
      this.#renewingSince = undefined;
      this.#dropOverdue();
    }
  }

  #dropOverdue(): void {
    const now = Date.now();
    if (this.#renewingSince !== undefined && now < this.#patienceEnds) return;
    for (const delivery of this.#deliveries) {
      if (delivery.deadline <= now) {
        this.#lose(delivery, "its lease has ended, and the server did not prolong it in time");
      }
    }
  }

  /** What has been settled meanwhile is gone for another reason. */
  #lose(delivery: DurableDelivery<T> | undefined, why: string): void {
    if (delivery !== undefined && this.#deliveries.delete(delivery)) this.#host.lost(delivery, why);
  }
}
