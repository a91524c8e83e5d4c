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

/** How the suite tests the delay of a `nack` or of a `send`. */
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
 * How the suite tests that a message belongs to its consumer for a time.
 *
 * @typeParam Q The queue.
 */
export interface LeaseFeature<Q> {
  /** How long a message belongs to a consumer that is not heard of, in milliseconds. */
  readonly ms: number;
  /** Opens what another process would use of the same queue. The suite closes it, and disposes it. */
  readonly open: (queue: Q) => Q | PromiseLike<Q>;
  /**
   * Cuts a queue off as if its process had stopped: it renews no lease any more. The suite does not use it afterwards, but
   * for an ack that comes too late.
   */
  readonly cutOff: (queue: Q) => unknown;
}

/**
 * How the suite tests messages that cannot be decoded.
 *
 * @typeParam Q The queue.
 */
export interface PoisonFeature<Q> {
  /** Puts something into the queue that is not a message. */
  readonly send: (queue: Q) => unknown;
  /** Returns the dead letters that are not messages. */
  readonly dead: (queue: Q) => Iterable<unknown> | PromiseLike<Iterable<unknown>>;
}

/**
 * How the suite tests that the server of a queue goes away and comes back.
 *
 * @typeParam Q The queue.
 */
export interface RestartFeature<Q> {
  /** Stops the server, or cuts the connection. */
  readonly stop: (queue: Q) => unknown;
  /** Starts the server again. */
  readonly start: (queue: Q) => unknown;
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
  /**
   * Other consumers than those of this object receive from the same queue. So its consumers end when it is closed and
   * nothing can be received: what is delayed then is left to the others.
   */
  readonly shared?: boolean | undefined;
  /** A `nack` may delay the next delivery. It needs `redelivery`. */
  readonly delay?: boolean | DelayFeature | undefined;
  /** A `send` may delay the delivery. With `false` the queue refuses a delay, which is then tested. */
  readonly sendDelay?: boolean | DelayFeature | undefined;
  /**
   * Messages of one key are delivered in their order, one at a time. A nacked message keeps its place. With `false` the
   * queue refuses a key, which is then tested.
   */
  readonly key?: boolean | undefined;
  /**
   * A second `send` of an id whose message waits or is held resolves, and adds nothing. With `false` the queue refuses an
   * id, which is then tested.
   */
  readonly id?: boolean | undefined;
  /** What a consumer gives back has not failed, and keeps its attempt: what it holds, and what it has prefetched. */
  readonly prefetch?: boolean | undefined;
  /** A message belongs to its consumer for a time. A consumer that is alive renews that time. */
  readonly lease?: LeaseFeature<Q> | undefined;
  /** What cannot be decoded becomes a dead letter, and keeps no message back. */
  readonly poison?: PoisonFeature<Q> | undefined;
  /** The queue goes on when its server has gone away and come back. */
  readonly restart?: RestartFeature<Q> | undefined;
  /** The metadata of a message is delivered with it, each time. */
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
   * How many messages the cases about quantity send. These cases run once. They take `timeoutMs` for each 100 messages at
   * the most.
   *
   * @default {100_000}
   */
  readonly volume?: number | undefined;
  /**
   * How long the queue takes, at most, until what it was told has shown all of its effect, in milliseconds. A queue over a
   * network needs it: without it the suite waits for the microtasks alone before it concludes that nothing happens.
   *
   * @default {0}
   */
  readonly settleMs?: number | undefined;
  /**
   * How long the suite waits at any one point before the case fails, in milliseconds. A queue that works does not make it
   * wait that long.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number | undefined;
}
