import { disposerOf } from "../../internal/dispose.ts";
import type { Delivery, Queue, SendOptions } from "../../queue/queue.ts";
import { brokenPromise, within } from "../conformance_case.ts";
import type { QueueFeatures, TestMessage } from "./queue_features.ts";
import type { Random } from "./random.ts";
import { Schedule, turns } from "./schedule.ts";

/** More turns than anything in memory takes. A queue that is slower than that is not caught early, and not blamed. */
const SETTLED = 50;

/** What becomes of a message that was sent. */
export interface Sending {
  readonly message: TestMessage;
  state: "waiting" | "accepted" | "rejected";
  error: unknown;
  /** Resolves when the queue has answered, and never rejects. */
  readonly answered: Promise<void>;
}

/** A consumer of the queue under test. */
export type TestConsumer = AsyncIterator<Delivery<TestMessage>>;

/** What a case works with: a new queue, and ways to use it that find out when it does not answer. */
export class QueueTestbed<Q extends Queue<TestMessage> = Queue<TestMessage>> {
  readonly features: QueueFeatures<Q>;
  readonly random: Random;
  readonly schedule: Schedule;
  /** The messages for the cases about quantity. */
  readonly volume: number;
  readonly #timeoutMs: number;
  readonly #consumers = new Set<TestConsumer>();
  /** Of the messages whose sending still waits. */
  readonly #answers = new Set<Promise<void>>();
  #queue: Q;
  #sent = 0;

  constructor(
    queue: Q,
    options: { features: QueueFeatures<Q>; random: Random; timeoutMs: number; volume: number },
  ) {
    this.#queue = queue;
    this.features = options.features;
    this.random = options.random;
    this.schedule = new Schedule(options.random);
    this.volume = options.volume;
    this.#timeoutMs = options.timeoutMs;
  }

  get queue(): Q {
    return this.#queue;
  }

  /** Sends a new message. Nobody has to wait for it: a full queue accepts it when somebody receives. */
  send(options?: SendOptions): Sending {
    const id = ++this.#sent;
    const message = { id, text: `message ${id} `.padEnd(100, ".") };
    let answer: () => void;
    const answered = new Promise<void>((resolve) => answer = resolve);
    this.#answers.add(answered);
    answered.then(() => this.#answers.delete(answered));
    const sending: Sending = { message, state: "waiting", error: undefined, answered };
    const settle = (state: Sending["state"], error?: unknown) => {
      sending.state = state;
      sending.error = error;
      answer();
    };
    try {
      this.#queue.send(message, options).then(() => settle("accepted"), (error) => settle("rejected", error));
    } catch (error) {
      settle("rejected", error);
    }
    return sending;
  }

  /** Sends several messages at once. */
  sendMany(count: number): Sending[] {
    return Array.from({ length: count }, () => this.send());
  }

  /** Waits until the queue has accepted messages. */
  async accepted(sendings: readonly Sending[], when: string): Promise<void> {
    for (const { message, answered } of sendings) {
      await this.within(answered, `the send of message ${message.id} to resolve ${when}`);
    }
    const failed = sendings.find(({ state }) => state === "rejected");
    if (failed) throw brokenPromise(`message ${failed.message.id} to be accepted`, `it was rejected: ${failed.error}`);
  }

  /** Starts to consume. */
  consumer(): TestConsumer {
    const consumer = this.#queue[Symbol.asyncIterator]();
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Has a consumer leave. What it held goes back. */
  async leave(consumer: TestConsumer): Promise<void> {
    this.#consumers.delete(consumer);
    await this.within(Promise.resolve(consumer.return?.()), "a consumer to be able to leave");
  }

  /** Receives a message that has to come. */
  take(consumer: TestConsumer, expected: string, limit?: { extraMs?: number }): Promise<Delivery<TestMessage>> {
    const receiving = consumer.next().then(({ done, value }) => {
      if (done) throw brokenPromise(expected, "the consumer has ended");
      return value;
    });
    return this.within(receiving, expected, limit);
  }

  /** Waits for a promise, and no longer than the limit. A case may look at the outcome later, or not at all. */
  within<T>(promise: PromiseLike<T>, expected: string, { extraMs = 0 }: { extraMs?: number } = {}): Promise<T> {
    const waiting = within(promise, { timeoutMs: this.#timeoutMs + extraMs, expected });
    waiting.catch(() => {});
    return waiting;
  }

  /** Lets everything run that is on its way, as far as it waits for nothing outside. */
  settle(): Promise<void> {
    return turns(SETTLED);
  }

  /** Receives and acks messages, with a new consumer, until each of them has come. */
  async receiveAll(sendings: readonly Sending[]): Promise<TestMessage[]> {
    const consumer = this.consumer();
    const received: TestMessage[] = [];
    const missing = new Set(sendings.map(({ message }) => message.id));
    while (missing.size > 0) {
      const delivery = await this.take(consumer, `${describe(missing)} to be delivered`);
      const { id } = delivery.message;
      if (!missing.delete(id)) throw brokenPromise(`${describe(missing)} to be delivered`, `message ${id} came`);
      received.push(delivery.message);
      await this.within(delivery.ack(), `the ack of message ${id} to resolve`);
    }
    return received;
  }

  /** Closes the queue and receives what it still has, which has to be nothing. */
  async expectEmpty(): Promise<void> {
    await this.settle();
    // Closed first: a consumer that cannot leave while it waits is what another case is for.
    await this.close();
    for (const consumer of this.#consumers) await this.leave(consumer);
    const consumer = this.consumer();
    const { done, value } = await this.within(consumer.next(), "the consumer of a closed and empty queue to end");
    if (!done) throw brokenPromise("nothing to be left", `message ${value.message.id} was delivered once more`);
  }

  /** Closes the queue. */
  async close(): Promise<void> {
    await this.within(Promise.resolve(this.#queue.close()), "close to resolve");
  }

  /** Has the queue come back from what it has written down. */
  async reopen(): Promise<void> {
    const expected = "the queue to be opened again";
    this.#queue = await this.within(Promise.resolve(this.features.persistence!.reopen(this.#queue)), expected);
    this.#consumers.clear();
  }

  /** Ends what the case has left open, and waits for it, so that nothing of it comes to light in the next case. */
  async end(): Promise<void> {
    const endings = [...this.#consumers].map(async (consumer) => await consumer.return?.());
    endings.push((async () => await this.#queue.close())() as Promise<undefined>);
    const ended = Promise.allSettled([...endings, ...this.#answers]);
    // Whether leaving and closing work is what cases are for, and a case that has failed has more to say.
    await this.within(ended, "the queue to come to its end").catch(() => {});
    await this.settle();
    await disposerOf(this.#queue)?.();
  }
}

/** Names messages in the words of an error. */
export function describe(ids: Iterable<number>): string {
  const list = [...ids];
  const names = list.slice(0, 5).join(", ") + (list.length > 5 ? `, … (${list.length})` : "");
  return `${list.length === 1 ? "message" : "messages"} ${names}`;
}
