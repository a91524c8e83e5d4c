import type { HandlerContext } from "../../context.ts";
import { abortable } from "../../internal/abort.ts";
import { isDuration, sleep } from "../../internal/delay.ts";
import { textOf } from "../../internal/text.ts";
import type { Middleware } from "../../middleware.ts";
import { describe, type MessageNames, typeNameOf } from "../../naming.ts";
import type { DeduplicationClaim, DeduplicationStore } from "./deduplication_store.ts";
import { catalogueKeyPrefix, type KeyPrefix, memoryKeyPrefix, namedKeyPrefix } from "./key_prefix.ts";
import { MemoryDeduplicationStore } from "./memory_deduplication_store.ts";

/** How {@linkcode deduplicate} tells messages apart, and how long it remembers them. */
export interface DeduplicateOptions {
  /**
   * Returns what identifies a message among those of its class, such as an id from its sender: a string that is not
   * empty. If it returns `undefined`, the message is handled each time.
   */
  readonly key: (message: object, context: HandlerContext) => string | undefined;
  /** How long the result of a message is remembered, in milliseconds. A number above 0, `Infinity` included. */
  readonly ttlMs: number;
  /**
   * Where the results are remembered. Any other than a {@linkcode MemoryDeduplicationStore} needs a `name`.
   *
   * @default {a new MemoryDeduplicationStore}
   */
  readonly store?: DeduplicationStore | undefined;
  /**
   * Returns the name of the message's class, under which a store that outlives the process knows it: the same in each
   * build, and a different one for each class. The names of the classes themselves are neither, since minifiers change
   * them. The handlers of an event are told apart by the names of their classes or functions.
   *
   * @default {the stable name that the catalogue has for it, or else the name of the class, unique within the process}
   */
  readonly name?: ((message: object, context: HandlerContext) => string) | undefined;
  /** Knows the stable names of messages, which a {@linkcode MessageCatalogue} does: in the place of a `name`. */
  readonly catalogue?: MessageNames | undefined;
  /**
   * How long the store keeps a message for the process that handles it, in milliseconds, if that process dies. A handler
   * that takes longer may run in two processes at a time.
   *
   * @default {60_000}
   */
  readonly leaseMs?: number | undefined;
}

/** How long a duplicate of what another process is handling waits before it asks again, in milliseconds. */
const POLL_MS = 100;

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
 * process tells classes apart by the option `name`, and the handlers of an event by their own names: a handler without a
 * name, and a second class or handler with the same name, is refused with a `TypeError`.
 *
 * If several processes share a store, one of them handles a message, and a duplicate in another one waits until that one
 * has settled.
 *
 * Only the first message publishes related events, behind the middlewares; a duplicate does not wait for them. What the
 * store throws comes out. A handler must not dispatch its own message again: it would wait for itself.
 *
 * @param options How messages are told apart, and how long they are remembered.
 * @returns The middleware.
 * @throws {RangeError} If a time is out of its range.
 * @throws {TypeError} If a function is missing, or if the store may outlive the process and there is no `name`.
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
  const { key: keyOf, ttlMs, leaseMs = 60_000, store = new MemoryDeduplicationStore(), name, catalogue } = options;
  for (const ms of [ttlMs, leaseMs]) {
    if (!isDuration(ms) || ms === 0) {
      throw new RangeError(`Cannot remember messages for ${textOf(ms)} ms: must be a number above 0`);
    }
  }
  if (typeof keyOf !== "function") {
    throw new TypeError(`Cannot deduplicate by ${describe(keyOf)}: it is not a function`);
  }
  const keyPrefix = keyPrefixFor(store, { name, catalogue });
  const inFlight = new Map<string, InFlight>();

  return async function deduplicate(message, next, context) {
    const given = keyOf(message, context);
    if (given === undefined) return await next();
    if (typeof given !== "string" || given === "") {
      const messageName = catalogue?.nameOf(message) ?? typeNameOf(message);
      throw new TypeError(
        `Cannot deduplicate "${messageName}" by ${describe(given)}: the key must be a string that is not empty`,
      );
    }
    if (context.stream !== undefined) {
      throw new TypeError(
        `Cannot deduplicate "${catalogue?.nameOf(message) ?? typeNameOf(message)}": it is a stream query. ` +
          "Return undefined as its key",
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

    const outcome = handleOnce(key, next, signal);
    inFlight.set(key, { outcome, signal });
    try {
      return await outcome;
    } finally {
      inFlight.delete(key);
    }
  };

  async function handleOnce(
    key: string,
    next: () => Promise<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    let acquisition = await store.acquire(key, { leaseMs });
    while (acquisition.status === "held") {
      await sleep(POLL_MS, signal);
      acquisition = await store.acquire(key, { leaseMs });
    }
    if (acquisition.status === "completed") return acquisition.outcome.result;

    const claim = { key, token: acquisition.token };
    let result: unknown;
    try {
      result = await next();
    } catch (error) {
      await release(claim);
      throw error;
    }
    // Where the lease has run out in the meantime, the result is still what this message came to.
    await store.complete(claim, { outcome: { result }, ttlMs });
    return result;
  }

  /** What a store cannot release ends with its lease. The failure of the handler is the one that counts. */
  async function release(claim: DeduplicationClaim): Promise<void> {
    try {
      await store.release(claim);
    } catch {
      // Said above.
    }
  }
}

function keyPrefixFor(
  store: DeduplicationStore,
  { name, catalogue }: Pick<DeduplicateOptions, "name" | "catalogue">,
): KeyPrefix {
  if (
    typeof store?.acquire !== "function" || typeof store.complete !== "function" || typeof store.release !== "function"
  ) {
    throw new TypeError(
      `Cannot deduplicate with ${describe(store)} as the store: it lacks a method "acquire", "complete" or "release"`,
    );
  }
  const isVolatile = store instanceof MemoryDeduplicationStore;
  if (typeof name === "function") return namedKeyPrefix(name, { isVolatile });
  if (name !== undefined) {
    throw new TypeError(`Cannot deduplicate with the name ${describe(name)}: it is not a function`);
  }
  if (catalogue !== undefined) return catalogueKeyPrefix(catalogue, { isVolatile });
  if (isVolatile) return memoryKeyPrefix();
  throw new TypeError(
    `Cannot deduplicate with a store that may outlive the process, by the names of classes: a build may change them. ` +
      `Pass a name: (message) => …, which names each class of message, or a catalogue, which knows the names`,
  );
}
