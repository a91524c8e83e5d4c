import type { HandlerContext } from "../../context.ts";
import { reasonOfAbort } from "../../internal/abort.ts";
import { combineErrors } from "../../internal/dispose.ts";
import { typeNameOf } from "../../naming.ts";
import { DELIVERY_SETTLERS, type DeliverySettler } from "../../queue/delivery_settler.ts";
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
  const settler = settlerOf(context);
  if (plan.inbox !== undefined && settler === undefined) {
    throw inboxRefusal(message, "only what a pump handles has been delivered");
  }
  throwIfAborted(context.signal);
  settler?.hold();

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
  const errors = await finish(unit, result, { plan, call, settler });
  if (errors.length === 0) return result;
  throw final(combineErrors(errors, `Cannot complete "${typeNameOf(message)}" after its transaction has committed`));
}

/** What a pump is told by. A command behind a pump finds the delivery among its values too, and is not to settle it. */
function settlerOf({ kind, values }: HandlerContext): DeliverySettler | undefined {
  const delivery = kind === "queue" ? values.get(DELIVERY) : undefined;
  return delivery && DELIVERY_SETTLERS.get(delivery);
}

/** What happens between begin and commit. Whatever it throws rolls back. */
async function handle<Tx>(
  tx: Tx,
  unit: UnitOfWork,
  { token, route, inbox }: TransactionPlan<Tx>,
  { next, context }: TransactionCall,
): Promise<unknown> {
  const { signal, values } = context;
  try {
    // It may have taken long to begin.
    throwIfAborted(signal);
    const result = await next(undefined, { values: values.with(token, tx).with(UNIT_OF_WORK, unit) });
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
  { plan: { inbox }, call, settler }: {
    plan: TransactionPlan<Tx>;
    call: TransactionCall;
    settler: DeliverySettler | undefined;
  },
): Promise<unknown[]> {
  const steps = [
    () => inbox === undefined ? settler?.ackNow() : settler!.settled(),
    () => inbox?.settled(call.context.values.get(DELIVERY)!),
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

async function settle<T>(promise: PromiseLike<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome as PromiseSettledResult<T>;
}
