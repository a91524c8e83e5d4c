import type { MessagesByKind } from "./message.ts";
import { typeNameOf } from "./naming.ts";

const NONE: readonly object[] = Object.freeze([]);

/**
 * The events that a command's handler wants published once it has succeeded.
 *
 * A command handler gets its own from `inject(RelatedEvents)` or from `context.events`. Nothing is published while
 * the handler runs: the events go out, concurrently, after it and the middlewares around it have succeeded, and are
 * dropped when one of them throws. Every attempt of a retry starts with an empty collection, and those of the last
 * attempt that has succeeded are published. No middleware of the command bus sees a failure of theirs.
 *
 * In a unit test, make one with `new RelatedEvents()` and look at what it holds.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event, RelatedEvents } from "@cq/core";
 *
 * class UserCreated extends Event {}
 *
 * const events = new RelatedEvents();
 * events.add(new UserCreated());
 *
 * assertEquals([...events], [new UserCreated()]);
 * ```
 */
export class RelatedEvents implements Iterable<object> {
  #events: object[] | undefined = undefined;
  #closed = false;

  /** Closes a collection, so that nothing can be added any more, and gives what it holds. For the bus alone. */
  private static close(events: RelatedEvents): readonly object[] {
    events.#closed = true;
    return events.#events ?? NONE;
  }

  /**
   * Adds events, to be published after the handler has succeeded.
   *
   * @param events The events, published in no particular order.
   * @returns The collection itself.
   * @throws {TypeError} If the handler has settled: nobody would publish the event any more.
   */
  add(...events: (MessagesByKind["event"] & object)[]): this {
    if (this.#closed) {
      const names = events.map((event) => `"${typeNameOf(event)}"`).join(", ");
      throw new TypeError(
        `Cannot add ${names} to the related events: the command's handler has settled. ` +
          "Await in the handler whatever adds events",
      );
    }
    if (this.#events === undefined) this.#events = events;
    else this.#events.push(...events);
    return this;
  }

  /** How many events have been added. */
  get size(): number {
    return this.#events?.length ?? 0;
  }

  /** Goes through the events in the order in which they were added. */
  [Symbol.iterator](): Iterator<object> {
    return (this.#events ?? NONE)[Symbol.iterator]();
  }
}
