import { assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The README and the guides, by their paths. */
const PAGES: ReadonlyMap<string, string> = new Map(
  ["README.md", ...guidesIn("docs/")].map((path) => [path, Deno.readTextFileSync(new URL(path, ROOT))]),
);

function guidesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(new URL(folder, ROOT)), ({ name, isDirectory }) => {
    if (isDirectory) return guidesIn(`${folder}${name}/`);
    return name.endsWith(".md") ? [`${folder}${name}`] : [];
  }).flat().sort();
}

function withoutCode(page: string): string {
  return page.replace(/^```[^]*?^```$/gm, "");
}

/** The part of an address that leads to a heading, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function anchorsOf(page: string): Set<string> {
  return new Set(Array.from(withoutCode(page).matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading!)));
}

/** The relative links of a page that lead to nothing. */
function brokenLinksOf(path: string, page: string): string[] {
  const links = Array.from(withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!);
  return links.filter((link) => !/^[a-z]+:/.test(link)).filter((link) => {
    const target = new URL(link, new URL(path, ROOT));
    const { hash } = target;
    target.hash = "";
    try {
      const { isFile } = Deno.statSync(target);
      return hash !== "" && !(isFile && anchorsOf(Deno.readTextFileSync(target)).has(hash.slice(1)));
    } catch {
      return true;
    }
  });
}

Deno.test("The README has at most 250 lines", () => {
  const lines = PAGES.get("README.md")!.trimEnd().split("\n").length;
  assertEquals(lines <= 250, true, `${lines} lines`);
});

Deno.test("Each relative link of the README and the guides leads to a file or a heading that exists", () => {
  const broken = Array.from(PAGES, ([path, page]) => brokenLinksOf(path, page).map((link) => `${path}: ${link}`));
  assertEquals(broken.flat(), []);
});

Deno.test("Each guide opens with its title and a sentence that says what it is for", () => {
  for (const [path, page] of PAGES) assertMatch(page, /^# .+\n\n\w.+[.:]/, path);
});

Deno.test("The README links each guide", () => {
  const links = PAGES.get("README.md")!;
  assertEquals([...PAGES.keys()].filter((path) => path !== "README.md" && !links.includes(`](${path})`)), []);
});

Deno.test("The table of contents of the README names each of its sections", () => {
  const page = PAGES.get("README.md")!;
  const contents = Array.from(page.split("\n## ")[0]!.matchAll(/\]\(#([^)]+)\)/g), ([, anchor]) => anchor);
  const [, ...sections] = anchorsOf(page);
  assertEquals(contents, sections.filter((anchor) => anchor !== "license"));
});

Deno.test("The recipe for the keys of the metadata compiles and runs, and refuses a value of another type", async () => {
  const [, snippet] = /^```ts ignore\n([^]*?declare module[^]*?)^```$/m.exec(PAGES.get("docs/recipes.md")!)!;

  const right = await run(snippet!);
  const wrong = await run(snippet!.replace('userId: "7"', "userId: 7"));

  assertEquals([right.success, right.text], [true, "7\n"]);
  assertEquals(wrong.success, false);
  assertMatch(wrong.text, /Type 'number' is not assignable to type 'string'/);
});

async function run(source: string): Promise<{ success: boolean; text: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--check", "--no-prompt", "-"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  return { success, text: success ? decoder.decode(stdout) : decoder.decode(stderr) };
}
