import { assertEquals } from "@std/assert";
import { withAbsoluteLinks } from "../scripts/npm/links.ts";

const SOURCE = { repository: "https://example.com/cq/core", tag: "v1.2.3" };
const ROOT = new URL("../", import.meta.url);

Deno.test("withAbsoluteLinks() leads relative links to the files of the release", () => {
  const page = [
    "[a](examples/http), [b](docs/setup.md#toolchains) and ![c](./docs/path.svg 'title')",
    "[d](https://example.org/x), [e](#speed), [f](mailto:a@example.org), [g](</licence text>)",
    "[h]: CONTRIBUTING.md",
    "```ts",
    "const link = '[i](examples/http)';",
    "```",
    "[j](bench/README.md)",
  ].join("\n");

  assertEquals(withAbsoluteLinks(page, SOURCE).split("\n"), [
    "[a](https://example.com/cq/core/tree/v1.2.3/examples/http), " +
    "[b](https://example.com/cq/core/blob/v1.2.3/docs/setup.md#toolchains) and " +
    "![c](https://example.com/cq/core/blob/v1.2.3/docs/path.svg 'title')",
    "[d](https://example.org/x), [e](#speed), [f](mailto:a@example.org), [g](</licence text>)",
    "[h]: https://example.com/cq/core/blob/v1.2.3/CONTRIBUTING.md",
    "```ts",
    "const link = '[i](examples/http)';",
    "```",
    "[j](https://example.com/cq/core/blob/v1.2.3/bench/README.md)",
  ]);
});

Deno.test("the links of README.md lead to files that exist, and all of them are absolute in the package", async () => {
  const page = await Deno.readTextFile(new URL("README.md", ROOT));
  const absolute = withAbsoluteLinks(page, SOURCE);
  const links = Array.from(absolute.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!);
  assertEquals(links.filter((link) => !/^(?:https:|#)/.test(link)), []);

  const missing: string[] = [];
  for (const link of links) {
    const [, kind, path] = /^https:\/\/example\.com\/cq\/core\/(blob|tree)\/v1\.2\.3\/([^#]+)/.exec(link) ?? [];
    if (path === undefined) continue;
    const found = await Deno.stat(new URL(path, ROOT)).catch(() => undefined);
    if (found === undefined || found.isDirectory !== (kind === "tree")) missing.push(path);
  }
  assertEquals(missing, []);
});
