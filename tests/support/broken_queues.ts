// Each of these queues breaks one promise. The tests of the suite look at the cases that fail for it.

import type { Delivery, SendOptions } from "@cq/core";
import type { TestMessage } from "@cq/core/testing";
import { type Inner, replacing, type TestConsumer, WrappedQueue } from "./wrapped_queue.ts";

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

export class ChangesMessages extends WrappedQueue {
  protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
    return super.accept({ ...message, text: message.text.slice(0, 50) }, options);
  }
}

/** An abandoned receive still takes the next message. */
export class LosesOnAbandon extends WrappedQueue {
  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    let isWaiting = false;
    let hasLeft = false;
    return {
      next: async () => {
        isWaiting = true;
        const result = await consumer.next();
        isWaiting = false;
        if (hasLeft && !result.done) await result.value.ack();
        return result;
      },
      return: () => {
        hasLeft = true;
        return isWaiting ? Promise.resolve({ done: true, value: undefined }) : consumer.return!();
      },
    };
  }
}

/** Two consumers that receive at the same time read the same message, before one of them has marked it. */
export class DuplicatesUnderLoad extends WrappedQueue {
  #last: Delivery<TestMessage> | undefined;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        const last = this.#last;
        this.#last = undefined;
        if (last !== undefined) return { done: false, value: last };
        const result = await consumer.next();
        if (!result.done && this.inner.pending > 3) this.#last = result.value;
        return result;
      },
    };
  }
}

/** A message wakes only the receiver that came last. Other receivers find it when they ask again. */
export class ForgetsReceivers extends WrappedQueue {
  #last: (() => void) | undefined;
  readonly #receivers: (() => void)[] = [];

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        const { size, pending, closed } = this.inner;
        if (size + pending === 0 && !closed) {
          await new Promise<void>((resolve) => {
            this.#last = resolve;
            this.#receivers.push(resolve);
          });
        }
        return await consumer.next();
      },
    };
  }

  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    this.#last?.();
    await super.accept(message, options);
  }

  override close(): void {
    for (const wake of this.#receivers) wake();
    super.close();
  }
}

export class ForgetsAReceiverOnClose extends WrappedQueue {
  #waiting = 0;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        const isFirst = this.#waiting++ === 0;
        const result = await consumer.next();
        this.#waiting--;
        return result.done && !isFirst ? await new Promise(() => {}) : result;
      },
    };
  }
}

/** Messages that wait when the queue closes are delivered twice. */
export class DuplicatesOnClose extends WrappedQueue {
  readonly #waiting = new Set<TestMessage>();

  protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (!this.inner.closed) this.#waiting.add(message);
    return super.accept(message, options);
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    this.#waiting.delete(delivery.message);
    return delivery;
  }

  override close(): void {
    for (const message of this.#waiting) this.inner.send(message).catch(() => {});
    this.#waiting.clear();
    super.close();
  }
}

/** Messages that are being sent while the queue closes are accepted, and lost. */
export class LosesOnClose extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    const wasOpen = !this.inner.closed;
    await turns(3);
    if (wasOpen && this.inner.closed) return;
    await super.accept(message, options);
  }
}

export class RejectsWithAnotherError extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (this.inner.closed) throw new TypeError("the queue is shut");
    await super.accept(message, options);
  }
}

/** A nack resolves only once the message is received again, which cannot happen while the consumer awaits the nack. */
export class BlocksOnNack extends WrappedQueue {
  readonly #again = new Map<number, () => void>();

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const { message: { id }, attempt } = delivery;
    this.#again.get(id)?.();
    let isSettled = attempt === 3;
    const nack: Delivery<TestMessage>["nack"] = async (options) => {
      const received = isSettled || options?.delay
        ? undefined
        : new Promise<void>((resolve) => this.#again.set(id, resolve));
      isSettled = true;
      await delivery.nack(options);
      await received;
    };
    const ack = () => {
      isSettled = true;
      return delivery.ack();
    };
    return replacing(delivery, { ack, nack });
  }
}

export class CountsNoAttempts extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { attempt: 1 });
  }
}

