import type { Lifetime } from "../../container/inject.ts";
import type { HandlerContext } from "../../context.ts";
import type { Constructor } from "../../di_adapter.ts";
import type { AbstractConstructor } from "../../token.ts";
import { Command, Event, Query } from "../../message.ts";
import { MessageRouter } from "../../router.ts";
import type { DIAdapterHarness } from "./di_adapter_harness.ts";

/** A command for the handler of a case. */
export class TestCommand extends Command<unknown> {}

/** A query for the handler of a case. */
export class TestQuery extends Query<unknown> {}

/** An event for the handlers of a case. */
export class TestEvent extends Event {}

/** What a case works with. Each case declares its own classes, because a container may write metadata on them. */
export class DITestbed {
  readonly harness: DIAdapterHarness;
  #router: MessageRouter | undefined;

  constructor(harness: DIAdapterHarness) {
    this.harness = harness;
  }

  /** The router. The first access creates it, which offers its buses to the container. */
  get router(): MessageRouter {
    return this.#router ??= new MessageRouter(this.harness.adapter);
  }

  /** Binds a class to itself, with its dependencies. */
  bind(type: Constructor, lifetime: Lifetime, dependencies: readonly AbstractConstructor[] = []): void {
    this.harness.bind(type, { lifetime, dependencies });
  }

  /** Registers a handler that passes its dependencies, and itself, to a function. */
  handle(
    type: typeof TestCommand | typeof TestQuery | typeof TestEvent,
    dependencies: readonly AbstractConstructor[],
    handle: (built: Built, context: HandlerContext & { readonly self: object }) => unknown,
  ): void {
    class TestHandler extends Composed {
      handle(_message: object, context: HandlerContext): unknown {
        return handle(this.built, Object.assign(Object.create(context), { self: this }));
      }
    }
    this.bind(TestHandler, "transient", dependencies);
    if (type === TestCommand) this.router.commandHandler(TestCommand)(TestHandler);
    else if (type === TestQuery) this.router.queryHandler(TestQuery)(TestHandler);
    else this.router.eventHandler(TestEvent)(TestHandler);
  }
}

// deno-lint-ignore no-explicit-any -- each case knows the types of its dependencies
type Built = any[];

/** The base of classes that have dependencies. */
export class Composed {
  /** What the constructor received. */
  readonly built: Built;

  // A rest parameter alone: a container that counts parameters would miss dependencies for named ones.
  constructor(...built: Built) {
    this.built = built;
  }
}
