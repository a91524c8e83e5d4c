import type { Call } from "../middleware_chain.ts";
import type { HandlerContext } from "../context.ts";
import type { Constructor, DIAdapter } from "../di_adapter.ts";
import { type Disposer, disposerOf, settleThenDispose } from "../internal/dispose.ts";
import type { Handler, HandlerFunction } from "../handler.ts";
import { nameOf } from "../naming.ts";
import type { Registration } from "../registry.ts";

/** Keeps the scope of a handler that has succeeded open, and takes over its disposal. */
export interface ScopeKeeper {
  /** @param dispose What disposes the scope, to be called by the keeper. */
  keep(dispose: Disposer): void;
}

type AnyHandler = Handler<unknown, unknown>;
type Build = (scope: unknown) => AnyHandler | PromiseLike<AnyHandler>;

/**
 * Runs handlers: opens a scope, has the container build the handler in it, calls the handler, and disposes the scope.
 *
 * One invoker serves all the buses of a router, so that a handler class is wired once.
 */
export class Invoker {
  readonly #adapter: DIAdapter;
  readonly #builds = new Map<Constructor, Build>();

  /** @param adapter The container. */
  constructor(adapter: DIAdapter) {
    this.#adapter = adapter;
  }

  /**
   * Prepares the invocation of a handler.
   *
   * @param registration The handler.
   * @returns The innermost step of the handler's chain.
   */
  prepare(registration: Registration): Call<ScopeKeeper | undefined> {
    const handle = this.#handle(registration);
    const adapter = this.#adapter;
    if (adapter.createScope === undefined) return (message, context) => handle(undefined, message, context);

    return (message, context, keeper) => {
      const scope = adapter.createScope!(context);
      return scope === context || scope === undefined
        ? handle(scope, message, context)
        : handleIn(scope, keeper, (opened) => {
          // The signal may have fired while the scope was opened. An event is owed to its handlers all the same.
          if (context.kind !== "event") context.signal?.throwIfAborted();
          return handle(opened, message, context);
        });
    };
  }

  /** How the handler is called, once its scope is open. */
  #handle(registration: Registration): (scope: unknown, message: unknown, context: HandlerContext) => unknown {
    if (!registration.isClass) {
      const handle = registration.source as HandlerFunction<unknown, unknown>;
      return (_scope, message, context) => handle(message, context);
    }
    const build = this.#buildOf(registration.source as Constructor<AnyHandler>);
    return (scope, message, context) => {
      const handler = build(scope) as AnyHandler & PromiseLike<AnyHandler>;
      return typeof handler?.handle === "function"
        ? handler.handle(message, context)
        : handleWhenBuilt(handler, message, context);
    };
  }

  #buildOf(type: Constructor<AnyHandler>): Build {
    let build = this.#builds.get(type);
    if (build === undefined) {
      build = this.#adapter.wire(type);
      this.#builds.set(type, build);
    }
    return build;
  }
}

async function handleWhenBuilt(
  building: PromiseLike<AnyHandler>,
  message: unknown,
  context: HandlerContext,
): Promise<unknown> {
  const handler = await building;
  if (typeof handler?.handle === "function") return await handler.handle(message, context);
  throw new TypeError(`Cannot use "${nameOf(context.handler)}" as a handler: it has no method "handle"`);
}

async function handleIn(
  opening: unknown,
  keeper: ScopeKeeper | undefined,
  handle: (scope: unknown) => unknown,
): Promise<unknown> {
  const scope = await opening;
  const dispose = disposerOf(scope);
  if (dispose === undefined) return await handle(scope);

  const handling = (async () => await handle(scope))();
  const settle = () =>
    settleThenDispose(handling, [dispose], "Cannot dispose the scope of a handler that has failed too");
  if (keeper === undefined) return await settle();
  try {
    const result = await handling;
    keeper.keep(dispose);
    return result;
  } catch {
    return await settle();
  }
}
