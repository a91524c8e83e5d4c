/**
 * The part of `@std/testing/time` that the tests use, for machines that cannot load it.
 *
 * @module
 */

/** The error for a wrong use of this module. */
export class TimeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

interface Timer {
  readonly id: number;
  readonly run: () => void;
  readonly delay: number;
  readonly repeat: boolean;
  due: number;
}

const RealDate = Date;
const realTimeout = AbortSignal.timeout;
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};

let current: FakeTime | undefined;

/** A clock that moves only when a test moves it. */
export class FakeTime {
  readonly start: number;
  #now: number;
  #lastId = 0;
  // Sorted by the time at which they are due; timers of the same time by the order in which they were set.
  readonly #timers: Timer[] = [];

  constructor(start?: number | string | Date | null) {
    if (current) throw new TimeError("Cannot construct FakeTime: time is already faked");
    const value = start === undefined || start === null
      ? RealDate.now()
      : new RealDate(typeof start === "number" ? Math.floor(start) : start).valueOf();
    if (Number.isNaN(value)) throw new TypeError(`Cannot construct FakeTime: invalid start time ${value}`);
    this.start = this.#now = value;
    current = this;
    this.#fake();
  }

  /** Restores the real time. */
  static restore(): void {
    if (!current) throw new TimeError("Cannot restore time: time is already restored");
    current.restore();
  }

  /** Restores the real time until `callback` has settled. */
  static async restoreFor<T>(
    // deno-lint-ignore no-explicit-any
    callback: (...args: any[]) => Promise<T> | T,
    // deno-lint-ignore no-explicit-any
    ...args: any[]
  ): Promise<T> {
    if (!current) throw new TimeError("Cannot restore time: time is not faked");
    const faked = current;
    unfake();
    try {
      return await callback(...args);
    } finally {
      faked.#fake();
    }
  }

  /** The fake time in milliseconds. Setting it runs the timers that are due until then. */
  get now(): number {
    return this.#now;
  }
  set now(value: number) {
    if (value < this.#now) {
      throw new RangeError(
        `Cannot set current time in the past, time must be >= ${this.#now}: received ${value}`,
      );
    }
    for (let timer = this.#timers[0]; timer && timer.due <= value; timer = this.#timers[0]) {
      this.#timers.shift();
      this.#now = timer.due;
      if (timer.repeat) this.#insert({ ...timer, due: timer.due + timer.delay });
      timer.run();
    }
    this.#now = value;
  }

  /** Resolves after `ms` milliseconds of the real time. */
  delay(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      const abort = () => {
        real.clearTimeout(id);
        reject(new DOMException("Delay was aborted.", "AbortError"));
      };
      const id = real.setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Runs all pending microtasks. */
  runMicrotasks(): Promise<void> {
    return this.delay(0);
  }

  /** Moves the time by `ms` milliseconds. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Runs all pending microtasks, then moves the time by `ms` milliseconds. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves the time to the next timer, and tells whether there was one. */
  next(): boolean {
    const timer = this.#timers[0];
    if (timer) this.now = timer.due;
    return timer !== undefined;
  }

  /** Runs all pending microtasks, then moves the time to the next timer. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Moves the time until no timer is left. */
  runAll(): void {
    while (this.#timers.length > 0) this.next();
  }

  /** Moves the time until no timer is left, and runs all pending microtasks before each. */
  async runAllAsync(): Promise<void> {
    while (this.#timers.length > 0) await this.nextAsync();
  }

  /** Restores the real time. */
  restore(): void {
    if (!current) throw new TimeError("Cannot restore time: time is already restored");
    current = undefined;
    unfake();
  }

  /** Restores the real time. */
  [Symbol.dispose](): void {
    this.restore();
  }

  #insert(timer: Timer): number {
    const later = this.#timers.findIndex((other) => other.due > timer.due);
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return timer.id;
  }

  #set(repeat: boolean): (callback: unknown, delay?: number, ...args: unknown[]) => number {
    return (callback, ms = 0, ...args) => {
      if (typeof callback !== "function") {
        throw new TimeError("FakeTime does not support non-function callbacks");
      }
      const delay = Math.max(repeat ? 1 : 0, Math.floor(ms));
      const run = () => callback(...args);
      return this.#insert({ id: ++this.#lastId, run, delay, repeat, due: this.#now + delay });
    };
  }

  #clear(id?: unknown): void {
    const index = this.#timers.findIndex((timer) => timer.id === id);
    if (index >= 0) this.#timers.splice(index, 1);
  }

  #fake(): void {
    const clock = () => this.#now;
    const clear = (id?: unknown) => this.#clear(id);
    Object.assign(globalThis, {
      setTimeout: this.#set(false),
      clearTimeout: clear,
      setInterval: this.#set(true),
      clearInterval: clear,
      Date: new Proxy(RealDate, {
        construct: (target, args) => Reflect.construct(target, args.length === 0 ? [clock()] : args),
        apply: () => new RealDate(clock()).toString(),
        get: (target, key, receiver) => key === "now" ? clock : Reflect.get(target, key, receiver),
      }),
    });
    AbortSignal.timeout = (delay) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new DOMException("Signal timed out.", "TimeoutError")), delay);
      return controller.signal;
    };
  }
}

function unfake(): void {
  Object.assign(globalThis, real, { Date: RealDate });
  AbortSignal.timeout = realTimeout;
}
