import type { Queue } from "../../queue/queue.ts";

/** What the suite sends. It is plain data, so that a queue may write it down as JSON. */
export interface TestMessage {
  /** Tells the messages of one queue apart. */
  readonly id: number;
  /** Something to carry. */
  readonly text: string;
}

/** A message that a queue has given up. */
export interface DeadLetter {
  /** The message. */
  readonly message: TestMessage;
  /** The reason of its last `nack`, which is a string in this suite. */
  readonly reason: unknown;
}

/** How a queue lets the delay of a `nack` pass. */
export interface DelayFeature {
  /**
   * The delay that is tested, in milliseconds.
   *
   * @default {20}
   */
  readonly ms?: number;
  /** Moves the clock of the queue, where a test has it in hand. Without it the suite waits for the queue. */
  readonly advance?: (ms: number) => unknown;
}

/**
 * What a queue promises beyond what every queue does. What is left out is not promised, and its cases are skipped.
 *
 * @typeParam Q The queue.
 */
export interface QueueFeatures<Q extends Queue<TestMessage> = Queue<TestMessage>> {
  /** Messages are received in the order in which they were sent. */
  readonly order?: boolean | undefined;
  /** A message that was nacked is delivered again. `maxAttempts` says how often, 2 at the least. */
  readonly redelivery?: boolean | undefined;
  /**
   * How often a message is delivered at the most.
   *
   * @default {Infinity}
   */
  readonly maxAttempts?: number | undefined;
  /** As long as one consumer holds a message, no other receives it. */
  readonly exclusive?: boolean | undefined;
  /** A `nack` may delay the next delivery. It needs `redelivery`. */
  readonly delay?: boolean | DelayFeature | undefined;
  /** What a message carries besides itself is delivered with it. */
  readonly metadata?: boolean | undefined;
  /** Gives what the queue has given up so far, after `maxAttempts` deliveries. It is asked once the `nack` has resolved. */
  readonly deadLetters?: ((queue: Q) => Iterable<DeadLetter> | PromiseLike<Iterable<DeadLetter>>) | undefined;
  /** A full queue makes its senders wait. `maxSize` says how many messages are accepted before. */
  readonly bounded?: { readonly maxSize: number } | undefined;
  /** What is in the queue outlives the process. */
  readonly persistence?: {
    /** Opens the queue anew, as after a crash. The one that was open is not used any more, and has not been closed. */
    readonly reopen: (queue: Q) => Q | PromiseLike<Q>;
  } | undefined;
  /**
   * How many bytes are in use after a full garbage collection. With it the suite sees whether the queue lets go of what
   * has been handled. With `--expose-gc` that is `() => (gc(), process.memoryUsage().heapUsed)`, in Deno
   * `() => (gc(), Deno.memoryUsage().heapUsed)`.
   */
  readonly heapUsed?: (() => number | PromiseLike<number>) | undefined;
}

/**
 * What a queue promises, and how thoroughly it is looked at.
 *
 * @typeParam Q The queue.
 */
export interface QueueConformanceOptions<Q extends Queue<TestMessage> = Queue<TestMessage>> extends QueueFeatures<Q> {
  /**
   * Decides on the interleavings of the first run. Each further run adds one.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /**
   * How often each case is run, each time on a new queue and in another interleaving.
   *
   * @default {10}
   */
  readonly runs?: number | undefined;
  /**
   * How many messages the cases about quantity send, which are run once.
   *
   * @default {100_000}
   */
  readonly volume?: number | undefined;
  /**
   * How long the suite waits for the queue at any one point before the case fails, in milliseconds. A queue that works
   * never makes it wait that long.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number | undefined;
}
