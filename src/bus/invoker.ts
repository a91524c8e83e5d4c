import { type Call, isGenerator } from "../middleware_chain.ts";
import type { HandlerContext } from "../context.ts";
import type { Constructor, DIAdapter, TrackedAdapter } from "../di_adapter.ts";
import { reasonOfAbort } from "../internal/abort.ts";
import { type Disposer, disposerOf, settleThenDispose } from "../internal/dispose.ts";
import type { Handler, HandlerFunction } from "../handler.ts";
import { nameOf } from "../naming.ts";
import type { Registration } from "../registry.ts";

/** What the attempt to handle a command is told while its handler is invoked. */
export interface InvocationWatcher {
  /**
   * Is told before the handler returns that it may reach its context later, by a way that its declaration does not show.
   */
  shareContext(): void;
  /**
   * Keeps the scope of a handler that has succeeded open, and takes over its disposal.
   *
   * @param dispose What disposes the scope.
   */
  keepScope(dispose: Disposer): void;
}

type AnyHandler = Handler<unknown, unknown>;
type Build = (scope: unknown) => AnyHandler | PromiseLike<AnyHandler>;
type Invocation = Call<InvocationWatcher | undefined>;

/**
 * Runs handlers: opens a scope, has the container build the handler in it, calls the handler, and disposes the scope.
 * The handler of a command or a query never starts on a signal that has fired, even if it fired while something was awaited.
 *
 * One invoker serves all the buses of a router, so that a handler class is wired once.
 */
export class Invoker {
  readonly #adapter: DIAdapter;
  /** Weak, so that a class that a hot reload has replaced can go. */
  readonly #builds = new WeakMap<Constructor, Build>();

  /** @param adapter The container. */
  constructor(adapter: DIAdapter) {
    this.#adapter = adapter;
  }

  /** Whether the adapter may hand the context of a handler on to what it builds, so that it is reached unseen. */
  get mayShareContext(): boolean {
    return this.#adapter.createScope !== undefined && !(this.#adapter as TrackedAdapter).tracksContext;
  }

  /**
   * Prepares the invocation of a handler.
   *
   * @param registration The handler.
   * @returns The innermost call of the handler's chain.
   */
  prepare(registration: Registration): Invocation {
    return registration.isClass
      ? this.#prepareClass(registration.source as Constructor<AnyHandler>)
      : this.#prepareFunction(registration.source as HandlerFunction<unknown, unknown>);
  }

  #prepareFunction(handle: HandlerFunction<unknown, unknown>): Invocation {
    const adapter = this.#adapter;

    return function invokeFunction(message, context, watcher) {
      refuseFired(context);
      const scope = adapter.createScope?.(context);
      if (scope === undefined || scope === context) return handle(message, context);
      watcher?.shareContext();
      return handleIn(scope, { context, watcher }, function invokeInScope() {
        refuseFired(context);
        return handle(message, context);
      });
    };
  }

  #prepareClass(type: Constructor<AnyHandler>): Invocation {
    const adapter = this.#adapter;
    const build = this.#buildOf(type);
    const declared = methodOf(type);

    return function invokeHandler(message, context, watcher) {
      refuseFired(context);
      const scope = adapter.createScope?.(context);
      if (scope !== undefined && scope !== context) {
        watcher?.shareContext();
        return handleIn(scope, { context, watcher }, function invokeInScope(opened) {
          refuseFired(context);
          const handler = build(opened);
          return isBuilt(handler) ? handler.handle(message, context) : handleWhenBuilt(handler, message, context);
        });
      }
      const handler = build(scope);
      if (!isBuilt(handler)) {
        watcher?.shareContext();
        return handleWhenBuilt(handler, message, context);
      }
      // What was built may have another method than the one whose declaration was looked at.
      if (watcher !== undefined && handler.handle !== declared) watcher.shareContext();
      return handler.handle(message, context);
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

/**
 * The method that the instances of a handler class have in common.
 *
 * @param type The handler class.
 * @returns The method, `undefined` where each instance has its own.
 */
export function methodOf({ prototype }: Constructor): AnyHandler["handle"] | undefined {
  try {
    return prototype.handle;
  } catch {
    // A getter may need an instance.
    return undefined;
  }
}

/** An event is due to its handlers, even where its sender has gone. */
function refuseFired({ signal, kind }: HandlerContext): void {
  if (signal?.aborted && kind !== "event") throw reasonOfAbort(signal);
}

function isBuilt(handler: AnyHandler | PromiseLike<AnyHandler>): handler is AnyHandler {
  return typeof (handler as Partial<AnyHandler> | undefined)?.handle === "function";
}

async function handleWhenBuilt(
  building: AnyHandler | PromiseLike<AnyHandler>,
  message: unknown,
  context: HandlerContext,
): Promise<unknown> {
  const handler = await building;
  refuseFired(context);
  if (isBuilt(handler)) return await handler.handle(message, context);
  throw new TypeError(`Cannot use "${nameOf(context.handler)}" as a handler: it has no method "handle"`);
}

async function handleIn(
  opening: unknown,
  { context, watcher }: { readonly context: HandlerContext; readonly watcher: InvocationWatcher | undefined },
  handle: (scope: unknown) => unknown,
): Promise<unknown> {
  const scope = await opening;
  const dispose = disposerOf(scope);
  if (dispose === undefined) return await handle(scope);

  const handling = (async () => {
    const result = await handle(scope);
    if (watcher === undefined && context.kind === "query" && isGenerator(result)) {
      throw new TypeError(
        `Cannot return a generator from "${nameOf(context.handler)}": its scope is disposed before its first item is ` +
          "made. Let the query extend StreamQuery",
      );
    }
    return result;
  })();
  const settle = () =>
    settleThenDispose(handling, [dispose], "Cannot dispose the scope of a handler that has failed too");
  if (watcher === undefined) return await settle();
  try {
    const result = await handling;
    watcher.keepScope(dispose);
    return result;
  } catch {
    return await settle();
  }
}
