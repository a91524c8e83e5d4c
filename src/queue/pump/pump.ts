import { compose, requireMiddlewares } from "../../middleware_chain.ts";
import { type HandlerSource, NO_METADATA } from "../../context.ts";
import { NO_VALUES } from "../../context_values.ts";
import { type Dispatcher, type DispatcherFunction, toDispatchFunction } from "../../dispatcher.ts";
import type { AnyMiddleware } from "../../middleware.ts";
import type { Draining, DrainingOptions } from "./draining.ts";
import { PumpRun } from "./pump_run.ts";
import type { Handle } from "./pump_worker.ts";
import type { Consumer } from "../queue.ts";
import type { Settlement } from "./settlement.ts";

/** How a {@linkcode Pump} works. */
export interface PumpOptions {
  /**
   * How many messages are handled at a time. With `1` each message is handled before the next one is received.
   *
   * @default {1}
   */
  readonly concurrency?: number;
  /**
   * Whether to go on after a dispatch or a middleware of the pump has failed. The message is nacked all the same. A
   * failure of the queue itself stops the pump in any case.
   *
   * @default {false}
   */
  readonly failSilently?: boolean;
}

/**
 * Drains a consumer into a dispatcher. A message is acked after it was dispatched, and nacked when that failed, with the
 * error as the reason.
 *
 * The first failure stops the pump, unless `failSilently`: it takes no further message, waits for those in flight, and
 * the error comes out where the pump is awaited; several of them as one `AggregateError`.
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
  /** What middlewares see as the handler. */
  readonly #handler: HandlerSource;
  readonly #concurrency: number;
  readonly #failSilently: boolean;
  readonly #middlewares: AnyMiddleware[] = [];

  /**
   * Makes a pump. It does nothing until it is told to drain.
   *
   * @param consumer Where the messages come from. It is iterated once for each message that is handled at a time.
   * @param dispatcher A bus, a pipeline, or a function. It is given the message, and the signal and the metadata.
   * @param options How many messages are handled at a time, and what becomes of failures.
   * @throws {RangeError} If the concurrency is out of its range.
   * @throws {TypeError} If the dispatcher is no dispatcher.
   */
  constructor(consumer: Consumer<T>, dispatcher: Dispatcher<NoInfer<T>>, options: PumpOptions = {}) {
    const { concurrency = 1, failSilently = false } = options;
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`Cannot pump with a concurrency of ${concurrency}: it is a whole number from 1`);
    }
    this.#consumer = consumer;
    this.#dispatch = toDispatchFunction(dispatcher) as DispatcherFunction<unknown>;
    this.#handler = (typeof dispatcher === "function" ? dispatcher : dispatcher.constructor) as HandlerSource;
    this.#concurrency = concurrency;
    this.#failSilently = failSilently;
  }

  /**
   * Puts middlewares around dispatch and ack. The first one registered is the outermost. A pump that is draining
   * already goes on with those it has.
   *
   * To call `next` again dispatches again, without a nack in between. To swallow an error, or not to call `next` at all,
   * means that the message has been handled: it is acked.
   *
   * @param middlewares Functions, or objects with a method `invoke`.
   * @returns The pump itself.
   * @throws {TypeError} If one of them is neither.
   */
  use(...middlewares: AnyMiddleware[]): this {
    requireMiddlewares(middlewares);
    this.#middlewares.push(...middlewares);
    return this;
  }

  /**
   * Drains until the queue closes.
   *
   * @param options A signal that ends it: the contexts' signals fire, and what is in flight is nacked.
   * @returns A promise that resolves when the queue has ended and all that was in flight is settled.
   */
  drain(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    if (signal === undefined) return this.#start({}).finished;
    if (signal.aborted) return Promise.reject(signal.reason);

    const run = this.#start({});
    const abort = () => run.fail(signal.reason, { abort: true });
    const forget = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    run.finished.then(forget, forget);
    return run.finished;
  }

  /**
   * Starts to drain in the background.
   *
   * @param options How it comes to its end.
   * @returns What stops it, and tells how it went.
   * @throws {RangeError} If a number is out of its range.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { MemoryQueue, Pump } from "@cq/core";
   *
   * const greeted: string[] = [];
   * const queue = new MemoryQueue<string>();
   * const pump = new Pump(queue, (name) => greeted.push(name));
   * {
   *   await using _draining = pump.draining();
   *   await queue.send("Ada");
   * }
   * assertEquals(greeted, ["Ada"]);
   *
   * // Where there is no `await using`, as in Node 20 and 22:
   * const draining = pump.draining({ graceful: { timeoutMs: 1000 } });
   * try {
   *   await queue.send("Grace");
   * } finally {
   *   await draining.stop();
   * }
   * assertEquals(greeted, ["Ada", "Grace"]);
   * ```
   */
  draining(options: DrainingOptions = {}): Draining {
    return this.#start(options);
  }

  #start({ graceful = true, closes }: DrainingOptions): PumpRun {
    if (typeof graceful === "object" && !(graceful.timeoutMs >= 0)) {
      throw new RangeError(`Cannot stop within ${graceful.timeoutMs} ms: it is a number from 0`);
    }
    return new PumpRun({
      consumer: this.#consumer,
      handle: this.#compose(),
      concurrency: this.#concurrency,
      failSilently: this.#failSilently,
      graceful,
      closes,
    });
  }

  #compose(): Handle {
    const dispatch = this.#dispatch;
    const handler = this.#handler;
    // The worker acks what has succeeded. Only middlewares have to have it done inside of them.
    if (this.#middlewares.length === 0) {
      return ({ delivery }, signal) =>
        dispatch(delivery.message, { signal, metadata: delivery.metadata ?? NO_METADATA });
    }
    const chain = compose<Settlement>(
      this.#middlewares,
      async (message, { signal, metadata }, settlement) => {
        const result = await dispatch(message, { signal, metadata });
        try {
          await settlement.ack();
        } catch (error) {
          settlement.reopen();
          throw error;
        }
        return result;
      },
    );
    return (settlement, signal) => {
      const { message, metadata = NO_METADATA } = settlement.delivery;
      return chain(message, { kind: "queue", signal, metadata, values: NO_VALUES, handler }, settlement);
    };
  }
}
