/**
 * Runs the tests in other runtimes than Deno: bundled, with the syntax of decorators compiled and the stand-ins for
 * `@std` built in.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { readConfig, ROOT } from "../../scripts/npm/manifest.ts";
import { run } from "../../scripts/run.ts";
import { IS_CI, isInstalled, program, type Tool, toolFolder } from "../../scripts/tools.ts";

/** Tests of the repository and not of the library: they start Deno or read files. */
const LEFT_OUT = [
  "architecture_test.ts",
  "docs_test.ts",
  "compiler_errors_test.ts",
  "examples_test.ts",
  "setup_page_test.ts",
];

const RUNTIMES: readonly { readonly tool: Tool; readonly command: string; readonly flags?: readonly string[] }[] = [
  { tool: "node-20", command: "node" },
  // With its garbage collector at hand it measures what a queue leaves behind.
  { tool: "node-24", command: "node", flags: ["--expose-gc"] },
  { tool: "bun", command: "bun" },
];

const STAND_INS = { "@std/assert": "assert", "@std/testing/mock": "mock", "@std/testing/time": "time" };

const root = fileURLToPath(ROOT);
const host = fileURLToPath(new URL("host.mjs", import.meta.url));

async function listTests(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(`${root}tests`)) {
    if (name.endsWith("_test.ts") && !LEFT_OUT.includes(name)) files.push(name);
  }
  return files.sort();
}

async function bundleTests(tests: readonly string[], folder: string): Promise<void> {
  const { name, exports } = await readConfig();
  const aliases = Object.entries(STAND_INS).map(([name, file]) => `--alias:${name}=${root}scripts/std/${file}.ts`);
  await run(program("esbuild", "esbuild"), {
    args: [
      ...tests.map((name) => `${root}tests/${name}`),
      "--bundle",
      "--platform=node",
      "--format=esm",
      "--target=es2022",
      // Messages quote the names of classes, which must not change where two modules use the same one.
      "--keep-names",
      "--log-level=warning",
      `--outdir=${folder}`,
      "--out-extension:.js=.mjs",
      ...Object.entries(exports).map(([subpath, source]) => `--alias:${subpath.replace(/^\./, name)}=${root}${source}`),
      `--alias:fast-check=${toolFolder("fast-check")}/node_modules/fast-check`,
      ...aliases,
    ],
  });
}

const missing = (["esbuild", "fast-check"] as const).filter((tool) => !isInstalled(tool));
if (missing.length > 0) {
  console.log(`Skipped without ${missing.join(", ")}: deno task tools`);
  Deno.exit(IS_CI ? 1 : 0);
}

let hasFailed = false;
const folder = await Deno.makeTempDir({ prefix: "cq-core-tests-" });
try {
  const tests = await listTests();
  await bundleTests(tests, folder);
  const modules = tests.map((name) => name.replace(/\.ts$/, ".mjs"));
  for (const { tool, command, flags = [] } of RUNTIMES) {
    const name = tool.replace("-", " ");
    if (!isInstalled(tool)) {
      console.log(`${name}: skipped, not installed: deno task tools`);
      hasFailed ||= IS_CI;
      continue;
    }
    try {
      const { stdout } = await run(program(tool, command), { args: [...flags, host, ...modules], cwd: folder });
      console.log(`${name}: ${stdout.trim()}`);
    } catch (error) {
      hasFailed = true;
      console.log(`${name}: ${(error as Error).message}`);
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(hasFailed ? 1 : 0);
