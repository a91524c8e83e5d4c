import { refuseUndefined } from "../refuse_undefined.ts";
import type { DispatchOptions } from "../context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import type { Dispatchable, MessagesByKind, MessageType, ResultOf } from "../message.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { Nothing, ResultAfter, StepFunction, StepMessage } from "./step.ts";
import { addMiddlewares, addStep, composeRun, NO_PARTS, type PipelineParts, type Run } from "./run.ts";

/**
 * The dispatchers of a pipeline.
 *
 * @typeParam M What a `step` may return.
 * @typeParam Q What a `query` step may return.
 */
export interface PipelineDispatchers<M, Q = M> {
  /** Dispatches the first message, and those of the steps. */
  readonly dispatcher: Dispatcher<M>;
  /**
   * Dispatches the messages of query steps.
   *
   * @default {dispatcher}
   */
  readonly queryDispatcher?: Dispatcher<Q> | undefined;
}

/**
 * A pipeline with one step more. No step follows one that always ends the run.
 *
 * @typeParam First The first message.
 * @typeParam Context What the steps of a run share.
 * @typeParam Returned What the step returns.
 * @typeParam M What a `step` may return.
 * @typeParam Q What a `query` step may return.
 */
export type PipelineAfter<First extends M, Context extends object, Returned, M, Q> = ContextPipeline<
  First,
  Context,
  ResultAfter<Returned>,
  M,
  Q
>;

/**
 * A pipeline as {@linkcode MessageRouter.commandPipeline} makes it: its steps return commands, and queries where they
 * ask one.
 *
 * @typeParam First The first command.
 * @typeParam Context What the steps of a run share.
 * @typeParam Result The last result.
 *
 * @example
 * ```ts
 * import { Command, type CommandPipeline, MessageRouter } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 *
 * class SignUp {
 *   userId = 0;
 * }
 *
 * function makeSignUp(router: MessageRouter): CommandPipeline<CreateUser, SignUp> {
 *   return router.commandPipeline(CreateUser, SignUp);
 * }
 * ```
 */
export type CommandPipeline<
  First extends MessagesByKind["command"],
  Context extends object,
  Result = ResultOf<First>,
> = ContextPipeline<First, Context, Result, MessagesByKind["command"], Dispatchable<"query", unknown>>;

/** @internal */
interface PipelineTypes<First, Context> {
  readonly message: MessageType<First>;
  readonly context: new () => Context;
}

/**
 * Dispatches one message after another, each made of the result of the one before, with steps that share a context. A
 * run resolves to the context.
 *
 * A step that returns nothing ends the run. A pipeline never changes: `step`, `query` and `use` return a new one, so
 * that two pipelines can share a beginning. {@linkcode MessageRouter.commandPipeline} makes one for commands and
 * queries; the constructor makes one for other dispatchers.
 *
 * @typeParam First The first message.
 * @typeParam Context What the steps of a run share.
 * @typeParam Result The last result.
 * @typeParam M What a `step` may return.
 * @typeParam Q What a `query` step may return.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter, Query } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
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
 * class SignUp {
 *   userId = 0;
 *   greeting = "";
 * }
 *
 * const router = new MessageRouter();
 * router.newCommandBus().subscribe(CreateUser, () => 42);
 * router.newQueryBus().subscribe(FindUserName, () => "Ada");
 *
 * const signUp = router.commandPipeline(CreateUser, SignUp)
 *   .query((id, context) => {
 *     context.userId = id;
 *     return new FindUserName(id);
 *   })
 *   .step((name, context) => {
 *     context.greeting = `Hello ${name}`;
 *   });
 *
 * const { userId, greeting } = await signUp.dispatch(new CreateUser());
 *
 * assertEquals([userId, greeting], [42, "Hello Ada"]);
 * ```
 */
