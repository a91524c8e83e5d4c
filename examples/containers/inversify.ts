/** Handlers that inversify builds: what they need are the types of their constructors' parameters. */
import { Container, type ContainerModule } from "inversify";
import { type AbstractConstructor, type DIAdapter, InjectionToken, RelatedEvents } from "@cq/core";

export type InversifyScope = Container & AsyncDisposable;

/**
 * What the modules bind, in singleton scope, is shared by all that one handler is built of, and deactivated after it. The
 * values of a dispatch are bound to their classes, and to the names of those tokens that are no classes.
 */
export function inversifyAdapter(container: Container, ...modules: ContainerModule[]): DIAdapter<InversifyScope> {
  return {
    wire: (type) => {
      if (!container.isBound(type)) container.bind(type).toSelf().inTransientScope();
      return (scope) => scope.get(type);
    },
    lazy: (type) => () => container.get(type),
    createScope: (context) => {
      const scope = new Container({ parent: container });
      scope.load(...modules);
      for (const [token, value] of context.values) {
        scope.bind(token instanceof InjectionToken ? token.name : token as AbstractConstructor<unknown>)
          .toConstantValue(value);
      }
      if (context.events) scope.bind(RelatedEvents).toConstantValue(context.events);
      return Object.assign(scope, { [Symbol.asyncDispose]: () => scope.unbindAllAsync() });
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        if (!container.isBound(token)) container.bind(token).toDynamicValue(create).inSingletonScope();
      }
    },
  };
}
