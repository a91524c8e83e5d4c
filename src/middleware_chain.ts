import type { DispatchOptions, HandlerContext } from "./context.ts";
import type { ContextValues } from "./context_values.ts";
import { MiddlewareError } from "./errors.ts";
import { describe, nameOf, typeNameOf } from "./naming.ts";
import type { AnyMiddleware, Middleware, MiddlewareObject, Next } from "./middleware.ts";
import { isPromiseLike, toPromise } from "./internal/promise.ts";
import { branchOf } from "./related_events.ts";

/**
 * One stretch of a chain: from some middleware down to the handler. It may throw, and may return its result plainly.
 *
 * @typeParam State What the caller passes to the innermost call, past the middlewares.
 */
export type Call<State = undefined> = (message: unknown, context: HandlerContext, state: State) => unknown;

/**
 * Starts a call.
 *
 * @typeParam State What reaches the innermost call.
 * @param call The call.
 * @param message The message.
 * @param context What is known of the dispatch.
 * @param state What reaches the innermost call.
 * @returns The promise of its result, which rejects where the call throws.
 */
export function start<State>(
  call: Call<State>,
  message: unknown,
  context: HandlerContext,
  state: State,
): Promise<unknown> {
  try {
    return toPromise(call(message, context, state));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Refuses what cannot be used as a middleware.
 *
 * @param middlewares What is to be used as middlewares.
 * @throws {TypeError} If one of them is neither a function nor an object with a method `invoke`.
 */
export function requireMiddlewares(middlewares: readonly AnyMiddleware[]): void {
  for (const middleware of middlewares) {
    if (typeof middleware === "function" || typeof middleware?.invoke === "function") continue;
    const problem = `it is neither a function nor an object with a method "invoke"`;
    throw new TypeError(`Cannot use ${describe(middleware)} as a middleware: ${problem}`);
  }
}

/**
 * Puts middlewares around a call, the first one outermost.
 *
 * @typeParam State What reaches the innermost call.
 * @param middlewares The middlewares.
 * @param innermost What they run around.
 * @returns The whole chain as one call; the innermost itself where there are no middlewares.
 */
export function compose<State>(middlewares: readonly AnyMiddleware[], innermost: Call<State>): Call<State> {
  return middlewares.reduceRight(wrap, innermost);
}

/**
 * Makes a call that resolves to `undefined` where the given one fails.
 *
 * @typeParam State What reaches the innermost call.
 * @param call The call.
 * @returns The silent call.
 */
export function silence<State>(call: Call<State>): Call<State> {
  return function runSilently(message, context, state) {
    return start(call, message, context, state).catch(() => undefined);
  };
}

function wrap<State>(inner: Call<State>, middleware: AnyMiddleware): Call<State> {
  const invoke: Middleware = typeof middleware === "function" ? middleware : toFunction(middleware);

  return function runMiddleware(message, context, state) {
    let started: Promise<unknown> | undefined;
    const next: Next = (nextMessage = message as object, options) => {
      const nextContext = options === undefined ? context : replaceOptions(context, options);
      try {
        return started = toPromise(inner(nextMessage, nextContext, state));
      } catch (error) {
        return started = Promise.reject(error);
      }
    };

    const returned: unknown = invoke(message as object, next, context);
    if (returned instanceof Promise) return started === undefined ? refuseNext(returned, next, middleware) : returned;
    if (isGenerator(returned)) return drive(returned, next, middleware);
    if (isPromiseLike(returned)) return refuseNext(returned, next, middleware);
    return failOnPlainReturn(middleware, started);
  };
}

function toFunction(middleware: MiddlewareObject): Middleware {
  return function invokeMiddleware(message, next, context) {
    return middleware.invoke(message, next, context);
  };
}

/** The values of the caller, for contexts in which a middleware has replaced them. */
const CALLER_VALUES = /* @__PURE__ */ new WeakMap<HandlerContext, ContextValues>();

/**
 * Gives the values that the caller gave to a dispatch, without those that middlewares have added.
 *
 * @param context The context of a middleware.
 * @returns The values of the caller.
 */
export function callerValuesOf(context: HandlerContext): ContextValues {
  return CALLER_VALUES.get(context) ?? context.values;
}

/** A middleware replaces the signal, the metadata and the values. The rest are facts of the dispatch. */
function replaceOptions(context: HandlerContext, options: DispatchOptions): HandlerContext {
  const values = options.values ?? context.values;
  const replaced = {
    ...context,
    signal: "signal" in options ? options.signal : context.signal,
    metadata: options.metadata ?? context.metadata,
    values,
  };
  if (context.events !== undefined) replaced.events = branchOf(context.events);
  const callerValues = callerValuesOf(context);
  if (values !== callerValues) CALLER_VALUES.set(replaced, callerValues);
  return replaced;
}

type Yielded = IteratorResult<void, unknown>;

/** What sync and async generators have in common, compiled ones included. */
interface AnyGenerator {
  next(value?: unknown): Yielded | PromiseLike<Yielded>;
  throw(error: unknown): Yielded | PromiseLike<Yielded>;
  return(value?: unknown): unknown;
}

/**
 * Whether a value is a generator, sync or async, compiled ones included.
 *
 * @param value Any value.
 * @returns Whether it is one.
 */
export function isGenerator(value: unknown): value is AnyGenerator {
  const generator = value as Partial<AnyGenerator> | null | undefined;
  return typeof generator?.next === "function" && typeof generator.throw === "function" &&
    typeof generator.return === "function";
}

function drive(generator: AnyGenerator, next: Next, middleware: AnyMiddleware): unknown {
  const first = generator.next();
  return isPromiseLike(first)
    ? driveAsync(first, generator, next, middleware)
    : driveSync(first, generator, next, middleware);
}

/** Nothing but the handler is awaited: one `then` takes the place of an async function. */
function driveSync(yielded: Yielded, generator: AnyGenerator, next: Next, middleware: AnyMiddleware): unknown {
  if (yielded.done) return undefined;
  return next().then(
    function resumeSync(result) {
      return (generator.next(result) as Yielded).done ? result : refuseYield(generator, middleware);
    },
    function throwSync(error) {
      return driveSync(generator.throw(error) as Yielded, generator, next, middleware);
    },
  );
}

async function driveAsync(
  first: PromiseLike<Yielded>,
  generator: AnyGenerator,
  next: Next,
  middleware: AnyMiddleware,
): Promise<unknown> {
  let yielded = await first;
  while (!yielded.done) {
    let result: unknown;
    try {
      result = await next();
    } catch (error) {
      yielded = await generator.throw(error);
      continue;
    }
    yielded = await generator.next(result);
    return yielded.done ? result : await refuseYield(generator, middleware);
  }
  return undefined;
}

/** The generator is closed before the error comes out. */
async function refuseYield(generator: AnyGenerator, middleware: AnyMiddleware): Promise<never> {
  await generator.return();
  throw new MiddlewareError(
    `Cannot run "${middlewareName(middleware)}" any further: it yielded again after the handler had succeeded. ` +
      "Only a failure may be followed by another yield",
  );
}

/**
 * A middleware that resolves to `next` itself has forgotten to call it, and the message would not be handled. A promise of
 * one that has called it at once needs no look.
 */
function refuseNext(returned: PromiseLike<unknown>, next: Next, middleware: AnyMiddleware): Promise<unknown> {
  return toPromise(returned).then(function requireResult(result) {
    if (result !== next) return result;
    throw new MiddlewareError(
      `Cannot run "${middlewareName(middleware)}": it returned next itself, and did not call it. Write "return next()"`,
    );
  });
}

/** Waits for the last call of `next`: the middleware, which should have done so, is told of both failures. */
async function failOnPlainReturn(middleware: AnyMiddleware, started: Promise<unknown> | undefined): Promise<never> {
  const [outcome] = await Promise.allSettled([started]);
  throw new MiddlewareError(
    `Cannot run "${middlewareName(middleware)}": it returned neither a promise nor a generator. ` +
      "Make it an async function, or a generator function",
    outcome.status === "rejected" ? { cause: outcome.reason } : undefined,
  );
}

function middlewareName(middleware: AnyMiddleware): string {
  return typeof middleware === "function" ? nameOf(middleware) : typeNameOf(middleware);
}
