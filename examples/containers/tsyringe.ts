/** Handlers that tsyringe builds: what they need are the types of their constructors' parameters. */
import { type DependencyContainer, instanceCachingFactory } from "tsyringe";
import { type AbstractConstructor, type Constructor, type DIAdapter, RelatedEvents } from "@cq/core";

type TsyringeScope = DependencyContainer & AsyncDisposable;

/**
 * What is `@scoped(Lifecycle.ContainerScoped)` is shared by all that one handler is built of. If it has a method
 * `dispose`, that is called after the handler.
 */
export function tsyringeAdapter(container: DependencyContainer): DIAdapter<TsyringeScope> {
  return {
    wire: (type) => (scope) => scope.resolve(type),
    lazy: <T extends object>(type: AbstractConstructor<T>) => () => container.resolve(type as Constructor<T>),
    createScope: (context) => {
      const scope = container.createChildContainer();
      if (context.events) scope.registerInstance(RelatedEvents, context.events);
      return Object.assign(scope, { [Symbol.asyncDispose]: async () => await scope.dispose() });
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        if (container.isRegistered(token)) continue;
        container.register(token, { useFactory: instanceCachingFactory(create) });
      }
    },
  };
}
