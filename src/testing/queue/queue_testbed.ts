import { disposerOf } from "../../internal/dispose.ts";
import type { Delivery, Queue, SendOptions } from "../../queue/queue.ts";
import { caseFailure, within } from "../conformance_case.ts";
import type { QueueFeatures, TestMessage } from "./queue_features.ts";
import type { Random } from "./random.ts";
import { Schedule, turns } from "./schedule.ts";

/** More turns than any work in memory takes. A slower queue may show a fault later, and no correct queue fails. */
const IDLE_TURNS = 50;

/** A send, and its outcome. */
export interface Sending {
  readonly message: TestMessage;
  state: "waiting" | "accepted" | "rejected";
  error: unknown;
  /** Resolves when the queue has accepted or rejected the message. It never rejects. */
  readonly ended: Promise<void>;
}

/** A consumer of the queue under test. */
export type TestConsumer = AsyncIterator<Delivery<TestMessage>>;

/** What a case works with: a new queue, and methods that use it within a time limit. */
export class QueueTestbed<Q extends Queue<TestMessage> = Queue<TestMessage>> {
  readonly features: QueueFeatures<Q>;
  readonly random: Random;
  readonly schedule: Schedule;
  /** How many messages the cases about quantity send. */
  readonly volume: number;
  readonly #timeoutMs: number;
  readonly #settleMs: number;
  /** The queues that stand for other processes. */
  readonly #others = new Set<Q>();
  readonly #consumers = new Set<TestConsumer>();
  /** The sends that have not ended. */
  readonly #sends = new Set<Promise<void>>();
  #queue: Q;
  #sent = 0;

  constructor(
    queue: Q,
    options: { features: QueueFeatures<Q>; random: Random; timeoutMs: number; settleMs: number; volume: number },
  ) {
    this.#queue = queue;
    this.features = options.features;
    this.random = options.random;
    this.schedule = new Schedule(options.random);
    this.volume = options.volume;
    this.#timeoutMs = options.timeoutMs;
    this.#settleMs = options.settleMs;
  }

  get queue(): Q {
    return this.#queue;
  }

