import type { DispatchOptions, HandlerContext } from "./context.ts";
import { MiddlewareError } from "./errors.ts";
import { describe, nameOf, typeNameOf } from "./naming.ts";
import type { AnyMiddleware, Middleware, MiddlewareObject, Next } from "./middleware.ts";
import { isPromiseLike, toPromise } from "./internal/promise.ts";

/**
 * One stretch of a chain: from some middleware down to the handler. It may throw, and may return its result plainly.
 *
 * @typeParam State What the caller wants to reach the innermost step, untouched by the middlewares.
 */
export type Call<State = undefined> = (message: unknown, context: HandlerContext, state: State) => unknown;

/**
 * Starts a step.
 *
 * @typeParam State What reaches the innermost step.
 * @param step The step.
 * @param message The message.
 * @param context What is known of the dispatch.
 * @param state What reaches the innermost step.
 * @returns The promise of its result, which rejects where the step throws.
 */
export function start<State>(
  step: Call<State>,
  message: unknown,
  context: HandlerContext,
  state: State,
): Promise<unknown> {
  try {
    return toPromise(step(message, context, state));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Refuses what is no middleware.
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
 * Puts middlewares around a step, the first one outermost.
 *
 * @typeParam State What reaches the innermost step.
 * @param middlewares The middlewares.
 * @param innermost What they run around.
 * @returns The whole chain as one step; the innermost itself where there are no middlewares.
 */
export function compose<State>(middlewares: readonly AnyMiddleware[], innermost: Call<State>): Call<State> {
  return middlewares.reduceRight(wrap, innermost);
}

/**
 * Makes a step that resolves to `undefined` where the given one fails.
 *
 * @typeParam State What reaches the handler's step.
 * @param step The step.
 * @returns The silent step.
 */
export function silence<State>(step: Call<State>): Call<State> {
  return function runSilently(message, context, state) {
    return start(step, message, context, state).catch(() => undefined);
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
    if (returned instanceof Promise) return returned;
    if (isGenerator(returned)) return drive(returned, next, middleware);
    if (isPromiseLike(returned)) return returned;
    return refuse(middleware, started);
  };
}

function toFunction(middleware: MiddlewareObject): Middleware {
  return function invokeMiddleware(message, next, context) {
    return middleware.invoke(message, next, context);
  };
}

/** A middleware replaces the signal, the metadata and the values. The rest are facts of the dispatch. */
function replaceOptions(context: HandlerContext, options: DispatchOptions): HandlerContext {
  return {
    ...context,
    signal: "signal" in options ? options.signal : context.signal,
    metadata: options.metadata ?? context.metadata,
    values: options.values ?? context.values,
  };
}

type GeneratorStep = IteratorResult<void, unknown>;

/** What sync and async generators have in common, compiled ones included. */
interface AnyGenerator {
  next(value?: unknown): GeneratorStep | PromiseLike<GeneratorStep>;
  throw(error: unknown): GeneratorStep | PromiseLike<GeneratorStep>;
  return(value?: unknown): unknown;
}

function isGenerator(value: unknown): value is AnyGenerator {
  const generator = value as Partial<AnyGenerator> | null | undefined;
  return typeof generator?.next === "function" && typeof generator.throw === "function" &&
    typeof generator.return === "function";
}

function drive(generator: AnyGenerator, next: Next, middleware: AnyMiddleware): unknown {
  const step = generator.next();
  return isPromiseLike(step)
    ? driveAsync(step, generator, next, middleware)
    : driveSync(step, generator, next, middleware);
}

/** Nothing but the handler is awaited: one `then` takes the place of an async function. */
function driveSync(step: GeneratorStep, generator: AnyGenerator, next: Next, middleware: AnyMiddleware): unknown {
  if (step.done) return undefined;
  return next().then(
    (result) => (generator.next(result) as GeneratorStep).done ? result : refuseYield(generator, middleware),
    (error) => driveSync(generator.throw(error) as GeneratorStep, generator, next, middleware),
  );
}

async function driveAsync(
  first: PromiseLike<GeneratorStep>,
  generator: AnyGenerator,
  next: Next,
  middleware: AnyMiddleware,
): Promise<unknown> {
  let step = await first;
  while (!step.done) {
    let result: unknown;
    try {
      result = await next();
    } catch (error) {
      step = await generator.throw(error);
      continue;
    }
    step = await generator.next(result);
    return step.done ? result : await refuseYield(generator, middleware);
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

/** Waits for the last call of `next`: the middleware, which should have done so, is told of both failures. */
async function refuse(middleware: AnyMiddleware, started: Promise<unknown> | undefined): Promise<never> {
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
