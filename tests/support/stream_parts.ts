import { type ItemStream, MessageRouter, type QueryBus, StreamQuery } from "@cq/core";

export class Count extends StreamQuery<number> {
  readonly to: number;

  constructor(to = 3) {
    super();
    this.to = to;
  }
}

/** Counts, and logs when it starts, which items it makes, and when it is closed. */
export function counting(log: string[]): (query: Count) => AsyncGenerator<number, void> {
  return async function* count({ to }) {
    log.push("start");
    try {
      for (let item = 1; item <= to; item++) {
        log.push(`make ${item}`);
        yield item;
      }
    } finally {
      log.push("close");
    }
  };
}

/** A bus with a handler that counts, and its log. */
export function countingBus(log: string[] = []): QueryBus {
  return new MessageRouter().newQueryBus().subscribe(Count, counting(log));
}

/** Reads a stream to its end. */
export async function readAll<Item>(stream: ItemStream<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** A promise that the test settles. */
export interface Deferred<T = void> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function defer<T = void>(): Deferred<T> {
  let settle!: Omit<Deferred<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => settle = { resolve, reject });
  return { promise, ...settle };
}

/** Lets all that waits for promises alone go on. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Whether a promise has settled, once all that waits for promises alone has gone on. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await turn();
  return settled;
}
