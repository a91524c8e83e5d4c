import type { CommandContext, HandlerSource, Metadata } from "../context.ts";
import type { Disposer } from "../internal/dispose.ts";
import type { ScopeKeeper } from "./invoker.ts";
import { RelatedEvents } from "../related_events.ts";

/** One attempt to handle a command: the context of its handler, with the scope that stays open for its events. */
export class CommandAttempt implements CommandContext, ScopeKeeper {
  readonly kind = "command";
  readonly signal: AbortSignal | undefined;
  readonly metadata: Metadata;
  readonly handler: HandlerSource;
  readonly events: RelatedEvents = new RelatedEvents();
  #dispose: Disposer | undefined = undefined;

  constructor(signal: AbortSignal | undefined, metadata: Metadata, handler: HandlerSource) {
    this.signal = signal;
    this.metadata = metadata;
    this.handler = handler;
  }

  /** Disposes the scope; `undefined` where there is nothing to dispose. */
  get dispose(): Disposer | undefined {
    return this.#dispose;
  }

  keep(dispose: Disposer): void {
    this.#dispose = dispose;
  }
}
