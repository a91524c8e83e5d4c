import type { CommandContext, HandlerSource } from "../context.ts";
import type { ContextValues } from "../context_values.ts";
import { type Disposer, settleThenDispose } from "../internal/dispose.ts";
import type { EventBus } from "./event_bus.ts";
import type { HandlerFunction } from "../handler.ts";
import type { InvocationWatcher, Invoker } from "./invoker.ts";
import type { Metadata } from "../metadata.ts";
import { type Call, compose } from "../middleware_chain.ts";
import { toPromise } from "../internal/promise.ts";
import { publishRelatedEvents } from "./publish_related_events.ts";
import type { Registration } from "../registry.ts";
import { type EventList, newEventList, RelatedEvents } from "../related_events.ts";
import { afterListeners, refuse, type Route, type RouteParts } from "./route.ts";

/** What the route of a command is composed of, beside what all routes are. */
export interface CommandRouteParts {
  /** What runs the handler. */
  readonly invoker: Invoker;
  /** Resolves the bus that publishes related events. */
  readonly eventBus: () => EventBus | PromiseLike<EventBus>;
}

const HAS_SETTLED = "the command's handler has settled. Await in the handler what adds events";
const IS_UNDECLARED = "the handler declares no context, so that the bus has not waited for it. " +
  'Declare the context as the second parameter of "handle", or inject RelatedEvents';
const IS_MIDDLEWARE = "a middleware can only take them. Add them in the command's handler";
const IS_OVER = "the dispatch of the command has settled, and the bus has published them";

/** One attempt to handle a command: the context of its handler, with the scope that stays open for its events. */
abstract class CommandAttempt implements CommandContext, InvocationWatcher {
  readonly kind = "command";
  readonly signal: AbortSignal | undefined;
  readonly metadata: Metadata;
  readonly values: ContextValues;
  readonly handler: HandlerSource;
  #dispose: Disposer | undefined = undefined;

  constructor(signal: AbortSignal | undefined, metadata: Metadata, values: ContextValues, handler: HandlerSource) {
    this.signal = signal;
    this.metadata = metadata;
    this.values = values;
    this.handler = handler;
  }

  abstract readonly events: RelatedEvents;

  /** Disposes the scope; `undefined` where there is nothing to dispose. */
  get dispose(): Disposer | undefined {
    return this.#dispose;
  }

  keepScope(dispose: Disposer): void {
    this.#dispose = dispose;
  }

  abstract shareContext(): void;

  /** Leaves the handler before it has settled, and tells so, where it can neither add events nor need its scope. */
  abstract leave(): boolean;

  /** Keeps further events out, and gives those that there are. */
  abstract close(): object[];
}

/** The attempt of a handler that may reach its context at any time until it settles. */
class DeclaredAttempt extends CommandAttempt {
  readonly #list: EventList;
  // Its own property, so that a copy of the context has the events too.
  readonly events: RelatedEvents;

  constructor(signal: AbortSignal | undefined, metadata: Metadata, values: ContextValues, handler: HandlerSource) {
    super(signal, metadata, values, handler);
    this.#list = newEventList(metadata);
    this.events = new RelatedEvents(this.#list);
  }

  shareContext(): void {}

  leave(): boolean {
    return false;
  }

  close(): object[] {
    this.#list.addRefusal = HAS_SETTLED;
    return this.#list.events;
  }
}

/**
 * The attempt of a handler that declares no context. What reads `events` before the handler returns has them injected;
 * where nothing does, no event can be added, and the handler's own promise is the command's.
 */
class UndeclaredAttempt extends CommandAttempt {
  #list: EventList | undefined = undefined;
  #events: RelatedEvents | undefined = undefined;
  #hasLeft = false;

