import { CommandAttempt, UndeclaredContext } from "./command_attempt.ts";
import { CommandRun, type MiddlewareEvents } from "./command_run.ts";
import type { CommandContext } from "../context.ts";
import type { ContextValues } from "../context_values.ts";
import { settleThenDispose } from "../internal/dispose.ts";
import type { EventBus } from "./event_bus.ts";
import type { Constructor } from "../di_adapter.ts";
import { type Invoker, methodOf } from "./invoker.ts";
import { type Call, compose } from "../middleware_chain.ts";
import { reasonOfAbort } from "../internal/abort.ts";
import { toPromise } from "../internal/promise.ts";
import { publishRelatedEvents } from "./publish_related_events.ts";
import type { Registration } from "../registry.ts";
import { type EventList, eventListOf } from "../related_events.ts";
import { afterListeners, refusingRoute, type Route, type RouteParts } from "./route.ts";

/** What the route of a command is composed of, beside what all routes are. */
export interface CommandRouteParts {
  /** What runs the handler. */
  readonly invoker: Invoker;
  /** Resolves the bus that publishes related events. */
  readonly eventBus: () => EventBus | PromiseLike<EventBus>;
}

/** A command, and what is needed to publish its events. */
interface PublishedCommand {
  readonly message: unknown;
  /** Those that the caller gave, without what middlewares have added: a transaction is over when events are published. */
  readonly values: ContextValues;
  readonly eventBus: CommandRouteParts["eventBus"];
}

/**
 * Composes the route of a class of command.
 *
 * @param parts What the route is composed of.
 * @param commandParts What runs the handler, and what publishes its events.
 * @returns The route.
 */
export function composeCommandRoute(parts: RouteParts, commandParts: CommandRouteParts): Route {
  const { registrations: [registration], middlewares } = parts;
  if (registration === undefined) return refusingRoute("command", parts);

  const isDirect = middlewares.length === 0 && !registration.failSilently;
  const route = !isDirect
    ? composeWithMiddlewares(parts, registration, commandParts)
    : commandParts.invoker.mayShareContext || declaresContext(registration)
    ? composeWithContext(registration, commandParts)
    : composeWithoutContext(registration, commandParts);
  return afterListeners("command", parts, route);
}

/** Whether a handler may reach its context after it has returned. One that declares no second parameter cannot. */
function declaresContext({ source, isClass }: Registration): boolean {
  const handle = isClass ? methodOf(source as Constructor) : source;
  return handle?.length !== 1;
}

/** The handler's own promise is the command's, unless something has asked for the events. */
function composeWithoutContext(registration: Registration, { invoker, eventBus }: CommandRouteParts): Route {
  const { source: handler } = registration;
  const invoke = invoker.prepare(registration);

  return function dispatchCommand(message, signal, metadata, values) {
    const context = new UndeclaredContext(signal, metadata, values, handler);
    let handling: Promise<unknown>;
    try {
      handling = toPromise(invoke(message, context, context));
    } catch (error) {
      context.leave()?.close();
      throw error;
    }
    const attempt = context.leave();
    return attempt === undefined ? handling : completeDirect(handling, attempt, { message, values, eventBus });
  };
}

/** One attempt, whose outcome is the command's. */
function composeWithContext(registration: Registration, { invoker, eventBus }: CommandRouteParts): Route {
  const { source: handler } = registration;
  const invoke = invoker.prepare(registration);

  return function dispatchCommand(message, signal, metadata, values) {
    const attempt = new CommandAttempt(metadata);
    const context: CommandContext = { kind: "command", signal, metadata, values, handler, events: attempt.view };
    let handling: Promise<unknown>;
    try {
      handling = toPromise(invoke(message, context, attempt));
    } catch (error) {
      attempt.close();
      throw error;
    }
    return completeDirect(handling, attempt, { message, values, eventBus });
  };
}