/** An ack resolves before the delivery is settled. */
export class AcksLate extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const ack = () => {
      turns(20).then(() => delivery.ack());
      return Promise.resolve();
    };
    return replacing(delivery, { ack });
  }
}

export class RejectsASecondAck extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    let isSettled = false;
    const once = async (settle: () => Promise<void>) => {
      if (isSettled) throw new TypeError("the delivery is settled already");
      isSettled = true;
      await settle();
    };
    return replacing(delivery, {
      ack: () => once(() => delivery.ack()),
      nack: (options) => once(() => delivery.nack(options)),
    });
  }
}

export class DropsAtCapacity extends WrappedQueue {
  constructor() {
    super({ maxSize: 100 });
  }

  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (this.inner.size < 100) await super.accept(message, options);
  }
}

export class BreaksOrder extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    await turns(message.id % 3);
    await super.accept(message, options);
  }
}

/** A send waits as long as a consumer holds a message. */
export class LocksWhileHeld extends WrappedQueue {
  #free: Promise<void> = Promise.resolve();

  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    await this.#free;
    await super.accept(message, options);
  }

  protected override consume(inner: Inner): TestConsumer {
    const unlocks: (() => void)[] = [];
    let hasLeft = false;
    return {
      next: async () => {
        const result = await inner.next();
        if (result.done || hasLeft) return result;
        const unlocked = new Promise<void>((resolve) => unlocks.push(resolve));
        this.#free = Promise.all([this.#free, unlocked]).then(() => {});
        const { value: delivery } = result;
        const unlock = unlocks.at(-1)!;
        const ack = () => (unlock(), delivery.ack());
        const nack: Delivery<TestMessage>["nack"] = (options) => (unlock(), delivery.nack(options));
        return { done: false, value: replacing(delivery, { ack, nack }) };
      },
      return: () => {
        hasLeft = true;
        for (const unlock of unlocks) unlock();
        return inner.return!();
      },
    };
  }
}

/** A consumer that throws ends all other consumers. */
export class StopsWhenOneThrows extends WrappedQueue {
  #isBroken = false;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    const held = new Set<Delivery<TestMessage>>();
    return {
      next: async () => {
        const result = this.#isBroken ? { done: true as const, value: undefined } : await consumer.next();
        if (result.done) return result;
        const { value: delivery } = result;
        held.add(delivery);
        const ack = () => (held.delete(delivery), delivery.ack());
        const nack: Delivery<TestMessage>["nack"] = (options) => (held.delete(delivery), delivery.nack(options));
        return { done: false, value: replacing(delivery, { ack, nack }) };
      },
      return: () => {
        this.#isBroken ||= held.size > 0;
        return consumer.return!();
      },
    };
  }
}

/** A message without an ack soon goes to another consumer. */
export class GivesAwayWhatIsHeld extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    turns(150).then(() => delivery.nack());
    return delivery;
  }
}

export class IgnoresDelay extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { nack: ({ reason } = {}) => delivery.nack({ reason }) });
  }
}

export class ForgetsTheReason extends WrappedQueue {
  protected override giveUp(message: TestMessage): void {
    super.giveUp(message, undefined);
  }
}

export class ForgetsMetadata extends WrappedQueue {
  protected override accept(message: TestMessage): Promise<void> {
    return super.accept(message);
  }
}

/** It keeps all handled messages. */
export class Hoards extends WrappedQueue {
  readonly #handled: TestMessage[] = [];

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    this.#handled.push(delivery.message);
    return delivery;
  }
}

export class CountsFromZero extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { attempt: delivery.attempt - 1 });
  }
}

/** A nack after an ack delivers the message again. */
export class ChangesItsMind extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    let isAcked = false;
    const ack = () => {
      isAcked = true;
      return delivery.ack();
    };
    const nack: Delivery<TestMessage>["nack"] = async (options) => {
      if (!isAcked) return await delivery.nack(options);
      isAcked = false;
      this.inner.send(delivery.message).catch(() => {});
    };
    return replacing(delivery, { ack, nack });
  }
}

