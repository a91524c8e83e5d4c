import type { HandlerContext } from "../../context.ts";
import { classOf, prototypeOf } from "../../message_class.ts";
import type { Middleware } from "../../middleware.ts";
import { describe, nameOf, typeNameOf } from "../../naming.ts";
import type { DeduplicationStore } from "./deduplication_store.ts";
import { MemoryDeduplicationStore } from "./memory_deduplication_store.ts";

/** How {@linkcode deduplicate} tells messages apart, and how long it remembers them. */
export interface DeduplicateOptions {
  /**
   * Gives what identifies a message among those of its class, such as an id that its sender has made. A message for
   * which it gives `undefined` is handled each time.
   */
  readonly key: (message: object, context: HandlerContext) => string | undefined;
  /** How long the result of a message is remembered, in milliseconds. A number above 0, `Infinity` included. */
  readonly ttlMs: number;
  /**
   * Where the results are remembered.
   *
   * @default {a new MemoryDeduplicationStore}
   */
  readonly store?: DeduplicationStore;
}

/** A message that is being handled. */
interface Flight {
  readonly outcome: Promise<unknown>;
  /** The signal of the dispatch that handles it. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a middleware that handles a message once, however often it comes. A duplicate resolves to the first one's
 * result, the same object, and no handler is built for it.
 *
 * Duplicates that come while the first one is handled wait for it, and share what comes of it, a failure included. A
 * failure is not remembered: whoever comes later is handled. The signal of a duplicate ends its own wait alone. Where the
 * first one fails after its own signal has fired, that says nothing about the others: the next in line is handled in its
 * place.
 *
 * Messages of different classes are never taken for duplicates, nor are different handlers of an event. A store that
 * outlives the process tells them apart by their names. Several processes that share a store each handle a message that
 * reaches them at the same time.
 *
 * Related events are published by the first one alone, behind the middlewares; a duplicate does not wait for them. What
 * the store throws comes out. A handler must not dispatch its own message again, which would wait for itself.
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
  const { key: keyOf, ttlMs, store = new MemoryDeduplicationStore() } = options;
  if (!(ttlMs > 0)) throw new RangeError(`Cannot remember messages for ${ttlMs} ms: it is a number above 0`);

  const flights = new Map<string, Flight>();
  const names = new Names();

  return async function deduplicate(message, next, context) {
    const given = keyOf(message, context);
    if (given === undefined) return await next();
    if (typeof given !== "string") {
      throw new TypeError(`Cannot deduplicate "${typeNameOf(message)}" by ${describe(given)}: a key is a string`);
    }
    const key = `${names.scopeOf(message, context)}:${given}`;
    const { signal } = context;

    for (let flight = flights.get(key); flight !== undefined; flight = flights.get(key)) {
      try {
        return await waitFor(flight.outcome, signal);
      } catch (error) {
        if (signal?.aborted || !flight.signal?.aborted) throw error;
      }
    }

    const outcome = handleOnce(key, next);
    flights.set(key, { outcome, signal });
    try {
      return await outcome;
    } finally {
      flights.delete(key);
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

/** Names what a key belongs to, so that no two of them have the same. */
class Names {
  readonly #names = new WeakMap<object, string>();
  readonly #counts = new Map<string, number>();

  /** What the key of a message is unique in. */
  scopeOf(message: object, { kind, handler }: HandlerContext): string {
    const scope = `${kind}:${this.#nameOf(classOf(prototypeOf(message)))}`;
    // Each handler of an event is to run once; a command and a query have but one.
    return kind === "event" ? `${scope}:${this.#nameOf(handler)}` : scope;
  }

  #nameOf(value: object): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    // So that a name has nothing in it that parts it from others.
    const name = encodeURIComponent(nameOf(value));
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const unique = count === 1 ? name : `${name}#${count}`;
    this.#names.set(value, unique);
    return unique;
  }
}

/** Waits for a promise, until a signal fires. */
function waitFor(outcome: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (signal === undefined) return outcome;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const leave = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    outcome.then(resolve, reject).finally(leave);
  });
}