/** A single `then` closes the events and publishes them. */
function completeDirect(
  handling: Promise<unknown>,
  attempt: CommandAttempt,
  command: PublishedCommand,
): Promise<unknown> {
  return handling.then(
    function succeedDirect(result) {
      attempt.close();
      const published = publish(command, result, attempt);
      return attempt.dispose === undefined ? published : endThenDispose(published, [attempt]);
    },
    function failDirect(error) {
      attempt.close();
      throw error;
    },
  );
}

/** Middlewares may start several attempts. Events are published behind the last middleware, which may still fail. */
function composeWithMiddlewares(
  { middlewares }: RouteParts,
  registration: Registration,
  { invoker, eventBus }: CommandRouteParts,
): Route {
  const { source: handler, failSilently } = registration;
  const invoke = invoker.prepare(registration);

  const attemptCommand: Call<CommandRun> = function attemptCommand(message, outer, run) {
    const { signal, metadata, values } = outer;
    const attempt = new CommandAttempt(metadata);
    const context: CommandContext = { kind: "command", signal, metadata, values, handler, events: attempt.view };
    const succeededBefore = run.succeeded.length;
    const seen = outer.events === run.view ? run.list : eventListOf(outer.events!) as MiddlewareEvents;
    // An attempt that does not start leaves the events to the one before.
    if (signal?.aborted) throw reasonOfAbort(signal);
    seen.start();
    let handling: Promise<unknown>;
    try {
      handling = toPromise(invoke(message, context, attempt));
    } catch (error) {
      attempt.close();
      throw error;
    }
    return handling.then(
      function succeedAttempt(result) {
        attempt.close();
        if (run.isOver) return endThenDispose(result, [attempt]);
        // One that was called off, as by a timeout, leaves the place to another that has succeeded since it was started.
        const isSuperseded = signal?.aborted === true && run.succeeded.length > succeededBefore;
        run.succeeded.push(attempt);
        seen.succeed(attempt, isSuperseded);
        return result;
      },
      function failAttempt(error) {
        attempt.close();
        throw error;
      },
    );
  };

  const publicationOf: EventList["publicationOf"] = (events, metadata) =>
    function publishTaken(values) {
      return publishRelatedEvents(events, { command: undefined, result: undefined, metadata, values, eventBus });
    };

  const chain = compose(middlewares, attemptCommand);
  return function dispatchCommand(message, signal, metadata, values) {
    const run = new CommandRun(metadata, publicationOf);
    const { list, view: events } = run;
    let handling: Promise<unknown>;
    try {
      handling = toPromise(chain(message, { kind: "command", signal, metadata, values, handler, events }, run));
    } catch (error) {
      handling = Promise.reject(error);
    }
    return handling.then(
      function succeedChained(result) {
        run.end();
        const { owed, succeeded } = run;
        if (owed !== undefined) return endThenDispose(owed(result), succeeded);
        const published = publish({ message, values, eventBus }, result, list);
        return succeeded.some(hasScope) ? endThenDispose(published, succeeded) : published;
      },
      function failChained(error) {
        run.end();
        const { owed, succeeded } = run;
        const ending = failSilently ? undefined : Promise.reject(error);
        return endThenDispose(owed === undefined ? ending : owed(ending), succeeded);
      },
    );
  };
}

/** Publishes the events, if there are any, and gives the result. */
function publish(
  { message: command, values, eventBus }: PublishedCommand,
  result: unknown,
  { events, metadata }: EventList,
): unknown {
  return events.length === 0 ? result : publishRelatedEvents(events, { command, result, metadata, values, eventBus });
}

function hasScope({ dispose }: CommandAttempt): boolean {
  return dispose !== undefined;
}

/** Disposes the scopes once their command has come to its end. */
function endThenDispose(ending: unknown, attempts: readonly CommandAttempt[]): Promise<unknown> {
  const disposers = attempts.flatMap(({ dispose }) => dispose ?? []);
  return settleThenDispose(ending, disposers, "Cannot dispose the scopes of a command that has failed too");
}
