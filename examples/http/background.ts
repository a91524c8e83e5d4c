import type { Middleware } from "@cq/core";

/** Work that is done when the client has its response. A server waits for it before it exits. */
export class Background {
  readonly #report: (error: unknown) => void;
  readonly #pending = new Set<Promise<void>>();

  /** @param report Is told of work that fails: nobody waits for it who could be. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /**
   * For the event bus: handlers of an event run once the promise `responded` in its metadata has settled, and at once
   * where there is none. The events of a command have the command's metadata, so the server puts the promise there.
   */
  readonly middleware: Middleware = (_event, next, { metadata: { responded } }) => {
    if (!(responded instanceof Promise)) return next();
    const work = responded.then(() => next(), () => next()).then(() => {}, this.#report)
      .finally(() => this.#pending.delete(work));
    this.#pending.add(work);
    return Promise.resolve(undefined);
  };

  /** Waits until nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}
