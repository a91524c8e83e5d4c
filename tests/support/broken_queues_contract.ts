// Each of these queues breaks one promise about what a sender or a consumer may ask for.

import type { Delivery, NackOptions, SendOptions } from "@cq/core";
import type { TestMessage } from "@cq/core/testing";
import { type Inner, replacing, type TestConsumer, WrappedQueue } from "./wrapped_queue.ts";

export class ForgetsMetadataOnRedelivery extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return delivery.attempt === 1 ? delivery : replacing(delivery, { metadata: undefined });
  }
}

export class DropsWhatIsNackedAfterClose extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const nack = (options: NackOptions = {}) =>
      this.inner.closed && !options.delay ? delivery.ack() : delivery.nack(options);
    return replacing(delivery, { nack });
  }
}

export class DropsWhatIsDelayedAfterClose extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const nack = (options: NackOptions = {}) =>
      this.inner.closed && options.delay ? delivery.ack() : delivery.nack(options);
    return replacing(delivery, { nack });
  }
}

export class AcceptsAnAbortedSend extends WrappedQueue {
  protected override async accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    const { signal, ...others } = options;
    const accepted = super.accept(message, others);
    signal?.throwIfAborted();
    await accepted;
  }
}

export class IgnoresASignal extends WrappedQueue {
  protected override accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    return super.accept(message, { ...options, signal: undefined });
  }
}

export class IgnoresKeys extends WrappedQueue {
  readonly #keys = new Map<number, string | undefined>();

  protected override accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    this.#keys.set(message.id, options.key);
    return super.accept(message, { ...options, key: undefined });
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { key: this.#keys.get(delivery.message.id) });
  }
}

/** All keys are one. */
export class BlocksAllKeys extends WrappedQueue {
  readonly #keys = new Map<number, string | undefined>();

  protected override accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    this.#keys.set(message.id, options.key);
    return super.accept(message, { ...options, key: options.key === undefined ? undefined : "all" });
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { key: this.#keys.get(delivery.message.id) });
  }
}

export class IgnoresTheDelayOfASend extends WrappedQueue {
  protected override accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    return super.accept(message, { ...options, delay: undefined });
  }
}

export class IgnoresAnIdThatItDoesNotPromise extends WrappedQueue {
  protected override accept(message: TestMessage, options: SendOptions = {}): Promise<void> {
    return super.accept(message, { ...options, id: undefined });
  }
}

export class CountsWhatIsGivenBack extends WrappedQueue {
  readonly #returns = new Map<number, number>();

  protected override consume(inner: Inner): TestConsumer {
    const held = new Set<number>();
    return {
      next: async () => {
        const result = await inner.next();
        if (result.done) return result;
        const { value: delivery } = result;
        const { id } = delivery.message;
        held.add(id);
        const ack = () => (held.delete(id), delivery.ack());
        const nack = (options?: NackOptions) => (held.delete(id), delivery.nack(options));
        const attempt = delivery.attempt + (this.#returns.get(id) ?? 0);
        return { done: false, value: replacing(delivery, { attempt, ack, nack }) };
      },
      return: () => {
        for (const id of held) this.#returns.set(id, (this.#returns.get(id) ?? 0) + 1);
        return inner.return!();
      },
    };
  }
}

/** An ack counts though the message was given back. */
export class HeedsAnAckOfWhatWasGivenBack extends WrappedQueue {
  readonly #acked = new Set<number>();

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        for (;;) {
          const result = await consumer.next();
          if (result.done || !this.#acked.has(result.value.message.id)) return result;
          await result.value.ack();
        }
      },
    };
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const ack = () => {
      this.#acked.add(delivery.message.id);
      return delivery.ack();
    };
    return replacing(delivery, { ack });
  }
}

export class RequeuesInSpiteOfTheNack extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { nack: (options) => delivery.nack({ ...options, requeue: true }) });
  }
}

export class IsWrongAboutTheLast extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { isLast: delivery.attempt === 2 });
  }
}

/** Its consumers wait on when it is disposed. */
export class WaitsWhenDisposed extends WrappedQueue {
  [Symbol.dispose](): void {}
}
