/**
 * A set that hardly ever holds more than one value, and then costs a seventh of a `Set`.
 *
 * @typeParam T The values, `undefined` not among them.
 */
export class SmallSet<T> {
  /** The oldest value: it is filled only while there are no others. */
  #first: T | undefined;
  #others: Set<T> | undefined;

  /** Adds a value. It must not be there yet. */
  add(value: T): void {
    if (this.#first === undefined && !this.#others?.size) this.#first = value;
    else (this.#others ??= new Set()).add(value);
  }

  /** Takes a value out, and tells whether it was there. */
  delete(value: T): boolean {
    if (this.#first !== value) return this.#others?.delete(value) ?? false;
    this.#first = undefined;
    return true;
  }

  /** Takes all values out, oldest first. */
  takeAll(): T[] {
    const values = [...this.#others ?? []];
    if (this.#first !== undefined) values.unshift(this.#first);
    this.#first = this.#others = undefined;
    return values;
  }
}
