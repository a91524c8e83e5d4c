/**
 * Builds the npm package into `npm/`, and packs it into a tarball at the root.
 *
 * Its declarations come from dnt if JSR answers, otherwise from `deno pack`. Its modules come from a bundler. Flags:
 * `--release` accepts only dnt; `--repository=<address>` names the repository, for a release with provenance.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { run } from "../run.ts";
import { bundleModules } from "./bundle.ts";
import { buildWithDnt, loadDnt } from "./dnt.ts";
import { withAbsoluteLinks } from "./links.ts";
import { describePackage, readConfig, ROOT } from "./manifest.ts";
import { buildWithPack } from "./pack.ts";

const isRelease = Deno.args.includes("--release");
const repository = Deno.args.find((argument) => argument.startsWith("--repository="))?.split("=", 2)[1];

const root = fileURLToPath(ROOT);
const target = `${root}npm`;
const config = await readConfig();

const dnt = await loadDnt();
if (dnt === undefined && isRelease) {
  console.error("Cannot build a release: it is built with dnt, and JSR does not answer");
  Deno.exit(1);
}
const folder = dnt === undefined ? await buildWithPack(target) : await buildWithDnt(dnt, config, target);
await bundleModules(`${target}/${folder}`);

// The two builds write different manifests, so that both are replaced.
const manifest = describePackage(config, { folder, repository });
await Deno.writeTextFile(`${target}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
for (const document of ["LICENSE", "README.md", "CHANGELOG.md"]) {
  const text = await Deno.readTextFile(`${root}${document}`);
  const source = repository && { repository, tag: `v${config.version}` };
  await Deno.writeTextFile(`${target}/${document}`, source ? withAbsoluteLinks(text, source) : text);
}
for (const leftover of [".npmignore", ...(folder === "" ? [] : [`${folder}package.json`])]) {
  await Deno.remove(`${target}/${leftover}`).catch(() => {});
}
await referToDisposable(target);

/**
 * Completes the declarations for projects whose `lib` does not have the symbols of disposal. JSR does not allow a
 * reference to a library in the sources.
 */
async function referToDisposable(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await referToDisposable(path);
    else if (name.endsWith(".d.ts")) {
      const text = await Deno.readTextFile(path);
      if (!/\[Symbol\.(?:asyncD|d)ispose\]/.test(text)) continue;
      await Deno.writeTextFile(path, `/// <reference lib="esnext.disposable" />\n${text}`);
    }
  }
}

const { stdout } = await run("npm", { args: ["pack", target, "--json", "--pack-destination", root], cwd: root });
const [{ filename, size, entryCount }] = JSON.parse(stdout);
console.log(`Built npm/ with ${dnt === undefined ? "deno pack, because JSR does not answer" : "dnt"}`);
console.log(`Packed ${filename}: ${entryCount} files, ${(size / 1000).toFixed(1)} kB`);
// A request to the registry may still be pending: the script does not wait for it.
Deno.exit(0);
