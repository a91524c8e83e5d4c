import { MAX_DELAY_MS } from "../../internal/delay.ts";
import { ignore } from "../../internal/promise.ts";

/** What the timers of servers can do. A browser's timer is a number, and there is no process to keep alive. */
type Referable = Partial<Record<"ref" | "unref", () => void>>;

/**
 * The delays of messages. They keep the process alive only while a consumer waits.
 *
 * @typeParam K What is delayed.
 */
export class Delays<K> {
  readonly #timers = new Map<K, ReturnType<typeof setTimeout>>();
  /** Keeps the process alive in the place of all timers, so that a consumer that starts to wait touches one timer. */
  #keeper: ReturnType<typeof setInterval> | undefined;
  #isAwaited = false;

  /** How many delays are not over. */
  get size(): number {
    return this.#timers.size;
  }

  /** Whether a consumer waits. */
  set isAwaited(isAwaited: boolean) {
    if (this.#isAwaited === isAwaited) return;
    this.#isAwaited = isAwaited;
    if (this.#keeper !== undefined) this.#holdProcess(this.#keeper);
  }

  /** Starts a delay. */
  start(delayed: K, { ms, end }: { readonly ms: number; readonly end: () => void }): void {
    const endDelay = () => {
      this.cancel(delayed);
      end();
    };
    const timer = setTimeout(endDelay, ms);
    (timer as Referable).unref?.();
    this.#timers.set(delayed, timer);
    if (this.#keeper === undefined) this.#holdProcess(this.#keeper = setInterval(ignore, MAX_DELAY_MS));
  }

  /** Ends a delay early, and tells whether there was one. */
  cancel(delayed: K): boolean {
    if (!this.#timers.has(delayed)) return false;
    clearTimeout(this.#timers.get(delayed));
    this.#timers.delete(delayed);
    if (this.#timers.size === 0) {
      clearInterval(this.#keeper);
      this.#keeper = undefined;
    }
    return true;
  }

  /** Ends all delays early. */
  cancelAll(): void {
    for (const delayed of this.#timers.keys()) this.cancel(delayed);
  }

  #holdProcess(keeper: Referable): void {
    if (this.#isAwaited) keeper.ref?.();
    else keeper.unref?.();
  }
}
