import type { MessageKind } from "./message.ts";
import { HandlerRegistry } from "./registry.ts";

/** How a {@linkcode MessageRouter} keeps its handlers. */
export interface MessageRouterOptions {
  /**
   * Whether a handler that is registered again under its own name takes the place of the former.
   * `MessageRouter.hotReload` says more.
   *
   * @default {false}
   */
  readonly hotReload?: boolean | undefined;
}

/**
 * What a fork passes beside the options.
 *
 * @internal
 */
interface Lineage {
  readonly parent?: HandlerRegistries | undefined;
}

const KINDS: readonly MessageKind[] = ["command", "query", "event"];

/** The handlers of a router: a registry for each kind of message. */
export class HandlerRegistries implements Readonly<Record<MessageKind, HandlerRegistry>> {
  /** The handlers of commands. */
  readonly command: HandlerRegistry;
  /** The handlers of queries. */
  readonly query: HandlerRegistry;
  /** The handlers of events. */
  readonly event: HandlerRegistry;

  /** @param options The options of the router, and for a fork the registries of its router. */
  constructor(options: MessageRouterOptions & Lineage) {
    const { parent, hotReload } = options;
    this.command = parent?.command.fork() ?? new HandlerRegistry("single");
    const relatives = { sibling: this.command };
    this.query = parent?.query.fork() ?? new HandlerRegistry("single", relatives);
    this.event = parent?.event.fork() ?? new HandlerRegistry("multiple", relatives);
    if (hotReload !== undefined) this.hotReload = hotReload;
  }

  /** Whether a handler that is registered again under its own name takes the place of the former. */
  get hotReload(): boolean {
    return this.command.hotReload;
  }

  set hotReload(value: boolean) {
    for (const kind of KINDS) this[kind].hotReload = value;
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
