import type { Metadata } from "../context.ts";
import { EventDispatchError, type EventFailure } from "../errors.ts";
import type { EventBus } from "./event_bus.ts";
import { isPromiseLike, toPromise } from "../promise.ts";

/**
 * Publishes the events of a command that has succeeded, concurrently, and waits for all of them.
 *
 * They carry the command's metadata and not its signal: they are owed, whoever hung up.
 *
 * @param events The events, at least one.
 * @param options The command, its metadata and its result, and what resolves the bus.
 * @returns The result of the command.
 * @throws {EventDispatchError} If one of them failed. It carries the command and its result.
 */
export function publishRelatedEvents(
  events: readonly object[],
  options: {
    command: unknown;
    metadata: Metadata;
    result: unknown;
    eventBus: () => EventBus | PromiseLike<EventBus>;
  },
): Promise<unknown> {
  const { command, metadata, result, eventBus } = options;
  const publications = dispatchAll(events, eventBus, metadata);
  const fail = async () => {
    const outcomes = await Promise.allSettled(publications);
    throw new EventDispatchError(failuresOf(events, outcomes), { command, result });
  };
  const published = publications.length === 1 ? publications[0]! : Promise.all(publications);
  return published.then(() => result, fail);
}

function dispatchAll(
  events: readonly object[],
  eventBus: () => EventBus | PromiseLike<EventBus>,
  metadata: Metadata,
): Promise<void>[] {
  try {
    const bus = eventBus();
    return isPromiseLike(bus)
      ? events.map(async (event) => await dispatchOne(event, await bus, metadata))
      : events.map((event) => dispatchOne(event, bus, metadata));
  } catch (error) {
    return events.map(() => Promise.reject(error));
  }
}

/** A bus of the container's may be anybody's. */
function dispatchOne(event: object, bus: EventBus, metadata: Metadata): Promise<void> {
  try {
    return toPromise(bus.dispatch(event, { metadata }));
  } catch (error) {
    return Promise.reject(error);
  }
}

function failuresOf(events: readonly object[], outcomes: readonly PromiseSettledResult<void>[]): EventFailure[] {
  return outcomes.flatMap((outcome, index): readonly EventFailure[] => {
    if (outcome.status === "fulfilled") return [];
    const error: unknown = outcome.reason;
    return error instanceof EventDispatchError ? error.failures : [{ event: events[index], handler: undefined, error }];
  });
}
