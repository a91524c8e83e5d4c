import type { HandlerContext, HandlerSource } from "../../context.ts";
import { NO_VALUES } from "../../context_values.ts";
import { NO_METADATA } from "../../metadata.ts";
import { onAbort, reasonOfAbort } from "../../internal/abort.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../../dispatcher.ts";
import type { AnyMiddleware } from "../../middleware.ts";
import { compose, requireMiddlewares } from "../../middleware_chain.ts";
import { backoff } from "../../internal/backoff.ts";
import { describe } from "../../naming.ts";
import { DELIVERY_HOLDER } from "../delivery_settler.ts";
import { type Consumer, DELIVERY } from "../queue.ts";
import type { Draining, DrainingOptions } from "./draining.ts";
import type { PumpOptions } from "./pump_options.ts";
import { PumpRun } from "./pump_run.ts";
import type { Handle } from "./pump_worker.ts";
import type { Settlement } from "./settlement.ts";

/**
 * Drains a consumer into a dispatcher. A message is acked after its dispatch has succeeded, and nacked when the dispatch
 * has failed, with the error as the reason. A {@linkcode NonRetryableError}, and an {@linkcode EventDispatchError} whose
 * failures all are one, gives the message up at once. An event that is delivered again runs all of its handlers again.
 *
 * The first failure stops the pump, unless `failSilently` or `onError` is set. The pump then receives no more messages,
 * waits for those in flight, and rejects with the error where it is awaited. Several errors become one `AggregateError`.
 * A failure of the queue itself always stops the pump.
 *
 * What is dispatched can read its delivery: `context.values.get(DELIVERY)`, or `inject(DELIVERY)`. When `delivery.signal`
 * fires, the signal of the context fires too, and the pump does not settle the delivery any more.
 *
 * @typeParam T The messages.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MemoryQueue, MessageRouter, Pump } from "@cq/core";
 *
 * class SendMail extends Command {
 *   readonly to: string;
 *
 *   constructor(to: string) {
 *     super();
 *     this.to = to;
 *   }
 * }
 *
 * const sent: string[] = [];
 * const commands = new MessageRouter().newCommandBus();
 * commands.subscribe(SendMail, ({ to }) => void sent.push(to));
 *
 * const queue = new MemoryQueue<SendMail>({ maxSize: 100 });
 * await queue.send(new SendMail("ada@example.com"));
 * await queue.send(new SendMail("grace@example.com"));
 * queue.close();
 *
 * await new Pump(queue, commands, { concurrency: 2 }).drain();
 *
 * assertEquals(sent, ["ada@example.com", "grace@example.com"]);
 * ```
 */
export class Pump<T> {
  readonly #consumer: Consumer<T>;
  readonly #dispatch: DispatcherFunction<unknown>;
  /** The handler in the context of middlewares. */
  readonly #handler: HandlerSource;
  readonly #concurrency: number;
  readonly #failSilently: boolean;
  readonly #onError: PumpOptions["onError"];
  readonly #delayAfter: ((error: unknown, attempt: number) => number) | undefined;
  readonly #middlewares: AnyMiddleware[] = [];

