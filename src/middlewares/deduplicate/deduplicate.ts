import type { HandlerContext } from "../../context.ts";
import { abortable } from "../../internal/abort.ts";
import { classOf, prototypeOf } from "../../message_class.ts";
import type { Middleware } from "../../middleware.ts";
import { describe, type MessageNames, nameOf, typeNameOf } from "../../naming.ts";
import type { DeduplicationStore } from "./deduplication_store.ts";
import { MemoryDeduplicationStore } from "./memory_deduplication_store.ts";

/** How {@linkcode deduplicate} tells messages apart, and how long it remembers them. */
export interface DeduplicateOptions {
  /**
   * Returns what identifies a message among those of its class, such as an id from its sender. If it returns
   * `undefined`, the message is handled each time.
   */
  readonly key: (message: object, context: HandlerContext) => string | undefined;
  /** How long the result of a message is remembered, in milliseconds. A number above 0, `Infinity` included. */
  readonly ttlMs: number;
  /**
   * Where the results are remembered.
   *
   * @default {a new MemoryDeduplicationStore}
   */
  readonly store?: DeduplicationStore | undefined;
  /**
   * Knows the stable names of messages, which a {@linkcode MessageCatalogue} does. A store that outlives the process, or
   * that several processes share, tells the classes apart by them, whatever a minifier makes of the names of classes.
   *
   * @default {the names of the classes}
   */
  readonly catalogue?: MessageNames | undefined;
}

/** A message that is being handled. */
interface InFlight {
  readonly outcome: Promise<unknown>;
  /** The signal of the dispatch that handles it. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a middleware that handles a message once, however often it comes. A duplicate resolves to the result of the
 * first message, the same object, and no handler is built for it.
 *
 * A duplicate that comes while the first message is being handled waits for it. It shares the outcome, a failure
 * included. A failure is not remembered: a message that comes later is handled. The signal of a duplicate ends only the
 * wait of that duplicate. If the first message fails after its own signal has fired, the others do not share that
 * failure: the next duplicate is handled in its place.
 *
 * Messages of different classes are never duplicates, and each handler of an event runs once. A store that outlives the
 * process tells classes and handlers apart by their names. If several processes share a store, a message that reaches
 * them at the same time is handled in each of them.
 *
 * Only the first message publishes related events, behind the middlewares; a duplicate does not wait for them. What the
 * store throws comes out. A handler must not dispatch its own message again: it would wait for itself.
 *
 * @param options How messages are told apart, and how long they are remembered.
 * @returns The middleware.
 * @throws {RangeError} If the time is out of its range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter } from "@cq/core";
 * import { deduplicate } from "@cq/core/middlewares";
 *
 * class ChargeCard extends Command<string> {
 *   readonly orderId: string;
 *
 *   constructor(orderId: string) {
 *     super();
 *     this.orderId = orderId;
 *   }
 * }
 *
 * let charges = 0;
 * const commands = new MessageRouter().newCommandBus()
 *   .use(deduplicate({
 *     key: (message) => message instanceof ChargeCard ? message.orderId : undefined,
 *     ttlMs: 24 * 60 * 60 * 1000,
 *   }))
 *   .subscribe(ChargeCard, () => `charge ${++charges}`);
 *
 * assertEquals(await commands.dispatch(new ChargeCard("order 7")), "charge 1");
 * assertEquals(await commands.dispatch(new ChargeCard("order 7")), "charge 1");
 * assertEquals(await commands.dispatch(new ChargeCard("order 8")), "charge 2");
 * ```
 */
export function deduplicate(options: DeduplicateOptions): Middleware {
  const { key: keyOf, ttlMs, store = new MemoryDeduplicationStore(), catalogue } = options;
  if (!(ttlMs > 0)) throw new RangeError(`Cannot remember messages for ${ttlMs} ms: must be a number above 0`);

  const inFlight = new Map<string, InFlight>();
  const keyPrefix = newKeyPrefix(catalogue);

  return async function deduplicate(message, next, context) {
    const given = keyOf(message, context);
    if (given === undefined) return await next();
    if (typeof given !== "string") {
      throw new TypeError(
        `Cannot deduplicate "${catalogue?.nameOf(message) ?? typeNameOf(message)}" by ${
          describe(given)
        }: the key must be a string`,
      );
    }
    const key = `${keyPrefix(message, context)}:${given}`;
    const { signal } = context;

    for (let first = inFlight.get(key); first !== undefined; first = inFlight.get(key)) {
      const { outcome } = first;
      try {
        return await abortable(signal, (resolve, reject) => void outcome.then(resolve, reject));
      } catch (error) {
        if (signal?.aborted || !first.signal?.aborted) throw error;
      }
    }

    const outcome = handleOnce(key, next);
    inFlight.set(key, { outcome, signal });
    try {
      return await outcome;
    } finally {
      inFlight.delete(key);
    }
  };

  async function handleOnce(key: string, next: () => Promise<unknown>): Promise<unknown> {
    const remembered = await store.get(key);
    if (remembered !== undefined) return remembered.result;
    const result = await next();
    await store.set(key, { result }, ttlMs);
    return result;
  }
}

/** Makes the function that says what a key belongs to. It gives each class and each handler a name of its own. */
function newKeyPrefix(catalogue: MessageNames | undefined): (message: object, context: HandlerContext) => string {
  const names = new WeakMap<object, string>();
  const counts = new Map<string, number>();

  function uniqueNameOf(value: object): string {
    const known = names.get(value);
    if (known !== undefined) return known;
    // The encoding leaves none of the characters that separate one name from another.
    const name = encodeURIComponent(nameOf(value));
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const unique = count === 1 ? name : `${name}#${count}`;
    names.set(value, unique);
    return unique;
  }

  return function keyPrefix(message, { kind, handler }) {
    const stable = catalogue?.nameOf(message);
    // The encoding leaves no "@", so that a stable name is never that of a class.
    const name = stable === undefined ? uniqueNameOf(classOf(prototypeOf(message))) : `@${encodeURIComponent(stable)}`;
    const prefix = `${kind}:${name}`;
    // Each handler of an event runs once. A command and a query have a single handler.
    return kind === "event" ? `${prefix}:${uniqueNameOf(handler)}` : prefix;
  };
}
