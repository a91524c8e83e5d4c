import type { MessageType } from "../../message.ts";
import { nameOf } from "../../naming.ts";
import type { Description } from "./describe.ts";
import type { FlowEdge } from "./observe.ts";

/** What {@linkcode toMermaid} draws beside the description. */
export interface MermaidOptions {
  /** Which messages send which: what {@linkcode observe} has seen. */
  readonly flow?: readonly FlowEdge[] | undefined;
}

/** One colour for each kind. They are dark enough for white text, on a light page and on a dark one. */
const STYLES = [
  "classDef command fill:#1d4ed8,stroke:#60a5fa,color:#ffffff",
  "classDef query fill:#0f766e,stroke:#2dd4bf,color:#ffffff",
  "classDef event fill:#b45309,stroke:#fbbf24,color:#ffffff",
  "classDef message fill:#475569,stroke:#94a3b8,color:#ffffff",
  "classDef handler fill:#f1f5f9,stroke:#64748b,color:#0f172a",
];

/**
 * Draws the messages of an application, what handles them and, dotted, what is sent while they are handled, as a flowchart
 * of Mermaid. What was sent and is not in the catalogue has a dashed border.
 *
 * @param description The messages.
 * @param options Which messages send which.
 * @returns The text of the flowchart.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Event } from "@cq/core";
 * import { MessageCatalogue } from "@cq/core/wire";
 * import { describe, toMermaid } from "@cq/core/wire/describe";
 *
 * class OrderPlaced extends Event {}
 *
 * const catalogue = new MessageCatalogue().add("shop.order-placed", OrderPlaced, { schema: "unchecked" });
 *
 * assertEquals(toMermaid(describe(catalogue)).split("\n").slice(0, 2), [
 *   "flowchart LR",
 *   '  m0["shop.order-placed v1"]:::event',
 * ]);
 * ```
 */
export function toMermaid(description: Description, options: MermaidOptions = {}): string {
  const lines: string[] = [];
  const messages = new Map<MessageType, string>();
  const handlers = new Map<unknown, string>();
  /** From where what a message sends leaves: its handler, or itself where it has several. */
  const senders = new Map<MessageType, string>();

  function idOf<Key>(known: Map<Key, string>, key: Key, prefix: string, draw: (id: string) => string): string {
    const id = known.get(key) ?? `${prefix}${known.size}`;
    if (!known.has(key)) {
      known.set(key, id);
      lines.push(draw(id));
    }
    return id;
  }

  for (const { name, version, type, kind = "message", handlers: sources } of description.messages) {
    const message = idOf(messages, type, "m", (id) => `${id}["${escape(`${name} v${version}`)}"]:::${kind}`);
    for (const source of sources) {
      const handler = idOf(handlers, source, "h", (id) => `${id}(["${escape(nameOf(source))}"]):::handler`);
      lines.push(`${message} --> ${handler}`);
      senders.set(type, sources.length === 1 ? handler : message);
    }
  }
  for (const { from, to } of options.flow ?? []) {
    const [sender, sent] = [from, to].map((type) =>
      idOf(messages, type, "m", (id) => `${id}["${escape(nameOf(type))}"]:::unlisted`)
    );
    lines.push(`${senders.get(from) ?? sender} -.-> ${sent}`);
  }
  const dashed = "classDef unlisted fill:#475569,stroke:#94a3b8,color:#ffffff,stroke-dasharray:4";
  return ["flowchart LR", ...lines, ...STYLES, dashed].join("\n  ") + "\n";
}

/** Writes all that could mean something to Mermaid, or to HTML, by its number. */
function escape(label: string): string {
  return label.replace(/[^\p{L}\p{N} ._/:-]/gu, (character) => `#${character.codePointAt(0)};`);
}
