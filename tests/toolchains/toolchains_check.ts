/**
 * Builds the first snippet of the README with every toolchain that `rows.ts` names, against the built package: with the
 * tool's own defaults and the lines of the row it runs, and without each of the lines it fails as the row says.
 * `deno task test:toolchains` builds the package and runs this. A tool that is not installed is skipped by name, except
 * in CI.
 *
 * @module
 */

import { assert, assertMatch, assertRejects } from "@std/assert";
import { ROOT } from "../../scripts/npm/manifest.ts";
import { run } from "../../scripts/run.ts";
import { IS_CI, isInstalled, type Tool, toolFolder } from "../../scripts/tools.ts";
import { makeProject } from "../runtimes/project.ts";
import { type Command, type Form, type Line, type Row, ROWS } from "./rows.ts";

const ENVIRONMENT = { NEXT_TELEMETRY_DISABLED: "1", WRANGLER_SEND_METRICS: "false" };

/** The snippet, and its last statement apart, which dispatches the command. */
const [snippet, definitions, dispatch] = await readSnippet();

async function readSnippet(): Promise<[string, string, string]> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const snippet = /^```ts\n(.*?)^```$/ms.exec(readme)![1]!;
  const start = snippet.indexOf("const userId");
  return [snippet, snippet.slice(0, start), snippet.slice(start)];
}

/** What a toolchain makes of the snippet. */
const SOURCES: Readonly<Record<Form, string>> = {
  program: `${snippet}console.log(userId);\n`,
  test: `${definitions}test("the snippet", async () => {\n${dispatch}expect(userId).toBe(42);\n});\n`,
  page: `${definitions}export default async function Page() {\n${dispatch}return <p>{userId}</p>;\n}\n`,
  worker: `${definitions}export default {\nasync fetch() {\n${dispatch}return new Response(String(userId));\n},\n};\n`,
  functions: `${snippet}console.log(userId);\n`,
};

/** The part of a decorator that is called as a function is written below the class. */
function withoutDecorator(source: string, line: string): string {
  return source.replace(/^@commandHandler\(CreateUser\)\n(class .*?^\}\n)/ms, `$1\n${line};\n`);
}

function sourceOf({ source: { form }, name, lines: [line] }: Row, added: readonly Line[]): string {
  const source = SOURCES[form];
  if (form === "functions") return added.length === 0 ? source : withoutDecorator(source, line!.text);
  return name.startsWith("vitest") ? `import { expect, test } from "vitest";\n${source}` : source;
}

/** Puts the line of a file, if it is added, where the file has its mark. */
function fill(text: string, line: Line | undefined): string {
  return line === undefined ? text.replace(/, LINE|LINE/, "") : text.replace("LINE", line.text);
}

async function runCommand({ tool, program, args }: Command, added: readonly Line[], cwd: string) {
  const line = added.find(({ place }) => place === "on the command line");
  const filled = args.map((arg) => fill(arg, line)).filter((arg) => arg !== "");
  if (tool === "deno") return await run(Deno.execPath(), { args: filled, cwd });
  const file = `${toolFolder(tool)}/${program}`;
  // A native program bears a name like that of a script; Node's own tool is what runs scripts.
  const isNative = tool === "node-24" || tool === "bun" || tool === "esbuild";
  const command = isNative ? file : `${toolFolder("node-24")}/node_modules/node/bin/node`;
  return await run(command, { args: isNative ? filled : [file, ...filled], cwd, env: ENVIRONMENT });
}

/** Builds and runs the snippet in a folder of its own, and returns what shows that it ran. */
async function build(row: Row, added: readonly Line[], project: string): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: project, prefix: "build-" });
  const lineOf = (file: string) => added.find(({ place }) => place === file);
  const files = { "package.json": '{ "type": "module" }', ...row.files, [row.source.file]: sourceOf(row, added) };
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(new URL(".", `file://${folder}/${name}`), { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}`, fill(text, lineOf(name)));
  }
  let output = "";
  for (const command of row.commands) {
    ({ output } = await runCommand(command, added, folder));
    const { replaces } = row;
    if (replaces === undefined) continue;
    const text = await Deno.readTextFile(`${folder}/${replaces.file}`);
    const line = lineOf(replaces.file);
    if (line) await Deno.writeTextFile(`${folder}/${replaces.file}`, text.replace(replaces.pattern, line.text));
  }
  return row.result.file === undefined ? output : await Deno.readTextFile(`${folder}/${row.result.file}`);
}

/** A project with the package, made once for all rows that find their tools in the same place. */
const projects = new Map<Tool | undefined, Promise<string>>();

function projectOf({ home }: Row): Promise<string> {
  const making = projects.get(home) ?? makeProject(home && { folder: toolFolder(home) });
  projects.set(home, making);
  return making;
}

for (const row of ROWS) {
  const tools = [...new Set(row.commands.flatMap(({ tool }) => tool === "deno" ? [] : [tool, "node-24" as const]))];
  const missing = tools.filter((tool) => !isInstalled(tool));
  const suffix = missing.length === 0 ? "" : ` (skipped without ${missing.join(", ")}: deno task tools)`;
  const ignore = missing.length > 0 && !IS_CI;
  const lines = row.lines.map(({ text }) => text).join(" and ");

  Deno.test(`${row.name} builds the snippet of the README ${lines && `with ${lines}` || "as it is"}${suffix}`, {
    ignore,
  }, async () => {
    const shown = await build(row, row.lines, await projectOf(row));
    assert(shown.includes(row.result.text), shown);
  });

  for (const line of row.lines) {
    Deno.test(`${row.name} does not build it without ${line.text}${suffix}`, { ignore }, async () => {
      const others = row.lines.filter((other) => other !== line);
      const error = await assertRejects(async () => await build(row, others, await projectOf(row)), Error);
      assertMatch(error.message, line.failure);
    });
  }
}
