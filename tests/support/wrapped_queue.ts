import { type Delivery, MemoryQueue, type MemoryQueueOptions, type Queue, type SendOptions } from "@cq/core";
import type { DeadLetter, TestMessage } from "@cq/core/testing";

/** A consumer of a {@linkcode WrappedQueue}. */
export type TestConsumer = AsyncIterator<Delivery<TestMessage>, undefined>;

/** A consumer of the inner queue. */
export type Inner = AsyncIterator<Delivery<TestMessage>, undefined>;

/** A correct queue. A subclass can replace each of its parts by one that is not correct. */
export class WrappedQueue implements Queue<TestMessage> {
  readonly letters: DeadLetter[] = [];
  readonly inner: MemoryQueue<TestMessage>;

  constructor(options: MemoryQueueOptions<TestMessage> = {}) {
    const onDead = ({ message }: Delivery<TestMessage>, reason: unknown) => this.giveUp(message, reason);
    this.inner = new MemoryQueue({ maxSize: 10, maxAttempts: 3, onDead, ...options });
  }

  // A property, because the interface has a property.
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

/** A delivery with some of its members replaced. */
export function replacing(
  delivery: Delivery<TestMessage>,
  members: Partial<Delivery<TestMessage>>,
): Delivery<TestMessage> {
  const { message, attempt, metadata, key, isLast } = delivery;
  return {
    message,
    attempt,
    metadata,
    key,
    isLast,
    ack: () => delivery.ack(),
    nack: (options) => delivery.nack(options),
    ...members,
  };
}
