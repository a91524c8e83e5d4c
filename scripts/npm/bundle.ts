/**
 * Bundles the modules of the npm package. With a file for each source, loading it would take five times as long.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { run } from "../run.ts";
import { installMissing, program } from "../tools.ts";

const CONFIG = fileURLToPath(new URL("rolldown.config.mjs", import.meta.url));

/**
 * Replaces the compiled modules by bundles of the sources. They do not depend on the build that compiled the package.
 * The declarations stay: TypeScript finds the declarations of a module without the module.
 *
 * @param folder The folder of the compiled modules.
 */
export async function bundleModules(folder: string): Promise<void> {
  await installMissing("rolldown");
  await removeModules(folder);
  const args = ["--config", CONFIG, "--dir", folder, "--log-level", "warn"];
  const { output } = await run(program("rolldown", "rolldown"), { args });
  // After a warning it still exits with 0, for example if it does not know an option.
  if (/warning/i.test(output)) throw new Error(`Cannot bundle the modules:\n${output}`);
}

async function removeModules(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await removeModules(path);
    else if (name.endsWith(".js")) await Deno.remove(path);
  }
}
