/**
 * Copies each project out of `docs/setup.md`, installs it with the built package, and runs the commands that stand below it.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { readConfig, ROOT } from "../../scripts/npm/manifest.ts";
import { run } from "../../scripts/run.ts";
import { IS_CI, isInstalled, program, type Tool } from "../../scripts/tools.ts";

/** A project of the page: its files, its commands, and what the last of them prints. */
interface Project {
  readonly title: string;
  readonly files: ReadonlyMap<string, string>;
  readonly commands: readonly string[];
}

const root = fileURLToPath(ROOT);
const { name, version } = await readConfig();
const tarball = `${root}${name.replace("@", "").replace("/", "-")}-${version}.tgz`;

/** What the commands of a project need, and what shows that it works. */
const EXPECTED: readonly {
  readonly title: RegExp;
  readonly tools: readonly Tool[];
  readonly output: readonly string[];
}[] = [
  { title: /for Node/, tools: ["node-24"], output: ["1 passed", "Created user 1"] },
  { title: /for Deno/, tools: [], output: ["1 passed", "Created user 1"] },
  { title: /for Bun/, tools: ["bun"], output: ["1 pass"] },
];

function readProject(section: string): Project {
  const title = section.slice(0, section.indexOf("\n"));
  const files = new Map(
    Array.from(
      section.matchAll(/^`([\w./]+)`\n\n```\w+(?: ignore)?\n(.*?)^```$/gms),
      ([, file, text]) => [file!, text!],
    ),
  );
  const [, shell] = /^```sh\n(.*?)^```$/ms.exec(section)!;
  const commands = shell!.trim().split("\n").map((line) => line.replace(/\s*#.*/, ""));
  return { title, files, commands };
}

/** Puts the built package in the place of the one in the registry. */
function withBuiltPackage(file: string, text: string): string {
  if (file === "package.json") return text.replace(`"${name}": "latest"`, `"${name}": "file:${tarball}"`);
  // What JSR serves are the sources.
  if (file === "deno.json") return text.replace(`"jsr:${name}"`, `"${new URL("mod.ts", ROOT).href}"`);
  return text;
}

/** Runs the commands of a project in a folder of its own, and returns what they print. */
async function runProject({ files, commands }: Project): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "cq-core-" });
  try {
    for (const [file, text] of files) {
      await Deno.mkdir(new URL(".", `file://${folder}/${file}`), { recursive: true });
      const filled = withBuiltPackage(file, text);
      await Deno.writeTextFile(`${folder}/${file}`, filled);
      if (/^(?:package|deno)\.json$/.test(file)) assertEquals(filled === text, false, `${file} does not have ${name}`);
    }
    const bin = [program("node-24", "node"), program("bun", "bun"), Deno.execPath()].map((path) =>
      path.replace(/\/[^/]*$/, "")
    );
    const env = { PATH: [...bin, Deno.env.get("PATH")].join(":"), CI: "", DENO_NO_PACKAGE_JSON: "1" };
    let output = "";
    for (const command of commands) {
      const [word, ...args] = command.split(" ");
      output += (await run(word!, { args, cwd: folder, env, timeoutMs: 300_000 })).output;
    }
    return output;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const page = await Deno.readTextFile(new URL("docs/setup.md", ROOT));
const projects = page.split(/^## (?=A project )/m).slice(1).map(readProject);

Deno.test("docs/setup.md has a project for each of the expectations, and no other", () => {
  assertEquals(projects.map(({ title }) => EXPECTED.findIndex((expected) => expected.title.test(title))), [0, 1, 2]);
});

for (const [index, project] of projects.entries()) {
  const { tools, output } = EXPECTED[index]!;
  const missing = tools.filter((tool) => !isInstalled(tool));
  const suffix = missing.length === 0 ? "" : ` (skipped without ${missing.join(", ")}: deno task tools)`;
  Deno.test(`docs/setup.md: ${project.title} runs as it is${suffix}`, {
    ignore: missing.length > 0 && !IS_CI,
  }, async () => {
    const printed = await runProject(project);
    for (const text of output) assertStringIncludes(printed, text);
  });
}
