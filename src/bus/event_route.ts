import { type Call, compose, silence, start } from "../middleware_chain.ts";
import type { HandlerContext, HandlerSource } from "../context.ts";
import { EventDispatchError, type EventFailure } from "../errors.ts";
import type { Invoker } from "./invoker.ts";
import { callListeners, type Listener } from "./listener.ts";
import { ignore } from "../internal/promise.ts";
import type { Registration } from "../registry.ts";
import { isBuiltIn } from "../message_class.ts";
import { refusingRoute, type Route, type RouteParts } from "./route.ts";

/** One handler of an event, with its chain. */
interface Handling {
  readonly source: HandlerSource;
  readonly handle: Call;
}

/**
 * Composes the route of a class of event.
 *
 * @param parts What the route is composed of.
 * @param eventParts What runs the handlers, and whether one by one.
 * @returns The route.
 */
export function composeEventRoute(
  parts: RouteParts,
  { invoker, isSequential }: { invoker: Invoker; isSequential: boolean },
): Route {
  const { type, registry, registrations, middlewares, listeners, elsewhere } = parts;
  // An event needs no handler. That something has lost its class, or is on the wrong bus, would go unnoticed.
  if (registrations.length === 0 && (elsewhere !== undefined || isBuiltIn(type))) return refusingRoute("event", parts);

  const ordered = isSequential ? registry.inOrder(registrations) : registrations;
  // Around each handler by itself, so that a retry runs the failed one alone.
  const handlings = ordered.map((registration): Handling => {
    const chain = compose(middlewares, prepare(registration, invoker));
    return {
      source: registration.source,
      handle: registration.failSilently ? silence(chain) : chain,
    };
  });
  const route = isSequential ? composeSequential(handlings) : composeConcurrent(handlings);
  return listeners.length === 0 ? route : besideListeners(listeners, route);
}

/** A handler that cannot be wired fails by itself, at each event, and keeps no other from running. */
function prepare(registration: Registration, invoker: Invoker): Call {
  try {
    return invoker.prepare(registration);
  } catch {
    return function prepareAgain(message, context) {
      return invoker.prepare(registration)(message, context, undefined);
    };
  }
}

/** Starts all handlers at once. One that fails does not end the others. */
function composeConcurrent(handlings: readonly Handling[]): Route {
  if (handlings.length === 0) return dispatchToNone;
  if (handlings.length === 1) return composeLone(handlings[0]!);

  // One pair of callbacks counts down for all the handlers. Which of them failed is looked up only if one has.
  return function dispatchEvent(event, signal, metadata, values) {
    // As long as it will be: an array that grows takes room for many more.
    const outcomes = new Array<Promise<unknown>>(handlings.length);
    let pending = handlings.length;
    let hasFailed = false;
    let resolve!: (outcome: void | Promise<never>) => void;
    const completed = new Promise<void>((resolvePromise) => {
      resolve = resolvePromise;
    });

    const succeed = () => {
      if (--pending > 0) return;
      if (!hasFailed) return resolve();
      resolve(
        Promise.allSettled(outcomes).then((settled) => {
          throw new EventDispatchError(failuresOf(event, handlings, settled));
        }),
      );
    };
    const fail = () => {
      hasFailed = true;
      succeed();
    };

    for (let index = 0; index < handlings.length; index++) {
      const { source, handle } = handlings[index]!;
      const outcome = start(handle, event, { kind: "event", signal, metadata, values, handler: source }, undefined);
      outcomes[index] = outcome;
      outcome.then(succeed, fail);
    }
    return completed;
  };
}

async function dispatchToNone(): Promise<void> {}

/** One handler needs no counting. */
function composeLone({ source, handle }: Handling): Route {
  return function dispatchEvent(event, signal, metadata, values) {
    const context: HandlerContext = { kind: "event", signal, metadata, values, handler: source };
    return start(handle, event, context, undefined).then(ignore, function failEvent(error) {
      throw new EventDispatchError([{ event, handler: source, error }]);
    });
  };
}

/** Runs handlers one by one, and all of them even if one fails. */
function composeSequential(handlings: readonly Handling[]): Route {
  return async function dispatchEvent(event, signal, metadata, values) {
    const failures: EventFailure[] = [];
    for (const { source, handle } of handlings) {
      try {
        await handle(event, { kind: "event", signal, metadata, values, handler: source }, undefined);
      } catch (error) {
        failures.push({ event, handler: source, error });
      }
    }
    if (failures.length > 0) throw new EventDispatchError(failures);
  };
}

/** Tells listeners of an event beside its handlers. */
function besideListeners(listeners: readonly Listener[], route: Route): Route {
  const sources = listeners.map((listener) => ({ source: listener as HandlerSource }));

  return async function dispatchBesideListeners(event, signal, metadata, values) {
    const heard = callListeners(listeners, event, { kind: "event", signal, metadata, values });
    const handling = route(event, signal, metadata, values);
    const [[handled], outcomes] = await Promise.all([Promise.allSettled([handling]), heard]);

    const failures = failuresOf(event, sources, outcomes);
    if (handled.status === "rejected") {
      throw new EventDispatchError((handled.reason as EventDispatchError).failures.concat(failures));
    }
    if (failures.length > 0) throw new EventDispatchError(failures);
  };
}

function failuresOf(
  event: unknown,
  sources: readonly { readonly source: HandlerSource }[],
  outcomes: readonly PromiseSettledResult<unknown>[],
): EventFailure[] {
  return outcomes.flatMap((outcome, index) =>
    outcome.status === "fulfilled" ? [] : [{ event, handler: sources[index]!.source, error: outcome.reason }]
  );
}
