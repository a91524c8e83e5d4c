import type { ContextValues } from "./context_values.ts";
import type { MessagesByKind } from "./message.ts";
import { type Metadata, NO_METADATA } from "./metadata.ts";
import { typeNameOf } from "./naming.ts";

/**
 * Where the related events of a command are kept. The bus keeps the list, and says who may do what with it.
 *
 * @internal
 */
export interface EventList {
  /** In the order in which they were added. */
  events: object[];
  /** What they are published with. */
  metadata: Metadata;
  /** What may be done with it now. */
  rules: EventRules;
  /** Makes the publication of events that were taken. Only the list that middlewares see has it. */
  readonly publicationOf?: ((events: readonly object[], metadata: Metadata) => Publication) | undefined;
  /**
   * What a transaction that has committed leaves to be done behind the last middleware, even where a middleware fails. It
   * is given how they have ended, and gives how the dispatch ends.
   */
  owed?: ((ending: unknown) => Promise<unknown>) | undefined;
  /** Makes the list of the middlewares that are given a context of their own. Only the list that middlewares see has it. */
  branch?(): EventList;
}

/**
 * Publishes events that a middleware has taken, on the event bus of their command, and rejects with an
 * `EventDispatchError`. It is given the values of the dispatch whose transaction has committed.
 *
 * @internal
 */
export type Publication = (values: ContextValues) => Promise<unknown>;

/**
 * What may be done with a list of events: what is refused has a reason.
 *
 * @internal
 */
export interface EventRules {
  /** Why nothing can be added. */
  readonly add?: string | undefined;
  /** Why nothing can be taken. */
  readonly take?: string | undefined;
}

/**
 * Why a handler takes no events: it could take what it has added itself.
 *
 * @internal
 */
export const NO_TAKING = "only a middleware of a command bus can take them, once next() has resolved";

/**
 * The rules for a handler.
 *
 * @internal
 */
export const HANDLER_RULES: EventRules = { take: NO_TAKING };

/**
 * What a list without events holds. It is replaced, never changed.
 *
 * @internal
 */
export const NO_EVENTS: object[] = Object.freeze([]) as never[];

/** What only this file can pass to `take`: it gives the list then. A static block would keep the class in every bundle. */
const LIST = () => false;

/**
 * Gives a middleware of the library the list behind what it sees.
 *
 * @param events What the middleware sees.
 * @returns The list.
 *
 * @internal
 */
export function eventListOf(events: RelatedEvents): EventList {
  return events.take(LIST)[0] as EventList;
}

/**
 * Gives the middlewares behind a `next()` that replaces something the events of the attempts that this call starts: an
 * attempt that a timeout has left behind must not be taken for the one in its place.
 *
 * @param events What the middleware sees that calls `next()`.
 * @returns What those behind it see.
 *
 * @internal
 */
export function branchOf(events: RelatedEvents): RelatedEvents {
  const list = eventListOf(events);
  return list.branch === undefined ? events : new RelatedEvents(list.branch());
}

/**
 * The events that a command's handler wants published once it has succeeded.
 *
 * A command handler gets its own from `inject(RelatedEvents)` or from `context.events`. Nothing is published while
 * the handler runs: the events go out, concurrently, when the dispatch has succeeded, behind the last middleware, and are
 * dropped when it fails. Every attempt of a retry starts with an empty collection, which drops the events of the attempt
 * before, even if the new one fails. Of several successes the events of the last are published. A middleware that undoes
 * what a handler has done takes its events.
 *
 * A middleware of a command bus finds those of the handler in its own `context.events` once `next()` has resolved, and
 * may {@linkcode take} them: what it takes is its own to publish, and what it leaves the bus publishes behind the last
 * middleware. No middleware of the command bus sees a failure of an event that the bus publishes.
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
  readonly #list: EventList;

  /**
   * Makes an empty collection, as for a unit test. A bus passes the list that it keeps.
   *
   * @param list Where the events are kept.
   */
  constructor(list?: EventList) {
    this.#list = list ?? { events: NO_EVENTS, metadata: NO_METADATA, rules: HANDLER_RULES };
  }

  /**
   * Adds events, to be published after the handler has succeeded.
   *
   * @param events The events, published in no particular order.
   * @returns The collection itself.
   * @throws {TypeError} If the handler has settled, after which the event would not be published, or in a middleware.
   */
  add(...events: (MessagesByKind["event"] & object)[]): this {
    const list = this.#list;
    if (list.rules.add !== undefined) {
      const names = events.map((event) => `"${typeNameOf(event)}"`).join(", ");
      throw new TypeError(`Cannot add ${names} to the related events: ${list.rules.add}`);
    }
    // One by one: as many arguments as there may be events do not fit into a call.
    if (list.events.length === 0) list.events = events;
    else for (const event of events) list.events.push(event);
    return this;
  }

  /**
   * Takes events out, in a middleware of a command bus, once `next()` has resolved. The bus does not publish them then:
   * the middleware stores or publishes them, with {@linkcode metadata}.
   *
   * @param which Chooses the events. All of them unless given.
   * @returns The events, in the order in which they were added.
   * @throws {TypeError} In a handler, in a unit test, and after the dispatch has settled.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Command, Event, MessageRouter } from "@cq/core";
   *
   * class CreateUser extends Command {}
   * class UserCreated extends Event {}
   *
   * const stored: object[] = [];
   * const commands = new MessageRouter().newCommandBus();
   * commands.subscribe(CreateUser, (_command, { events }) => void events.add(new UserCreated()));
   * commands.use(async (_command, next, { events }) => {
   *   const result = await next();
   *   stored.push(...events!.take());
   *   return result;
   * });
   *
   * await commands.dispatch(new CreateUser());
   *
   * assertEquals(stored, [new UserCreated()]);
   * ```
   */
  take(which?: (event: object) => boolean): object[] {
    const list = this.#list;
    if (which === LIST) return [list];
    if (list.rules.take !== undefined) throw new TypeError(`Cannot take related events: ${list.rules.take}`);
    const { events } = list;
    if (which === undefined) {
      list.events = NO_EVENTS;
      return [...events];
    }
    const taken: object[] = [];
    const left: object[] = [];
    for (const event of events) (which(event) ? taken : left).push(event);
    list.events = left;
    return taken;
  }

  /** The metadata that the events are published with: those of the command, as they reached the handler. */
  get metadata(): Metadata {
    return this.#list.metadata;
  }

  /** How many events there are. */
  get size(): number {
    return this.#list.events.length;
  }

  /** Goes through the events in the order in which they were added. */
  [Symbol.iterator](): Iterator<object> {
    return this.#list.events[Symbol.iterator]();
  }
}
