import { refuseUndefined } from "../refuse_undefined.ts";
import type { DispatchOptions } from "../context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import type { MessageType, ResultOf } from "../message.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { Nothing, ResultAfter, StepFunction, StepMessage } from "./step.ts";
import { addMiddlewares, addStep, composeRun, NO_PARTS, type PipelineParts, type Run } from "./run.ts";

/**
 * How the message of a step is dispatched.
 *
 * @typeParam M The message of the step.
 */
export interface StepOptions<M> {
  /** Dispatches the message of this step, instead of the dispatcher of the pipe. */
  readonly dispatcher: Dispatcher<M>;
}

/**
 * A pipe with one step more. No step follows one that always ends the run.
 *
 * @typeParam First The first message.
 * @typeParam Returned What the step returns.
 * @typeParam Early What a run that ends early resolves to.
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
 * Dispatches one message after another, each made of the result of the one before, and resolves to the last result. A
 * pipe is a dispatcher too.
 *
 * A step that returns nothing ends the run, which then resolves to `undefined`. A pipe never changes: `step` and `use`
 * return a new one, so that two pipes can share a beginning.
 *
 * @typeParam First The first message.
 * @typeParam Result The last result.
 * @typeParam Early What a run that ends early resolves to.
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
  readonly #dispatcher: DispatcherFunction<Accepted>;
  readonly #parts: PipelineParts;
  /** Composed at the first run: many a pipe is only the beginning of another one. */
  #run: Run | undefined;

  /**
   * Makes a pipe that dispatches its first message and nothing more.
   *
   * @param type The class of the first message, whose result the first step receives.
   * @param dispatcher Dispatches the messages: a bus, a pipeline, or a function.
   * @throws {TypeError} If the dispatcher is neither a bus, a pipeline nor a function.
   */
  constructor(type: MessageType<First>, dispatcher: Dispatcher<Accepted>);
  /**
   * Makes a pipe with steps and middlewares. `step` and `use` call it.
   *
   * @internal
   */
  constructor(type: MessageType<First>, dispatcher: Dispatcher<Accepted>, parts: PipelineParts);
  constructor(type: MessageType<First>, dispatcher: Dispatcher<Accepted>, parts = NO_PARTS) {
    if (type === undefined) refuseUndefined("make a pipe", "the class of its first message");
    this.#type = type;
    this.#dispatcher = toDispatchFunction(dispatcher);
    this.#parts = parts;
  }

  /**
   * Adds a step.
   *
   * @typeParam Returned The next message, or nothing.
   * @typeParam Own The messages that the dispatcher of the step accepts.
   * @param step Turns the last result into the next message, or ends the run by returning nothing. It may be async.
   * @param options The dispatcher of this step, if it has one of its own.
   * @returns A new pipe.
   * @throws {TypeError} If the step is not a function, or its dispatcher is neither a bus, a pipeline nor a function.
   */
  step<Returned extends StepMessage<Own> | Nothing, Own = Accepted>(
    step: StepFunction<Result, undefined, Returned>,
    options?: StepOptions<Own>,
  ): PipeAfter<First, Returned, Early, Accepted> {
    const dispatcher = options === undefined ? this.#dispatcher : options.dispatcher;
    return new Pipe(this.#type, this.#dispatcher, addStep(this.#parts, step, dispatcher));
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message. The run resolves to what the outermost middleware returns.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns A new pipe.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): Pipe<First, Result, Early, Accepted> {
    return new Pipe(this.#type, this.#dispatcher, addMiddlewares(this.#parts, middlewares));
  }

  /**
   * Runs the pipe.
   *
   * @param message The first message.
   * @param options A signal, metadata and values, which go along with every message. Once the signal has fired, no
   * message is dispatched any more.
   * @returns The last result; `undefined` if a step has ended the run.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  dispatch(message: First, options?: DispatchOptions): Promise<Result | Early> {
    const { steps, middlewares } = this.#parts;
    this.#run ??= composeRun(this.#dispatcher as DispatcherFunction, middlewares);
    return this.#run(message, { context: undefined, handler: Pipe, steps }, options) as Promise<Result | Early>;
  }
}
