import { fileURLToPath } from "node:url";
import { run } from "../../scripts/run.ts";
import { installMissing, program } from "../../scripts/tools.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The folder of the packages that a case imports, which include the package under test. */
const MODULES = `${HERE}node_modules`;

/** A runtime, by its name in the tables. */
export type RuntimeName = "node-24" | "node-20" | "deno" | "bun";

/** How a file is run with a runtime. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  /** The program, and the arguments before the file. */
  readonly command: readonly string[];
}

/** The runtimes that are measured, the reference first. */
export const RUNTIMES: readonly RuntimeName[] = [
  "node-24",
  "node-20",
  "deno",
  "bun",
];

/**
 * Finds a runtime, and installs it if it is missing.
 *
 * @param name Its name.
 * @returns How to run a file with it.
 */
export async function prepareRuntime(name: RuntimeName): Promise<Runtime> {
  const command = await commandOf(name);
  const { stdout } = await run(command[0]!, { args: ["--version"] });
  return { name, command, version: /\d+\.\d+\.\d+/.exec(stdout)![0] };
}

async function commandOf(name: RuntimeName): Promise<readonly string[]> {
  // Without deno.json, which would map the package to its sources: the package.json of this folder counts.
  const flags = [
    "run",
    "--quiet",
    "--no-config",
    "--node-modules-dir=manual",
    "--allow-all",
    "--v8-flags=--expose-gc",
  ];
  if (name === "deno") return [Deno.execPath(), ...flags];
  await installMissing(name);
  return name === "bun" ? [program("bun", "bun")] : [program(name, "node"), "--expose-gc"];
}

/**
 * Installs the peers in the versions of package.json, unless they are installed.
 *
 * @returns Their versions, by name.
 */
export async function preparePeers(): Promise<Record<string, string>> {
  const { dependencies } = JSON.parse(
    await Deno.readTextFile(`${HERE}package.json`),
  );
  const installed = await Promise.all(Object.keys(dependencies).map(versionOf));
  if (
    installed.some((version, index) => version !== Object.values(dependencies)[index])
  ) {
    const args = [
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--force",
    ];
    await run("npm", { args, cwd: HERE, timeoutMs: 600_000 });
  }
  return dependencies;
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    return JSON.parse(
      await Deno.readTextFile(`${MODULES}/${name}/package.json`),
    ).version;
  } catch {
    return undefined;
  }
}

/**
 * Installs the package under test beside its peers.
 *
 * @param source `"npm"` for the built package, `"source"` for a bundle of the sources, or the folder of another
 * checkout whose sources are bundled.
 * @returns What was installed, for people to read.
 */
export async function prepareSubject(source: string): Promise<string> {
  const isCheckout = source !== "npm" && source !== "source";
  const checkout = isCheckout ? await Deno.realPath(source) : ROOT.slice(0, -1);
  const target = `${MODULES}/@cq/core`;
  await Deno.remove(target, { recursive: true }).catch(() => {});
  await bundle(`${checkout}/src/middleware_chain.ts`, `${target}/chain.js`, ["--target=es2022"]);

  if (source === "npm") {
    await run(Deno.execPath(), { args: ["task", "--quiet", "npm"], cwd: ROOT, timeoutMs: 600_000 });
    await copyFolder(`${ROOT}npm`, target);
    return "the built npm package";
  }
  await bundle(`${checkout}/mod.ts`, `${target}/mod.js`, ["--target=es2022"]);
  const manifest = { name: "@cq/core", type: "module", exports: { ".": "./mod.js" } };
  await Deno.writeTextFile(`${target}/package.json`, JSON.stringify(manifest));
  return isCheckout ? `a bundle of the sources in ${source}` : "a bundle of the sources";
}

/**
 * Bundles a module and what it imports.
 *
 * @param entry The module.
 * @param target The file of the bundle.
 * @param flags Further flags of esbuild.
 */
export async function bundle(entry: string, target: string, flags: readonly string[]): Promise<void> {
  await installMissing("esbuild");
  const args = [entry, "--bundle", "--format=esm", `--outfile=${target}`, ...flags];
  await run(program("esbuild", "esbuild"), { args });
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The findings of a case. */
export type Findings = Readonly<Record<string, unknown>>;

/**
 * Runs a case in a new process.
 *
 * @param runtime The runtime.
 * @param file The file in `cases`.
 * @param args Its arguments.
 * @param flags Flags of the runtime.
 * @returns Its findings.
 */
export async function runCase(
  runtime: Runtime,
  { file, args = [], flags = [] }: {
    file: string;
    args?: readonly string[];
    flags?: readonly string[];
  },
): Promise<Findings> {
  const [command, ...before] = runtime.command;
  const { stdout } = await run(command!, {
    args: [...before, ...flags, `${HERE}cases/${file}`, ...args],
    cwd: HERE,
    timeoutMs: 900_000,
  });
  const line = stdout.split("\n").findLast((text) => text.startsWith("@findings "));
  if (line === undefined) {
    throw new Error(
      `"${file}" has printed no findings on ${runtime.name}:\n${stdout}`,
    );
  }
  return JSON.parse(line.slice("@findings ".length));
}
