import type { HandlerSource } from "../../context.ts";
import type { RegisteredHandler } from "../../handler.ts";
import { Command, Event, type MessageKind, type MessageType, Query } from "../../message.ts";
import type { CatalogueMessage } from "../catalogue_entry.ts";

/** What has messages: a {@linkcode MessageCatalogue}. */
export interface Describable {
  /** What there is to say of them. */
  readonly messages: readonly CatalogueMessage[];
}

/** What knows handlers: a {@linkcode MessageRouter}. */
export interface HandlerFinder {
  /** Finds the handlers of a class of message. */
  handlersOf(type: MessageType): readonly RegisteredHandler[];
}

/** One message of a {@linkcode Description}. */
export interface MessageDescription {
  /** The stable name. */
  readonly name: string;
  /** The class. */
  readonly type: MessageType;
  /** The current version, from 1. */
  readonly version: number;
  /** The kind, as its base class says it, or else the bus of its handler; `undefined` where neither does. */
  readonly kind: MessageKind | undefined;
  /** What handles it, in the order of registration. Empty where no router was given. */
  readonly handlers: readonly HandlerSource[];
  /** The JSON Schema, draft 07, of the data that travels; `undefined` where the schema does not offer one. */
  readonly jsonSchema: Readonly<Record<string, unknown>> | undefined;
}

/** What there is to say of the messages of an application, as data. */
export interface Description {
  /** The messages, in the order of the catalogue. */
  readonly messages: readonly MessageDescription[];
}

/**
 * Describes the messages of a catalogue: for people, and for what is made of the description.
 *
 * The schemas of zod and arktype offer JSON Schemas, those of valibot with `toStandardJsonSchema` of its package for them.
 * Handlers of modules that are not imported yet are not seen.
 *
 * @param catalogue The catalogue.
 * @param router The router whose handlers handle the messages here.
 * @returns The description.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event, MessageRouter } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 * import { describe } from "@cq/core/wire/describe";
 *
 * class OrderPlaced extends Event {}
 *
 * const router = new MessageRouter();
 * router.newEventBus().subscribe(OrderPlaced, function sendReceipt() {});
 * const catalogue = new MessageCatalogue().add("shop.order-placed", OrderPlaced, { schema: "unchecked" });
 *
 * const description = describe(catalogue, router);
 * const [message] = description.messages;
 *
 * assertEquals([message?.name, message?.kind, message?.handlers.length], ["shop.order-placed", "event", 1]);
 * ```
 */
export function describe(catalogue: Describable, router?: HandlerFinder): Description {
  return {
    messages: catalogue.messages.map(({ name, type, version, schema }) => {
      const handlers = router?.handlersOf(type) ?? [];
      return {
        name,
        type,
        version,
        kind: kindOf(type) ?? handlers[0]?.kind,
        handlers: handlers.map(({ handler }) => handler),
        jsonSchema: jsonSchemaOf(schema),
      };
    }),
  };
}

function kindOf({ prototype }: MessageType): MessageKind | undefined {
  if (prototype instanceof Command) return "command";
  if (prototype instanceof Query) return "query";
  return prototype instanceof Event ? "event" : undefined;
}

/** The part of Standard JSON Schema that is needed. */
interface JsonSchemaSource {
  readonly "~standard"?: {
    readonly jsonSchema?: { input?(options: { target: string }): Readonly<Record<string, unknown>> };
  };
}

function jsonSchemaOf(schema: CatalogueMessage["schema"]): MessageDescription["jsonSchema"] {
  if (schema === "unchecked") return undefined;
  try {
    return (schema as JsonSchemaSource)["~standard"]?.jsonSchema?.input?.({ target: "draft-07" });
  } catch {
    // A library throws for what JSON Schema cannot say, such as a date.
    return undefined;
  }
}
