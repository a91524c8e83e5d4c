import { compose, requireMiddlewares } from "../chain.ts";
import { type DispatchOptions, type HandlerSource, NO_METADATA } from "../context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { describe } from "../naming.ts";

/** Turns the last result into the next message; `undefined` ends the run. */
type Convert = (result: unknown, context: unknown) => unknown;

interface ChainedStep {
  readonly convert: Convert;
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
}

/** The steps behind every kind of pipeline. A chain never changes: what is added gives a new one. */
export class StepChain {
  readonly #first: DispatcherFunction;
  #steps: readonly ChainedStep[] = [];
  #middlewares: readonly AnyMiddleware[] = [];

  /** @param first Dispatches the first message. */
  constructor(first: Dispatcher<never>) {
    this.#first = toDispatchFunction(first as Dispatcher);
  }

  /** Adds a step. */
  add(convert: (...args: never) => unknown, dispatcher: Dispatcher<never>): StepChain {
    if (typeof convert !== "function") {
      throw new TypeError(`Cannot use ${describe(convert)} as a step: it is not a function`);
    }
    const dispatch = toDispatchFunction(dispatcher as Dispatcher);
    return this.#with({ steps: [...this.#steps, { convert: convert as Convert, dispatch }] });
  }

  /** Puts middlewares around the whole run, inside those that are there. */
  use(middlewares: readonly AnyMiddleware[]): StepChain {
    requireMiddlewares(middlewares);
    return this.#with({ middlewares: [...this.#middlewares, ...middlewares] });
  }

  /** Runs the chain, and resolves to the last result, or to `undefined` where a step has ended the run. */
  async run(message: unknown, { context, handler, options }: Run): Promise<unknown> {
    const run = compose(this.#middlewares, (first, passedOn) => this.#runSteps(first, context, passedOn));
    const { signal, metadata = NO_METADATA } = options ?? {};
    return await run(message, { kind: "pipeline", signal, metadata, handler }, undefined);
  }

  async #runSteps(message: unknown, context: unknown, { signal, metadata }: DispatchOptions): Promise<unknown> {
    const options = { signal, metadata };
    let result = await this.#first(message as object, options);
    for (const { convert, dispatch } of this.#steps) {
      const next = await convert(result, context);
      if (next === undefined) return undefined;
      result = await dispatch(next as object, options);
    }
    return result;
  }

  #with({ steps = this.#steps, middlewares = this.#middlewares }: {
    steps?: readonly ChainedStep[];
    middlewares?: readonly AnyMiddleware[];
  }): StepChain {
    const chain = new StepChain(this.#first);
    chain.#steps = steps;
    chain.#middlewares = middlewares;
    return chain;
  }
}