export class ContextPipeline<First extends M, Context extends object, Result = ResultOf<First>, M = object, Q = M> {
  readonly #types: PipelineTypes<First, Context>;
  readonly #dispatchers: {
    readonly dispatcher: DispatcherFunction<M>;
    readonly queryDispatcher: DispatcherFunction<Q>;
  };
  readonly #parts: PipelineParts;
  /** Composed at the first run: many a pipeline is only the beginning of another one. */
  #run: Run | undefined;

  /**
   * Makes a pipeline that dispatches its first message and nothing more.
   *
   * @param types The class of the first message, whose result the first step receives, and the class of the context.
   * @param dispatchers The dispatchers of the messages.
   * @throws {TypeError} If one of the dispatchers is neither a bus, a pipeline nor a function.
   */
  constructor(
    types: { readonly message: MessageType<First>; readonly context: new () => Context },
    dispatchers: PipelineDispatchers<M, Q>,
  );
  /**
   * Makes a pipeline with steps and middlewares. `step`, `query` and `use` call it.
   *
   * @internal
   */
  constructor(types: PipelineTypes<First, Context>, dispatchers: PipelineDispatchers<M, Q>, parts: PipelineParts);
  constructor(types: PipelineTypes<First, Context>, dispatchers: PipelineDispatchers<M, Q>, parts = NO_PARTS) {
    const { dispatcher, queryDispatcher = dispatcher as unknown as Dispatcher<Q> } = dispatchers;
    if (types.message === undefined) refuseUndefined("make a pipeline", "the class of its first message");
    if (types.context === undefined) refuseUndefined("make a pipeline", "the class of its context");
    this.#types = types;
    this.#dispatchers = {
      dispatcher: toDispatchFunction(dispatcher),
      queryDispatcher: toDispatchFunction(queryDispatcher),
    };
    this.#parts = parts;
  }

  /**
   * Adds a step.
   *
   * @typeParam Returned The next message, or nothing.
   * @param step Turns the last result into the next message, or ends the run by returning nothing. It may be async.
   * @returns A new pipeline.
   * @throws {TypeError} If the step is not a function.
   */
  step<Returned extends StepMessage<M> | Nothing>(
    step: StepFunction<Result, Context, Returned>,
  ): PipelineAfter<First, Context, Returned, M, Q> {
    return new ContextPipeline(
      this.#types,
      this.#dispatchers,
      addStep(this.#parts, step, this.#dispatchers.dispatcher),
    );
  }

  /**
   * Adds a step that asks a query.
   *
   * @typeParam Returned The query, or nothing.
   * @param step Turns the last result into the query, or ends the run by returning nothing. It may be async.
   * @returns A new pipeline.
   * @throws {TypeError} If the step is not a function.
   */
  query<Returned extends StepMessage<Q> | Nothing>(
    step: StepFunction<Result, Context, Returned>,
  ): PipelineAfter<First, Context, Returned, M, Q> {
    return new ContextPipeline(
      this.#types,
      this.#dispatchers,
      addStep(this.#parts, step, this.#dispatchers.queryDispatcher),
    );
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message, with the same context, which keeps what the steps of the failed run have written. A run resolves to
   * the context, not to what the middlewares return.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns A new pipeline.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): ContextPipeline<First, Context, Result, M, Q> {
    return new ContextPipeline(this.#types, this.#dispatchers, addMiddlewares(this.#parts, middlewares));
  }

  /**
   * Runs the pipeline with a new context.
   *
   * @param message The first message.
   * @param options A signal, metadata and values, which go along with every message. Once the signal has fired, no
   * message is dispatched any more.
   * @returns The context.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  dispatch(message: First, options?: DispatchOptions): Promise<Context> {
    return this.run(this.#types.context, message, options);
  }

  /**
   * Runs the pipeline with the context that the caller gives.
   *
   * @param context An instance of the context class, or a class of which the run makes a new instance.
   * @param message The first message.
   * @param options A signal, metadata and values, which go along with every message. Once the signal has fired, no
   * message is dispatched any more.
   * @returns The context.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  async run<C extends Context>(context: C | (new () => C), message: First, options?: DispatchOptions): Promise<C> {
    const instance = typeof context === "function" ? new context() : context;
    const { steps, middlewares } = this.#parts;
    this.#run ??= composeRun(this.#dispatchers.dispatcher as DispatcherFunction, middlewares);
    await this.#run(message, { context: instance, handler: this.#types.context, steps }, options);
    return instance;
  }
}
