import type { CommandContext, HandlerSource } from "../context.ts";
import type { ContextValues } from "../context_values.ts";
import type { Disposer } from "../internal/dispose.ts";
import type { InvocationWatcher } from "./invoker.ts";
import { type Metadata, NO_METADATA } from "../metadata.ts";
import {
  type EventList,
  type EventRules,
  HANDLER_RULES,
  NO_EVENTS,
  NO_TAKING,
  RelatedEvents,
} from "../related_events.ts";

const SETTLED_RULES: EventRules = {
  take: NO_TAKING,
  add: "the command's handler has settled. Await in the handler what adds events",
};
const UNDECLARED_RULES: EventRules = {
  take: NO_TAKING,
  add: "the handler declares no context, so that the bus has not waited for it. " +
    "Declare the context as its second parameter, without a default, or inject RelatedEvents",
};

/** One attempt to handle a command: the events that its handler adds, and the scope that stays open for them. */
export class CommandAttempt implements EventList, InvocationWatcher {
  // Fields are assigned by constructors alone: engines take long to define one first.
  declare events: object[];
  declare metadata: Metadata;
  declare rules: EventRules;
  /** What the handler has of the events. */
  declare readonly view: RelatedEvents;
  /** Disposes the scope; `undefined` where there is nothing to dispose. */
  declare dispose: Disposer | undefined;

  constructor(metadata: Metadata, rules = HANDLER_RULES) {
    this.events = NO_EVENTS;
    this.metadata = metadata;
    this.rules = rules;
    this.view = new RelatedEvents(this);
    this.dispose = undefined;
  }

  shareContext(): void {}

  keepScope(dispose: Disposer): void {
    this.dispose = dispose;
  }

  /** Keeps further events out. */
  close(): void {
    this.rules = SETTLED_RULES;
  }
}

/** What a handler finds that comes for its events after it was left. */
const LEFT = /* @__PURE__ */ new CommandAttempt(NO_METADATA, UNDECLARED_RULES);

/**
 * The context of a handler that declares none. What reads `events` has them injected, before the handler returns: that
 * starts an attempt. Where nothing does, no event can be added, and there is nothing to wait for.
 */
export class UndeclaredContext implements CommandContext, InvocationWatcher {
  declare readonly kind: "command";
  declare readonly signal: AbortSignal | undefined;
  declare readonly metadata: Metadata;
  declare readonly values: ContextValues;
  declare readonly handler: HandlerSource;
  #attempt: CommandAttempt | undefined;

  constructor(signal: AbortSignal | undefined, metadata: Metadata, values: ContextValues, handler: HandlerSource) {
    this.kind = "command";
    this.signal = signal;
    this.metadata = metadata;
    this.values = values;
    this.handler = handler;
  }

  get events(): RelatedEvents {
    return this.#start().view;
  }

  shareContext(): void {
    Object.defineProperty(this, "events", { value: this.events, enumerable: true });
  }

  keepScope(dispose: Disposer): void {
    this.#start().dispose = dispose;
  }

  /** Gives the attempt, if something has asked for it. If not, nothing can be added any more. */
  leave(): CommandAttempt | undefined {
    const attempt = this.#attempt;
    this.#attempt ??= LEFT;
    return attempt;
  }

  #start(): CommandAttempt {
    return this.#attempt ??= new CommandAttempt(this.metadata);
  }
}
