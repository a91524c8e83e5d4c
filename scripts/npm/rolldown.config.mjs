/**
 * How the sources become the modules of the npm package: one file for each entry point, and as few shared files as the
 * bundlers of users can split well. A runtime takes half a millisecond to find, read and link a module.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports: entryPoints } = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));
const main = root + entryPoints["."].slice(2);
const defaults = `${root}src/default_router.ts`;

/** One file for what the main entry point imports, shared by all entry points. The default router is not part of it. */
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
  // All sources are needed, and without tree shaking the bundler leaves the statements as they are: they stay readable.
  treeshake: false,
  tsconfig: false,
  transform: { target: "es2022" },
  onwarn: (warning) => {
    throw new Error(warning.message);
  },
  output: {
    entryFileNames: "[name].js",
    chunkFileNames: "src/[name].js",
    // The names and the paths of the sources stay, for people to read. The documentation is in the declarations. Here
    // it would be half of what a runtime has to read before it starts.
    comments: { jsdoc: false },
    minify: false,
    minifyInternalExports: false,
    // `var`, because an engine checks each access of a top-level `let` or `const`.
    topLevelVar: true,
    codeSplitting: {
      // What several of the other entry points import is in one more file.
      groups: [{ debugName: "core", name: chunkOf, priority: 1 }, { name: "shared", minShareCount: 2 }],
    },
  },
};
