import type { DispatchOptions } from "../context.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { MessageType, ResultOf } from "../message.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { Nothing, ResultAfter, StepFunction, StepMessage } from "./step.ts";
import { StepChain } from "./run.ts";

/**
 * How a step is dispatched.
 *
 * @typeParam M The message of the step.
 */
export interface StepOptions<M> {
  /** Dispatches the message of this step, instead of what dispatches the others. */
  readonly dispatcher: Dispatcher<M>;
}

/**
 * A pipe with a step more. Behind a step that always ends the run there is no other.
 *
 * @typeParam First The first message.
 * @typeParam Returned What the step returns.
 * @typeParam Early What a run resolves to that ends early.
 * @typeParam Accepted The messages that the dispatcher of the pipe accepts.
 */
export type PipeAfter<First extends Accepted, Returned, Early, Accepted> = Pipe<
  First,
  ResultAfter<Returned>,
  Early | EarlyIn<Returned>,
  Accepted
>;

/** @internal */
type EarlyIn<Returned> = [Extract<Returned, Nothing>] extends [never] ? never : undefined;

/**
 * A chain of messages, each made of the result of the last, that resolves to the last result. It is a dispatcher too.
 *
 * A step that returns nothing ends the run, which then resolves to `undefined`. A pipe never changes: `step` and `use`
 * give a new one, so that a shared beginning can be extended twice.
 *
 * @typeParam First The first message.
 * @typeParam Result The last result.
 * @typeParam Early What a run resolves to that ends early.
 * @typeParam Accepted The messages that the dispatcher of the pipe accepts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MessageRouter, Pipe, Query } from "@cq/core";
 *
 * class FindUserId extends Query<number> {}
 *
 * class FindUserName extends Query<string> {
 *   readonly id: number;
 *
 *   constructor(id: number) {
 *     super();
 *     this.id = id;
 *   }
 * }
 *
 * const queries = new MessageRouter().newQueryBus()
 *   .subscribe(FindUserId, () => 42)
 *   .subscribe(FindUserName, ({ id }) => `Ada (${id})`);
 *
 * const findName = new Pipe(FindUserId, queries).step((id) => new FindUserName(id));
 *
 * assertEquals(await findName.dispatch(new FindUserId()), "Ada (42)");
 * ```
 */
export class Pipe<First extends Accepted, Result = ResultOf<First>, Early = never, Accepted = object> {
  readonly #type: MessageType<First>;
  readonly #dispatcher: Dispatcher<Accepted>;
  #chain: StepChain;

  /**
   * Makes a pipe that dispatches its first message and no more.
   *
   * @param type The class of the first message, whose result the first step receives.
   * @param dispatcher Dispatches the messages: a bus, a pipeline, or a function.
   * @throws {TypeError} If the dispatcher is none of them.
   */
  constructor(type: MessageType<First>, dispatcher: Dispatcher<Accepted>) {
    this.#type = type;
    this.#dispatcher = dispatcher;
    this.#chain = new StepChain(dispatcher);
  }

  /**
   * Adds a step.
   *
   * @typeParam Returned The next message, or nothing.
   * @typeParam Own The messages that the dispatcher of the step accepts.
   * @param step Turns the last result into the next message, or ends the run by returning nothing. It may be async.
   * @param options What dispatches the message of this step, where it is not what dispatches the others.
   * @returns A new pipe.
   * @throws {TypeError} If the step is not a function, or its dispatcher is neither a bus, a pipeline nor a function.
   */
  step<Returned extends StepMessage<Own> | Nothing, Own = Accepted>(
    step: StepFunction<Result, undefined, Returned>,
    options?: StepOptions<Own>,
  ): PipeAfter<First, Returned, Early, Accepted> {
    return this.#with(this.#chain.add(step, options === undefined ? this.#dispatcher : options.dispatcher));
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message. What comes out of the outermost is what the run resolves to.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns A new pipe.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): Pipe<First, Result, Early, Accepted> {
    return this.#with(this.#chain.use(middlewares));
  }

  /**
   * Runs the pipe.
   *
   * @param message The first message.
   * @param options A signal and metadata, which go along with every message. Once the signal has fired, no message is
   * dispatched any more.
   * @returns The last result; `undefined` where a step has ended the run.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  dispatch(message: First, options?: DispatchOptions): Promise<Result | Early> {
    return this.#chain.run(message, { context: undefined, handler: Pipe, options }) as Promise<Result | Early>;
  }

  // The types of the result are the compiler's business alone: at run time all pipes are alike.
  // deno-lint-ignore no-explicit-any
  #with(chain: StepChain): any {
    const pipe = new Pipe<First, Result, Early, Accepted>(this.#type, this.#dispatcher);
    pipe.#chain = chain;
    return pipe;
  }
}
