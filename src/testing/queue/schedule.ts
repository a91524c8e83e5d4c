import type { Random } from "./random.ts";

/** Waits for a number of turns of the microtask queue. It uses no timer. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

/**
 * Runs several actors in an order that a seed decides. Each actor waits for its turn wherever the order may matter, and the
 * schedule resumes one actor at a time.
 */
export class Schedule {
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];
  #wake: (() => void) | undefined;

  /** @param random Decides on the order. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** Waits until it is the caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#wake?.();
    });
  }

  /** Runs actors until all of them have ended or one has failed. */
  async run(actors: readonly (() => Promise<void>)[]): Promise<void> {
    let isOver = false;
    const end = () => {
      isOver = true;
      this.#wake?.();
    };
    const all = Promise.all(actors.map((actor) => actor()));
    all.then(end, end);
    while (!isOver) {
      if (this.#waiting.length === 0) {
        // Every actor now waits for the queue under test. One of them comes back, or the time limit ends the case.
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        continue;
      }
      const [resume] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      resume!();
      await turns(this.#random.below(5));
    }
    await all;
  }
}
