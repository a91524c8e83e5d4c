import { onAbort } from "../../internal/abort.ts";
import type { Middleware } from "../../middleware.ts";
import { typeNameOf } from "../../naming.ts";
import type { Token } from "../../token.ts";
import { runTransaction } from "./outermost_transaction.ts";
import { dropEvents, storeEvents } from "./store_events.ts";
import {
  type BeginTransaction,
  inboxRefusal,
  planTransaction,
  type TransactionCall,
  type TransactionOptions,
  type TransactionPlan,
} from "./transaction_plan.ts";
import { tokenName, UNIT_OF_WORK, type UnitOfWork } from "./unit_of_work.ts";

/**
 * Makes a middleware that handles each message in a transaction: the unit of work. It begins, gives the transaction to
 * the handler as a value, stores the events of a command through the outbox, and commits; where anything fails it rolls
 * back, and the events are dropped.
 *
 * - It never commits once the signal of its context has fired: it rolls back with the signal's reason.
 * - What a handler dispatches with its context joins the transaction. A query may fail in it. If anything else that has
 *   joined fails, the transaction can only roll back, even where the handler catches the error; and `retry` repeats
 *   within a transaction nothing but queries. The transaction ends when all that has joined has settled.
 * - Events without an outbox are published after the commit. Their failures come out as one `EventDispatchError`: the
 *   message itself has succeeded then.
 *
 * Put `retry` before it, so that each attempt has a transaction of its own. It works on the three buses, for each handler
 * of an event by itself, and on pumps.
 *
 * @typeParam Tx The transaction, as the token has it.
 * @param token What handlers find the transaction by: its class, or an `InjectionToken`.
 * @param begin Runs a function in a transaction of the client. It must wait for the function's promise.
 * @param options Where events are stored, and what acks the messages of a pump.
 * @returns The middleware.
 * @throws {TypeError} If an argument is not what it should be.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { Command, InjectionToken, MessageRouter, retry } from "@cq/core";
 * import { transaction } from "@cq/core/middlewares";
 *
 * // What a client of a database has: sql.begin(work), db.transaction(work), …
 * const rows: string[] = [];
 * async function begin(work: (tx: string[]) => Promise<void>): Promise<void> {
 *   const tx: string[] = [];
 *   await work(tx);
 *   rows.push(...tx);
 * }
 *
 * const TX = new InjectionToken<string[]>("TX");
 *
 * class Rename extends Command {
 *   readonly name: string;
 *
 *   constructor(name: string) {
 *     super();
 *     this.name = name;
 *   }
 * }
 *
 * const commands = new MessageRouter().newCommandBus()
 *   .use(retry({ attempts: 3 }), transaction(TX, begin))
 *   .subscribe(Rename, ({ name }, { values }) => {
 *     values.get(TX)!.push(name);
 *     if (name === "") throw new Error("A user needs a name");
 *   });
 *
 * await commands.dispatch(new Rename("Ada"));
 * await assertRejects(() => commands.dispatch(new Rename("")), Error, "A user needs a name");
 *
 * assertEquals(rows, ["Ada"]);
 * ```
 */
export function transaction<Tx>(
  token: Token<Tx>,
  begin: BeginTransaction<NoInfer<Tx>>,
  options: TransactionOptions<NoInfer<Tx>> = {},
): Middleware {
  const plan = planTransaction(token, begin, options);

  return async function transaction(message, next, context) {
    const call: TransactionCall = { message, next, context };
    const { values } = context;
    const outer = values.get(UNIT_OF_WORK);
    const unit = outer?.find(token);
    if (unit !== undefined) return await joinTransaction(unit, plan, call);
    if (!values.has(token)) return await runTransaction(outer, plan, call);
    throw new TypeError(
      `Cannot handle "${typeNameOf(message)}" in the transaction under "${tokenName(token)}": transaction() has not ` +
        "begun it, so that nothing tells when it commits. Dispatch without it, or begin it with transaction()",
    );
  };
}

/** Handles a message in a transaction that another dispatch has begun. */
async function joinTransaction<Tx>(
  unit: UnitOfWork,
  { token, route, inbox }: TransactionPlan<Tx>,
  call: TransactionCall,
): Promise<unknown> {
  const { message, next, context } = call;
  if (inbox !== undefined) throw inboxRefusal(message, "another one has begun its transaction already");

  unit.join();
  // A query has written nothing, and a handler may well expect that it fails.
  const dooms = context.kind !== "query";
  // At once: a time-out leaves the handler behind, and what waits for it may go on and commit.
  const forget = onAbort(dooms ? context.signal : undefined, (reason) => unit.doom(reason));
  try {
    const result = await next();
    await storeEvents(context, { tx: context.values.get(token) as Tx, unit, route });
    return result;
  } catch (error) {
    if (dooms) unit.doom(error);
    dropEvents(context);
    throw error;
  } finally {
    forget();
    unit.leave();
  }
}
