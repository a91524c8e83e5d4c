import { sleep } from "../../internal/delay.ts";
import { RESOLVED } from "../../internal/promise.ts";
import type { Failures } from "./failures.ts";
import type { QueueDriver, Received } from "./queue_driver.ts";

/** What brings the messages of a driver. */
export interface Feed {
  /** Says how many messages more are wanted. */
  demand(count: number): void;
  /** There may be something new. */
  wake(): void;
  /** Resolves when nothing is on its way that was wanted before. */
  idle(): Promise<void>;
}

/** Who takes the messages. */
export interface FeedHost {
  readonly driver: QueueDriver;
  readonly failures: Failures;
  readonly leaseMs: number;
  readonly pollMs: number;
  /** Whether the queue is closed, and nothing that was sent here is on its way. */
  readonly isEnding: boolean;
  /** Takes messages over, and says anew how many it wants. */
  deliver(messages: readonly Received[]): void | Promise<void>;
  /** Is told that a queue that ends has nothing left. */
  end(): void;
  /** Is told that only a person can help. */
  fail(error: unknown): void;
}

/** Waits until the time is over or somebody wakes it. */
class Pause {
  #controller: AbortController | undefined;
  #isWoken = false;

  /** What wakes it from now on ends the next wait at once. */
  reset(): void {
    this.#isWoken = false;
  }

  wake(): void {
    this.#isWoken = true;
    this.#controller?.abort();
  }

  async wait(ms: number): Promise<void> {
    if (this.#isWoken) return;
    this.#controller = new AbortController();
    await sleep(ms, this.#controller.signal).catch(() => {});
    this.#controller = undefined;
  }
}

/** Asks a driver for messages as long as some are wanted. */
export class PullFeed implements Feed {
  readonly #host: FeedHost;
  readonly #pause = new Pause();
  #wanted = 0;
  #isRunning = false;
  #receiving: Promise<void> = RESOLVED;

  constructor(host: FeedHost) {
    this.#host = host;
  }

  demand(count: number): void {
    this.#wanted = count;
    if (count === 0) return this.wake();
    if (!this.#isRunning) this.#run();
  }

  wake(): void {
    this.#pause.wake();
    // A driver that waits by itself hears of new messages without the engine.
    if (this.#wanted === 0 || this.#host.isEnding) this.#host.driver.wake?.();
  }

  idle(): Promise<void> {
    return this.#receiving;
  }

  async #run(): Promise<void> {
    const host = this.#host;
    this.#isRunning = true;
    let failures = 0;
    while (this.#wanted > 0) {
      this.#pause.reset();
      // Before it is asked: what is sent here until then is found.
      const { isEnding } = host;
      try {
        const receiving = this.#receive();
        this.#receiving = receiving.then(() => {}, () => {});
        const idleMs = await receiving;
        failures = 0;
        if (idleMs === undefined) continue;
        if (isEnding) host.end();
        else if (idleMs > 0) await this.#pause.wait(Math.min(idleMs, host.pollMs));
      } catch (error) {
        try {
          if (!await host.failures.again("receive", error, ++failures)) break;
        } catch (final) {
          this.#wanted = 0;
          host.fail(final);
        }
      }
    }
    this.#isRunning = false;
  }

  /** Resolves to how long to wait where there was nothing. */
  async #receive(): Promise<number | undefined> {
    const { driver, leaseMs } = this.#host;
    const { messages, idleMs = Infinity } = await driver.receive!({ limit: this.#wanted, leaseMs });
    if (messages.length === 0) return idleMs;
    await this.#host.deliver(messages);
    return undefined;
  }
}

/** Tells a driver how many messages are wanted, and takes what it pushes. */
export class PushFeed implements Feed {
  readonly #host: FeedHost;
  readonly #pause = new Pause();
  /** How many messages the driver may still deliver. */
  #asked = 0;
  #wanted = 0;
  #isEnding = false;
  #delivering: Promise<void> = RESOLVED;

  constructor(host: FeedHost) {
    this.#host = host;
  }

  demand(count: number): void {
    this.#wanted = count;
    if (count > this.#asked || count === 0 && this.#asked > 0) {
      this.#asked = count;
      this.#host.driver.demand!(count);
    }
    if (count === 0) this.#pause.wake();
    else if (this.#host.isEnding) this.wake();
  }

  wake(): void {
    this.#pause.wake();
    if (this.#host.isEnding && this.#wanted > 0 && !this.#isEnding) this.#end();
  }

  idle(): Promise<void> {
    return this.#delivering;
  }

  /** Takes what has arrived, one batch after the other. */
  deliver(messages: readonly Received[]): void {
    this.#asked = Math.max(0, this.#asked - messages.length);
    this.#delivering = this.#delivering.then(() => this.#host.deliver(messages));
  }

  async #end(): Promise<void> {
    const { driver, failures, pollMs } = this.#host;
    this.#isEnding = true;
    let attempt = 0;
    while (this.#wanted > 0) {
      this.#pause.reset();
      try {
        const isDrained = await driver.isDrained!();
        await this.#delivering;
        attempt = 0;
        if (this.#wanted === 0) break;
        if (isDrained) this.#host.end();
        else await this.#pause.wait(pollMs);
      } catch (error) {
        try {
          if (!await failures.again("receive", error, ++attempt)) break;
        } catch (final) {
          this.#wanted = 0;
          this.#host.fail(final);
        }
      }
    }
    this.#isEnding = false;
  }
}