  get events(): RelatedEvents {
    if (this.#events === undefined) {
      this.#list = newEventList(this.metadata);
      if (this.#hasLeft) this.#list.addRefusal = IS_UNDECLARED;
      this.#events = new RelatedEvents(this.#list);
    }
    return this.#events;
  }

  shareContext(): void {
    Object.defineProperty(this, "events", { value: this.events, enumerable: true });
  }

  leave(): boolean {
    return this.#hasLeft = this.#events === undefined;
  }

  close(): object[] {
    this.#hasLeft = true;
    if (this.#list === undefined) return [];
    this.#list.addRefusal = HAS_SETTLED;
    return this.#list.events;
  }
}

/** What the attempts of one dispatch leave behind. */
interface CommandRun {
  /** The events of the attempt that was the last to succeed, for the middlewares to see and for the bus to publish. */
  readonly list: EventList;
  /** Those that have succeeded, with their scopes open. */
  readonly succeeded: CommandAttempt[];
  /** How many have been started. */
  started: number;
  /** The number of the attempt that the events are of; 0 while there is none. */
  counting: number;
  /** Set when the dispatch has settled, for an attempt that a middleware has left behind. */
  isOver: boolean;
}

/** A command that has succeeded, with what is still to do. */
interface Completion {
  readonly command: unknown;
  readonly result: unknown;
  readonly events: readonly object[];
  readonly metadata: Metadata;
  /** Those that the caller gave, without what middlewares have added: a transaction is over by now. */
  readonly values: ContextValues;
  readonly attempts: readonly CommandAttempt[];
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
  if (registration === undefined) return refuse("command", parts);

  const isDirect = middlewares.length === 0 && !registration.failSilently;
  const route = isDirect
    ? composeDirect(registration, commandParts)
    : composeChained(parts, registration, commandParts);
  return afterListeners("command", parts, route);
}

/** One attempt, whose outcome is the command's: a single `then` closes its events and publishes them. */
function composeDirect(registration: Registration, { invoker, eventBus }: CommandRouteParts): Route {
  const { source: handler } = registration;
  const invoke = invoker.prepare(registration);
  const Attempt = invoker.mayShareContext || declaresContext(registration) ? DeclaredAttempt : UndeclaredAttempt;

  return function dispatchCommand(message, signal, metadata, values) {
    const attempt = new Attempt(signal, metadata, values, handler);
    let handling: Promise<unknown>;
    try {
      handling = toPromise(invoke(message, attempt, attempt));
    } catch (error) {
      attempt.close();
      throw error;
    }
    if (attempt.leave()) return handling;

    return handling.then(
      function completeDirect(result) {
        const events = attempt.close();
        if (events.length === 0 && attempt.dispose === undefined) return result;
        return complete({ command: message, result, events, metadata, values, attempts: [attempt] }, eventBus);
      },
      function failDirect(error) {
        attempt.close();
        throw error;
      },
    );
  };
}

/** Middlewares may start several attempts. Events are published behind the last middleware, which may still fail. */
function composeChained(
  { middlewares }: RouteParts,
  registration: Registration,
  { invoker, eventBus }: CommandRouteParts,
): Route {
  const { source: handler, failSilently } = registration;
  const invoke = invoker.prepare(registration);

  const attemptCommand: Call<CommandRun> = function attemptCommand(message, { signal, metadata, values }, run) {
    const attempt = new DeclaredAttempt(signal, metadata, values, handler);
    const number = ++run.started;
    run.list.events = [];
    let handling: Promise<unknown>;
    try {
      handling = toPromise(invoke(message, attempt, attempt));
    } catch (error) {
      attempt.close();
      throw error;
    }
    return handling.then(
      function succeedAttempt(result) {
        const events = attempt.close();
        if (run.isOver) return endThenDispose(result, [attempt]);
        run.succeeded.push(attempt);
        // A timeout has left it behind for another, whose result is the command's.
        if (signal?.aborted && number < run.counting) return result;
        run.counting = number;
        run.list.events = events;
        run.list.metadata = metadata;
        return result;
      },
      function failAttempt(error) {
        attempt.close();
        throw error;
      },
    );
  };

  const chain = compose(middlewares, attemptCommand);
  return function dispatchCommand(message, signal, metadata, values) {
    const list: EventList = { events: [], metadata, addRefusal: IS_MIDDLEWARE, takeRefusal: undefined };
    const run: CommandRun = { list, succeeded: [], started: 0, counting: 0, isOver: false };
    const context = { kind: "command", signal, metadata, values, handler, events: new RelatedEvents(list) } as const;
    let handling: Promise<unknown>;
    try {
      handling = toPromise(chain(message, context, run));
    } catch (error) {
      handling = Promise.reject(error);
    }
    return handling.then(
      function completeChained(result) {
        endRun(run);
        const { list: { events, metadata }, succeeded: attempts } = run;
        if (attempts.length === 0) return result;
        return complete({ command: message, result, events, metadata, values, attempts }, eventBus);
      },
      function failChained(error) {
        endRun(run);
        return endThenDispose(failSilently ? undefined : Promise.reject(error), run.succeeded);
      },
    );
  };
}

/** Whether a handler may reach its context later than it returns. One that declares no second parameter cannot. */
function declaresContext({ source, isClass }: Registration): boolean {
  const handle: HandlerFunction<unknown> | undefined = isClass ? source.prototype?.handle : source;
  return handle?.length !== 1;
}

function endRun(run: CommandRun): void {
  run.isOver = true;
  run.list.takeRefusal = IS_OVER;
}

/** Publishes the events, then disposes the scopes of all attempts. */
function complete(completion: Completion, eventBus: CommandRouteParts["eventBus"]): unknown {
  const { events, attempts, result } = completion;
  const published = events.length === 0 ? result : publishRelatedEvents(events, { ...completion, eventBus });
  return attempts.some(({ dispose }) => dispose !== undefined) ? endThenDispose(published, attempts) : published;
}

/** Disposes the scopes once their command has come to its end. */
function endThenDispose(ending: unknown, attempts: readonly CommandAttempt[]): Promise<unknown> {
  const disposers = attempts.flatMap(({ dispose }) => dispose ?? []);
  return settleThenDispose(ending, disposers, "Cannot dispose the scopes of a command that has failed too");
}
