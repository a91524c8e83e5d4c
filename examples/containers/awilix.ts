/** Handlers that awilix builds: their constructors ask for what they need by name. */
import { asClass, asFunction, asValue, type AwilixContainer } from "awilix";
import { CommandBus, type DIAdapter, EventBus, QueryBus } from "@cq/core";

export type AwilixScope = AwilixContainer & AsyncDisposable;

/** Awilix knows what it holds by name: these are the names of the buses. */
const NAMES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [CommandBus, "commandBus"],
  [QueryBus, "queryBus"],
  [EventBus, "eventBus"],
]);

/**
 * What is registered as `scoped()` is shared by all that one handler is built of, and disposed after it. A handler class
 * that has a name in `names` is built as it is registered, any other by its constructor. The values of a dispatch have the
 * names of their tokens.
 */
export function awilixAdapter(container: AwilixContainer, names = NAMES): DIAdapter<AwilixScope> {
  const nameOf = (type: { name: string }) => names.get(type) ?? NAMES.get(type) ?? type.name;
  return {
    wire: (type) => {
      const resolver = asClass(type);
      return (scope) => names.has(type) ? scope.resolve(nameOf(type)) : scope.build(resolver);
    },
    lazy: (type) => () => container.resolve(nameOf(type)),
    createScope: (context) => {
      const scope = container.createScope().register("context", asValue(context));
      for (const [token, value] of context.values) scope.register(nameOf(token), asValue(value));
      if (context.events) scope.register("relatedEvents", asValue(context.events));
      return Object.assign(scope, { [Symbol.asyncDispose]: () => scope.dispose() });
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        if (container.hasRegistration(nameOf(token))) continue;
        container.register(nameOf(token), asFunction(create).singleton());
      }
    },
  };
}