  /** Sends a new message, and does not wait: a full queue accepts the message when a consumer receives. */
  send(options?: SendOptions): Sending {
    const id = ++this.#sent;
    const message = { id, text: `message ${id} `.padEnd(100, ".") };
    let resolveEnded: () => void;
    const ended = new Promise<void>((resolve) => resolveEnded = resolve);
    this.#sends.add(ended);
    ended.then(() => this.#sends.delete(ended));
    const sending: Sending = { message, state: "waiting", error: undefined, ended };
    const end = (state: Sending["state"], error?: unknown) => {
      sending.state = state;
      sending.error = error;
      resolveEnded();
    };
    try {
      this.#queue.send(message, options).then(() => end("accepted"), (error) => end("rejected", error));
    } catch (error) {
      end("rejected", error);
    }
    return sending;
  }

  /** Sends several messages at once. */
  sendMany(count: number): Sending[] {
    return Array.from({ length: count }, () => this.send());
  }

  /** Waits until the queue has accepted messages. */
  async accepted(sendings: readonly Sending[], when: string): Promise<void> {
    for (const { message, ended } of sendings) {
      await this.within(ended, `the send of message ${message.id} to resolve ${when}`);
    }
    const failed = sendings.find(({ state }) => state === "rejected");
    if (failed) throw caseFailure(`message ${failed.message.id} to be accepted`, `it was rejected: ${failed.error}`);
  }

  /** Starts a new consumer. */
  consumer(queue: Queue<TestMessage> = this.#queue): TestConsumer {
    const consumer = queue[Symbol.asyncIterator]();
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Ends a consumer. Its open deliveries go back to the queue. */
  async leave(consumer: TestConsumer): Promise<void> {
    this.#consumers.delete(consumer);
    await this.within(Promise.resolve(consumer.return?.()), "a consumer to be able to leave");
  }

  /** Receives a message. The case fails if none comes. */
  take(
    consumer: TestConsumer,
    expected: string,
    limit?: { extraMs?: number | undefined },
  ): Promise<Delivery<TestMessage>> {
    const receiving = consumer.next().then(({ done, value }) => {
      if (done) throw caseFailure(expected, "the consumer has ended");
      return value;
    });
    return this.within(receiving, expected, limit);
  }

  /** Waits for a promise, up to the limit. A case may await the result later, or not at all. */
  within<T>(
    promise: PromiseLike<T>,
    expected: string,
    { extraMs = 0 }: { extraMs?: number | undefined } = {},
  ): Promise<T> {
    const waiting = within(promise, { timeoutMs: this.#timeoutMs + extraMs, expected });
    waiting.catch(() => {});
    return waiting;
  }

  /** Waits until everything has run that does not wait for a timer or for input; a network queue says how long that is. */
  async idle(): Promise<void> {
    await turns(IDLE_TURNS);
    if (this.#settleMs > 0) await this.pass(this.#settleMs);
  }

  /** Waits until what takes a turn of the event loop has happened, such as a redelivery. */
  async turn(): Promise<void> {
    await this.pass(0);
    await this.idle();
  }

  /** Waits for a time on the clock of the runtime. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Receives and acks messages, with a new consumer, until all of them have come. */
  async receiveAll(sendings: readonly Sending[]): Promise<TestMessage[]> {
    const consumer = this.consumer();
    const received: TestMessage[] = [];
    const missing = new Set(sendings.map(({ message }) => message.id));
    while (missing.size > 0) {
      const delivery = await this.take(consumer, `${describe(missing)} to be delivered`);
      const { id } = delivery.message;
      if (!missing.delete(id)) throw caseFailure(`${describe(missing)} to be delivered`, `message ${id} came`);
      received.push(delivery.message);
      await this.within(delivery.ack(), `the ack of message ${id} to resolve`);
    }
    return received;
  }

  /** Closes the queue. The case fails if the queue has a message left. */
  async expectEmpty(): Promise<void> {
    await this.idle();
    // Close it first: another case tests that a consumer can leave while it waits.
    await this.close();
    for (const consumer of this.#consumers) await this.leave(consumer);
    const consumer = this.consumer();
    const { done, value } = await this.within(consumer.next(), "the consumer of a closed and empty queue to end");
    if (!done) throw caseFailure("nothing to be left", `message ${value.message.id} was delivered once more`);
  }

  /** Closes the queue. */
  async close(): Promise<void> {
    await this.within(Promise.resolve(this.#queue.close()), "close to resolve");
  }

  /** Opens what other processes would use of the same queue. */
  async openOther(): Promise<Q> {
    const opening = Promise.resolve(this.features.lease!.open(this.#queue));
    const other = await this.within(opening, "the queue to be opened once more");
    this.#others.add(other);
    return other;
  }

  /** Cuts the queue off as if its process had stopped, and replaces it by another process's. */
  async cutOff(other: Q): Promise<void> {
    await this.features.lease!.cutOff(this.#queue);
    this.#queue = other;
    this.#consumers.clear();
  }

  /** Replaces the queue by one that has its stored messages. */
  async reopen(): Promise<void> {
    const expected = "the queue to be opened again";
    this.#queue = await this.within(Promise.resolve(this.features.persistence!.reopen(this.#queue)), expected);
    this.#consumers.clear();
  }

  /** Ends what the case has left open, and waits for it, so that it does not disturb the next case. */
  async end(): Promise<void> {
    const endings = [...this.#consumers].map(async (consumer) => await consumer.return?.());
    for (const queue of new Set([this.#queue, ...this.#others])) {
      endings.push((async () => await queue.close())() as Promise<undefined>);
    }
    const ended = Promise.allSettled([...endings, ...this.#sends]);
    // Other cases test leaving and closing, and the error of a case that has failed says more than this one.
    await this.within(ended, "the queue to end").catch(() => {});
    await this.idle();
    for (const queue of new Set([this.#queue, ...this.#others])) await disposerOf(queue)?.();
  }
}

/** Names messages for an error. */
export function describe(ids: Iterable<number>): string {
  const list = [...ids];
  const names = list.slice(0, 5).join(", ") + (list.length > 5 ? `, … (${list.length})` : "");
  return `${list.length === 1 ? "message" : "messages"} ${names}`;
}
