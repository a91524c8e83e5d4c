import { NonRetryableError } from "../../errors.ts";
import { identify } from "../../delivered_id.ts";
import { isPromiseLike, RESOLVED } from "../../internal/promise.ts";
import { type MessageCodec, NewerVersionError, UnknownMessageError } from "../../codec.ts";
import type { Delivery } from "../queue.ts";
import { type DeliveryHolder, DurableDelivery } from "./durable_delivery.ts";
import { type Failures, reasonText } from "./failures.ts";
import { type Feed, type FeedHost, PullFeed, PushFeed } from "./feed.ts";
import { Leases } from "./leases.ts";
import type { QueueDriver, QueueSink, Received } from "./queue_driver.ts";
import type { Settling } from "./settling.ts";

/** What an {@linkcode Inbound} is made of. */
export interface InboundPlan<T> {
  readonly driver: QueueDriver;
  readonly codec: MessageCodec<T>;
  readonly failures: Failures;
  readonly settling: Settling<T>;
  readonly prefetch: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly unknownDelayMs: number;
  /** Whether the queue is closed, and nothing that was sent here is on its way. */
  readonly isEnding: () => boolean;
}

/** How long a message that is not known is tried. */
const UNKNOWN_LIMIT_MS = 3_600_000;

/** An iterator over a queue. */
export interface DurableConsumer<T> extends DeliveryHolder<T> {
  hasLeft: boolean;
}

