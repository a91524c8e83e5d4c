import type { ContextValues } from "./context_values.ts";
import { EventDispatchError } from "./errors.ts";
import type { Publication } from "./related_events.ts";

/**
 * Publishes what a transaction has left to be published after its commit, concurrently, and waits for all of it.
 *
 * @param publications What to publish.
 * @param values The values of the dispatch whose transaction has committed.
 * @param options The command that has succeeded, and its result.
 * @throws {EventDispatchError} If something failed: one error, with all failures.
 */
export async function publishAll(
  publications: readonly Publication[],
  values: ContextValues,
  options: { readonly command?: unknown; readonly result?: unknown } = {},
): Promise<void> {
  const outcomes = await Promise.allSettled(publications.map((publish) => publish(values)));
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? (outcome.reason as EventDispatchError).failures : []
  );
  if (failures.length > 0) throw new EventDispatchError(failures, options);
}
