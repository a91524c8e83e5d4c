import { HANDLER_CONTEXT } from "../context.ts";
import { NO_VALUES } from "../context_values.ts";
import type { TrackedContext } from "../di_adapter.ts";
import { CircularDependencyError, ProviderNotFoundError } from "../errors.ts";
import { nameOf } from "../naming.ts";
import { RelatedEvents } from "../related_events.ts";
import {
  construct,
  handlerContextOf,
  type Lifetime,
  type ResolutionContext,
  type ResolutionPath,
  type Resolver,
  valuesOf,
} from "./inject.ts";
import { refuseUndefined } from "../refuse_undefined.ts";
import type { InjectionToken, Token } from "../token.ts";

const LIFETIMES: readonly Lifetime[] = ["singleton", "scoped", "transient"];

interface Binding {
  readonly factory: () => unknown;
  /** The path of an instance that is asked for from outside of a construction. */
  readonly root: ResolutionPath;
  /** Set when an instance is built: from then on it may be in use, and the binding stays as it is. */
  isResolved: boolean;
  isBuilt: boolean;
  instance: unknown;
}

/** The bindings of a container. They resolve a token, and the dependencies of what they build. */
export class Bindings implements Resolver {
  readonly #bindings = new Map<Token<unknown>, Binding>();
  /** The singletons that have been built, in that order. */
  readonly #singletons = new Set<Binding>();
  #hasScoped = false;
  #isDisposed = false;

  /** Whether anything is bound for a scope. If nothing is, no scope has to be opened. */
  get hasScoped(): boolean {
    return this.#hasScoped;
  }

  /** Builds no singleton any more, and gives those that there are, in the order in which they were built. */
  dispose(): unknown[] {
    this.#isDisposed = true;
    return Array.from(this.#singletons, ({ instance }) => instance);
  }

  /** Whether a token is bound. */
  has(token: Token<unknown>): boolean {
    return this.#bindings.has(token);
  }

  /** Binds a token. A default never replaces what is bound. */
  add(token: Token<unknown>, factory: () => unknown, lifetime: Lifetime, isDefault: boolean): void {
    const present = this.#bindings.get(token);
    if (isDefault && present !== undefined) return;
    if (present?.isResolved) {
      throw new TypeError(
        `Cannot bind "${tokenName(token)}" again: it has been resolved, and what was bound before is in use. ` +
          "Bind it before its first use",
      );
    }
    if (!LIFETIMES.includes(lifetime)) {
      throw new TypeError(
        `Cannot bind "${tokenName(token)}" with the lifetime "${lifetime}": the lifetime must be one of ${
          LIFETIMES.join(", ")
        }`,
      );
    }
    this.#hasScoped ||= lifetime === "scoped";
    const root = { token, lifetime, parent: undefined, resolver: this };
    this.#bindings.set(token, { factory, root, isResolved: false, isBuilt: false, instance: undefined });
  }

  resolve<T>(token: Token<T>, context: ResolutionContext | undefined, path: ResolutionPath | undefined): T {
    if (context !== undefined) {
      const values = valuesOf(context);
      if (values !== NO_VALUES && values.has(token)) return values.get(token) as T;
    }
    const binding = this.#bindings.get(token);
    if (binding === undefined) return this.#resolveUnbound(token, context, path) as T;
    if (binding.instance !== undefined) return binding.instance as T;
    return this.#resolveBound(binding, context, path) as T;
  }

  #resolveBound(binding: Binding, context: ResolutionContext | undefined, path: ResolutionPath | undefined): unknown {
    switch (binding.root.lifetime) {
      case "transient":
        return this.#build(binding, context, path);
      case "scoped":
        return this.#resolveScoped(binding, context, path);
      case "singleton":
        // The instance may be undefined, so that only the flag says whether it has been built.
        return binding.isBuilt ? binding.instance : this.#buildSingleton(binding, outliving(context), path);
    }
  }

