/**
 * A page about the messages of a shop: what they are, what handles them, and which of them sends which. The picture is
 * drawn by Mermaid in the browser. `deno run --allow-write examples/catalogue.ts catalogue.html` writes the page.
 */
import { Command, CommandBus, Container, Event, EventBus, MessageRouter, Query, QueryBus } from "@cq/core";
import { correlate } from "@cq/core/middlewares";
import { MessageCatalogue } from "@cq/core/wire";
import { describe, type Description, observe, toMermaid } from "@cq/core/wire/describe";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { z } from "zod";

class PlaceOrder extends Command<number> {
  readonly items: readonly string[];

  constructor(items: readonly string[]) {
    super();
    this.items = items;
  }
}

class OrderPlaced extends Event {
  readonly id: number;
  readonly items: readonly string[];

  constructor(id: number, items: readonly string[]) {
    super();
    this.id = id;
    this.items = items;
  }
}

class ReserveStock extends Command {
  readonly items: readonly string[];

  constructor(items: readonly string[]) {
    super();
    this.items = items;
  }
}

class StockReserved extends Event {
  readonly items: readonly string[];

  constructor(items: readonly string[]) {
    super();
    this.items = items;
  }
}

class FindOrder extends Query<string | undefined> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

/** Is not in the catalogue: it does not leave the process. */
class SendMail extends Command {}

const items = z.array(z.string().min(1));
const id = z.number().int();

export const catalogue: MessageCatalogue<PlaceOrder | OrderPlaced | ReserveStock | StockReserved | FindOrder> =
  new MessageCatalogue()
    .add("shop.place-order", PlaceOrder, { schema: z.object({ items }) })
    .add("shop.order-placed", OrderPlaced, {
      schema: z.object({ id, items }),
      // Version 1 had a single item.
      versions: [({ id, item }: { id: number; item: string }) => ({ id, items: [item] })],
      key: (order) => String(order.id),
    })
    .add("stock.reserve", ReserveStock, { schema: z.object({ items }) })
    .add("stock.reserved", StockReserved, { schema: z.object({ items }) })
    .add("shop.find-order", FindOrder, { schema: z.object({ id }) });

const container = new Container();
const router = new MessageRouter(container);
const observer = observe();
const correlating = correlate();
const commands = container.get(CommandBus).use(correlating, observer.middleware);
const events = container.get(EventBus).use(correlating, observer.middleware);

commands
  .subscribe(PlaceOrder, function placeOrder({ items }, { events }) {
    events.add(new OrderPlaced(7, items));
    return 7;
  })
  .subscribe(ReserveStock, function takeFromStock({ items }, { events }) {
    events.add(new StockReserved(items));
  })
  .subscribe(SendMail, function sendMail() {});
container.get(QueryBus).subscribe(FindOrder, function findOrder() {
  return "tea";
});
events.subscribe(OrderPlaced, async function reserveStock({ items }, context): Promise<void> {
  await commands.dispatch(new ReserveStock(items), context);
});
events.subscribe(OrderPlaced, async function sendReceipt(_event, context): Promise<void> {
  await commands.dispatch(new SendMail(), context);
});

events.subscribe(StockReserved, function packParcel() {});

// What is observed is drawn: here one order, in an application its tests, or an hour of work.
await commands.dispatch(new PlaceOrder(["tea"]));

/** Writes text so that it is text in HTML, too. */
function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function row({ name, version, kind, handlers, jsonSchema }: Description["messages"][number]): string {
  const cells = [name, String(version), kind ?? "", handlers.map((handler) => handler.name).join(", ")];
  const schema = JSON.stringify(jsonSchema?.["properties"] ?? {});
  return `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join("")}<td><code>${escape(schema)}</code></td></tr>`;
}

/**
 * Makes the page.
 *
 * @param mermaid Where the browser gets Mermaid.
 * @returns The HTML.
 */
export function cataloguePage(mermaid = "https://cdn.jsdelivr.net/npm/mermaid@12/dist/mermaid.esm.min.mjs"): string {
  const description = describe(catalogue, router);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The messages of the shop</title>
<style>
  :root { color-scheme: light dark; --line: light-dark(#cbd5e1, #475569); --soft: light-dark(#f8fafc, #1e293b); }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
    background: light-dark(#ffffff, #0f172a); color: light-dark(#0f172a, #e2e8f0); }
  .mermaid { padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; overflow-x: auto; text-align: center; }
  table { border-collapse: collapse; width: 100%; margin-top: 2rem; }
  th, td { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid var(--line); }
  th { background: var(--soft); }
  code { font-size: .8rem; overflow-wrap: anywhere; }
</style>
<h1>The messages of the shop</h1>
<pre class="mermaid">${escape(toMermaid(description, { flow: observer.flow }))}</pre>
<p>A solid arrow leads from a message to what handles it, a dotted one to what is sent. What has a dashed border does not leave the process.</p>
<table>
<tr><th>Name<th>Version<th>Kind<th>Handled by<th>Schema</tr>
${description.messages.map(row).join("\n")}
</table>
<script type="module">
import mermaid from "${mermaid}";
const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "neutral";
mermaid.initialize({ theme, flowchart: { wrappingWidth: 400 } });
</script>
</html>
`;
}

if (import.meta.main) {
  const [path = "catalogue.html", mermaid] = process.argv.slice(2);
  await writeFile(path, cataloguePage(mermaid));
  console.log(`Wrote ${path}`);
}
