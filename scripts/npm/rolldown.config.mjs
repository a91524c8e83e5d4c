/**
 * How the sources become the modules of the npm package: a file for each entry point, and between them as few as the
 * bundlers of users can still take apart. Each module takes a runtime half a millisecond to find, read and link.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports: entryPoints } = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));
const main = root + entryPoints["."].slice(2);
const defaults = `${root}src/default_router.ts`;

/** What the main entry point reaches is in one file, for all entry points. The default router is in that of its own. */
function chunkOf(id, graph) {
  return id !== main && id !== defaults && sourcesOf(main, graph).has(id) ? "core" : null;
}

/** A source and all that it imports. */
function sourcesOf(id, graph) {
  const found = new Set([id]);
  for (const source of found) graph.getModuleInfo(source).importedIds.forEach((imported) => found.add(imported));
  return found;
}

export default {
  cwd: root,
  input: Object.fromEntries(Object.values(entryPoints).map((path) => [path.slice(2).replace(/\.ts$/, ""), path])),
  // Everything in the sources is needed, and what the bundler would make of the statements is harder to read.
  treeshake: false,
  tsconfig: false,
  transform: { target: "es2022" },
  onwarn: (warning) => {
    throw new Error(warning.message);
  },
  output: {
    entryFileNames: "[name].js",
    chunkFileNames: "src/[name].js",
    // For people to read: the names and the paths of the sources stay. The documentation is in the declarations, and
    // would be half of what a runtime has to read before it starts.
    comments: { jsdoc: false },
    minify: false,
    minifyInternalExports: false,
    // Without the checks that let and const cost an engine at each access.
    topLevelVar: true,
    codeSplitting: {
      groups: [{ debugName: "core", name: chunkOf }],
    },
  },
};
