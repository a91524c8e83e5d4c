/**
 * Builds the API reference with `deno doc --html` into `site/`, renders the README and the guides beside it, and links them
 * from its first page.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { Marked } from "npm:marked@^17";
import { gfmHeadingId } from "npm:marked-gfm-heading-id@^4";
import { run } from "./run.ts";

const ROOT = new URL("../", import.meta.url);
const SITE = new URL("site/", ROOT);

const config: { readonly name: string; readonly exports: Readonly<Record<string, string>> } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);
await Deno.remove(SITE, { recursive: true }).catch(() => {});
await run(Deno.execPath(), {
  args: ["doc", "--html", `--name=${config.name}`, "--output=site", ...Object.values(config.exports)],
  cwd: fileURLToPath(ROOT),
});

const pages = ["README.md", ...guidesIn("docs/")];
const links: string[] = [];
for (const path of pages) links.push(await render(path));
const index = new URL("index.html", SITE);
const reference = await Deno.readTextFile(index);
await Deno.writeTextFile(index, reference.replace("<main>", () => `<main><nav><p>${links.join(" · ")}</p></nav>`));

function guidesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(new URL(folder, ROOT)), ({ name, isDirectory }) => {
    if (isDirectory) return guidesIn(`${folder}${name}/`);
    return name.endsWith(".md") ? [`${folder}${name}`] : [];
  }).flat().sort();
}

/** Writes a page of HTML, and returns a link to it. */
async function render(path: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(path, ROOT));
  const title = /^# (.+)$/m.exec(text)?.[1] ?? path;
  const up = "../".repeat(path.split("/").length - 1);
  const marked = new Marked(gfmHeadingId(), {
    walkTokens(token) {
      if (token.type === "link") token.href = addressOf(token.href, { path, up });
    },
  });
  const file = path.replace(/\.md$/, ".html");
  const target = new URL(file, SITE);
  await Deno.mkdir(new URL(".", target), { recursive: true });
  await Deno.writeTextFile(
    target,
    `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1.0">
  <title>${title}</title>
  <link rel="stylesheet" href="${up}styles.css">
  <link rel="stylesheet" href="${up}page.css">
  <link rel="stylesheet" href="${up}comrak.css">
</head>
<body>
<div class="ddoc"><main><p><a href="${up}index.html">API reference</a></p><div class="markdown">
${marked.parse(text)}
</div></main></div>
</body>
</html>
`,
  );
  return `<a href="${file}">${title}</a>`;
}

/** Where a link of a page leads to in the site: to another page of it, or to a file of the checkout around it. */
function addressOf(href: string, { path, up }: { path: string; up: string }): string {
  if (/^(?:[a-z]+:|#)/.test(href)) return href;
  const target = new URL(href, new URL(path, ROOT));
  const file = target.pathname.slice(ROOT.pathname.length);
  if (pages.includes(file)) return `${up}${file.replace(/\.md$/, ".html")}${target.hash}`;
  return `${up}../${file}${target.hash}`;
}
