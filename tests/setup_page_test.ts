import { assertEquals } from "@std/assert";
import { type Row, ROWS } from "./toolchains/rows.ts";

const PAGE = new URL("../docs/setup.md", import.meta.url);

/** A cell of the table: what is added, and where. */
function cellOf({ lines }: Row): string {
  if (lines.length === 0) return "nothing";
  const cells = lines.map(({ text, place }) => {
    const where = place.endsWith(".json") ? `in \`${place}\`` : place;
    return `\`${text}\` ${where}`;
  });
  return cells.join(", ");
}

Deno.test("docs/setup.md has the table of the toolchains, as they are checked", async () => {
  const page = await Deno.readTextFile(PAGE);
  const [, table] = /<!-- toolchains -->\n\n(.*?)\n\n<!-- \/toolchains -->/s.exec(page)!;
  const [, , ...rows] = table!.split("\n").map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));

  const expected = new Map(ROWS.map((row) => [row.title ?? row.name, cellOf(row)]));
  assertEquals(rows, [...expected]);
});
