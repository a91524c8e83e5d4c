import { EventDispatchError } from "../../errors.ts";
import { combineErrors } from "../../internal/dispose.ts";
import { callerValuesOf } from "../../middleware_chain.ts";
import { typeNameOf } from "../../naming.ts";
import { eventListOf, type Publication } from "../../related_events.ts";
import type { TransactionCall } from "./transaction_plan.ts";

/**
 * Publishes the events that a transaction has left to be published after its commit. A command bus does it behind its last
 * middleware, so that no middleware takes a failed event for a failed command.
 *
 * @param publications What to publish.
 * @param call The message whose transaction has committed.
 * @param result Its result.
 * @returns A promise of the end, or `undefined` where the bus sees to it, or where there is nothing to publish.
 */
export function publishEvents(
  publications: readonly Publication[],
  { message, context }: TransactionCall,
  result: unknown,
): Promise<unknown> | undefined {
  if (publications.length === 0) return undefined;
  const values = callerValuesOf(context);
  const publishAll = async (command?: { command: object; result: unknown }) => {
    const outcomes = await Promise.allSettled(publications.map((publish) => publish(values)));
    const failures = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? (outcome.reason as EventDispatchError).failures : []
    );
    if (failures.length > 0) throw new EventDispatchError(failures, command);
  };
  if (context.events === undefined) return publishAll();

  const list = eventListOf(context.events);
  const command = { command: message, result };
  // The dispatch has settled: a time-out fired during the commit.
  if (list.rules.take !== undefined) return publishAll(command);

  const before = list.owed;
  list.owed = async function publishOwed(ending) {
    const [ended, published] = await Promise.allSettled([
      before === undefined ? ending : before(ending),
      publishAll(command),
    ]);
    const errors = [ended, published].flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason] : []);
    if (ended.status === "fulfilled" && errors.length === 0) return ended.value;
    throw combineErrors(
      errors,
      `Cannot publish the events of "${typeNameOf(message)}", which has failed after its commit`,
    );
  };
  return undefined;
}
