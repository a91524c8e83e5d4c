import type { Metadata } from "../context.ts";
import { EventDispatchError, type EventFailure } from "../errors.ts";
import type { EventBus } from "./event_bus.ts";
import { isPromiseLike, toPromise } from "../internal/promise.ts";

/** What the publication of a command's events needs. */
interface PublicationOptions {
  readonly command: unknown;
  readonly metadata: Metadata;
  readonly result: unknown;
  readonly eventBus: () => EventBus | PromiseLike<EventBus>;
}

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
export function publishRelatedEvents(events: readonly object[], options: PublicationOptions): Promise<unknown> {
  const { command, metadata, result } = options;
  const bus = resolve(options.eventBus);
  if (events.length > 1) return publishAll(events, bus, options);

  // One event, which is what most commands have, needs no lists.
  const event = events[0]!;
  return dispatchOne(event, bus, metadata).then(() => result, (error) => {
    throw new EventDispatchError(failuresOf(event, error), { command, result });
  });
}

async function publishAll(
  events: readonly object[],
  bus: EventBus | PromiseLike<EventBus>,
  { command, metadata, result }: PublicationOptions,
): Promise<unknown> {
  const outcomes = await Promise.allSettled(events.map((event) => dispatchOne(event, bus, metadata)));
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? failuresOf(events[index]!, outcome.reason) : []
  );
  if (failures.length > 0) throw new EventDispatchError(failures, { command, result });
  return result;
}

/** Where the bus cannot be resolved, every event fails with that. */
function resolve(eventBus: () => EventBus | PromiseLike<EventBus>): EventBus | PromiseLike<EventBus> {
  try {
    return eventBus();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A bus of the container's may be anybody's. */
function dispatchOne(event: object, bus: EventBus | PromiseLike<EventBus>, metadata: Metadata): Promise<void> {
  try {
    return isPromiseLike(bus)
      ? toPromise(bus.then((resolved) => dispatchOne(event, resolved, metadata)))
      : toPromise(bus.dispatch(event, { metadata }));
  } catch (error) {
    return Promise.reject(error);
  }
}

function failuresOf(event: object, error: unknown): readonly EventFailure[] {
  return error instanceof EventDispatchError ? error.failures : [{ event, handler: undefined, error }];
}
