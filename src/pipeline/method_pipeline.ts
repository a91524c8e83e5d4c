import { requireMiddlewares } from "../chain.ts";
import type { DispatchOptions, HandlerSource } from "../context.ts";
import type { Constructor } from "../di_adapter.ts";
import type { Dispatcher } from "../dispatcher.ts";
import type { AnyMiddleware } from "../middleware.ts";
import type { PipelineDispatchers } from "./context_pipeline.ts";
import type { Nothing, StepMessage } from "./step.ts";
import { StepChain } from "./step_chain.ts";

/**
 * Makes a method of a context class a step.
 *
 * @typeParam M What the method may return.
 */
export type StepDecorator<M> = <This extends object, Result, Returned extends StepMessage<M> | Nothing>(
  method: (this: This, result: Result) => Returned | PromiseLike<Returned>,
  context: ClassMethodDecoratorContext<This, (this: This, result: Result) => Returned | PromiseLike<Returned>> & {
    static: false;
  },
) => void;

interface MethodStep {
  readonly access: { has(context: object): boolean; get(context: object): (result: unknown) => unknown };
  readonly dispatcher: Dispatcher<never>;
}

/**
 * A chain of messages whose steps are methods of a context class, in the order of the source, with `this` as the
 * context. A run resolves to the context.
 *
 * A method that returns nothing ends the run. A subclass inherits the steps, may override them, and may add more.
 *
 * @typeParam First The first message.
 * @typeParam M What a step may return.
 * @typeParam Q What a query step may return.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter, Query } from "@cq/core";
 *
 * class CreateUser extends Command<number> {}
 * class CountUsers extends Query<number> {}
 *
 * const router = new MessageRouter();
 * router.newCommandBus().subscribe(CreateUser, () => 42);
 * router.newQueryBus().subscribe(CountUsers, () => 7);
 *
 * const signUp = router.commandPipeline(CreateUser);
 *
 * class SignUp {
 *   userId = 0;
 *   position = 0;
 *
 *   @signUp.queryStep
 *   created(id: number): CountUsers {
 *     this.userId = id;
 *     return new CountUsers();
 *   }
 *
 *   @signUp.step
 *   counted(position: number): void {
 *     this.position = position;
 *   }
 * }
 *
 * const { userId, position } = await signUp.run(SignUp, new CreateUser());
 *
 * assertEquals([userId, position], [42, 7]);
 * ```
 */
export class MethodPipeline<First, M = object, Q = M> {
  /** Makes the method a step. What it returns is dispatched. */
  readonly step: StepDecorator<M>;
  /** Makes the method a step that asks a query. */
  readonly queryStep: StepDecorator<Q>;
  readonly #dispatcher: Dispatcher<M>;
  readonly #steps: MethodStep[] = [];
  readonly #middlewares: AnyMiddleware[] = [];

  /**
   * Makes a pipeline without steps.
   *
   * @param dispatchers What dispatches the messages.
   */
  constructor(dispatchers: PipelineDispatchers<M, Q>) {
    const { dispatcher, queryDispatcher = dispatcher as unknown as Dispatcher<Q> } = dispatchers;
    this.#dispatcher = dispatcher;
    this.step = (method, context) => this.#add(method, context, dispatcher);
    this.queryStep = (method, context) => this.#add(method, context, queryDispatcher);
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message, with the same context.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The pipeline itself.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): this {
    requireMiddlewares(middlewares);
    this.#middlewares.push(...middlewares);
    return this;
  }

  /**
   * Runs the pipeline.
   *
   * @typeParam C The context.
   * @param context The context class, for a fresh context, or an instance of it, seeded by the caller.
   * @param message The first message.
   * @param options A signal and metadata, which go along with every message.
   * @returns The context.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  async run<C extends object>(context: C | Constructor<C>, message: First, options?: DispatchOptions): Promise<C> {
    const instance = typeof context === "function" ? new context() : context;
    // A step of a subclass is none of its base's.
    const steps = this.#steps.filter(({ access }) => access.has(instance));
    const chain = steps.reduce(
      (chain, { access, dispatcher }) => chain.add((result) => access.get(instance).call(instance, result), dispatcher),
      new StepChain(this.#dispatcher).use(this.#middlewares),
    );
    await chain.run(message, { context: instance, handler: instance.constructor as HandlerSource, options });
    return instance;
  }

  #add(
    method: (...args: never) => unknown,
    context: { kind: string; static: boolean; access: unknown } | undefined,
    dispatcher: Dispatcher<never>,
  ): void {
    if (context?.kind !== "method" || context.static) {
      throw new TypeError(`Cannot use "${method?.name}" as a step: it is not a method of a context's instances`);
    }
    this.#steps.push({ access: context.access as MethodStep["access"], dispatcher });
  }
}
