/**
 * Runs the scenarios of `smoke.ts` against the built package in every runtime. `deno task test:runtimes` builds it and
 * runs this. A runtime that is not installed is skipped by name, except in CI.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { IS_CI, isInstalled } from "../../scripts/tools.ts";
import { bundle, makeProject } from "./project.ts";
import { RUNTIMES } from "./runtimes.ts";

const WRONG = "a command, a query and an event each go to their handlers";

const hasBundler = isInstalled("esbuild");
const project = await makeProject();

/** Bundles of the entries are shared by the runtimes. */
const bundles = new Map<string, Promise<string>>();

function entryOf(runtime: (typeof RUNTIMES)[number], isWrong: boolean): Promise<string> {
  const outfile = `${runtime.entry}${isWrong ? "_wrong" : ""}.mjs`;
  const bundling = bundles.get(outfile) ?? bundle(project, {
    entry: `tests/runtimes/entries/${runtime.entry}.ts`,
    outfile,
    isWhole: !runtime.resolves,
    define: { OVERRIDES: isWrong ? { [WRONG]: "wrong" } : {} },
  });
  bundles.set(outfile, bundling);
  return bundling;
}

for (const runtime of RUNTIMES) {
  const isThere = hasBundler && runtime.isInstalled;
  const suffix = isThere ? "" : " (skipped, not installed: deno task tools)";
  const ignore = !isThere && !IS_CI;

  Deno.test(`the package does in ${runtime.name} what is promised${suffix}`, { ignore }, async () => {
    const { passed, failed } = await runtime.run(project, await entryOf(runtime, false));
    assertEquals(failed, []);
    console.log(`${runtime.name}: ${passed.length} scenarios passed in version ${await runtime.version()}`);
  });

  Deno.test(`a wrong expectation fails in ${runtime.name}${suffix}`, { ignore }, async () => {
    const { failed } = await runtime.run(project, await entryOf(runtime, true));
    assertEquals(failed, [{ name: WRONG, expected: "wrong", actual: [3, "user 7", ["first", "second"]] }]);
  });
}
