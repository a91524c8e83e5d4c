/** Handlers that needle-di builds: they ask for what they need with `inject`. */
import type { Container } from "@needle-di/core";
import { type DIAdapter, InjectionToken, RelatedEvents } from "@cq/core";

export interface NeedleScope extends AsyncDisposable {
  readonly container: Container;
}

/**
 * What `bindScoped` binds is shared by all that one handler is built of, and what it uses `closing` for is disposed
 * after it: needle-di itself disposes nothing. The values of a dispatch are bound to their classes, and to the names of
 * those tokens that are no classes.
 *
 * A child container binds each `@injectable()` class anew. Bind classes without that decorator where they are to be
 * shared by all handlers.
 */
export function needleAdapter(
  container: Container,
  bindScoped: (scope: Container, closing: AsyncDisposableStack) => void = () => {},
): DIAdapter<NeedleScope> {
  return {
    wire: (type) => ({ container: scope }) =>
      scope.has(type) ? scope.get(type) : scope.runInInjectionContext(() => new type()),
    lazy: (type) => () => container.get(type),
    createScope: (context) => {
      const scope = container.createChild();
      const closing = new AsyncDisposableStack();
      bindScoped(scope, closing);
      for (const [token, value] of context.values) {
        scope.bind({ provide: token instanceof InjectionToken ? token.name : token, useValue: value });
      }
      if (context.events) scope.bind({ provide: RelatedEvents, useValue: context.events });
      return { container: scope, [Symbol.asyncDispose]: () => closing.disposeAsync() };
    },
    registerDefaults: (buses) => {
      for (const { token, create } of buses) {
        if (!container.has(token)) container.bind({ provide: token, useFactory: create });
      }
    },
  };
}
