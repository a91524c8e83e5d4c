import type { DispatchOptions, HandlerContext } from "../context.ts";
import { NO_VALUES } from "../context_values.ts";
import type { ContextValues } from "../context_values.ts";
import { MiddlewareError } from "../errors.ts";
import { isAbortError, onAbort, reasonOfAbort } from "../internal/abort.ts";
import { type Disposer, settleThenDispose } from "../internal/dispose.ts";
import { ignore } from "../internal/promise.ts";
import type { InvocationWatcher } from "../bus/invoker.ts";
import { iteratorOf } from "./item_source.ts";
import { type ItemTaker, Iteration, type Step } from "./iteration.ts";
import type { ItemStream, StreamEnd, StreamProgress } from "../item_stream.ts";
import type { Call } from "../middleware_chain.ts";
import { typeNameOf } from "../naming.ts";

/** How far a stream has come. Middlewares see it; the stream itself they do not. */
class Progress implements StreamProgress {
  items = 0;
  waitingSince: number | undefined;

  get waitingMs(): number {
    return this.waitingSince === undefined ? 0 : Date.now() - this.waitingSince;
  }
}

/** One run of the handler: a retry before the first item makes several. */
class Attempt implements InvocationWatcher {
  iteration: Iteration | undefined;
  dispose: Disposer | undefined;
  isClosing = false;
  /** Settles when the source is closed and the scope is disposed. */
  ended: Promise<StreamEnd> | undefined;
  isOver = false;

  shareContext(): void {}

  keepScope(dispose: Disposer): void {
    this.dispose = dispose;
  }

  close(): void {
    this.isClosing = true;
    this.iteration?.close();
  }
}

/** A `next()` that waits for its item. A list of them: there may be many, and a shift of an array would move them all. */
interface Request {
  readonly resolve: (step: Step) => void;
  readonly reject: (error: unknown) => void;
  later: Request | undefined;
}

/**
 * A stream: what the consumer holds, and what makes items for it. The dispatch of the query lasts from the first `next()`
 * until the iteration has ended and the middlewares have settled. Only then does the last `next()`, or `return()`.
 */
export class StreamRun implements ItemStream<unknown>, ItemTaker {
  readonly #query: object;
  readonly #start: (run: StreamRun) => Promise<unknown>;
  readonly #callerSignal: AbortSignal | undefined;
  /** The values that the caller gave. */
  readonly values: ContextValues;
  /** What middlewares and the handler see of the stream. */
  readonly progress: StreamProgress = new Progress();
  readonly #progress = this.progress as Progress;
  #controller: AbortController | undefined;
  #attempt: Attempt | undefined;
  readonly #ends: unknown[] = [];
  /** The failure after the first item: no middleware can undo it. */
  #failure: { readonly error: unknown } | undefined;
  #first: Request | undefined;
  #last: Request | undefined;
  /** Settles when the dispatch has; it never rejects. */
  #settled: Promise<void> | undefined;
  #isOver = false;
  #hasLeft = false;
  /** Whether no item is wanted any more: the consumer has left, or the middlewares have settled too early. */
  #isUnwanted = false;
  /** The failure that no `next()` has received yet. */
  #outcome: { readonly error: unknown } | undefined;

  /**
   * @param query The query.
   * @param options The options of the caller.
   * @param start Dispatches the query.
   */
  constructor(query: object, options: DispatchOptions, start: (run: StreamRun) => Promise<unknown>) {
    this.#query = query;
    this.#callerSignal = options.signal;
    this.values = options.values ?? NO_VALUES;
    this.#start = start;
  }

