import type { SourceIterator, Step } from "./iteration.ts";
import { describe, nameOf } from "../naming.ts";

/**
 * Makes an iterator of what the handler of a stream query returned.
 *
 * @param source What it returned.
 * @param names The class of the query and the handler, for the error.
 * @returns The iterator. It has started nothing.
 * @throws {TypeError} If the handler returned nothing that has items.
 */
export function iteratorOf(
  source: unknown,
  { type, handler }: { readonly type: unknown; readonly handler: unknown },
): SourceIterator {
  // A string has an iterator too. Nobody means a stream of letters.
  if (typeof source === "object" && source !== null) {
    const { getReader } = source as Partial<ReadableStream<unknown>>;
    if (typeof getReader === "function") return readerOf(source as ReadableStream<unknown>);
    const { [Symbol.asyncIterator]: iterateAsync, [Symbol.iterator]: iterate } = source as
      & Partial<AsyncIterable<unknown, undefined>>
      & Partial<Iterable<unknown, undefined>>;
    if (typeof iterateAsync === "function") return iterateAsync.call(source);
    if (typeof iterate === "function") return iterate.call(source);
  }
  throw new TypeError(
    `Cannot stream "${nameOf(type)}": its handler "${nameOf(handler)}" returned ${describe(source)}. Return an async ` +
      "iterable, an iterable object or a ReadableStream, as async *handle() does",
  );
}

/** By its reader: the iterator of a web stream cannot be closed while it waits for an item, and older browsers lack it. */
function readerOf(source: ReadableStream<unknown>): SourceIterator {
  const reader = source.getReader();
  return {
    next: () => reader.read() as Promise<Step>,
    return: async () => {
      await reader.cancel();
      reader.releaseLock();
    },
  };
}
