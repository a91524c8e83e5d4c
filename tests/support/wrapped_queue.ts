import { type Delivery, MemoryQueue, type MemoryQueueOptions, type Queue, type SendOptions } from "@cq/core";
import type { DeadLetter, TestMessage } from "@cq/core/testing";

/** What {@linkcode WrappedQueue} gives to those who consume. */
export type TestConsumer = AsyncIterator<Delivery<TestMessage>, undefined>;

/** What it has of the queue inside. */
export type Inner = AsyncIterator<Delivery<TestMessage>, undefined>;

/** A queue that keeps its promises, each part of which can be replaced by one that does not. */
export class WrappedQueue implements Queue<TestMessage> {
  readonly letters: DeadLetter[] = [];
  readonly inner: MemoryQueue<TestMessage>;

  constructor(options: MemoryQueueOptions<TestMessage> = {}) {
    const onDead = ({ message }: Delivery<TestMessage>, reason: unknown) => this.giveUp(message, reason);
    this.inner = new MemoryQueue({ maxSize: 10, maxAttempts: 3, onDead, ...options });
  }

  // A property, since the interface asks for one.
  readonly send = (message: TestMessage, options?: SendOptions): Promise<void> => this.accept(message, options);

  close(): void | Promise<void> {
    this.inner.close();
  }

  [Symbol.asyncIterator](): TestConsumer {
    return this.consume(this.inner[Symbol.asyncIterator]());
  }

  protected accept(message: TestMessage, options?: SendOptions): Promise<void> {
    return this.inner.send(message, options);
  }

  protected giveUp(message: TestMessage, reason: unknown): void {
    this.letters.push({ message, reason });
  }

  protected consume(inner: Inner): TestConsumer {
    return {
      next: async () => {
        const result = await inner.next();
        return result.done ? result : { done: false, value: this.deliver(result.value) };
      },
      return: () => inner.return!(),
    };
  }

  protected deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return delivery;
  }
}

/** Answers a delivery in another way. */
export function answering(
  delivery: Delivery<TestMessage>,
  answers: Partial<Delivery<TestMessage>>,
): Delivery<TestMessage> {
  const { message, attempt, metadata } = delivery;
  return {
    message,
    attempt,
    metadata,
    ack: () => delivery.ack(),
    nack: (options) => delivery.nack(options),
    ...answers,
  };
}
