import { abortable } from "../../internal/abort.ts";
import { RESOLVED } from "../../internal/promise.ts";

interface Entry<Item> {
  readonly item: Item;
  readonly resolve: (isDone: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** How a {@linkcode Batch} works. */
export interface BatchOptions<Item> {
  /** Does it for all items at once. */
  readonly flush: (items: readonly Item[]) => PromiseLike<unknown>;
  /**
   * Waits until a flush that has failed is to be tried again. It resolves to `false` where nothing is tried any more. It
   * rejects with the error that the items end with.
   */
  readonly again: (error: unknown, attempt: number) => Promise<boolean>;
  /** How much an item weighs. A flush takes at most 1,000 items, and at most 4 million of weight. */
  readonly weigh?: ((item: Item) => number) | undefined;
  /** How long items wait for others, in milliseconds. Without it, until the end of the tick. */
  readonly lingerMs?: number | undefined;
}

const MAX_ITEMS = 1_000;
const MAX_WEIGHT = 4_000_000;

/**
 * Does the same for many items at once. One flush runs at a time; what comes meanwhile is in the next.
 *
 * @typeParam Item What it is done for.
 */
export class Batch<Item> {
  readonly #options: BatchOptions<Item>;
  #entries: Entry<Item>[] = [];
  #running: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BatchOptions<Item>) {
    this.#options = options;
  }

  /**
   * Adds an item. The promise settles with the flush that the item is in, or when the signal fires. It resolves to whether
   * the flush was done.
   */
  add(item: Item, signal?: AbortSignal): Promise<boolean> {
    return abortable<boolean>(signal, (resolve, reject) => {
      const entry = { item, resolve, reject };
      this.#entries.push(entry);
      this.#schedule();
      const remove = () => {
        const index = this.#entries.indexOf(entry);
        if (index >= 0) this.#entries.splice(index, 1);
      };
      return remove;
    });
  }

  /** Starts the flush of what is there, without waiting for more. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#entries.length > 0) this.#running ??= this.#run();
  }

  /** Resolves when nothing is left. It never rejects. */
  idle(): Promise<void> {
    this.start();
    return this.#running ?? RESOLVED;
  }

  #schedule(): void {
    const { lingerMs } = this.#options;
    if (this.#running !== undefined) return;
    if (lingerMs === undefined) this.#running = RESOLVED.then(() => this.#run());
    else if (this.#entries.length >= MAX_ITEMS) this.start();
    else this.#timer ??= setTimeout(() => this.start(), lingerMs);
  }

  async #run(): Promise<void> {
    while (this.#entries.length > 0) await this.#flush(this.#take());
    this.#running = undefined;
  }

  async #flush(entries: readonly Entry<Item>[]): Promise<void> {
    const items = entries.map(({ item }) => item);
    try {
      const isDone = await this.#insist(items);
      for (const { resolve } of entries) resolve(isDone);
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  async #insist(items: readonly Item[]): Promise<boolean> {
    for (let attempt = 1;; attempt++) {
      try {
        await this.#options.flush(items);
        return true;
      } catch (error) {
        if (!await this.#options.again(error, attempt)) return false;
      }
    }
  }

  #take(): Entry<Item>[] {
    const { weigh } = this.#options;
    let count = Math.min(this.#entries.length, MAX_ITEMS);
    if (weigh !== undefined) {
      let weight = weigh(this.#entries[0]!.item);
      for (let index = 1; index < count; index++) {
        weight += weigh(this.#entries[index]!.item);
        if (weight > MAX_WEIGHT) count = index;
      }
    }
    if (count === this.#entries.length) {
      const all = this.#entries;
      this.#entries = [];
      return all;
    }
    return this.#entries.splice(0, count);
  }
}
