/**
 * The ids of delivered messages, by the message itself. They are not in the metadata, because children inherit that:
 * a child would take the id of its parent for its own.
 */
const ids = /* @__PURE__ */ new WeakMap<object, string>();

/**
 * Says under which id a message was delivered. A queue that decodes does it once for each delivery.
 *
 * @param message The message. A primitive has no identity, and is left alone.
 * @param id The id of its envelope.
 */
export function identify(message: unknown, id: string): void {
  if (typeof message === "object" && message !== null) ids.set(message, id);
}

/**
 * The id under which a message was delivered.
 *
 * @param message The message.
 * @returns The id; `undefined` where no queue has delivered this object.
 */
export function deliveredId(message: unknown): string | undefined {
  return ids.get(message as object);
}

/**
 * Hands the id of a delivered message on to what takes its place, so that it is still the same message.
 *
 * @param message The message that was delivered, or not.
 * @param replacement What is handled in its place.
 */
export function inheritId(message: unknown, replacement: unknown): void {
  const id = deliveredId(message);
  if (id !== undefined) identify(replacement, id);
}
