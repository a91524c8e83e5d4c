import { reasonOfAbort } from "../../internal/abort.ts";
import { combineErrors } from "../../internal/dispose.ts";
import { typeNameOf } from "../../naming.ts";
import { DELIVERY_HOLDER } from "../../queue/delivery_settler.ts";
import type { Inbox } from "../../queue/inbox.ts";
import { DELIVERY } from "../../queue/queue.ts";
import { publishEvents } from "./publish_events.ts";
import { dropEvents, storeEvents } from "./store_events.ts";
import { inboxRefusal, type TransactionCall, type TransactionPlan } from "./transaction_plan.ts";
import { final, UNIT_OF_WORK, UnitOfWork } from "./unit_of_work.ts";

/** A call of the function that `begin` is given. A client that repeats what failed makes several, each with a new transaction. */
interface Work {
  readonly unit: UnitOfWork;
  /** It never rejects. */
  readonly ending: Promise<PromiseSettledResult<unknown>>;
  /** `undefined` until the work has ended. */
  outcome: PromiseSettledResult<unknown> | undefined;
}

/**
 * Handles a message in a transaction of its own, and does after the commit what is left to be done.
 *
 * @typeParam Tx The transaction.
 * @param outer The mark of a transaction under another token, in which the message is dispatched.
 * @param plan What the middleware is made of.
 * @param call The message.
 * @returns The result.
 */
export async function runTransaction<Tx>(
  outer: UnitOfWork | undefined,
  plan: TransactionPlan<Tx>,
  call: TransactionCall,
): Promise<unknown> {
  const { message, context } = call;
  if (plan.inbox !== undefined && context.kind !== "queue") {
    throw inboxRefusal(message, "only what a pump handles has been delivered");
  }
  throwIfAborted(context.signal);

  let last: Work | undefined;
  async function work(tx: Tx): Promise<void> {
    const unit = new UnitOfWork(plan.token, outer);
    const current: Work = last = { unit, ending: settle(handle(tx, unit, plan, call)), outcome: undefined };
    current.outcome = await current.ending;
    if (current.outcome.status === "rejected") throw current.outcome.reason;
  }
  // An async function: some clients throw where they should reject, with the work begun.
  const begun = await settle((async () => await plan.begin(work))());

  const { unit, result } = await committed(last, begun, message);
  const errors = await finish(unit, result, { plan, call });
  if (errors.length === 0) return result;
  throw final(combineErrors(errors, `Cannot complete "${typeNameOf(message)}" after its transaction has committed`));
}

/** What happens between begin and commit. Whatever it throws rolls back. */
async function handle<Tx>(
  tx: Tx,
  unit: UnitOfWork,
  { token, route, inbox }: TransactionPlan<Tx>,
  { next, context }: TransactionCall,
): Promise<unknown> {
  const { kind, signal, values } = context;
  const marked = values.with(token, tx).with(UNIT_OF_WORK, unit);
  try {
    // It may have taken long to begin.
    throwIfAborted(signal);
    const result = await next(undefined, { values: kind === "queue" ? marked.with(DELIVERY_HOLDER, unit) : marked });
    await storeEvents(context, { tx, unit, route });
    await unit.close();
    unit.throwIfDoomed();
    throwIfAborted(signal);
    if (inbox !== undefined) {
      await inbox.ackWithin(tx, values.get(DELIVERY)!);
      throwIfAborted(signal);
    }
    return result;
  } catch (error) {
    unit.doom(error);
    await unit.close();
    dropEvents(context);
    throw error;
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw reasonOfAbort(signal);
}

/** Makes sure of the commit. What failed first comes out: a rollback that fails too says less than its reason. */
async function committed(
  last: Work | undefined,
  begun: PromiseSettledResult<unknown>,
  message: object,
): Promise<{ unit: UnitOfWork; result: unknown }> {
  if (last?.outcome?.status === "rejected") throw last.outcome.reason;
  if (last?.outcome !== undefined && begun.status === "fulfilled") {
    return { unit: last.unit, result: last.outcome.value };
  }

  const error = begun.status === "rejected" ? begun.reason : new TypeError(
    `Cannot handle "${typeNameOf(message)}" in a transaction: ` +
      (last === undefined
        ? "begin() has resolved without a call of the function that it was given"
        : "begin() has resolved before the promise of the function that it was given, and may have committed too early. " +
          "It must await that promise"),
  );
  if (last !== undefined) {
    last.unit.doom(error);
    await last.ending;
  }
  throw error;
}

/** What follows the commit. All of it is done, and what fails of it undoes nothing. */
async function finish<Tx>(
  unit: UnitOfWork,
  result: unknown,
  { plan: { inbox }, call }: { plan: TransactionPlan<Tx>; call: TransactionCall },
): Promise<unknown[]> {
  const steps = [
    () => settleDelivery(unit, inbox, call),
    ...Array.from(unit.outboxes, (outbox) => () => outbox.committed?.()),
    () => publishEvents(unit.publications, call, result),
  ];
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

/** Without an inbox the ack waits for the last transaction that it has to follow. */
function settleDelivery<Tx>(
  { settler, outer }: UnitOfWork,
  inbox: Inbox<Tx> | undefined,
  { context: { values } }: TransactionCall,
): Promise<void> | void {
  if (inbox !== undefined) {
    settler?.settled();
    return inbox.settled(values.get(DELIVERY)!);
  }
  if (settler === undefined) return;
  if (outer === undefined) return settler.ackNow();
  outer.settler = settler;
}

async function settle<T>(promise: PromiseLike<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome as PromiseSettledResult<T>;
}
