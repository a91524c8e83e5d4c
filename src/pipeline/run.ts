import { type Call, compose, requireMiddlewares } from "../middleware_chain.ts";
import { type DispatchOptions, type HandlerSource, NO_METADATA } from "../context.ts";
import { NO_VALUES } from "../context_values.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { describe } from "../naming.ts";

/** One step of a chain. */
export interface ChainedStep {
  /** Turns the last result into the next message; `undefined` ends the run. */
  readonly convert: (result: unknown, context: unknown) => unknown;
  /** Dispatches that message. */
  readonly dispatch: DispatcherFunction;
}

/** One run through a chain. */
export interface Run {
  /** What the steps share. */
  readonly context: unknown;
  /** What middlewares see as the handler. */
  readonly handler: HandlerSource;
  /** What goes along with every message. */
  readonly options: DispatchOptions | undefined;
  /** The steps of this run, where they are not those of the chain. */
  readonly steps?: readonly ChainedStep[];
}

/** What reaches the steps past the middlewares. */
interface RunState {
  readonly context: unknown;
  readonly steps: readonly ChainedStep[];
}

/** The steps behind every kind of pipeline. A chain never changes: what is added gives a new one. */
export class StepChain {
  readonly #first: DispatcherFunction;
  readonly #steps: readonly ChainedStep[];
  readonly #middlewares: readonly AnyMiddleware[];
  readonly #composed: Call<RunState>;

  /**
   * @param first Dispatches the first message.
   * @param steps The steps, in their order.
   * @param middlewares What runs around the whole run.
   */
  constructor(
    first: Dispatcher<never>,
    steps: readonly ChainedStep[] = [],
    middlewares: readonly AnyMiddleware[] = [],
  ) {
    this.#first = toDispatchFunction(first as Dispatcher);
    this.#steps = steps;
    this.#middlewares = middlewares;
    this.#composed = compose(middlewares, (message, options, state) => this.#runSteps(message, options, state));
  }

  /** Adds a step. */
  add(convert: unknown, dispatcher: Dispatcher<never>): StepChain {
    if (typeof convert !== "function") {
      throw new TypeError(`Cannot use ${describe(convert)} as a step: it is not a function`);
    }
    const step = { convert: convert as ChainedStep["convert"], dispatch: toDispatchFunction(dispatcher as Dispatcher) };
    return new StepChain(this.#first, [...this.#steps, step], this.#middlewares);
  }

  /** Puts middlewares around the whole run, inside those that are there. */
  use(middlewares: readonly AnyMiddleware[]): StepChain {
    requireMiddlewares(middlewares);
    return new StepChain(this.#first, this.#steps, [...this.#middlewares, ...middlewares]);
  }

  /** Runs the chain, and resolves to the last result, or to `undefined` where a step has ended the run. */
  async run(message: unknown, { context, handler, options = {}, steps = this.#steps }: Run): Promise<unknown> {
    const { signal, metadata = NO_METADATA, values = NO_VALUES } = options;
    if (signal?.aborted) throw signal.reason;
    return await this.#composed(message, { kind: "pipeline", signal, metadata, values, handler }, { context, steps });
  }

  async #runSteps(
    message: unknown,
    { signal, metadata, values }: DispatchOptions,
    { context, steps }: RunState,
  ): Promise<unknown> {
    const send = (message: unknown, dispatch: DispatcherFunction) => {
      // Buses refuse by themselves; a plain function need not know of signals.
      if (signal?.aborted) throw signal.reason;
      return dispatch(message as object, { signal, metadata, values });
    };

    let result = await send(message, this.#first);
    for (const { convert, dispatch } of steps) {
      const next = await convert(result, context);
      if (next === undefined) return undefined;
      result = await send(next, dispatch);
    }
    return result;
  }
}