interface Wait<T> {
  readonly consumer: DurableConsumer<T>;
  readonly resolve: (result: IteratorResult<DurableDelivery<T>, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Brings messages from the driver to the consumers of a process. Consumers that wait are served in the order of their
 * arrival. What is fetched ahead waits here, and goes back when the last consumer leaves.
 *
 * @typeParam T The messages.
 */
export class Inbound<T> implements FeedHost {
  readonly driver: QueueDriver;
  readonly failures: Failures;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly #plan: InboundPlan<T>;
  readonly #leases: Leases<T>;
  /** The consumers that have asked for a message and have not left. */
  readonly #consumers = new Set<DurableConsumer<T>>();
  readonly #waits = new Set<Wait<T>>();
  /** What can be handed out. While it holds something no consumer waits. */
  readonly #ready = new Set<DurableDelivery<T>>();
  #feed: Feed | undefined;
  #isAsking = false;
  #isDisposed = false;

  constructor(plan: InboundPlan<T>) {
    this.#plan = plan;
    this.driver = plan.driver;
    this.failures = plan.failures;
    this.leaseMs = plan.leaseMs;
    this.pollMs = plan.pollMs;
    this.#leases = new Leases(this);
  }

  get isEnding(): boolean {
    return this.#plan.isEnding();
  }

  next(consumer: DurableConsumer<T>): Promise<IteratorResult<Delivery<T>, undefined>> {
    if (consumer.hasLeft || this.#isDisposed) return Promise.resolve(DONE);
    this.#consumers.add(consumer);
    const [delivery] = this.#ready;
    if (delivery === undefined) {
      return new Promise((resolve, reject) => {
        this.#waits.add({ consumer, resolve, reject });
        this.#askSoon();
      });
    }
    this.#ready.delete(delivery);
    delivery.handTo(consumer);
    if (this.#ready.size === 0) this.#askSoon();
    return Promise.resolve({ done: false, value: delivery });
  }

  /** Ends a consumer: what it holds goes back, and what was fetched ahead along with the last consumer. */
  async leave(consumer: DurableConsumer<T>): Promise<void> {
    consumer.hasLeft = true;
    this.#consumers.delete(consumer);
    for (const wait of this.#waits) {
      if (wait.consumer === consumer && this.#waits.delete(wait)) wait.resolve(DONE);
    }
    const leaving = Array.from(consumer.held, (delivery) => delivery.giveBack());
    if (this.#consumers.size === 0) {
      leaving.push(...this.#giveBackAll());
      this.#feed?.demand(0);
      // What arrives now goes back, too.
      if (this.#feed !== undefined) leaving.push(this.#feed.idle());
    }
    try {
      await Promise.all(leaving);
    } finally {
      if (this.#consumers.size === 0) this.#leases.rest();
    }
  }

  /** Says to the feed how many messages are wanted. */
  ask(): void {
    const { prefetch, settling } = this.#plan;
    if (this.#consumers.size === 0) return this.#feed?.demand(0);
    // Nothing is fetched ahead for consumers that find out next that the queue has ended.
    const isLow = this.#waits.size > 0 || this.#ready.size * 2 <= prefetch && !this.isEnding;
    const wanted = isLow ? this.#waits.size + prefetch - this.#ready.size : 0;
    if (wanted > 0) settling.startAcks();
    this.#feed ??= this.#start();
    this.#feed.demand(wanted);
  }

  wake(): void {
    this.#feed?.wake();
  }

  /** Forgets a delivery that the server has settled. */
  confirmed(delivery: DurableDelivery<T>): void {
    this.#leases.delete(delivery);
    if (this.#consumers.size === 0) this.#leases.rest();
  }

  lost(delivery: DurableDelivery<T>, why: string): void {
    this.#ready.delete(delivery);
    delivery.lose(why);
  }

  deliver(messages: readonly Received[]): void | Promise<void> {
    const arriving: (DurableDelivery<T> | undefined | Promise<DurableDelivery<T> | undefined>)[] = messages.map((
      received,
    ) => this.#open(received));
    if (arriving.some(isPromiseLike)) return Promise.all(arriving).then((deliveries) => this.#take(deliveries));
    return this.#take(arriving as (DurableDelivery<T> | undefined)[]);
  }

  end(): void {
    for (const wait of this.#waits) {
      this.#waits.delete(wait);
      // It may still hold messages, and asks for no others.
      this.#consumers.delete(wait.consumer);
      wait.resolve(DONE);
    }
    this.ask();
  }

  fail(error: unknown): void {
    for (const wait of this.#waits) {
      this.#waits.delete(wait);
      wait.reject(error);
      // A loop does not leave an iterator that has failed. That leaving fails, too, is known.
      this.leave(wait.consumer).catch(() => {});
    }
  }

  /** Ends all consumers. What they hold goes back, and so does what arrives now. */
  async dispose(): Promise<void> {
    this.#isDisposed = true;
    const leaving = Array.from(this.#consumers, (consumer) => this.leave(consumer));
    // A consumer that has ended may hold some still.
    for (const delivery of this.#leases.deliveries) if (delivery.isOpen) leaving.push(delivery.giveBack());
    await Promise.allSettled([...leaving, this.#feed?.idle()]);
    await this.#plan.settling.idle();
    this.#leases.stop();
  }

  /** Receives that start in one tick are asked for together. */
  async #askSoon(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    await RESOLVED;
    this.#isAsking = false;
    this.ask();
  }

  #start(): Feed {
    const isPulled = this.driver.receive !== undefined;
    const push = isPulled ? undefined : new PushFeed(this);
    const feed = push ?? new PullFeed(this);
    const sink: QueueSink = {
      wake: () => feed.wake(),
      deliver: (messages) => push?.deliver(messages),
      lost: (messages) => {
        for (const delivery of [...this.#leases.deliveries]) {
          if (messages !== "all" && !messages.includes(delivery.received)) continue;
          this.#leases.delete(delivery);
          this.lost(delivery, "the connection that it came by was lost");
        }
        this.ask();
      },
      failed: (error) => {
        const final = this.failures.explained(error);
        this.failures.report("listen", error, final === error);
        if (final !== error && push !== undefined) this.fail(final);
      },
    };
    this.driver.start?.(sink);
    return feed;
  }

  #take(deliveries: readonly (DurableDelivery<T> | undefined)[]): void | Promise<void> {
    for (const delivery of deliveries) {
      // It may have been lost while it was decoded.
      if (delivery?.isOpen) this.#ready.add(delivery);
    }
    if (this.#consumers.size === 0) return Promise.allSettled(this.#giveBackAll()).then(() => {});
    for (const wait of this.#waits) {
      const [delivery] = this.#ready;
      if (delivery === undefined) break;
      this.#ready.delete(delivery);
      this.#waits.delete(wait);
      wait.resolve({ done: false, value: delivery.handTo(wait.consumer) });
    }
    this.ask();
  }

  #giveBackAll(): Promise<void>[] {
    const deliveries = [...this.#ready];
    this.#ready.clear();
    return deliveries.map((delivery) => delivery.giveBack());
  }

  /** Makes a delivery of a message. One that cannot be delivered is put aside. */
  #open(received: Received): DurableDelivery<T> | undefined | Promise<DurableDelivery<T> | undefined> {
    const { codec, settling } = this.#plan;
    const { envelope, attempt, wasLost } = received;
    const make = (message: T): DurableDelivery<T> => {
      const metadata = codec.metadataOf(envelope);
      identify(message, envelope.id);
      return this.#track(received, { message, metadata });
    };
    if (wasLost && attempt > settling.maxAttempts) {
      const count = `the consumer was lost ${attempt - 1} times, and the message may be the reason`;
      settling.bury(this.#track(received), count, undefined).catch(() => {});
      return undefined;
    }
    try {
      const message = codec.decode(envelope);
      if (!isPromiseLike(message)) return make(message);
      return Promise.resolve(message).then(make).catch((error) => this.#putAside(received, error));
    } catch (error) {
      return this.#putAside(received, error);
    }
  }

  #track(received: Received, parts?: { message: T; metadata: DurableDelivery<T>["metadata"] }): DurableDelivery<T> {
    const { message = undefined as T, metadata = {} } = parts ?? {};
    const deadline = this.#leases.deadline;
    const delivery = new DurableDelivery(this.#plan.settling, { message, metadata, received, deadline });
    this.#leases.add(delivery);
    return delivery;
  }

  /** Says what becomes of a message that cannot be decoded here. */
  #putAside(received: Received, error: unknown): undefined {
    const { settling, unknownDelayMs } = this.#plan;
    const delivery = this.#track(received);
    const isUnknown = error instanceof UnknownMessageError || error instanceof NewerVersionError;
    const unknownSince = received.unknownSince ?? Date.now();
    const isHopeless = error instanceof NonRetryableError || isUnknown && unknownSince + UNKNOWN_LIMIT_MS <= Date.now();
    this.failures.report("decode", error, !isHopeless);
    const settled = isHopeless
      ? settling.bury(delivery, reasonText(error), undefined)
      : isUnknown
      ? settling.retry(delivery, { received, delayMs: unknownDelayMs, unknownSince })
      : delivery.nack({ reason: error });
    // It is tried again until the server has it. What cannot be healed ends the consumers.
    settled.catch(() => {});
    return undefined;
  }
}