  #resolveScoped(binding: Binding, context: ResolutionContext | undefined, path: ResolutionPath | undefined): unknown {
    const { token } = binding.root;
    refuseCaptive(token, path, "lives in a scope");
    const instances = context !== undefined && "instances" in context ? context.instances : undefined;
    if (instances === undefined) {
      throw new TypeError(
        `Cannot resolve "${tokenName(token)}": it is bound for a scope, and none is open. ` +
          "Get it from container.createScope(), or inject it where a handler is built",
      );
    }
    if (instances.has(token)) return instances.get(token);
    const instance = this.#build(binding, context, path);
    instances.set(token, instance);
    return instance;
  }

  #buildSingleton(binding: Binding, context: ResolutionContext | undefined, path: ResolutionPath | undefined): unknown {
    if (this.#isDisposed) {
      throw new TypeError(`Cannot resolve "${tokenName(binding.root.token)}": the container has been disposed`);
    }
    const instance = this.#build(binding, context, path);
    binding.instance = instance;
    binding.isBuilt = true;
    this.#singletons.add(binding);
    // A first attempt to connect that fails must not be the last. What is not a promise may start when its `then` is called.
    if (instance instanceof Promise) instance.then(undefined, () => this.#forget(binding));
    return instance;
  }

  #forget(binding: Binding): void {
    binding.instance = undefined;
    binding.isBuilt = false;
    this.#singletons.delete(binding);
  }

  #build(binding: Binding, context: ResolutionContext | undefined, parent: ResolutionPath | undefined): unknown {
    const path = parent === undefined ? binding.root : extend(parent, binding.root);
    const { isResolved } = binding;
    // While the factory runs, too: it could bind its own token to something else.
    binding.isResolved = true;
    try {
      return construct(path, context, binding.factory);
    } catch (error) {
      binding.isResolved = isResolved;
      throw error;
    }
  }

  #resolveUnbound(
    token: Token<unknown>,
    context: ResolutionContext | undefined,
    path: ResolutionPath | undefined,
  ): unknown {
    if (token === undefined) {
      refuseUndefined(
        path === undefined ? "resolve a dependency" : `construct "${tokenName(path.token)}"`,
        path === undefined ? "its token" : "the token of a dependency",
      );
    }
    if (token === RelatedEvents || token === HANDLER_CONTEXT) {
      refuseCaptive(token, path, "lives in a scope");
      return resolveFromHandler(token, context, path);
    }
    if (context !== undefined && "hiddenValues" in context && context.hiddenValues?.has(token)) {
      refuseCaptive(token, path, "belongs to one dispatch");
    }
    throw new ProviderNotFoundError([...namesOf(path), tokenName(token)]);
  }
}

/** Resolves what only a handler has, and what is built for a handler. */
function resolveFromHandler(
  token: Token<unknown>,
  context: ResolutionContext | undefined,
  path: ResolutionPath | undefined,
): unknown {
  const handlerContext: TrackedContext | undefined = handlerContextOf(context);
  if (token === HANDLER_CONTEXT) handlerContext?.shareContext?.();
  const found = token === HANDLER_CONTEXT ? handlerContext : handlerContext?.events;
  if (found !== undefined) return found;
  throw new ProviderNotFoundError([...namesOf(path), tokenName(token)], {
    advice: `A container has it only while it builds ${
      token === RelatedEvents ? "the handler of a command" : "a handler"
    }`,
  });
}

/** The context in which a singleton is built. The singleton outlives the dispatch that asks for it first. */
function outliving(context: ResolutionContext | undefined): ResolutionContext | undefined {
  if (context === undefined || "hiddenValues" in context) return context;
  const hiddenValues = valuesOf(context);
  return hiddenValues === NO_VALUES ? undefined : { hiddenValues };
}

/** The name of a token, for people to read. A token of another copy of the package is not an instance of the class. */
export function tokenName(token: Token<unknown>): string {
  const { name } = token as Partial<InjectionToken<unknown>>;
  return typeof token === "object" && typeof name === "string" ? name : nameOf(token);
}

/** Extends a path by what the construction at its end asks for. */
function extend(parent: ResolutionPath, root: ResolutionPath): ResolutionPath {
  refuseCircle(root.token, parent);
  return { ...root, parent };
}

function refuseCircle(token: Token<unknown>, path: ResolutionPath | undefined): void {
  for (let current = path; current !== undefined; current = current.parent) {
    if (current.token === token) {
      throw new CircularDependencyError([...namesOf(path, current), tokenName(token)]);
    }
  }
}

/** Refuses a singleton that would keep what ends with a scope, or with a dispatch. */
function refuseCaptive(token: Token<unknown>, path: ResolutionPath | undefined, life: string): void {
  for (let current = path; current !== undefined; current = current.parent) {
    if (current.lifetime !== "singleton") continue;
    const [name, singleton] = [tokenName(token), tokenName(current.token)];
    throw new TypeError(
      `Cannot resolve "${name}" for "${singleton}": the first ${life} and the second is a singleton, which ` +
        `would outlive it (${[...namesOf(path), name].join(" → ")})`,
    );
  }
}

/** The names along a path, the outermost first. With a start, the names from there on. */
function namesOf(path: ResolutionPath | undefined, start?: ResolutionPath): string[] {
  const names: string[] = [];
  for (let current = path; current !== undefined; current = current.parent) {
    names.unshift(tokenName(current.token));
    if (current === start) break;
  }
  return names;
}