  next(): Promise<Step> {
    if (this.#isOver) {
      return this.#outcome === undefined ? Promise.resolve(done()) : Promise.reject(this.#takeOutcome());
    }
    return new Promise((resolve, reject) => {
      const request: Request = { resolve, reject, later: undefined };
      if (this.#last === undefined) {
        this.#first = request;
        this.#progress.waitingSince = Date.now();
      } else {
        this.#last.later = request;
      }
      this.#last = request;
      if (this.#settled === undefined) this.#begin();
      else this.#attempt?.iteration?.wake();
    });
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (this.#settled === undefined) this.#isOver = true;
    else if (!this.#isOver) this.#leave();
    await this.#settled;
    const outcome = this.#outcome;
    const error = this.#takeOutcome();
    if (outcome !== undefined && !this.#isOwnAbort(error)) throw error;
    return done();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** The signal of the stream, from its start on. */
  get signal(): AbortSignal {
    return this.#controller!.signal;
  }

  get isWaiting(): boolean {
    return this.#first !== undefined;
  }

  take(step: Step): void {
    const { resolve, later } = this.#first!;
    this.#first = later;
    if (later === undefined) this.#last = undefined;
    this.#progress.waitingSince = later === undefined ? undefined : Date.now();
    this.#progress.items++;
    resolve(step);
  }

  /**
   * The innermost call: runs the handler, and makes items of what it returns.
   *
   * @param invoke Runs the handler.
   * @param message The query, as the middlewares pass it on.
   * @param context The context, as the middlewares pass it on.
   * @returns The end of the iteration.
   */
  iterate(invoke: Call<InvocationWatcher>, message: unknown, context: HandlerContext): Promise<StreamEnd> {
    if (this.progress.items > 0) {
      return Promise.reject(this.#failure?.error ?? this.#broken("it has given items already, and cannot start again"));
    }
    // One that a middleware has left behind must not give its items beside those of the new one.
    this.#attempt?.close();
    const attempt = this.#attempt = new Attempt();
    return attempt.ended = this.#run(attempt, message, { invoke, context });
  }

  /**
   * Decides on the outcome of the dispatch, once the middlewares have settled. A stream that has broken off is never
   * taken for a whole one.
   *
   * @param running What the middlewares return.
   * @returns The same, where the stream has come to its end.
   */
  async conclude(running: Promise<unknown>): Promise<unknown> {
    let result: unknown;
    try {
      result = await running;
    } catch (error) {
      // What has run into a time-out may never end: it is left behind.
      this.#abandon(error);
      throw error;
    }
    const attempt = this.#attempt;
    if (attempt?.isOver === false) {
      const error = this.#broken("a middleware has settled before its next(). Await next(), or return it");
      this.#abandon(error);
      await attempt.ended?.catch(ignore);
      throw error;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (result === undefined || this.#ends.includes(result)) return result;
    throw this.#broken("a middleware returned something else than what next() gave. Return that, or nothing");
  }

  async #run(
    attempt: Attempt,
    message: unknown,
    { invoke, context }: { readonly invoke: Call<InvocationWatcher>; readonly context: HandlerContext },
  ): Promise<StreamEnd> {
    const { signal = this.signal } = context;
    try {
      if (this.#isUnwanted) return this.#newEnd(false);
      const source = await invoke(message, context.signal === undefined ? { ...context, signal } : context, attempt);
      const iterating = this.#iterate(source, attempt, { context, signal });
      const disposers = attempt.dispose === undefined ? [] : [attempt.dispose];
      const problem = "Cannot dispose the scope of a stream that has failed too";
      return this.#newEnd(await settleThenDispose(iterating, disposers, problem));
    } catch (error) {
      if (this.#isUnwanted && this.#isOwnAbort(error)) return this.#newEnd(false);
      if (this.progress.items > 0) this.#failure ??= { error };
      throw error;
    } finally {
      attempt.isOver = true;
    }
  }

  async #iterate(
    source: unknown,
    attempt: Attempt,
    { context, signal }: { readonly context: HandlerContext; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const iterator = iteratorOf(source, { type: this.#query.constructor, handler: context.handler });
    const iteration = attempt.iteration = new Iteration(iterator, this);
    if (attempt.isClosing) iteration.close();
    const forget = onAbort(signal, () => iteration.close());
    try {
      const isComplete = await iteration.run();
      // A handler that heeds its signal may just end. That is not the end of its items.
      if (signal.aborted) throw reasonOfAbort(signal);
      return isComplete;
    } finally {
      forget();
    }
  }

  #newEnd(complete: boolean): StreamEnd {
    const end: StreamEnd = { items: this.progress.items, complete };
    this.#ends.push(end);
    return end;
  }

  #begin(): void {
    const controller = this.#controller = new AbortController();
    const forget = onAbort(this.#callerSignal, (reason) => controller.abort(reason));
    this.#settled = this.#start(this).then(
      () => this.#settle(undefined, forget),
      (error) => this.#settle({ error }, forget),
    );
  }

  /** Closes what a middleware has not waited for. */
  #abandon(reason: unknown): void {
    if (this.#attempt?.isOver !== false) return;
    this.#isUnwanted = true;
    this.#controller?.abort(reason);
    this.#attempt.close();
  }

  /** Between two items the signal does not fire, so that a `finally` may still dispatch with the context. */
  #leave(): void {
    this.#hasLeft = this.#isUnwanted = true;
    if (this.isWaiting) this.#controller?.abort();
    this.#attempt?.close();
  }

  #settle(outcome: { readonly error: unknown } | undefined, forget: () => void): void {
    forget();
    this.#isOver = true;
    let request = this.#first;
    this.#first = this.#last = this.#progress.waitingSince = undefined;
    if (outcome !== undefined && request !== undefined && !this.#hasLeft) {
      request.reject(outcome.error);
      request = request.later;
    } else {
      this.#outcome = outcome;
    }
    for (; request !== undefined; request = request.later) request.resolve(done());
  }

  #takeOutcome(): unknown {
    const error = this.#outcome?.error;
    this.#outcome = undefined;
    return error;
  }

  /** Whether an error says no more than that the stream was called off. */
  #isOwnAbort(error: unknown): boolean {
    const signal = this.#controller?.signal;
    return signal?.aborted === true && (error === reasonOfAbort(signal) || isAbortError(error));
  }

  #broken(problem: string): MiddlewareError {
    return new MiddlewareError(`Cannot stream "${typeNameOf(this.#query)}": ${problem}`);
  }
}

function done(): IteratorReturnResult<undefined> {
  return { done: true, value: undefined };
}