  /**
   * Creates a pump. It starts with `drain` or `draining`.
   *
   * @param consumer Where the messages come from. The pump uses as many iterators of it as it handles messages at a time.
   * @param dispatcher A bus, a pipeline, or a function. It receives the message, with the signal, the metadata and the
   * values: the delivery under {@linkcode DELIVERY}, and what middlewares have added.
   * @param options How many messages are handled at the same time, and what follows a failure.
   * @throws {RangeError} If a number is out of its range.
   * @throws {TypeError} If the dispatcher is not a bus, a pipeline or a function, or `onError` is not a function.
   */
  constructor(consumer: Consumer<T>, dispatcher: Dispatcher<NoInfer<T>>, options: PumpOptions<NoInfer<T>> = {}) {
    const { concurrency = 1, failSilently = false, onError } = options;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`Cannot pump with a concurrency of ${concurrency}: it must be a whole number from 1`);
    }
    if (onError !== undefined && typeof onError !== "function") {
      throw new TypeError(`Cannot report errors to ${describe(onError)}: it is not a function`);
    }
    this.#consumer = consumer;
    this.#dispatch = toDispatchFunction(dispatcher) as DispatcherFunction<unknown>;
    this.#handler = (typeof dispatcher === "function" ? dispatcher : dispatcher.constructor) as HandlerSource;
    this.#concurrency = concurrency;
    this.#failSilently = failSilently;
    this.#onError = onError as PumpOptions["onError"];
    if (options.backoff !== undefined) this.#delayAfter = backoff(options.backoff, "deliver again");
  }

  /**
   * Puts middlewares around dispatch and ack. The first one registered is the outermost. A draining that has started does
   * not use middlewares that are added later.
   *
   * A middleware that calls `next` again dispatches again, without a nack in between. A message is also acked, as handled,
   * if a middleware swallows the error or never calls `next`.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The pump itself.
   * @throws {TypeError} If one of them is neither a function nor such an object.
   */
  use(...middlewares: AnyMiddleware[]): this {
    requireMiddlewares(middlewares);
    this.#middlewares.push(...middlewares);
    return this;
  }

  /**
   * Drains until the queue closes.
   *
   * @param options A signal that ends it. The signals of the contexts then fire, and messages in flight are given back.
   * @returns A promise that resolves when the queue has ended and every message is settled.
   */
  drain(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    if (signal === undefined) return this.#start({}).finished;
    if (signal.aborted) return Promise.reject(reasonOfAbort(signal));

    const run = this.#start({});
    const forget = onAbort(signal, (reason) => run.fail(reason, { abort: true }));
    run.finished.then(forget, forget);
    return run.finished;
  }

  /**
   * Starts to drain in the background. With `closes` the draining also ends the queue: a stop closes it and waits until the
   * last message has been handled.
   *
   * @param options How the draining ends.
   * @returns The draining, which can be stopped and awaited.
   * @throws {RangeError} If a number is out of its range.
   * @throws {TypeError} If `closes` is not a queue of this process.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryQueue, Pump } from "@cq/core";
   *
   * const sums: number[] = [];
   * const queue = new MemoryQueue<number>();
   * {
   *   await using _draining = new Pump(queue, (amount) => sums.push(amount)).draining({ closes: queue });
   *   for (const amount of [1, 2, 3]) await queue.send(amount);
   * }
   * assertEquals(sums, [1, 2, 3]);
   *
   * // Node 20 and 22 do not have `await using`:
   * const other = new MemoryQueue<number>();
   * const draining = new Pump(other, (amount) => sums.push(amount)).draining({ graceful: { timeoutMs: 1000 } });
   * try {
   *   await other.send(4);
   * } finally {
   *   await draining.stop();
   * }
   * assertEquals(sums, [1, 2, 3, 4]);
   * ```
   */
  draining(options: DrainingOptions = {}): Draining {
    return this.#start(options);
  }

  #start({ graceful = true, closes }: DrainingOptions): PumpRun {
    if (typeof graceful === "object" && !(graceful.timeoutMs >= 0)) {
      throw new RangeError(`Cannot stop within ${graceful.timeoutMs} ms: timeoutMs must be a number from 0`);
    }
    if (closes !== undefined && closes?.["~local"] !== true) {
      throw new TypeError(
        `Cannot close ${describe(closes)} with the draining: it is not a queue of this process alone, such as a ` +
          "MemoryQueue. A queue that others share would never be drained. Leave closes out",
      );
    }
    return new PumpRun({
      consumer: this.#consumer,
      handle: this.#compose(),
      concurrency: this.#concurrency,
      failSilently: this.#failSilently,
      onError: this.#onError,
      delayAfter: this.#delayAfter,
      graceful,
      closes,
    });
  }

  #compose(): Handle {
    const dispatch = this.#dispatch;
    const handler = this.#handler;
    // Without middlewares the worker acks after this has returned, which saves an async frame for each message.
    if (this.#middlewares.length === 0) {
      return function pumpOne({ delivery }: Settlement, signal: AbortSignal): unknown {
        const { message, metadata = NO_METADATA } = delivery;
        return dispatch(message, { signal, metadata, values: NO_VALUES.with(DELIVERY, delivery) });
      };
    }
    const chain = compose<Settlement>(this.#middlewares, dispatchAndAck);
    return function pumpOneThroughMiddlewares(settlement: Settlement, signal: AbortSignal): unknown {
      const { delivery } = settlement;
      const { message, metadata = NO_METADATA } = delivery;
      const values = NO_VALUES.with(DELIVERY, delivery);
      return chain(message, { kind: "queue", signal, metadata, values, handler }, settlement);
    };

    async function dispatchAndAck(
      message: unknown,
      { signal, metadata, values }: HandlerContext,
      settlement: Settlement,
    ): Promise<unknown> {
      const holder = values.get(DELIVERY_HOLDER);
      if (holder !== undefined) holder.settler = settlement;
      const result = await dispatch(message, { signal, metadata, values });
      if (holder === undefined) await settlement.ackNow();
      return result;
    }
  }
}