export class HalvesDelay extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    return replacing(delivery, { nack: (options) => delivery.nack({ ...options, delay: (options?.delay ?? 0) / 2 }) });
  }
}

/** It ends its consumers although a message is delayed. */
export class EndsWhileDelayed extends WrappedQueue {
  #isDelayed = false;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        if (this.#isDelayed && this.inner.size === 0) return { done: true, value: undefined };
        return await consumer.next();
      },
    };
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const nack: Delivery<TestMessage>["nack"] = (options) => {
      this.#isDelayed ||= options?.delay !== undefined;
      return delivery.nack(options);
    };
    return replacing(delivery, { nack });
  }
}

export class GivesUpEarly extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const nack: Delivery<TestMessage>["nack"] = (options) => {
      if (delivery.attempt === 1) this.giveUp(delivery.message, options?.reason);
      return delivery.nack(options);
    };
    return replacing(delivery, { nack });
  }
}

/** When it closes, it sends a message to the consumers that wait. */
export class InventsAMessageOnClose extends WrappedQueue {
  #waiting = 0;
  #isUnused = true;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => {
        this.#waiting++;
        const result = await consumer.next();
        this.#waiting--;
        return result;
      },
    };
  }

  override close(): void {
    if (this.#isUnused && this.#waiting > 0) this.inner.send({ id: 0, text: "goodbye" }).catch(() => {});
    super.close();
  }

  protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
    this.#isUnused = false;
    return super.accept(message, options);
  }
}

export class AcceptsAfterClose extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (!this.inner.closed) await super.accept(message, options);
  }
}

/** Messages that are being sent while the queue closes are neither accepted nor rejected. */
export class LeavesSendersWaiting extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    const wasOpen = !this.inner.closed;
    await turns(3);
    if (wasOpen && this.inner.closed) await new Promise(() => {});
    await super.accept(message, options);
  }
}

/** When it is full, it throws from `send` instead of making the sender wait. */
export class ThrowsWhenFull extends WrappedQueue {
  constructor() {
    super({ maxSize: 100 });
  }

  protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (this.inner.size === 100) throw new RangeError("the queue is full");
    return super.accept(message, options);
  }
}

/** Its capacity is half of the promised one. */
export class RejectsWhenHalfFull extends WrappedQueue {
  constructor() {
    super({ maxSize: 100 });
  }

  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (this.inner.size === 50) throw new RangeError("the queue is half full");
    await super.accept(message, options);
  }
}

export class RejectsUnderLoad extends WrappedQueue {
  protected override async accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (this.inner.pending > 3) throw new Error("the queue is busy");
    await super.accept(message, options);
  }
}

export class EndsAfterMany extends WrappedQueue {
  #count = 0;

  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    return {
      ...consumer,
      next: async () => ++this.#count > 300 ? { done: true, value: undefined } : await consumer.next(),
    };
  }
}

export class DuplicatesAfterMany extends WrappedQueue {
  #count = 0;

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    if (++this.#count === 300) this.inner.send(delivery.message);
    return delivery;
  }
}

/** The open deliveries of a consumer that leaves come back twice. */
export class DuplicatesOnAbandon extends WrappedQueue {
  protected override consume(inner: Inner): TestConsumer {
    const consumer = super.consume(inner);
    const held = new Set<TestMessage>();
    return {
      next: async () => {
        const result = await consumer.next();
        if (result.done) return result;
        const { value: delivery } = result;
        held.add(delivery.message);
        const ack = () => (held.delete(delivery.message), delivery.ack());
        const nack: Delivery<TestMessage>["nack"] = (
          options,
        ) => (held.delete(delivery.message), delivery.nack(options));
        return { done: false, value: replacing(delivery, { ack, nack }) };
      },
      return: () => {
        for (const message of held) this.inner.send(message).catch(() => {});
        return consumer.return!();
      },
    };
  }
}

/** Once it is closed, an ack never resolves. */
export class HangsOnLateAck extends WrappedQueue {
  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const ack = async () => {
      const isClosed = this.inner.closed;
      await delivery.ack();
      if (isClosed) await new Promise(() => {});
    };
    return replacing(delivery, { ack });
  }
}
