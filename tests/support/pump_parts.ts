// What the tests of pumps are made of: queues, consumers and handlers that a test has under its control.

import { type Consumer, MemoryQueue, type MemoryQueueOptions, type NackOptions } from "@cq/core";

/** A queue with messages in it, and room for any number more. */
export function queueOf<T>(messages: readonly T[], options: MemoryQueueOptions<T> = {}): MemoryQueue<T> {
  const queue = new MemoryQueue<T>({ maxSize: Infinity, ...options });
  for (const message of messages) queue.send(message);
  return queue;
}

/** A closed queue with messages in it. */
export function closedQueueOf<T>(messages: readonly T[], options: MemoryQueueOptions<T> = {}): MemoryQueue<T> {
  const queue = queueOf(messages, options);
  queue.close();
  return queue;
}

/** A consumer of given messages. It logs what is done to it, and can fail. */
export function scripted(
  messages: readonly string[],
  { log = [], failing = {} }: { log?: unknown[]; failing?: Partial<Record<"ack" | "nack" | "next" | "return", Error>> },
): Consumer<string> {
  const rest = [...messages];
  const run = (step: "ack" | "nack" | "next" | "return", ...details: unknown[]): Promise<void> => {
    log.push([step, ...details]);
    return failing[step] === undefined ? Promise.resolve() : Promise.reject(failing[step]);
  };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const message = rest.shift();
        if (message === undefined) {
          return failing.next === undefined
            ? Promise.resolve({ done: true, value: undefined })
            : Promise.reject(failing.next);
        }
        return Promise.resolve({
          done: false,
          value: {
            message,
            attempt: 1,
            ack: () => run("ack", message),
            nack: (options?: NackOptions) => run("nack", message, options?.reason),
          },
        });
      },
      return: async () => {
        await run("return");
        return { done: true, value: undefined };
      },
    }),
  };
}

/** A consumer of one message. It logs the ack and the nack, which settle when the test says so. */
export function settledLater(
  log: string[] = [],
): Record<"ack" | "nack", PromiseWithResolvers<void>> & Consumer<string> {
  const settle = (name: string, { promise }: PromiseWithResolvers<void>) => () => {
    log.push(name);
    return promise;
  };
  const gates = { ack: Promise.withResolvers<void>(), nack: Promise.withResolvers<void>() };
  return {
    ...gates,
    async *[Symbol.asyncIterator]() {
      yield { message: "a", attempt: 1, ack: settle("ack", gates.ack), nack: settle("nack", gates.nack) };
    },
  };
}

/** A handler that logs its messages, and handles each until its gate is opened. */
export function gatedHandler(): {
  handle: (message: string) => Promise<void>;
  started: string[];
  open: (message: string) => void;
  fail: (message: string, error: unknown) => void;
} {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const started: string[] = [];
  return {
    handle: (message) => {
      started.push(message);
      const gate = Promise.withResolvers<void>();
      gates.set(message, gate);
      return gate.promise;
    },
    started,
    open: (message) => gates.get(message)!.resolve(),
    fail: (message, error) => gates.get(message)!.reject(error),
  };
}

/** Waits until everything has run that does not wait for a timer. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

/** Waits for a turn of the event loop, in which a queue delivers again what was nacked before. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

/** Shows the state of a promise at any time. */
export function watch(promise: Promise<unknown>): { state: "waiting" | "resolved" | "rejected"; error?: unknown } {
  const watched: ReturnType<typeof watch> = { state: "waiting" };
  promise.then(() => watched.state = "resolved", (error) => Object.assign(watched, { state: "rejected", error }));
  return watched;
}
