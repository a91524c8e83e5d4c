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

/** What a case works with. It makes its own classes, since a container may leave its marks on them. */
export class DITestbed {
  readonly harness: DIAdapterHarness;
  #router: MessageRouter | undefined;

  constructor(harness: DIAdapterHarness) {
    this.harness = harness;
  }

  /** The router. It is made, and offers its buses to the container, when a case first asks for it. */
  get router(): MessageRouter {
    return this.#router ??= new MessageRouter(this.harness.adapter);
  }

  /** Binds a class to itself, built of others. */
  bind(type: Constructor, lifetime: Lifetime, dependencies: readonly AbstractConstructor[] = []): void {
    this.harness.bind(type, { lifetime, dependencies });
  }

  /** Makes and registers a handler that hands what it is built of to a function, along with itself. */
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

// deno-lint-ignore no-explicit-any -- each case knows what it has asked for
type Built = any[];

/** The base of the classes that are built of others. */
export class Composed {
  /** What the constructor has received. */
  readonly built: Built;

  // No parameter of its own: containers that count them would miss the ones that nothing is bound to.
  constructor(...built: Built) {
    this.built = built;
  }
}
