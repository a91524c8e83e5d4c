import type { HandlerSource } from "./context.ts";
import { adviceOnCopies } from "./copies.ts";
import { haveOneName, nameOf, reasonOf, typeNameOf, withArticle } from "./naming.ts";
import type { MessageKind, MessageType } from "./message.ts";

/** A command or a query was dispatched, and no handler is registered for its class or a base class of it. */
export class HandlerNotFoundError extends Error {
  /** The class of the message. */
  readonly messageType: MessageType;
  /** The kind of bus that looked for a handler. */
  readonly kind: MessageKind;

  /**
   * Made by a bus.
   *
   * @param messageType The class of the message.
   * @param options The kind of bus, whether another class with the same name has a handler, and the kind of the bus on
   * which the class itself has one; and the stable name of the message if it has one.
   */
  constructor(
    messageType: MessageType,
    options: {
      kind: MessageKind;
      hasNamesake?: boolean | undefined;
      elsewhere?: MessageKind | undefined;
      name?: string | undefined;
    },
  ) {
    const className = nameOf(messageType);
    const { kind, hasNamesake = false, elsewhere, name = className } = options;
    const advice = elsewhere === undefined
      ? `Register one with @${kind}Handler(${className}), of the router that made the bus, or with subscribe() on the bus, and ` +
        "import the module that does so"
      : `"${name}" has ${withArticle(elsewhere)} handler: dispatch it on the ${elsewhere} bus`;
    super(
      `Cannot dispatch "${name}": no ${kind} handler is registered. ${advice}` +
        (hasNamesake
          ? `. A different class named "${className}" has a handler: the module that defines it may be loaded twice`
          : "") +
        adviceOnCopies(),
    );
    this.name = "HandlerNotFoundError";
    this.messageType = messageType;
    this.kind = kind;
  }
}

/** A second handler was registered for a command or a query. The first one stays. */
export class DuplicateHandlerError extends Error {
  /** The class of the message. */
  readonly messageType: MessageType;
  /** The handler that was registered first, and stays. */
  readonly registered: HandlerSource;
  /** The handler that was refused. */
  readonly refused: HandlerSource;

  /**
   * Made by a registry.
   *
   * @param messageType The class of the message.
   * @param handlers The handler that stays, the one that was refused, and the stable name of the message if it has one.
   */
  constructor(
    messageType: MessageType,
    handlers: { registered: HandlerSource; refused: HandlerSource; name?: string | undefined },
  ) {
    const { registered, refused, name = nameOf(messageType) } = handlers;
    super(
      `Cannot register "${nameOf(refused)}" for "${name}": "${nameOf(registered)}" handles it already. ` +
        "Commands and queries have exactly one handler" +
        (registered !== refused && haveOneName(registered, refused)
          ? ". The module was evaluated twice, as hot reload does: set router.hotReload = true"
          : ""),
    );
    this.name = "DuplicateHandlerError";
    this.messageType = messageType;
    this.registered = registered;
    this.refused = refused;
  }
}

/** One failure of the dispatch of an event. */
export interface EventFailure {
  /** The event. */
  readonly event: unknown;
  /** The handler or listener that failed; `undefined` if the event did not reach a handler. */
  readonly handler: HandlerSource | undefined;
  /** What it threw. */
  readonly error: unknown;
}

/**
 * Handlers or listeners of an event failed. All the others ran to their end.
 *
 * `errors` holds what they threw; `failures` says which handler threw what.
 */
export class EventDispatchError extends AggregateError {
  /** Each failure with its event and its handler, in the order of the handlers. */
  readonly failures: readonly EventFailure[];
  /** The command that succeeded and whose related events failed; `undefined` if an event was dispatched. */
  readonly command: unknown;
  /** The result of that command. */
  readonly result: unknown;

  /**
   * Made by a bus.
   *
   * @param failures The failures, at least one.
   * @param options The command whose related events failed, and its result.
   */
  constructor(failures: readonly EventFailure[], options: { command?: unknown; result?: unknown } = {}) {
    const { command, result } = options;
    const events = new Set(failures.map(({ event }) => event));
    const names = [...events].map((event) => `"${typeNameOf(event)}"`).join(", ");
    const reasons = failures.map(({ handler, error }) =>
      handler === undefined ? reasonOf(error) : `${nameOf(handler)}: ${reasonOf(error)}`
    );
    const occasion = command === undefined ? "" : ` after "${typeNameOf(command)}" has succeeded`;
    super(failures.map(({ error }) => error), `Cannot complete ${names}${occasion}: ${reasons.join("; ")}`);
    this.name = "EventDispatchError";
    this.failures = failures;
    this.command = command;
    this.result = result;
  }
}

/** A middleware broke its contract: it yielded after a success, or returned neither a promise nor a generator. */
export class MiddlewareError extends Error {
  /**
   * Made by a chain of middlewares.
   *
   * @param message What the middleware did, and what it should do.
   * @param options As the `cause`, the failure of what the middleware had started.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MiddlewareError";
  }
}

/**
 * Trying again will not help: what is wrong stays wrong. Extend it, or throw it, where a handler knows so.
 *
 * @example
 * ```ts
 * import { NonRetryableError } from "@cq/core";
 *
 * class CardExpiredError extends NonRetryableError {}
 *
 * const error = new CardExpiredError('Cannot charge order 7: the card has expired');
 * ```
 */
export class NonRetryableError extends Error {
  /**
   * Says that trying again will not help.
   *
   * @param message What is wrong.
   * @param options The error that has caused it, as the `cause`.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NonRetryableError";
  }
}

/**
 * A message was sent to a queue that is closed, or that was closed while the sender waited. It will not be delivered.
 */
export class QueueClosedError extends Error {
  /** The message that was not sent. */
  readonly unsent: unknown;

  /**
   * Made by a queue.
   *
   * @param unsent The message that was not sent.
   */
  constructor(unsent: unknown) {
    super(`Cannot send "${typeNameOf(unsent)}": the queue is closed. Close a queue after its producers have stopped`);
    this.name = "QueueClosedError";
    this.unsent = unsent;
  }
}

/** A container was asked for a token that is not bound. A container does not build what is not bound. */
export class ProviderNotFoundError extends Error {
  /** The names of the tokens that led to the missing one, outermost first, the missing one last. */
  readonly path: readonly string[];

  /**
   * Made by a container.
   *
   * @param path The names of the tokens that led to the missing one, the missing one last.
   * @param options The advice at the end of the message, instead of the usual one.
   */
  constructor(path: readonly string[], options: { advice?: string | undefined } = {}) {
    const name = path.at(-1);
    const { advice = `Bind it first: container.bind(${name}, () => …)` } = options;
    super(`Cannot resolve "${name}": nothing is bound to it (${path.join(" → ")}). ${advice}${adviceOnCopies()}`);
    this.name = "ProviderNotFoundError";
    this.path = path;
  }
}

/** The dependencies of a token lead back to the token. */
export class CircularDependencyError extends Error {
  /** The names of the tokens around the circle. The first one is also the last one. */
  readonly path: readonly string[];

  /**
   * Made by a container.
   *
   * @param path The names of the tokens around the circle, the first one again at the end.
   */
  constructor(path: readonly string[]) {
    super(`Cannot resolve "${path.at(-1)}": its dependencies form a circle (${path.join(" → ")})`);
    this.name = "CircularDependencyError";
    this.path = path;
  }
}
