import type { DispatchOptions, HandlerSource } from "../context.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../dispatcher.ts";
import { classOf } from "../message_class.ts";
import type { AnyMiddleware } from "../middleware.ts";
import { describe, nameOf } from "../naming.ts";
import type { PipelineDispatchers } from "./context_pipeline.ts";
import type { Nothing, StepMessage } from "./step.ts";
import { type ChainedStep, StepChain } from "./run.ts";

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

type Method = (result: unknown) => unknown;

/**
 * A chain of messages whose steps are methods of a context class, in the order of the source, with `this` as the
 * context. A run resolves to the context.
 *
 * A method that returns nothing ends the run. A subclass inherits the steps, may override them, and may add more, which
 * come after those of its base. The decorators are standard ones; where the compiler knows none of them,
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
  /** Makes the method a step. What it returns is dispatched. */
  readonly step: StepDecorator<M>;
  /** Makes the method a step that asks a query. */
  readonly queryStep: StepDecorator<Q>;
  /** The steps of each context. A class cannot be asked for them: a decorator runs before there is one. */
  readonly #steps = new WeakMap<object, Map<unknown, ChainedStep>>();
  #chain: StepChain;

  /**
   * Makes a pipeline without steps.
   *
   * @param dispatchers What dispatches the messages.
   * @throws {TypeError} If one of the dispatchers is neither a bus, a pipeline nor a function.
   */
  constructor(dispatchers: PipelineDispatchers<M, Q>) {
    const { dispatcher, queryDispatcher = dispatcher as unknown as Dispatcher<Q> } = dispatchers;
    this.#chain = new StepChain(dispatcher);
    this.step = this.#decorator(toDispatchFunction(dispatcher) as DispatcherFunction);
    this.queryStep = this.#decorator(toDispatchFunction(queryDispatcher) as DispatcherFunction);
  }

  /**
   * Puts middlewares around the whole run. The first one registered is the outermost. A retry starts again from the
   * first message, with the same context, in which the steps of the failed attempt have left their traces. Whatever the
   * middlewares return, a run resolves to the context.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The pipeline itself.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): this {
    this.#chain = this.#chain.use(middlewares);
    return this;
  }

  /**
   * Runs the pipeline.
   *
   * @typeParam C The context.
   * @param context The context class, for a fresh context, or an instance of it, seeded by the caller.
   * @param message The first message.
   * @param options A signal and metadata, which go along with every message. Once the signal has fired, no message is
   * dispatched any more.
   * @returns The context.
   * @throws {TypeError} If no method of the context is a step of the pipeline.
   * @throws What a step or a dispatch threw. Nothing after it runs.
   */
  async run<C extends object>(
    // A class is no instance: one that needs arguments would be taken for it.
    context: (new () => C) | C & { readonly prototype?: never },
    message: First,
    options?: DispatchOptions,
  ): Promise<C> {
    const instance: C = typeof context === "function" ? new context() : context;
    const steps = this.#steps.get(instance);
    if (steps === undefined) {
      throw new TypeError(`Cannot run a pipeline with ${describe(instance)}: none of its methods is a step of it`);
    }
    const handler = classOf(Object.getPrototypeOf(instance)) as HandlerSource;
    await this.#chain.run(message, { context: instance, handler, options, steps: [...steps.values()] });
    return instance;
  }

  #decorator<Accepted>(dispatch: DispatcherFunction): StepDecorator<Accepted> {
    const stepsByContext = this.#steps;

    return (method, context) => {
      requireMethod(method, context);
      const { name, private: isPrivate, access } = context;
      const convert: ChainedStep["convert"] = isPrivate
        ? (result, instance) => (access.get(instance as never) as Method).call(instance, result)
        // Not all compilers let `access` see an override.
        : (result, instance) => (instance as Record<PropertyKey, Method>)[name]!(result);
      const step = { convert, dispatch };

      context.addInitializer(function () {
        const steps = stepsByContext.get(this) ?? new Map<unknown, ChainedStep>();
        // An override keeps the place of what it overrides. Private methods of one name are no overrides.
        stepsByContext.set(this, steps.set(isPrivate ? step : name, step));
      });
    };
  }
}

/** Legacy decorators, and calls in plain JavaScript, pass no such context. */
function requireMethod(method: unknown, context: { kind?: string; static?: boolean; name?: PropertyKey } | string) {
  if (typeof context === "object" && context.kind === "method" && !context.static) return;
  const name = typeof context === "object" ? context.name : context ?? nameOf(method);
  throw new TypeError(
    `Cannot use "${String(name)}" as a step: it takes a standard decorator on a method that is not static. ` +
      "Functions are steps of a pipeline that is made with its context class",
  );
}
