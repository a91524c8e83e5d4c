import type { RegisteredHandler } from "./handler.ts";
import type { MessageKind, MessageType } from "./message.ts";
import type { MessageNames } from "./naming.ts";
import { HandlerRegistry } from "./registry.ts";

const KINDS: readonly MessageKind[] = ["command", "query", "event"];

/** The handlers of a router: a registry for each kind of message. */
export class HandlerRegistries implements Readonly<Record<MessageKind, HandlerRegistry>> {
  /** The handlers of commands. */
  readonly command: HandlerRegistry;
  /** The handlers of queries. */
  readonly query: HandlerRegistry;
  /** The handlers of events. */
  readonly event: HandlerRegistry;

  /** @param parent Those that these are a fork of. */
  constructor(parent?: HandlerRegistries) {
    this.command = parent?.command.fork() ?? new HandlerRegistry("single");
    const relatives = { sibling: this.command };
    this.query = parent?.query.fork() ?? new HandlerRegistry("single", relatives);
    this.event = parent?.event.fork() ?? new HandlerRegistry("multiple", relatives);
  }

  /** Whether a handler that is registered again under its own name takes the place of the former. */
  get hotReload(): boolean {
    return this.command.hotReload;
  }

  set hotReload(value: boolean) {
    for (const kind of KINDS) this[kind].hotReload = value;
  }

  /** What knows the stable names of messages, for errors. */
  get catalogue(): MessageNames | undefined {
    return this.command.catalogue;
  }

  set catalogue(value: MessageNames | undefined) {
    for (const kind of KINDS) this[kind].catalogue = value;
  }

  /**
   * Finds what handles a class of message, on the buses of any kind.
   *
   * @param type The class of message.
   * @returns The handlers, those of commands first, with the kind of their bus.
   */
  handlersOf(type: MessageType): readonly RegisteredHandler[] {
    return KINDS.flatMap((kind) => this[kind].find(type.prototype).map(({ source }) => ({ kind, handler: source })));
  }

  /**
   * Tells on which bus a class has a handler. A handler for `Object`, which receives everything, tells nothing.
   *
   * @param prototype The prototype of the class.
   * @returns The kind of message, `undefined` if there is no handler.
   */
  kindElsewhere(prototype: object): MessageKind | undefined {
    return KINDS.find((kind) => this[kind].knows(prototype));
  }
}
