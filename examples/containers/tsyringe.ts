/** Handlers that tsyringe builds: what they need are the types of their constructors' parameters. */
import { type DependencyContainer, type Disposable, type InjectionToken, instanceCachingFactory } from "tsyringe";
import { type Constructor, type DIAdapter, InjectionToken as CqToken, RelatedEvents } from "@cq/core";

export type TsyringeScope = DependencyContainer & AsyncDisposable;

/**
 * What is `@scoped(Lifecycle.ContainerScoped)` is shared by all that one handler is built of. What is in `closing` is
 * disposed after it. The container's own `dispose()` would dispose the singletons too that were first needed in the scope.
 * The values of a dispatch are registered for their classes, and for the names of those tokens that are no classes.
 */
export function tsyringeAdapter(
  container: DependencyContainer,
  closing: readonly InjectionToken<Disposable>[] = [],
): DIAdapter<TsyringeScope> {
  return {
    wire: (type) => (scope) => scope.resolve(type),
    lazy: <T extends object>(type: Constructor<T>) => () => container.resolve(type),
    createScope: (context) => {
      const scope = container.createChildContainer();
      const built = new AsyncDisposableStack();
      for (const token of closing) {
        const adopt = (_: unknown, value: unknown) => built.adopt(value as Disposable, (value) => value.dispose());
        scope.afterResolution(token, adopt, { frequency: "Once" });
      }
      for (const [token, value] of context.values) {
        scope.register(token instanceof CqToken ? token.name : token as Constructor, { useValue: value });
      }
      if (context.events) scope.registerInstance(RelatedEvents, context.events);
      return Object.assign(scope, { [Symbol.asyncDispose]: () => built.disposeAsync() });
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        if (container.isRegistered(token)) continue;
        container.register(token, { useFactory: instanceCachingFactory(create) });
      }
    },
  };
}
