import type { Step } from "./chain.ts";
import { CommandAttempt } from "./command_attempt.ts";
import { combineErrors, disposeAll } from "./dispose.ts";
import type { EventBus } from "./event_bus.ts";
import type { Invoker } from "./invoker.ts";
import { toPromise } from "./promise.ts";
import { publishRelatedEvents } from "./publish_related_events.ts";
import type { Registration } from "./registry.ts";
import { closeRelatedEvents } from "./related_events.ts";
import type { Route, RouteParts } from "./route.ts";
import { composeChain, composeSingleRoute } from "./single_route.ts";

/** What the route of a command is composed of, beside what all routes are. */
export interface CommandRouteParts {
  /** What runs the handler. */
  readonly invoker: Invoker;
  /** Resolves the bus that publishes related events. */
  readonly eventBus: () => EventBus | PromiseLike<EventBus>;
}

/** What the attempts of one dispatch leave behind. */
interface Run {
  /** Those that have succeeded, with their scopes open. The events of the last one are owed. */
  readonly succeeded: CommandAttempt[];
  /** Set when the dispatch has settled, for an attempt that a middleware has left behind. */
  isOver: boolean;
}

/**
 * Composes the route of a class of command.
 *
 * @param parts What the route is composed of.
 * @param commandParts What runs the handler, and what publishes its events.
 * @returns The route.
 */
export function composeCommandRoute(parts: RouteParts, commandParts: CommandRouteParts): Route {
  return composeSingleRoute("command", parts, (registration) => {
    const isDirect = parts.middlewares.length === 0 && !registration.failSilently;
    return isDirect
      ? composeDirect(parts, registration, commandParts)
      : composeChained(parts, registration, commandParts);
  });
}

/** One attempt, whose outcome is the command's: a single `then` closes its events and publishes them. */
function composeDirect(parts: RouteParts, registration: Registration, { invoker, eventBus }: CommandRouteParts): Route {
  const handle = composeChain(parts, registration, invoker.step(registration));

  return (message, signal, metadata) => {
    const attempt = new CommandAttempt(signal, metadata, registration.source);
    const fail = (error: unknown): never => {
      closeRelatedEvents(attempt.events);
      throw error;
    };
    try {
      return toPromise(handle(message, attempt, attempt)).then((result) => {
        const isQuiet = closeRelatedEvents(attempt.events).length === 0 && attempt.dispose === undefined;
        return isQuiet ? result : complete(result, [attempt], eventBus);
      }, fail);
    } catch (error) {
      return fail(error);
    }
  };
}

/** Middlewares may start several attempts. Events are published behind the last middleware, which may still fail. */
function composeChained(
  parts: RouteParts,
  registration: Registration,
  { invoker, eventBus }: CommandRouteParts,
): Route {
  const { source: handler } = registration;
  const handle = invoker.step(registration);

  const attemptOnce: Step<Run> = async (message, { signal, metadata }, run) => {
    const attempt = new CommandAttempt(signal, metadata, handler);
    let result: unknown;
    try {
      result = await handle(message, attempt, attempt);
    } finally {
      closeRelatedEvents(attempt.events);
    }
    if (run.isOver) await attempt.dispose?.();
    else run.succeeded.push(attempt);
    return result;
  };

  const chain = composeChain(parts, registration, attemptOnce);
  return async (message, signal, metadata) => {
    const run: Run = { succeeded: [], isOver: false };
    let result: unknown;
    try {
      result = await chain(message, { kind: "command", signal, metadata, handler }, run);
    } catch (error) {
      throw combineErrors([error, ...await disposeScopes(run.succeeded)], DISPOSAL_FAILED);
    } finally {
      run.isOver = true;
    }
    return run.succeeded.length === 0 ? result : await complete(result, run.succeeded, eventBus);
  };
}

/** Publishes the events of the last attempt, then disposes the scopes of all. */
function complete(
  result: unknown,
  attempts: readonly CommandAttempt[],
  eventBus: () => EventBus | PromiseLike<EventBus>,
): unknown {
  const { events: related, metadata } = attempts.at(-1)!;
  const events = closeRelatedEvents(related);
  const published = events.length === 0 ? result : publishRelatedEvents(events, { metadata, result, eventBus });
  return attempts.some(({ dispose }) => dispose !== undefined) ? settleThenDispose(published, attempts) : published;
}

const DISPOSAL_FAILED = "Cannot dispose the scopes of a command that has failed too";

async function settleThenDispose(published: unknown, attempts: readonly CommandAttempt[]): Promise<unknown> {
  const [outcome] = await Promise.allSettled([published]);
  const errors = await disposeScopes(attempts);
  if (outcome.status === "rejected") errors.unshift(outcome.reason);
  if (errors.length > 0) throw combineErrors(errors, DISPOSAL_FAILED);
  return (outcome as PromiseFulfilledResult<unknown>).value;
}

function disposeScopes(attempts: readonly CommandAttempt[]): Promise<unknown[]> {
  return disposeAll(attempts.flatMap(({ dispose }) => dispose ?? []));
}
