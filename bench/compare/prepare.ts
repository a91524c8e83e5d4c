import { fileURLToPath } from "node:url";
import { run } from "../../scripts/run.ts";
import { installMissing, program } from "../../scripts/tools.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where the packages that a case imports are installed, the one under test among them. */
const MODULES = `${HERE}node_modules`;

/** A runtime, by the name that the tables call it. */
export type RuntimeName = "node-24" | "node-20" | "deno" | "bun";

/** How a file is run with a runtime. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  /** The program, and what comes before the file. */
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
 * Gets a runtime, and installs it where it is missing.
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
  // The manifest of this folder counts, and not deno.json, which maps the package to its sources.
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
 * Installs the packages that are measured against, in the versions of the manifest, unless they are there.
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
 * Puts the package under test beside its peers.
 *
 * @param source `"npm"` for the built package; otherwise the folder of a checkout whose sources are bundled as they are.
 * @returns What was taken, for people to read.
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

/** What a case found out. */
export type Findings = Readonly<Record<string, unknown>>;

/**
 * Runs a case in a process of its own.
 *
 * @param runtime The runtime.
 * @param file The file in `cases`.
 * @param args What it is told.
 * @param flags Flags of the runtime.
 * @returns What it found out.
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
      `"${file}" has found nothing on ${runtime.name}:\n${stdout}`,
    );
  }
  return JSON.parse(line.slice("@findings ".length));
}
