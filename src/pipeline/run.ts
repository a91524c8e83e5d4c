import { type Call, compose, requireMiddlewares } from "../middleware_chain.ts";
import type { DispatchOptions, HandlerSource } from "../context.ts";
import { NO_METADATA } from "../metadata.ts";
import { NO_VALUES } from "../context_values.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import { reasonOfAbort } from "../internal/abort.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { describe } from "../naming.ts";

/** A step as a pipeline keeps it. */
export interface Step {
  /** Turns the last result into the next message; `undefined` ends the run. */
  readonly convert: (result: unknown, context: unknown) => unknown;
  /** Dispatches that message. */
  readonly dispatch: DispatcherFunction;
}

/**
 * The steps and the middlewares of a pipeline that never changes. What is added gives new parts.
 *
 * @internal
 */
export interface PipelineParts {
  /** The steps, in their order. */
  readonly steps: readonly Step[];
  /** The middlewares around a run, the outermost first. */
  readonly middlewares: readonly AnyMiddleware[];
}

/** The parts of a pipeline to which nothing has been added. */
export const NO_PARTS: PipelineParts = { steps: [], middlewares: [] };

/** The state of one run. It reaches the steps past the middlewares. */
export interface RunState {
  /** What the steps share. */
  readonly context: unknown;
  /** What the middlewares see as the handler. */
  readonly handler: HandlerSource;
  /** The steps of this run. */
  readonly steps: readonly Step[];
}

/** Runs a pipeline. It resolves to the last result, or to `undefined` where a step has ended the run. */
export type Run = (message: unknown, state: RunState, options: DispatchOptions | undefined) => Promise<unknown>;

/**
 * Adds a step.
 *
 * @param parts The parts of the pipeline so far.
 * @param convert The function that turns the last result into the next message.
 * @param dispatcher Dispatches that message.
 * @returns The parts with the step.
 * @throws {TypeError} If the step is not a function, or the dispatcher is neither a bus, a pipeline nor a function.
 */
export function addStep(parts: PipelineParts, convert: unknown, dispatcher: Dispatcher<never>): PipelineParts {
  if (typeof convert !== "function") {
    throw new TypeError(`Cannot use ${describe(convert)} as a step: it is not a function`);
  }
  const step = { convert: convert as Step["convert"], dispatch: toDispatchFunction(dispatcher as Dispatcher) };
  return { ...parts, steps: [...parts.steps, step] };
}

/**
 * Adds middlewares, inside those that are there.
 *
 * @param parts The parts of the pipeline so far.
 * @param middlewares The middlewares.
 * @returns The parts with the middlewares.
 * @throws {TypeError} If one of them is neither a function nor an object with a method `invoke`.
 */
export function addMiddlewares(parts: PipelineParts, middlewares: readonly AnyMiddleware[]): PipelineParts {
  requireMiddlewares(middlewares);
  return { ...parts, middlewares: [...parts.middlewares, ...middlewares] };
}

/**
 * Composes what runs a pipeline.
 *
 * @param first Dispatches the first message.
 * @param middlewares What runs around the whole run.
 * @returns The function that runs it.
 */
export function composeRun(first: DispatcherFunction, middlewares: readonly AnyMiddleware[]): Run {
  const call: Call<RunState> = compose(middlewares, async function runSteps(message, options, { context, steps }) {
    let result = await send(message, first, options);
    for (const { convert, dispatch } of steps) {
      const next = await convert(result, context);
      if (next === undefined) return undefined;
      result = await send(next, dispatch, options);
    }
    return result;
  });

  return async function runPipeline(message, state, options = {}) {
    const { signal, metadata = NO_METADATA, values = NO_VALUES } = options;
    if (signal?.aborted) throw reasonOfAbort(signal);
    return await call(message, { kind: "pipeline", signal, metadata, values, handler: state.handler }, state);
  };
}

/** Dispatches a message. A bus refuses a signal that has fired; a plain function may know nothing of signals. */
function send(
  message: unknown,
  dispatch: DispatcherFunction,
  { signal, metadata, values }: DispatchOptions,
): unknown {
  if (signal?.aborted) throw reasonOfAbort(signal);
  return dispatch(message as object, { signal, metadata, values });
}
