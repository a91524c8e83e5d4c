import type { ContextValues } from "../context_values.ts";
import { EventDispatchError, type EventFailure } from "../errors.ts";
import type { EventBus } from "./event_bus.ts";
import type { Metadata } from "../metadata.ts";
import { isPromiseLike, toPromise } from "../internal/promise.ts";

/** What the publication of a command's events needs. */
interface PublicationOptions {
  readonly command: unknown;
  readonly metadata: Metadata;
  readonly values: ContextValues;
  readonly result: unknown;
  readonly eventBus: () => EventBus | PromiseLike<EventBus>;
}

/**
 * Publishes the events of a command that has succeeded, concurrently, and waits for all of them.
 *
 * They carry the command's metadata and the values of its caller, and not its signal: once the command has succeeded its
 * events are published, even where the caller has gone.
 *
 * @param events The events, at least one.
 * @param options The command, its metadata and its result, and what resolves the bus.
 * @returns The result of the command.
 * @throws {EventDispatchError} If one of them failed. It carries the command and its result.
 */
export function publishRelatedEvents(events: readonly object[], options: PublicationOptions): Promise<unknown> {
  const { command, result } = options;
  const bus = resolve(options.eventBus);
  if (events.length > 1) return publishAll(events, bus, options);

  // One event, which is what most commands have, needs no lists.
  const event = events[0]!;
  return dispatchOne(event, bus, options).then(() => result, (error) => {
    throw new EventDispatchError(failuresIn(event, error), { command, result });
  });
}

async function publishAll(
  events: readonly object[],
  bus: EventBus | PromiseLike<EventBus>,
  options: PublicationOptions,
): Promise<unknown> {
  const outcomes = await Promise.allSettled(events.map((event) => dispatchOne(event, bus, options)));
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? failuresIn(events[index]!, outcome.reason) : []
  );
  if (failures.length > 0) throw new EventDispatchError(failures, options);
  return options.result;
}

/** Where the bus cannot be resolved, every event fails with that. */
function resolve(eventBus: () => EventBus | PromiseLike<EventBus>): EventBus | PromiseLike<EventBus> {
  try {
    return eventBus();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The bus comes from the container, and may throw where it should reject. */
function dispatchOne(
  event: object,
  bus: EventBus | PromiseLike<EventBus>,
  options: PublicationOptions,
): Promise<void> {
  try {
    return isPromiseLike(bus)
      ? toPromise(bus.then((resolved) => dispatchOne(event, resolved, options)))
      : toPromise(bus.dispatch(event, { metadata: options.metadata, values: options.values }));
  } catch (error) {
    return Promise.reject(error);
  }
}

function failuresIn(event: object, error: unknown): readonly EventFailure[] {
  return error instanceof EventDispatchError ? error.failures : [{ event, handler: undefined, error }];
}
