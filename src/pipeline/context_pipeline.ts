import type { DispatchOptions } from "../context.ts";
import { type Dispatcher, toDispatchFunction } from "../dispatcher.ts";
import type { MessageType, ResultOf } from "../message.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { Nothing, ResultAfter, StepFunction, StepMessage } from "./step.ts";
import { StepChain } from "./run.ts";

/**
 * What dispatches the messages of a pipeline.
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
  readonly queryDispatcher?: Dispatcher<Q>;
}

/**
 * A pipeline with a step more. Behind a step that always ends the run there is no other.
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
 * A chain of messages, each made of the result of the last, whose steps share a context. A run resolves to the context.
 *
 * A step that returns nothing ends the run. A pipeline never changes: `step`, `query` and `use` give a new one, so that
 * a shared beginning can be extended twice. For commands and queries, make one with
 * {@linkcode MessageRouter.commandPipeline}; with other dispatchers, make one here.
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
  readonly #types: { readonly message: MessageType<First>; readonly context: new () => Context };
  readonly #dispatchers: Required<PipelineDispatchers<M, Q>>;
  #chain: StepChain;

  /**
   * Makes a pipeline that dispatches its first message and no more.
   *
   * @param types The class of the first message, whose result the first step receives, and the class of the context.
   * @param dispatchers What dispatches the messages.
   * @throws {TypeError} If one of the dispatchers is neither a bus, a pipeline nor a function.
   */
  constructor(
    types: { readonly message: MessageType<First>; readonly context: new () => Context },
    dispatchers: PipelineDispatchers<M, Q>,
  ) {
    const { dispatcher, queryDispatcher = dispatcher as unknown as Dispatcher<Q> } = dispatchers;
    this.#types = types;
    this.#dispatchers = { dispatcher, queryDispatcher: toDispatchFunction(queryDispatcher) };
    this.#chain = new StepChain(dispatcher);
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
    return this.#with(this.#chain.add(step, this.#dispatchers.dispatcher));
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
    return this.#with(this.#chain.add(step, this.#dispatchers.queryDispatcher));
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message, with the same context, in which the steps of the failed attempt have left their traces. Whatever the
   * middlewares return, a run resolves to the context.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns A new pipeline.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): ContextPipeline<First, Context, Result, M, Q> {
    return this.#with(this.#chain.use(middlewares));
  }

  /**
   * Runs the pipeline with a fresh context.
   *
   * @param message The first message.
   * @param options A signal and metadata, which go along with every message. Once the signal has fired, no message is
   * dispatched any more.
   * @returns The context.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  dispatch(message: First, options?: DispatchOptions): Promise<Context> {
    return this.run(this.#types.context, message, options);
  }

  /**
   * Runs the pipeline with a context of the caller's.
   *
   * @param context An instance of the context class, seeded by the caller, or a class of which a fresh one is made.
   * @param message The first message.
   * @param options A signal and metadata, which go along with every message. Once the signal has fired, no message is
   * dispatched any more.
   * @returns The context.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  async run<C extends Context>(context: C | (new () => C), message: First, options?: DispatchOptions): Promise<C> {
    const instance = typeof context === "function" ? new context() : context;
    await this.#chain.run(message, { context: instance, handler: this.#types.context, options });
    return instance;
  }

  // The types of the result are the compiler's business alone: at run time all pipelines are alike.
  // deno-lint-ignore no-explicit-any
  #with(chain: StepChain): any {
    const pipeline = new ContextPipeline<First, Context, Result, M, Q>(this.#types, this.#dispatchers);
    pipeline.#chain = chain;
    return pipeline;
  }
}
