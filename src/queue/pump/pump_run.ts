import { MAX_DELAY_MS } from "../../internal/delay.ts";
import { combineErrors } from "../../internal/dispose.ts";
import { ignore } from "../../internal/promise.ts";
import type { Draining, DrainingOptions } from "./draining.ts";
import { PumpWorker, type WorkerHost, type WorkerPlan } from "./pump_worker.ts";

/** How a {@linkcode PumpRun} runs, and how it ends. */
export interface PumpPlan extends WorkerPlan {
  readonly concurrency: number;
  readonly graceful: NonNullable<DrainingOptions["graceful"]>;
  readonly closes: DrainingOptions["closes"];
}

/** A pump at work, from the first receive until no message is in flight any more. */
export class PumpRun implements Draining, WorkerHost {
  readonly plan: PumpPlan;
  readonly #finished: Promise<void>;
  /** Whether somebody has asked for the outcome, and so learns of an error. */
  #isObserved = false;
  readonly #controller = new AbortController();
  readonly #workers: readonly PumpWorker[];
  readonly #errors: unknown[] = [];
  #finish: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  /** How many workers, and calls of `close`, the run waits for. */
  #active = 0;
  #isStopping = false;
  #isStopped = false;
  #isClosing = false;
  #limit: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: PumpPlan) {
    this.plan = plan;
    this.#finished = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject };
    });
    // An error that the caller has not asked for yet is not an unhandled rejection.
    this.#finished.catch(ignore);

    this.#active = plan.concurrency;
    this.#workers = Array.from({ length: plan.concurrency }, () => new PumpWorker(this));
    for (const worker of this.#workers) worker.run();
  }

  get finished(): Promise<void> {
    this.#isObserved = true;
    return this.#finished;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  stop(): Promise<void> {
    if (this.#isStopped || this.#active === 0) return this.finished;
    this.#isStopped = true;

    const { closes, graceful } = this.plan;
    if (closes === undefined) this.#receiveNoMore();
    else this.#close();

    if (graceful === false) this.#stopNow();
    else if (graceful !== true && graceful.timeoutMs !== Infinity && this.#active > 0) {
      const stopAtLimit = () => this.#stopNow();
      this.#limit = setTimeout(stopAtLimit, Math.min(graceful.timeoutMs, MAX_DELAY_MS));
    }
    return this.finished;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  fail(error: unknown, { abort = false }: { readonly abort?: boolean | undefined } = {}): void {
    this.#errors.push(error);
    if (this.plan.closes !== undefined) this.#close();
    if (abort) this.#abort(error);
    else this.#receiveNoMore();
  }

  leave(): void {
    if (--this.#active > 0) return;
    clearTimeout(this.#limit);
    const errors = this.#errors;
    if (errors.length === 0) return this.#finish!.resolve();
    const error = combineErrors(errors, `Cannot go on draining: ${errors.length} failures`);
    this.#finish!.reject(error);
    // The senders may wait for ever, and the caller may never come to the disposal.
    if (!this.#isObserved) console.error(error);
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
    for (const worker of this.#workers) worker.abandon();
  }

  async #close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#active++;
    try {
      await this.plan.closes!.close();
    } catch (error) {
      this.fail(error);
    }
    this.leave();
  }
}
