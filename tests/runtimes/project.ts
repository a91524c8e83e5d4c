import { fileURLToPath } from "node:url";
import { readConfig, ROOT } from "../../scripts/npm/manifest.ts";
import { run } from "../../scripts/run.ts";
import { program } from "../../scripts/tools.ts";

const root = fileURLToPath(ROOT);

/** What {@linkcode bundle} makes. */
export interface BundleOptions {
  /** The file, within the repository. */
  readonly entry: string;
  /** The name of the bundle, within the project. */
  readonly outfile: string;
  /** Whether the package is a part of it. Otherwise the runtime has to find it. */
  readonly isWhole: boolean;
  /** What stands for global names. */
  readonly define?: Readonly<Record<string, unknown>>;
  /** The format of the bundle. */
  readonly format?: "esm" | "iife";
}

/**
 * Makes a project, outside of the checkout, that has the built package and nothing else. It goes when the tests end.
 *
 * @param options The folder in which it is made, such as that of a tool, so that it finds the packages that are there.
 * @returns Its folder.
 */
export async function makeProject({ folder }: { folder?: string } = {}): Promise<string> {
  const { name, version } = await readConfig();
  const project = await Deno.makeTempDir({ prefix: "cq-core-", ...(folder && { dir: folder }) });
  globalThis.addEventListener("unload", () => Deno.removeSync(project, { recursive: true }));
  const manifest = { name: "consumer", version: "1.0.0", type: "module", private: true };
  await Deno.writeTextFile(`${project}/package.json`, JSON.stringify(manifest));
  const tarball = `${root}${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
  // A lock file would end the search of some tools for the root of the project.
  const args = ["install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", tarball];
  await run("npm", { args, cwd: project });
  return project;
}

/**
 * Bundles a file of the repository so that it uses the package of a project.
 *
 * @param project The folder of the project.
 * @param options What to bundle.
 * @returns The name of the bundle.
 */
export async function bundle(project: string, options: BundleOptions): Promise<string> {
  const { entry, outfile, isWhole, define = {}, format = "esm" } = options;
  const { name, exports } = await readConfig();
  const external = Object.keys(exports).map((subpath) => `--external:${subpath.replace(/^\./, name)}`);
  await run(program("esbuild", "esbuild"), {
    args: [
      `${root}${entry}`,
      "--bundle",
      "--target=es2022",
      `--format=${format}`,
      `--outfile=${outfile}`,
      "--log-level=warning",
      ...(isWhole ? [] : external),
      ...Object.entries(define).map(([name, value]) => `--define:${name}=${JSON.stringify(value)}`),
    ],
    cwd: project,
    // The files of the repository do not find it by themselves.
    env: { NODE_PATH: `${project}/node_modules` },
  });
  return outfile;
}
