import { refuseOldDecorator } from "../refuse_old_decorator.ts";
import { refuseUndefined } from "../refuse_undefined.ts";
import type { DispatchOptions, HandlerSource } from "../context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import { classOf } from "../message_class.ts";
import { requireMiddlewares } from "../middleware_chain.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { describe, nameOf } from "../naming.ts";
import type { PipelineDispatchers } from "./context_pipeline.ts";
import type { Nothing, StepMessage } from "./step.ts";
import { composeRun, type Run, type Step } from "./run.ts";

/**
 * Makes a step of a method of a context class.
 *
 * @typeParam M What the method may return.
 */
export type StepDecorator<M> = <This extends object, Result, Returned extends StepMessage<M> | Nothing>(
  method: (this: This, result: Result) => Returned | PromiseLike<Returned>,
  context: ClassMethodDecoratorContext<This, (this: This, result: Result) => Returned | PromiseLike<Returned>> & {
    static: false;
  },
) => void;

type Method = (result: unknown) => unknown;

/**
 * Dispatches one message after another, with steps that are methods of a context class. The steps run in the order of
 * the source, with the context as `this`. A run resolves to the context.
 *
 * A method that returns nothing ends the run. A subclass inherits the steps and may override them; the steps that it
 * adds come after those of its base. The decorators are standard ones. Without a compiler for them,
 * {@linkcode ContextPipeline} does the same with functions.
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
export class MethodPipeline<First extends M, M = object, Q = M> {
  /** Makes a step of the method. What the method returns is dispatched. */
  readonly step: StepDecorator<M>;
  /** Makes a step of the method. The query that the method returns is dispatched. */
  readonly queryStep: StepDecorator<Q>;
  /** The steps of each context. A class cannot be asked for them: a decorator runs before the class exists. */
  readonly #stepsByContext = new WeakMap<object, Map<unknown, Step>>();
  readonly #first: DispatcherFunction;
  readonly #middlewares: AnyMiddleware[] = [];
  /** Composed at the first run, and at the first one after `use`. */
  #run: Run | undefined;

  /**
   * Makes a pipeline without steps.
   *
   * @param dispatchers The dispatchers of the messages.
   * @throws {TypeError} If one of the dispatchers is neither a bus, a pipeline nor a function.
   */
  constructor(dispatchers: PipelineDispatchers<M, Q>) {
    const { dispatcher, queryDispatcher = dispatcher as unknown as Dispatcher<Q> } = dispatchers;
    this.#first = toDispatchFunction(dispatcher) as DispatcherFunction;
    this.step = this.#decorator(this.#first);
    this.queryStep = this.#decorator(toDispatchFunction(queryDispatcher) as DispatcherFunction);
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message, with the same context, which keeps what the steps of the failed run have written. A run resolves to
   * the context, not to what the middlewares return.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The pipeline itself.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): this {
    requireMiddlewares(middlewares);
    this.#middlewares.push(...middlewares);
    this.#run = undefined;
    return this;
  }

  /**
   * Runs the pipeline.
   *
   * @typeParam C The context.
   * @param context An instance of the context class, or the class, of which the run makes a new instance.
   * @param message The first message.
   * @param options A signal, metadata and values, which go along with every message. Once the signal has fired, no
   * message is dispatched any more.
   * @returns The context.
   * @throws {TypeError} If no method of the context is a step of the pipeline.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  async run<C extends object>(
    // Without `prototype?: never`, a class whose constructor needs arguments would pass as an instance.
    context: (new () => C) | C & { readonly prototype?: never },
    message: First,
    options?: DispatchOptions,
  ): Promise<C> {
    if (context === undefined) refuseUndefined("run a pipeline", "the class of its context");
    const instance: C = typeof context === "function" ? new context() : context;
    const steps = this.#stepsByContext.get(instance);
    if (steps === undefined) {
      throw new TypeError(
        `Cannot run a pipeline with ${describe(instance)}: none of its methods is a step of the pipeline`,
      );
    }
    const handler = classOf(Object.getPrototypeOf(instance)) as HandlerSource;
    this.#run ??= composeRun(this.#first, this.#middlewares);
    await this.#run(message, { context: instance, handler, steps: [...steps.values()] }, options);
    return instance;
  }

  #decorator<Accepted>(dispatch: DispatcherFunction): StepDecorator<Accepted> {
    const stepsByContext = this.#stepsByContext;

    return function decorateStep(method, context) {
      refuseOldDecorator(method, "a step");
      requireMethod(method, context);
      const { name, private: isPrivate, access } = context;
      const convert: Step["convert"] = isPrivate
        ? (result, instance) => (access.get(instance as never) as Method).call(instance, result)
        // With some compilers `access` does not see an override.
        : (result, instance) => (instance as Record<PropertyKey, Method>)[name]!(result);
      const step = { convert, dispatch };

      context.addInitializer(function addStep() {
        const steps = stepsByContext.get(this) ?? new Map<unknown, Step>();
        // An override keeps the place of what it overrides. A private method never overrides another one.
        stepsByContext.set(this, steps.set(isPrivate ? step : name, step));
      });
    };
  }
}

/** A legacy decorator, or a call in plain JavaScript, passes another context. */
function requireMethod(
  method: unknown,
  context: { kind?: string; static?: boolean; name?: PropertyKey } | string,
): void {
  if (typeof context === "object" && context.kind === "method" && !context.static) return;
  const name = typeof context === "object" ? context.name : context ?? nameOf(method);
  throw new TypeError(
    `Cannot use "${String(name)}" as a step: a step needs a standard decorator on a method that is not static. ` +
      "For steps that are functions, make the pipeline with its context class",
  );
}
