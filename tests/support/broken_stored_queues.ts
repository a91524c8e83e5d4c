// Each of these queues breaks one promise of a queue that is stored outside of the process.

import { StoredQueue } from "./stored_queue.ts";
import type { TestConsumer } from "./wrapped_queue.ts";

type Row = Parameters<StoredQueue["bury"]>[0];

export class NeverRenews extends StoredQueue {
  override renew(): void {}
}

export class NeverTakesALeaseBack extends StoredQueue {
  protected override isFree({ holder }: Row): boolean {
    return holder === undefined;
  }
}

export class HeedsOldAcks extends StoredQueue {
  protected override isHolder(): boolean {
    return true;
  }
}

export class DropsPoison extends StoredQueue {
  override bury(row: Row): void {
    this.store.rows = this.store.rows.filter((other) => other !== row);
  }
}

export class StopsAtPoison extends StoredQueue {
  override bury(): never {
    throw new SyntaxError("Unexpected token");
  }
}

export class FailsDuringAnOutage extends StoredQueue {
  override [Symbol.asyncIterator](): TestConsumer {
    const consumer = super[Symbol.asyncIterator]();
    const next = () => this.store.isUp ? consumer.next() : Promise.reject(new Error("ECONNREFUSED"));
    return { ...consumer, next };
  }
}

export class ForgetsIds extends StoredQueue {
  protected override knows(): boolean {
    return false;
  }
}

export class ForgetsIdsOnceHeld extends StoredQueue {
  protected override knows(id: string): boolean {
    return this.store.rows.some((row) => row.id === id && row.holder === undefined);
  }
}

export class KeepsWhatItHoldsWhenDisposed extends StoredQueue {
  override [Symbol.dispose](): void {
    this.held.clear();
    super[Symbol.dispose]();
  }
}
