import { type Call, start } from "../middleware_chain.ts";
import { CommandAttempt } from "./command_attempt.ts";
import { settleThenDispose } from "../internal/dispose.ts";
import type { EventBus } from "./event_bus.ts";
import type { Invoker } from "./invoker.ts";
import { publishRelatedEvents } from "./publish_related_events.ts";
import type { Registration } from "../registry.ts";
import { RelatedEvents } from "../related_events.ts";
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
  /** How many have been started. */
  started: number;
  /** Those that have succeeded, at the place of their start, with their scopes open. The events of the last are owed. */
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
  const handle = composeChain(parts, invoker.prepare(registration));

  return (message, signal, metadata) => {
    const attempt = new CommandAttempt(signal, metadata, registration.source);
    return start(handle, message, attempt, attempt).then(
      (result) => {
        const isQuiet = RelatedEvents["close"](attempt.events).length === 0 && attempt.dispose === undefined;
        return isQuiet ? result : complete({ command: message, result, attempts: [attempt] }, eventBus);
      },
      (error) => {
        RelatedEvents["close"](attempt.events);
        throw error;
      },
    );
  };
}

/** Middlewares may start several attempts. Events are published behind the last middleware, which may still fail. */
function composeChained(
  parts: RouteParts,
  registration: Registration,
  { invoker, eventBus }: CommandRouteParts,
): Route {
  const { source: handler } = registration;
  const handle = invoker.prepare(registration);

  const attemptOnce: Call<Run> = (message, { signal, metadata }, run) => {
    const attempt = new CommandAttempt(signal, metadata, handler);
    const index = run.started++;
    return start(handle, message, attempt, attempt).then(
      (result) => {
        RelatedEvents["close"](attempt.events);
        if (run.isOver) return endThenDispose(result, [attempt]);
        run.succeeded[index] = attempt;
        return result;
      },
      (error) => {
        RelatedEvents["close"](attempt.events);
        throw error;
      },
    );
  };

  const chain = composeChain(parts, attemptOnce);
  return (message, signal, metadata) => {
    const run: Run = { started: 0, succeeded: [], isOver: false };
    return start(chain, message, { kind: "command", signal, metadata, handler }, run).then(
      (result) => {
        run.isOver = true;
        if (run.succeeded.length === 0) return result;
        return complete({ command: message, result, attempts: run.succeeded }, eventBus);
      },
      (error) => {
        run.isOver = true;
        return endThenDispose(registration.failSilently ? undefined : Promise.reject(error), run.succeeded);
      },
    );
  };
}

/** Publishes the events of the last attempt, then disposes the scopes of all. */
function complete(
  { command, result, attempts }: { command: unknown; result: unknown; attempts: readonly CommandAttempt[] },
  eventBus: CommandRouteParts["eventBus"],
): unknown {
  const { events: related, metadata } = attempts.at(-1)!;
  const events = RelatedEvents["close"](related);
  const published = events.length === 0
    ? result
    : publishRelatedEvents(events, { command, metadata, result, eventBus });
  return attempts.some(({ dispose }) => dispose !== undefined) ? endThenDispose(published, attempts) : published;
}

/** Disposes the scopes once their command has come to its end. */
function endThenDispose(ending: unknown, attempts: readonly CommandAttempt[]): Promise<unknown> {
  const disposers = attempts.flatMap(({ dispose }) => dispose ?? []);
  return settleThenDispose(ending, disposers, "Cannot dispose the scopes of a command that has failed too");
}
