import type { Delivery, SendOptions } from "@cq/core";
import type { TestMessage } from "@cq/core/testing";
import { replacing, WrappedQueue } from "./wrapped_queue.ts";

/** A queue with a journal of the messages without an ack. The journal survives the queue, and a new queue starts with it. */
export class JournalQueue extends WrappedQueue {
  readonly journal: Set<TestMessage>;

  constructor(journal: Iterable<TestMessage> = []) {
    super({ maxSize: Infinity, maxAttempts: Infinity });
    this.journal = new Set(journal);
    for (const message of journal) this.inner.send(message);
  }

  protected override accept(message: TestMessage, options?: SendOptions): Promise<void> {
    if (!this.inner.closed) this.journal.add(message);
    return super.accept(message, options);
  }

  protected override deliver(delivery: Delivery<TestMessage>): Delivery<TestMessage> {
    const ack = () => {
      this.journal.delete(delivery.message);
      return delivery.ack();
    };
    return replacing(delivery, { ack });
  }
}
