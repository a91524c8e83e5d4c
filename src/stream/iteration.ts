import { isPromiseLike, RESOLVED } from "../internal/promise.ts";

/** A step of an iterator, as it comes from the source. It goes to the consumer unchanged. */
export type Step = IteratorResult<unknown, undefined>;

/** What all sources are read by. */
export interface SourceIterator {
  next(): Step | PromiseLike<Step>;
  return?(): unknown;
}

/** What an iteration makes items for. */
export interface ItemTaker {
  /** Whether an item is asked for. */
  readonly isWaiting: boolean;
  /** Takes the item that was asked for. */
  take(step: Step): void;
}

/**
 * Reads one source, an item each time that one is asked for, and closes it. There is no loop and no buffer: the steps of
 * the source go to the taker as they are.
 *
 * All of it runs in the async context of the handler, where {@linkcode run} is called, although the consumer asks from
 * its own: what wakes the iteration only resolves a promise, whose `then` was called on the handler's side.
 */
export class Iteration {
  readonly #source: SourceIterator;
  readonly #taker: ItemTaker;
  #wake: (() => void) | undefined;
  #isMaking = false;
  #isClosing = false;
  /** A source that cannot be closed ends with the item that it is making. */
  #isLastStep = false;
  #failure: { readonly error: unknown } | undefined;
  #resolve!: (isComplete: boolean) => void;
  #reject!: (error: unknown) => void;

  /**
   * @param source What the handler returned, as an iterator.
   * @param taker What asks for the items.
   */
  constructor(source: SourceIterator, taker: ItemTaker) {
    this.#source = source;
    this.#taker = taker;
  }

  /**
   * Starts the iteration. It is called once.
   *
   * @returns A promise that settles when the source is closed: whether it came to its end, or its failure.
   */
  run(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#rest();
    });
  }

  /** Asks for an item, or to go on with closing. */
  wake(): void {
    this.#wake?.();
  }

  /** Closes the source. An item that is being made is dropped. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#isMaking) this.#closeSource();
    else this.wake();
  }

  #rest(): void {
    const isAwake = this.#taker.isWaiting || this.#isClosing;
    const woken = isAwake ? RESOLVED : new Promise<void>((wake) => this.#wake = wake);
    woken.then(this.#proceed);
  }

  readonly #proceed = (): void => {
    this.#wake = undefined;
    if (this.#isClosing) return this.#closeSource();
    this.#isMaking = true;
    try {
      const step = this.#source.next();
      if (isPromiseLike(step)) step.then(this.#take, this.#fail);
      else this.#take(step);
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #take = (step: Step): void => {
    let isDone: boolean | undefined;
    try {
      isDone = step.done;
    } catch (error) {
      return this.#fail(error);
    }
    this.#isMaking = false;
    if (this.#isClosing) {
      if (this.#isLastStep) this.#end(false);
    } else if (isDone) {
      this.#end(true);
    } else {
      this.#taker.take(step);
      this.#rest();
    }
  };

  readonly #fail = (error: unknown): void => {
    this.#isMaking = false;
    this.#failure ??= { error };
    // While the source is being closed, its failure waits for it to be closed.
    if (!this.#isClosing || this.#isLastStep) this.#end(false);
  };

  #closeSource(): void {
    try {
      if (this.#source.return === undefined && this.#isMaking) {
        this.#isLastStep = true;
        return;
      }
      Promise.resolve(this.#source.return?.()).then(() => this.#end(false), (error) => this.#endFailed(error));
    } catch (error) {
      this.#endFailed(error);
    }
  }

  #endFailed(error: unknown): void {
    this.#failure ??= { error };
    this.#end(false);
  }

  #end(isComplete: boolean): void {
    if (this.#failure === undefined) this.#resolve(isComplete);
    else this.#reject(this.#failure.error);
  }
}
