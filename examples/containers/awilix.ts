/** Handlers that awilix builds: their constructors ask for what they need by name. */
import { asClass, asFunction, asValue, type AwilixContainer } from "awilix";
import { CommandBus, type DIAdapter, EventBus, QueryBus } from "@cq/core";

type AwilixScope = AwilixContainer & AsyncDisposable;

/** Awilix knows what it holds by name, and these are the names of the buses. */
const NAMES = new Map<unknown, string>([
  [CommandBus, "commandBus"],
  [QueryBus, "queryBus"],
  [EventBus, "eventBus"],
]);

/** What is registered as `scoped()` is shared by all that one handler is built of, and disposed after it. */
export function awilixAdapter(container: AwilixContainer): DIAdapter<AwilixScope> {
  return {
    wire: (type) => {
      const resolver = asClass(type);
      return (scope) => scope.build(resolver);
    },
    lazy: (type) => () => container.resolve(NAMES.get(type) ?? type.name),
    createScope: (context) => {
      const scope = container.createScope().register("context", asValue(context));
      if (context.events) scope.register("relatedEvents", asValue(context.events));
      return Object.assign(scope, { [Symbol.asyncDispose]: () => scope.dispose() });
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        const name = NAMES.get(token)!;
        if (!container.hasRegistration(name)) container.register(name, asFunction(create).singleton());
      }
    },
  };
}
