import { abortable, reasonOfAbort } from "../internal/abort.ts";
import { refuseUndefined } from "../refuse_undefined.ts";
import { classOf, isInstanceOf } from "../message_class.ts";
import { Bus } from "../bus/bus.ts";
import type { CommandBus } from "../bus/command_bus.ts";
import type { EventBus } from "../bus/event_bus.ts";
import { QueryBus } from "../bus/query_bus.ts";
import { machineryOf } from "../bus/query_route.ts";
import type { DispatchOptions } from "../context.ts";
import type { DispatcherFunction } from "../dispatcher.ts";
import type { ItemStream } from "../item_stream.ts";
import type { MessageType } from "../message.ts";
import { describe } from "../naming.ts";
import { MessageRouter } from "../router.ts";
import type { Recorder } from "./recorder.ts";

/**
 * A bus that records.
 *
 * @typeParam B The bus.
 */
export type RecordingBus<B extends AnyBus> = B & Recorder<Parameters<B["canHandle"]>[0]>;

/** A bus of any of the three kinds. */
export type AnyBus = CommandBus | QueryBus | EventBus;

/**
 * Wraps a bus, so that a test sees what was dispatched on it, waits for a message, and answers in place of handlers.
 *
 * The recording bus replaces the bus, by type as well: pass it to the code under test, or bind it in the container.
 * Messages that are dispatched on the wrapped bus directly are not recorded.
 *
 * @typeParam B The bus.
 * @param bus The bus.
 * @returns The bus that records.
 * @throws {TypeError} If the value is not a bus.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, type CommandBus, MessageRouter } from "@cq/core";
 * import { recordingBus } from "@cq/core/testing";
 *
 * class ChargeCard extends Command<boolean> {}
 * class SendReceipt extends Command {}
 *
 * async function checkOut(commands: CommandBus): Promise<string> {
 *   const isPaid = await commands.dispatch(new ChargeCard());
 *   // The shop does not wait for the mail.
 *   if (isPaid) queueMicrotask(() => commands.dispatch(new SendReceipt()));
 *   return isPaid ? "paid" : "declined";
 * }
 *
 * const router = new MessageRouter();
 * const commands = recordingBus(router.newCommandBus())
 *   .answer(ChargeCard, () => true)
 *   .answer(SendReceipt, () => {});
 *
 * assertEquals(await checkOut(commands), "paid");
 *
 * const { outcome } = await commands.next(SendReceipt);
 * assertEquals(outcome.status, "fulfilled");
 * assertEquals(commands.records.map(({ message }) => message), [new ChargeCard(), new SendReceipt()]);
 * ```
 */
export function recordingBus<B extends AnyBus>(bus: B): RecordingBus<B> {
  if (!(bus instanceof Bus)) throw new TypeError(`Cannot record on ${describe(bus)}: it is not a bus`);
  const { dispatch } = bus as { dispatch: DispatcherFunction<unknown> };
  const recorder = new BusRecorder(function dispatchOnBus(message, options) {
    return Reflect.apply(dispatch, bus, [message, options]);
  });
  const own = {
    records: recorder.records,
    messages: (type: MessageType) => recorder.messages(type),
    next: (type: MessageType, options: { signal?: AbortSignal | undefined } = {}) =>
      recorder.next(type, options.signal),
    answer: (type: MessageType, answer: () => unknown) => {
      if (type === undefined) refuseUndefined("answer a message", "its class");
      recorder.answer(type, answer);
      return recording;
    },
    dispatch: (message: unknown, options?: DispatchOptions) => recorder.dispatch(message, options),
    ...(bus instanceof QueryBus && {
      stream: (query: object, options?: DispatchOptions) => recorder.stream(bus, { query, options }),
    }),
    canHandle: (message: object) => recorder.answerFor(message) !== undefined || bus.canHandle(message),
  };
  const recording: RecordingBus<B> = new Proxy(bus, {
    get: (_bus, key) => {
      if (Object.hasOwn(own, key)) return own[key as keyof typeof own];
      const value: unknown = Reflect.get(bus, key);
      if (typeof value !== "function" || key === "constructor") return value;
      // A bus keeps its state in private fields, which a proxy does not have. Its methods therefore run on the bus itself.
      return function callOnBus(...args: unknown[]): unknown {
        const result: unknown = Reflect.apply(value, bus, args);
        return result === bus ? recording : result;
      };
    },
  }) as RecordingBus<B>;
  return recording;
}

/** A dispatch, as it is kept. */
interface Recording {
  readonly message: unknown;
  readonly options: DispatchOptions | undefined;
  outcome: PromiseSettledResult<unknown> | undefined;
}

/** A dispatch that no wait has taken yet. */
interface Entry {
  readonly index: number;
  readonly recording: Recording;
  readonly completed: Promise<unknown>;
}

