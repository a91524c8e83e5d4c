import type { Queue } from "../../queue/queue.ts";

/** A message of the suite. It is plain data, so that a queue may store it as JSON. */
export interface TestMessage {
  /** Identifies the message in its queue. */
  readonly id: number;
  /** Some text. */
  readonly text: string;
}

/** A message that a queue has given up. */
export interface DeadLetter {
  /** The message. */
  readonly message: TestMessage;
  /** The reason of its last `nack`, which is a string in this suite. */
  readonly reason: unknown;
}

/** How the suite tests the delay of a `nack`. */
export interface DelayFeature {
  /**
   * The delay that is tested, in milliseconds.
   *
   * @default {20}
   */
  readonly ms?: number | undefined;
  /** Moves the clock of the queue, if the test controls that clock. Without it the suite waits until the time has passed. */
  readonly advance?: (ms: number) => unknown;
}

/**
 * What a queue promises beyond the contract of every queue. The suite skips the cases of features that are left out.
 *
 * @typeParam Q The queue.
 */
export interface QueueFeatures<Q extends Queue<TestMessage> = Queue<TestMessage>> {
  /** Messages are received in the order in which they were sent. */
  readonly order?: boolean | undefined;
  /** A nacked message is delivered again. `maxAttempts` must then be at least 2. */
  readonly redelivery?: boolean | undefined;
  /**
   * How many attempts a message gets before a `nack` gives it up.
   *
   * @default {Infinity}
   */
  readonly maxAttempts?: number | undefined;
  /** As long as one consumer holds a message, no other consumer receives it. */
  readonly exclusive?: boolean | undefined;
  /** A `nack` may delay the next delivery. It needs `redelivery`. */
  readonly delay?: boolean | DelayFeature | undefined;
  /** The metadata of a message is delivered with it. */
  readonly metadata?: boolean | undefined;
  /** Returns the messages that the queue has given up. The suite calls it after the last `nack` has resolved. */
  readonly deadLetters?: ((queue: Q) => Iterable<DeadLetter> | PromiseLike<Iterable<DeadLetter>>) | undefined;
  /** A full queue makes its senders wait. `maxSize` is the number of messages that it accepts before. */
  readonly bounded?: { readonly maxSize: number } | undefined;
  /** The messages of the queue survive the end of the process. */
  readonly persistence?: {
    /** Opens the queue again, as after a crash. The suite does not close the old one, and does not use it any more. */
    readonly reopen: (queue: Q) => Q | PromiseLike<Q>;
  } | undefined;
  /**
   * Returns how many bytes are in use after a full garbage collection. With it the suite tests that the queue does not keep
   * handled messages. With `--expose-gc` that is `() => (gc(), process.memoryUsage().heapUsed)`, in Deno
   * `() => (gc(), Deno.memoryUsage().heapUsed)`.
   */
  readonly heapUsed?: (() => number | PromiseLike<number>) | undefined;
}

/**
 * What a queue promises, and how thoroughly the suite tests it.
 *
 * @typeParam Q The queue.
 */
export interface QueueConformanceOptions<Q extends Queue<TestMessage> = Queue<TestMessage>> extends QueueFeatures<Q> {
  /**
   * Decides on the interleaving of the first run. Each further run adds one to it.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /**
   * How often each case runs, each time with a new queue and another interleaving.
   *
   * @default {10}
   */
  readonly runs?: number | undefined;
  /**
   * How many messages the cases about quantity send. These cases run once.
   *
   * @default {100_000}
   */
  readonly volume?: number | undefined;
  /**
   * How long the suite waits at any one point before the case fails, in milliseconds. A queue that works does not make it
   * wait that long.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number | undefined;
}
