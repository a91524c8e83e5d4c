import type { CommandAttempt } from "./command_attempt.ts";
import type { Metadata } from "../metadata.ts";
import { type EventList, type EventRules, NO_EVENTS, RelatedEvents } from "../related_events.ts";

const NO_ADDING = "a middleware can only take them. Add them in the command's handler";
const MIDDLEWARE_RULES: EventRules = { add: NO_ADDING };
const OVER_RULES: EventRules = {
  add: NO_ADDING,
  take: "the middlewares of the command have settled, and the bus publishes what they have left",
};

/** One dispatch of a command through its middlewares, which may start several attempts. */
export class CommandRun {
  // Fields are assigned by constructors alone: engines take long to define one first.
  /** The metadata of the caller. */
  declare readonly metadata: Metadata;
  declare readonly publicationOf: EventList["publicationOf"];
  /** What the middlewares may do with the events now. */
  declare rules: EventRules;
  declare owed: EventList["owed"];
  /** The events of all attempts, for the outermost middlewares and for the bus. */
  declare readonly list: MiddlewareEvents;
  /** What the outermost middlewares have of them. */
  declare readonly view: RelatedEvents;
  /** The attempts that have succeeded, with their scopes open. */
  declare readonly succeeded: CommandAttempt[];

  constructor(metadata: Metadata, publicationOf: EventList["publicationOf"]) {
    this.metadata = metadata;
    this.publicationOf = publicationOf;
    this.rules = MIDDLEWARE_RULES;
    this.owed = undefined;
    this.list = new MiddlewareEvents(this);
    this.view = new RelatedEvents(this.list);
    this.succeeded = [];
  }

  /** Whether the middlewares have settled: an attempt may still be at work that one of them has left behind. */
  get isOver(): boolean {
    return this.rules === OVER_RULES;
  }

  /** Keeps the events from being taken when the middlewares have settled. */
  end(): void {
    this.rules = OVER_RULES;
  }
}

/**
 * The events that middlewares see: those of the attempt that was the last to succeed among those that they have started.
 * The middlewares behind a `next()` that replaces something have a list of their own.
 */
export class MiddlewareEvents implements EventList {
  declare readonly run: CommandRun;
  declare readonly parent: MiddlewareEvents | undefined;
  /** The attempt whose events they are. */
  declare attempt: CommandAttempt | undefined;
  /** How many attempts have been started. */
  declare started: number;

  constructor(run: CommandRun, parent?: MiddlewareEvents) {
    this.run = run;
    this.parent = parent;
    this.attempt = undefined;
    this.started = 0;
  }

  get events(): object[] {
    return this.attempt === undefined ? NO_EVENTS : this.attempt.events;
  }

  set events(events: object[]) {
    if (this.attempt !== undefined) this.attempt.events = events;
  }

  get metadata(): Metadata {
    return this.attempt === undefined ? this.run.metadata : this.attempt.metadata;
  }

  get rules(): EventRules {
    return this.run.rules;
  }

  get publicationOf(): EventList["publicationOf"] {
    return this.run.publicationOf;
  }

  get owed(): EventList["owed"] {
    return this.run.owed;
  }

  set owed(owed: EventList["owed"]) {
    this.run.owed = owed;
  }

  branch(): MiddlewareEvents {
    return new MiddlewareEvents(this.run, this);
  }

  /** An attempt starts: the events of the one before are dropped. */
  start(): void {
    this.started++;
    this.attempt = undefined;
    this.parent?.start();
  }

  /**
   * An attempt has succeeded.
   *
   * @param attempt The attempt.
   * @param isSuperseded Whether another has taken its place, where there is another.
   */
  succeed(attempt: CommandAttempt, isSuperseded: boolean): void {
    if (isSuperseded && this.started > 1) return;
    this.attempt = attempt;
    this.parent?.succeed(attempt, isSuperseded);
  }
}
