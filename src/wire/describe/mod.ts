/**
 * Describes the messages of a catalogue: as data, as a document of AsyncAPI, and as a picture.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Command, MessageRouter } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 * import { describe, toAsyncApi, toMermaid } from "@cq/core/wire/describe";
 *
 * class PlaceOrder extends Command<number> {}
 *
 * const router = new MessageRouter();
 * router.newCommandBus().subscribe(PlaceOrder, () => 7);
 * const catalogue = new MessageCatalogue().add("shop.place-order", PlaceOrder, { schema: "unchecked" });
 *
 * const description = describe(catalogue, router);
 *
 * assertEquals(description.messages[0]?.kind, "command");
 * assertEquals(toAsyncApi(description, { title: "Shop", version: "1.0.0" }).asyncapi, "3.0.0");
 * assertEquals(toMermaid(description).startsWith("flowchart LR"), true);
 * ```
 *
 * @module
 */

export { type AsyncApiDocument, type AsyncApiOptions, toAsyncApi } from "./async_api.ts";
export {
  type Describable,
  describe,
  type Description,
  type HandlerFinder,
  type MessageDescription,
} from "./describe.ts";
export { type MermaidOptions, toMermaid } from "./mermaid.ts";
export { type FlowEdge, observe, type Observer } from "./observe.ts";
export type { CatalogueMessage } from "../catalogue_entry.ts";
export type { RegisteredHandler } from "../../handler.ts";
