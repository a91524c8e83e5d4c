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
const defaults = `${root}src/defaults.ts`;

/**
 * The files for what the main entry point reaches; each imports from those above it alone. Within a file, bundlers drop
 * what nobody uses, except for statements that may do something when they run: the default router is made, and a class
 * with a static block runs it. Such statements are in files that are not loaded for the sake of anything else.
 */
const CHUNKS = {
  "src/core": (id, graph) => reaches(main, id, graph) && !isKept(id, graph),
  "src/router": (id, graph) => reaches(main, id, graph) && id !== defaults,
  "src/defaults": (id) => id === defaults,
};

/** Whether bundlers keep a part of a source, or of one that it imports. */
function isKept(id, graph) {
  return sourcesOf(id, graph).some((source) =>
    source === defaults || /^\s*static \{/m.test(graph.getModuleInfo(source).code)
  );
}

function reaches(entryPoint, id, graph) {
  return id !== entryPoint && sourcesOf(entryPoint, graph).includes(id);
}

/** A source and all that it imports. */
function sourcesOf(id, graph) {
  const found = new Set([id]);
  for (const source of found) graph.getModuleInfo(source).importedIds.forEach((imported) => found.add(imported));
  return [...found];
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
    chunkFileNames: "[name].js",
    // For people to read: the names, the documentation and the paths of the sources stay.
    minify: false,
    minifyInternalExports: false,
    codeSplitting: {
      groups: Object.entries(CHUNKS).map(([name, isIn], index, { length }) => ({
        debugName: name,
        name: (id, graph) => isIn(id, graph) ? name : null,
        priority: length - index,
      })),
    },
  },
};
