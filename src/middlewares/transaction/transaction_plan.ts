import type { HandlerContext } from "../../context.ts";
import type { Next } from "../../middleware.ts";
import { describe, typeNameOf } from "../../naming.ts";
import type { Inbox } from "../../queue/inbox.ts";
import type { Outbox } from "../../queue/outbox.ts";
import { InjectionToken, type Token } from "../../token.ts";
import { type OutboxRoute, requireOutbox } from "./store_events.ts";

/**
 * Runs a function in a transaction: begins, calls it with the transaction and waits for its promise, and then commits, or
 * rolls back where it rejects. The callback of most clients is one: `(work) => sql.begin(work)`.
 *
 * @typeParam Tx The transaction.
 */
export type BeginTransaction<Tx> = (work: (tx: Tx) => Promise<void>) => PromiseLike<unknown>;

/**
 * Where `transaction` stores events, and what a pump's messages are acked with.
 *
 * @typeParam Tx The transaction.
 */
export interface TransactionOptions<Tx> {
  /**
   * Stores the related events of commands, with the metadata that they would have been published with. A function
   * chooses an outbox for each event. Where there is none, the event is published in the process, after the commit.
   */
  readonly outbox?: Outbox<Tx> | ((event: object) => Outbox<Tx> | undefined) | undefined;
  /** Acks the delivery within the transaction, so that a message takes effect once. For the middlewares of a pump alone. */
  readonly inbox?: Inbox<Tx> | undefined;
}

/** What a middleware is made of, once for all of its messages. */
export interface TransactionPlan<Tx> {
  readonly token: Token<Tx>;
  readonly begin: BeginTransaction<Tx>;
  readonly route: OutboxRoute<Tx>;
  readonly inbox: Inbox<Tx> | undefined;
}

/** One message on its way through the middleware. */
export interface TransactionCall {
  readonly message: object;
  readonly next: Next;
  readonly context: HandlerContext;
}

/**
 * Checks what a transaction is to be made with.
 *
 * @typeParam Tx The transaction.
 * @param token What handlers find it by.
 * @param begin Runs a function in it.
 * @param options Where events are stored, and what acks.
 * @returns The plan.
 * @throws {TypeError} If one of them is not what it should be.
 */
export function planTransaction<Tx>(
  token: Token<Tx>,
  begin: BeginTransaction<Tx>,
  options: TransactionOptions<Tx>,
): TransactionPlan<Tx> {
  if (typeof token !== "function" && !(token instanceof InjectionToken)) {
    throw new TypeError(
      `Cannot keep a transaction under ${describe(token)}: it is neither a class nor an InjectionToken`,
    );
  }
  if (typeof begin !== "function") {
    throw new TypeError(`Cannot begin a transaction with ${describe(begin)}: it is not a function`);
  }
  const { outbox, inbox } = options;
  if (outbox !== undefined && typeof outbox !== "function") requireOutbox(outbox, "store events in");
  if (inbox !== undefined && (typeof inbox?.ackWithin !== "function" || typeof inbox.settled !== "function")) {
    throw new TypeError(
      `Cannot ack with ${
        describe(inbox)
      }: it must have the methods "ackWithin" and "settled". Use a queue that is an inbox`,
    );
  }
  const route: OutboxRoute<Tx> = typeof outbox === "function" ? outbox : () => outbox;
  return { token, begin, route, inbox };
}

/**
 * Makes the error of an inbox where it is of no use.
 *
 * @param message The message.
 * @param why Why it is of no use.
 * @returns The error.
 */
export function inboxRefusal(message: object, why: string): TypeError {
  return new TypeError(
    `Cannot handle "${
      typeNameOf(message)
    }" with an inbox: ${why}. Give the inbox to the outermost transaction() of a pump`,
  );
}
