/**
 * Makes the declarations of the npm package with `deno pack`, where JSR cannot be reached.
 *
 * @module
 */

import { run } from "../run.ts";
import { ROOT } from "./manifest.ts";

/**
 * Compiles the package: ES modules with their declarations beside them. Only the declarations are kept.
 *
 * @param target The folder of the package.
 * @returns The folder of the compiled modules within the package.
 */
export async function buildWithPack(target: string): Promise<string> {
  const work = await Deno.makeTempDir();
  try {
    const tarball = `${work}/package.tgz`;
    const { output } = await run(Deno.execPath(), {
      args: ["pack", "--no-source-maps", "--allow-dirty", "--output", tarball],
      cwd: ROOT,
    });
    // It still exits with 0, and leaves out the declarations of such a module.
    if (/slow type/i.test(output)) throw new Error(`Cannot build the declarations:\n${output}`);
    await run("tar", { args: ["-xzf", tarball, "-C", work] });
    await Deno.remove(target, { recursive: true }).catch(() => {});
    await run("cp", { args: ["-R", `${work}/package`, target] });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  await removeSources(target);
  return "";
}

/** Removes the modules that no entry point imports: `deno pack` copies them without compiling them. */
async function removeSources(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await removeSources(path);
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) await Deno.remove(path);
  }
}
