import type { Metadata } from "../context.ts";
import type { Middleware } from "../middleware.ts";
import { randomId } from "./random_id.ts";

/** What {@linkcode correlate} puts into the metadata. */
export interface CorrelationIds {
  /** The id of the message that is handled. */
  readonly messageId: string;
  /** The id of the message with which everything began; all that follows from it has the same. */
  readonly correlationId: string;
  /** The id of the message whose handling has caused this one; absent where it all began. */
  readonly causationId?: string;
}

/** Where {@linkcode correlate} gets its ids. */
export interface CorrelateOptions {
  /**
   * Makes the id of a message, which it is given.
   *
   * @default {a random UUID}
   */
  readonly createId?: (message: object) => string;
}

/**
 * Makes a middleware that gives each message an id, and says in the metadata which message has caused it, and with
 * which it all began. Use one middleware on all the buses, in front of the others.
 *
 * Whatever a handler dispatches with its context inherits from it, and so do related events, without the handler doing
 * anything. What the caller of the first dispatch gives as `correlationId`, such as the id of a request, is kept, and
 * a `messageId` that he gives is taken for that of the cause.
 *
 * All handlers of an event see the same id, and so do all attempts: a message object that is dispatched with the same
 * metadata again is the same message.
 *
 * @param options Where the ids come from.
 * @returns The middleware.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, CommandBus, Container, Event, EventBus, MessageRouter } from "@cq/core";
 * import { correlate } from "@cq/core/middlewares";
 *
 * class CreateUser extends Command {}
 * class UserCreated extends Event {}
 *
 * let count = 0;
 * const correlating = correlate({ createId: () => `m${++count}` });
 *
 * const container = new Container();
 * new MessageRouter(container); // offers its buses to the container
 * const seen: unknown[] = [];
 * container.get(EventBus).use(correlating).subscribe(UserCreated, (_event, { metadata }) => void seen.push(metadata));
 * container.get(CommandBus).use(correlating).subscribe(CreateUser, (_command, { events }) => {
 *   events.add(new UserCreated());
 * });
 *
 * await container.get(CommandBus).dispatch(new CreateUser(), { metadata: { correlationId: "request 7" } });
 *
 * assertEquals(seen, [{ messageId: "m2", correlationId: "request 7", causationId: "m1" }]);
 * ```
 */
export function correlate(options: CorrelateOptions = {}): Middleware {
  const { createId = randomId } = options;
  // By message and by metadata, so that a message object which serves several callers does not tie them together.
  const ids = new WeakMap<object, WeakMap<Metadata, string>>();

  function idOf(message: object, metadata: Metadata): string {
    // A primitive has no identity by which it could be known again.
    if (typeof message !== "object") return createId(message);
    let byMetadata = ids.get(message);
    if (byMetadata === undefined) ids.set(message, byMetadata = new WeakMap());
    let id = byMetadata.get(metadata);
    if (id === undefined) byMetadata.set(metadata, id = createId(message));
    return id;
  }

  return function correlate(message, next, { metadata }) {
    const messageId = idOf(message, metadata);
    const { correlationId = messageId, messageId: causationId } = metadata;
    const ids = { messageId, correlationId, ...(causationId === undefined ? {} : { causationId }) };
    return next(undefined, { metadata: { ...metadata, ...ids } });
  };
}
