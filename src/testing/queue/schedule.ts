import type { Random } from "./random.ts";

/** Waits for a number of turns of the microtask queue, and for no timer. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

/**
 * Lets several actors go on in an order that a seed decides. Each waits for its turn wherever the order may matter, and
 * one at a time is let go.
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

  /** Runs actors until all of them have come to their end or one has failed. */
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
        // What an actor waits for now is the business of what is tested. It comes back, or the time limit strikes.
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