interface Waiter {
  readonly type: MessageType;
  readonly take: (entry: Entry) => void;
}

type Answer = (message: unknown, options: DispatchOptions | undefined) => unknown;

/** Keeps dispatches, gives them to the waits, and answers in place of a bus. */
class BusRecorder {
  readonly records: Recording[] = [];
  readonly #dispatch: DispatcherFunction<unknown>;
  /** By the prototype of the message's class. */
  readonly #answers = new Map<object, Answer>();
  /** In the order of the dispatches. */
  readonly #entries: Entry[] = [];
  readonly #waiters = new Set<Waiter>();

  constructor(dispatch: DispatcherFunction<unknown>) {
    this.#dispatch = dispatch;
  }

  dispatch(message: unknown, options: DispatchOptions | undefined): Promise<unknown> {
    return this.#record({ message, options }, () => this.#run(message, options));
  }

  stream(
    bus: QueryBus,
    { query, options }: { readonly query: object; readonly options: DispatchOptions | undefined },
  ): ItemStream<unknown> {
    const machinery = machineryOf(query);
    // The bus refuses what is not a stream query.
    if (machinery === undefined) return bus.stream(query as never, options);
    // A record has the options of the caller; those of the dispatch carry the run of the stream.
    const dispatch = (message: object, runOptions: DispatchOptions) =>
      this.#record({ message, options }, () => this.#runStream(message, { options, runOptions }));
    return machinery.open({ dispatch }, query, options);
  }

  #record(
    { message, options }: { readonly message: unknown; readonly options: DispatchOptions | undefined },
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const recording: Recording = { message, options, outcome: undefined };
    const index = this.records.push(recording);
    const running = run();
    const completed = running.then(
      (value) => recording.outcome = { status: "fulfilled", value },
      (reason) => recording.outcome = { status: "rejected", reason },
    );
    this.#offer({ index, recording, completed });
    return running;
  }

  messages(type: MessageType): unknown[] {
    return this.records.map(({ message }) => message).filter((message) => isInstanceOf(message, type));
  }

  next(type: MessageType, signal: AbortSignal | undefined): Promise<Recording> {
    return abortable(signal, (resolve) => {
      let taken: Entry | undefined;
      const waiter: Waiter = {
        type,
        take: (entry) => {
          taken = entry;
          entry.completed.then(() => resolve(entry.recording));
        },
      };
      const place = this.#entries.findIndex(({ recording }) => isInstanceOf(recording.message, type));
      if (place < 0) this.#waiters.add(waiter);
      else waiter.take(this.#entries.splice(place, 1)[0]!);

      return () => {
        this.#waiters.delete(waiter);
        if (taken !== undefined) this.#offer(taken);
      };
    });
  }

  answer(type: MessageType, answer: Answer): void {
    this.#answers.set(type.prototype as object, answer);
  }

  /** The answer for the nearest class of a message. */
  answerFor(message: unknown): Answer | undefined {
    for (let prototype = prototypeOf(message); prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
      const answer = this.#answers.get(prototype);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  async #run(message: unknown, options: DispatchOptions | undefined): Promise<unknown> {
    const answer = this.answerFor(message);
    // The bus refuses to dispatch a stream query, which has an answer for stream() alone.
    if (answer === undefined || machineryOf(message) !== undefined) return await this.#dispatch(message, options);
    // A bus does the same before it calls a handler.
    if (options?.signal?.aborted) throw reasonOfAbort(options.signal);
    return await answer(message, options);
  }

  /** A bus of its own answers: what the answer gives is the source of the items, as what a handler returns. */
  async #runStream(
    query: object,
    { options, runOptions }: { readonly options: DispatchOptions | undefined; readonly runOptions: DispatchOptions },
  ): Promise<unknown> {
    const answer = this.answerFor(query);
    if (answer === undefined) return await this.#dispatch(query, runOptions);
    const answering = new MessageRouter().newQueryBus();
    answering.subscribe(classOf(Object.getPrototypeOf(query)) as never, () => answer(query, options));
    return await answering.dispatch(query as never, runOptions);
  }

  /** Gives a dispatch to the wait that is oldest, or keeps it for a later one. */
  #offer(entry: Entry): void {
    for (const waiter of this.#waiters) {
      if (!isInstanceOf(entry.recording.message, waiter.type)) continue;
      this.#waiters.delete(waiter);
      return waiter.take(entry);
    }
    const place = this.#entries.findIndex(({ index }) => index > entry.index);
    this.#entries.splice(place < 0 ? this.#entries.length : place, 0, entry);
  }
}

/** A value without a class has no answer here. The bus refuses it. */
function prototypeOf(message: unknown): object | null {
  return message === null || message === undefined ? null : Object.getPrototypeOf(message);
}
