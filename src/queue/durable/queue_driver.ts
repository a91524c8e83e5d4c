import type { Envelope } from "../../envelope.ts";

/** A message on its way to the server. */
export interface Outgoing {
  /** The message. */
  readonly envelope: Envelope;
  /** How long it waits before it is delivered, in milliseconds. */
  readonly delayMs: number;
}

/**
 * A message that a driver has taken from the server for this process. A driver puts into it what it needs to settle the
 * message: the engine hands the same object back.
 */
export interface Received {
  /** The message, as it was sent. */
  readonly envelope: Envelope;
  /** How often the message has been delivered, this time included. What was given back does not count. */
  readonly attempt: number;
  /** When the message was sent, by the server's clock. */
  readonly sentAt?: Date | undefined;
  /** Whether the consumer before was lost: it neither settled the message nor gave it back. */
  readonly wasLost?: boolean | undefined;
  /** When a consumer first did not know the message: what {@linkcode Retry.unknownSince} has written down. */
  readonly unknownSince?: number | undefined;
}

/** A message that is to be delivered again. */
export interface Retry<R extends Received = Received> {
  /** The message. */
  readonly received: R;
  /** How long it waits, in milliseconds. */
  readonly delayMs: number;
  /**
   * Set where the message is not known here yet: since when, in milliseconds since 1970. The driver writes it down with
   * the message, and does not count the attempt.
   */
  readonly unknownSince?: number | undefined;
}

/** A message that is given up. */
export interface Burial<R extends Received = Received> {
  /** The message. */
  readonly received: R;
  /** Why, in words. */
  readonly reason: string;
}

/** How many messages are wanted, and for how long. */
export interface ReceiveRequest {
  /** How many messages at most. */
  readonly limit: number;
  /** How long the messages belong to this process, in milliseconds. */
  readonly leaseMs: number;
}

/** What a driver has received. */
export interface ReceiveResult<R extends Received = Received> {
  /** The messages, in their order. */
  readonly messages: readonly R[];
  /**
   * How long the engine may wait before it asks again, where there is no message: until the next one is due. The engine
   * never waits longer than `pollMs`. A driver that waits by itself says `0`.
   */
  readonly idleMs?: number | undefined;
}

/** What a driver tells the engine of its own accord. */
export interface QueueSink<R extends Received = Received> {
  /** There may be new messages. */
  wake(): void;
  /** Messages have arrived, for drivers that push. */
  deliver(messages: readonly R[]): void;
  /** Messages do not belong to this process any more; with `"all"` not one of those that it has. */
  lost(messages: readonly R[] | "all"): void;
  /** Something failed that no call of the engine waits for. The driver goes on by itself. */
  failed(error: unknown): void;
}

/** A dead letter, as a driver reads it. */
export interface StoredDeadLetter {
  /** The message, as it was sent. */
  readonly envelope: Envelope;
  /** Why it was given up. */
  readonly reason: string;
  /** How often it had been delivered. */
  readonly attempt: number;
  /** When it was given up. */
  readonly at: Date;
}

/** Which dead letters are meant. */
export interface DeadLetterSelection {
  /** The ids of their envelopes; all of them unless given. */
  readonly ids?: readonly string[] | undefined;
  /** How many at most, the oldest first; all of them unless given. */
  readonly limit?: number | undefined;
}

/** The dead letters of a queue, as a driver keeps them. */
export interface DeadLetterStore {
  /** Lists them, the oldest first. */
  list(selection: DeadLetterSelection): AsyncIterable<StoredDeadLetter>;
  /** Puts them back, behind all others, with their ids, as if they had never been delivered. Resolves to how many. */
  replay(selection: DeadLetterSelection): PromiseLike<number>;
  /** Deletes them. Resolves to how many. */
  purge(selection: DeadLetterSelection): PromiseLike<number>;
}

/** How many messages a queue has. What a technology cannot tell is `undefined`. */
export interface QueueStats {
  /** Messages that a consumer would get now. */
  readonly waiting: number | undefined;
  /** Messages that wait for their time. */
  readonly delayed: number | undefined;
  /** Messages that belong to a consumer. */
  readonly held: number | undefined;
  /** Dead letters. */
  readonly dead: number | undefined;
  /** How long ago the oldest message that waits was sent, in milliseconds; `undefined` where no message waits. */
  readonly oldestMs: number | undefined;
}

/**
 * What a {@linkcode DurableQueue} needs of a technology. A driver knows envelopes, and no message class.
 *
 * Messages come in one of two ways. A driver that is pulled has `receive`. A driver to which the server pushes has `demand`
 * and `isDrained`, and delivers to the sink that `start` gives.
 *
 * Each method may reject. The engine tries again, except for `publish`, `stats`, `ping` and the dead letters, whose
 * callers decide. So each must bear a repetition: an ack, a retry or a burial of a message that does not belong to this
 * process any more does nothing.
 *
 * @typeParam R What the driver takes for a received message.
 */
export interface QueueDriver<R extends Received = Received> {
  /** Whether messages of one key are delivered in their order, one at a time. */
  readonly hasKeys?: boolean | undefined;
  /** Whether a message with a known id is not added again. */
  readonly hasIds?: boolean | undefined;
  /** Whether a message can wait for its time. */
  readonly hasDelays?: boolean | undefined;

  /** Writes messages down, all or none of them, in their order. */
  publish(messages: readonly Outgoing[]): PromiseLike<unknown>;
  /** Is called once, before the first message is wanted. */
  start?(sink: QueueSink<R>): void;
  /** Takes messages. One call at a time. */
  receive?(request: ReceiveRequest): PromiseLike<ReceiveResult<R>>;
  /** Ends the wait of a `receive`, for drivers that wait by themselves. */
  wake?(): void;
  /**
   * Says how many messages more may be delivered. Each call replaces what former calls have asked for and what has not
   * been delivered. The driver keeps the number across a connection that was lost.
   */
  demand?(count: number): void;
  /** Whether there is nothing to be delivered now, for drivers that push. It is asked after the queue has been closed. */
  isDrained?(): PromiseLike<boolean>;

  /** Forgets messages that have been handled. The engine calls it before `receive` where it wants both at once. */
  ack(messages: readonly R[]): PromiseLike<unknown>;
  /** Delivers messages again, later. */
  retry(messages: readonly Retry<R>[]): PromiseLike<unknown>;
  /** Gives messages back that no handler has failed at, to be delivered at once. Their attempts do not count. */
  giveBack(messages: readonly R[]): PromiseLike<unknown>;
  /** Makes dead letters of messages. */
  bury(messages: readonly Burial<R>[]): PromiseLike<unknown>;
  /**
   * Prolongs the leases of messages. Resolves to those that do not belong to this process any more. A driver without it has
   * no leases: what it delivers belongs to this process until the sink hears that it is lost.
   */
  renew?(messages: readonly R[], leaseMs: number): PromiseLike<readonly R[]>;

  /**
   * Says whether an error stays until a person does something: a table that does not exist, a wrong password.
   *
   * @returns The error to end with, which says the way out; `undefined` where trying again may help.
   */
  explain?(error: unknown): Error | undefined;
  /** The dead letters. */
  readonly dead?: DeadLetterStore | undefined;
  /** Counts messages. */
  stats?(): PromiseLike<QueueStats>;
  /** Resolves where the server answers and the queue exists. */
  ping?(): PromiseLike<unknown>;
  /** Lets go of what the driver itself has opened. The client belongs to the user. */
  dispose?(): PromiseLike<unknown> | void;
}
