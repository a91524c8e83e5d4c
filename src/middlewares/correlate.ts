import { deliveredId } from "../delivered_id.ts";
import type { Metadata } from "../metadata.ts";
import { textOf } from "../internal/text.ts";
import type { Middleware } from "../middleware.ts";

/** What {@linkcode correlate} puts into the metadata. */
export interface CorrelationIds {
  /** The id of the message that is handled. */
  readonly messageId: string;
  /** The id of the message that began it all. Every message that follows from it has the same. */
  readonly correlationId: string;
  /** The id of the message whose handling caused this one. The message that began it all has none. */
  readonly causationId?: string | undefined;
}

/** Where {@linkcode correlate} gets its ids. */
export interface CorrelateOptions {
  /**
   * Makes the id of the message that it receives. A runtime without `crypto.getRandomValues`, such as Hermes, needs one.
   *
   * @default {a random UUID}
   */
  readonly createId?: ((message: object) => string) | undefined;
}

/**
 * Makes a middleware that gives each message an id. The metadata then says which message caused it, and which one
 * began it all. Use one middleware on all the buses, in front of the others.
 *
 * A message that a handler dispatches with its context inherits these ids. Related events inherit them without the
 * handler's help. A `correlationId` from the caller of the first dispatch, such as the id of a request, is kept. A
 * `messageId` from the caller is taken as the id of the cause.
 *
 * All handlers of an event see the same id, and so do all attempts: a message object that is dispatched again with the
 * same metadata is the same message.
 *
 * A message that was delivered by a durable queue keeps the id, and the cause, with which it was sent.
 *
 * @param options Where the ids come from.
 * @returns The middleware.
 * @throws {TypeError} If `createId` is not a function.
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
  if (typeof createId !== "function") {
    throw new TypeError(`Cannot make ids with ${textOf(createId)}: it is not a function`);
  }
  // By message and by metadata: several callers that dispatch one message object stay apart.
  const ids = new WeakMap<object, WeakMap<Metadata, string>>();

  function idOf(message: object, metadata: Metadata): string {
    // A primitive has no identity, so it cannot be recognised when it comes again.
    if (typeof message !== "object") return createId(message);
    let byMetadata = ids.get(message);
    if (byMetadata === undefined) ids.set(message, byMetadata = new WeakMap());
    let id = byMetadata.get(metadata);
    if (id === undefined) byMetadata.set(metadata, id = createId(message));
    return id;
  }

  return function correlate(message, next, { metadata }) {
    const messageId = deliveredId(message) ?? idOf(message, metadata);
    const { correlationId = messageId, messageId: outer } = metadata;
    // The message has its id already, from the queue or from another one of these middlewares, and so it keeps its cause.
    const causationId = outer === messageId ? metadata["causationId"] : outer;
    const ids = { messageId, correlationId, ...(causationId === undefined ? {} : { causationId }) };
    return next(undefined, { metadata: { ...metadata, ...ids } });
  };
}

/** Makes a UUID of version 4. */
function randomId(): string {
  if (typeof globalThis.crypto?.getRandomValues !== "function") {
    throw new TypeError(
      "Cannot make a random id: the runtime has no crypto.getRandomValues. Pass createId to correlate()",
    );
  }
  // A page that is not served securely has `getRandomValues`, and not the function that makes a UUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
