/** A promise that does its work when it is first awaited, as what the clients of some databases give does. */
export class PreparedQuery<T> extends Promise<T> {
  /** How often the work has been done. */
  runs = 0;
  readonly #value: T;

  constructor(value: T) {
    super(() => {});
    this.#value = value;
  }

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  override then<R = T, E = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    this.runs++;
    return Promise.resolve(this.#value).then(onFulfilled, onRejected);
  }
}
