import { combineErrors } from "../../internal/dispose.ts";
import { MAX_DELAY_MS } from "../../internal/delay.ts";
import type { Draining, DrainingOptions } from "./draining.ts";
import { type Handle, PumpWorker, type WorkerHost } from "./pump_worker.ts";
import type { Consumer } from "../queue.ts";

/** What a {@linkcode PumpRun} is made of. */
export interface PumpPlan {
  readonly consumer: Consumer<unknown>;
  readonly handle: Handle;
  readonly concurrency: number;
  readonly failSilently: boolean;
  readonly graceful: NonNullable<DrainingOptions["graceful"]>;
  readonly closes: DrainingOptions["closes"];
}

/** A pump at work, from the first receive until nothing is in flight any more. */
export class PumpRun implements Draining, WorkerHost {
  readonly finished: Promise<void>;
  readonly consumer: Consumer<unknown>;
  readonly handle: Handle;
  readonly failSilently: boolean;
  readonly #graceful: PumpPlan["graceful"];
  readonly #closes: PumpPlan["closes"];
  readonly #controller = new AbortController();
  readonly #workers: readonly PumpWorker[];
  readonly #errors: unknown[] = [];
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  /** How many workers, and closings of the queue, there are to wait for. */
  #active = 0;
  #isStopping = false;
  #isStopped = false;
  #isClosing = false;
  #limit: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: PumpPlan) {
    this.consumer = plan.consumer;
    this.handle = plan.handle;
    this.failSilently = plan.failSilently;
    this.#graceful = plan.graceful;
    this.#closes = plan.closes;
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever waits for it gets the error. Until then it is no unhandled rejection.
    this.finished.catch(() => {});

    this.#active = plan.concurrency;
    this.#workers = Array.from({ length: plan.concurrency }, () => new PumpWorker(this));
    for (const worker of this.#workers) worker.run();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  stop(): Promise<void> {
    if (this.#isStopped || this.#active === 0) return this.finished;
    this.#isStopped = true;

    if (this.#closes === undefined) this.#receiveNoMore();
    else this.#close();

    const graceful = this.#graceful;
    if (graceful === false) this.#stopNow();
    else if (graceful !== true && graceful.timeoutMs !== Infinity && this.#active > 0) {
      this.#limit = setTimeout(() => this.#stopNow(), Math.min(graceful.timeoutMs, MAX_DELAY_MS));
    }
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  fail(error: unknown, { abort = false }: { readonly abort?: boolean } = {}): void {
    this.#errors.push(error);
    if (this.#closes !== undefined) this.#close();
    if (abort) this.#abort(error);
    else this.#receiveNoMore();
  }

  leave(): void {
    if (--this.#active > 0) return;
    clearTimeout(this.#limit);
    const errors = this.#errors;
    if (errors.length === 0) this.#settle!.resolve();
    else this.#settle!.reject(combineErrors(errors, `Cannot go on draining: ${errors.length} failures`));
  }

  #receiveNoMore(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const worker of this.#workers) worker.release();
  }

  #stopNow(): void {
    this.#abort(new DOMException("Cannot go on handling the message: the pump was stopped", "AbortError"));
  }

  #abort(reason: unknown): void {
    this.#receiveNoMore();
    this.#controller.abort(reason);
    for (const worker of this.#workers) worker.abandon(reason);
  }

  async #close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#active++;
    try {
      await this.#closes!.close();
    } catch (error) {
      this.fail(error);
    }
    this.leave();
  }
}
