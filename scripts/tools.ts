/**
 * The bundler that builds the package, and the runtimes, compilers and checkers that test it. They are kept outside of
 * the checkout. `deno task tools` installs those that are missing, or only those that its arguments name.
 *
 * @module
 */

import { run } from "./run.ts";

/** The tools, each with a folder of that name: packages of npm, with their versions. */
const TOOLS = {
  // An exact version, because it writes the files that are published.
  "rolldown": ["rolldown@1.3.2"],
  "node-20": ["node@20"],
  "node-22": ["node@22"],
  "node-24": ["node@24"],
  "node-26": ["node@26"],
  "bun": ["bun@^1.4.5"],
  "workerd": ["workerd@^1.20261117.1"],
  "edge-runtime": ["edge-runtime@^4.0.1"],
  "esbuild": ["esbuild@^0.28.2"],
  "swc": ["@swc/core@^1.16.22"],
  "tsx": ["tsx@^4.23.15"],
  // Exactly, since the tests say what each of them does not do, which a newer one may do.
  "vite": ["vite@8.3.8", "vitest@5.1.2"],
  "next": ["next@16.4.6", "react@19", "react-dom@19", "typescript@~5.9.3", "@types/react@19", "@types/node@24"],
  "jest": [
    "jest@30.5.2",
    "@babel/core@8.1.3",
    "@babel/cli@8",
    "@babel/preset-env@8",
    "@babel/preset-typescript@8",
    "@babel/plugin-proposal-decorators@8",
  ],
  "wrangler": ["wrangler@4.164.0"],
  "publint": ["publint@^0.3.25"],
  "attw": ["@arethetypeswrong/cli@^0.18.5"],
  // The oldest version with NoInfer, which the declarations use, and the newest of each major version.
  "typescript-5.4": ["typescript@~5.4.5"],
  "typescript-5.9": ["typescript@~5.9.3"],
  "typescript-6": ["typescript@^6.0.3"],
  "typescript-7": ["typescript@^7.0.2"],
  "fast-check": ["fast-check@^4"],
} as const;

/** The name of a tool. */
export type Tool = keyof typeof TOOLS;

/** The names of browsers that can run without a window. The name on Debian comes first. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];

/** Whether this machine must have all tools, so that no test is skipped. */
export const IS_CI: boolean = Deno.env.get("CI") === "true";

/** The folder in which tools are kept between runs. */
export function cacheFolder(): string {
  const { CQ_CORE_CACHE, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return CQ_CORE_CACHE ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/cq-core`;
}

/** The folder of a tool. Its packages are in `node_modules` there. */
export function toolFolder(tool: Tool): string {
  return `${cacheFolder()}/${tool}`;
}

/** A program of a tool. */
export function program(tool: Tool, name: string): string {
  return `${toolFolder(tool)}/node_modules/.bin/${name}`;
}

/** Whether a tool is installed in the right version. */
export function isInstalled(tool: Tool): boolean {
  try {
    return Deno.readTextFileSync(`${toolFolder(tool)}/installed`) === TOOLS[tool].join(" ");
  } catch {
    return false;
  }
}

/** The browser of this machine, if there is one. */
export async function findBrowser(): Promise<string | undefined> {
  for (const browser of BROWSERS) {
    try {
      await run(browser, { args: ["--version"] });
      return browser;
    } catch {
      // The next one may be installed.
    }
  }
  return undefined;
}

/**
 * Installs a tool with npm, unless it is installed.
 *
 * @param tool The tool.
 * @returns Whether the tool was missing.
 */
export async function installMissing(tool: Tool): Promise<boolean> {
  if (isInstalled(tool)) return false;
  const folder = toolFolder(tool);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", ...TOOLS[tool]];
  await run("npm", { args, timeoutMs: 600_000 });
  await Deno.writeTextFile(`${folder}/installed`, TOOLS[tool].join(" "));
  return true;
}

/** Installs the browser of Debian, if the machine permits it. */
async function installBrowser(): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", { args: ["update"], env, timeoutMs: 300_000 });
  await run("apt-get", { args: ["install", "-y", "--no-install-recommends", "chromium"], env, timeoutMs: 600_000 });
}

if (import.meta.main) {
  const names = Object.keys(TOOLS) as Tool[];
  const wanted = Deno.args.length === 0 ? names : names.filter((name) => Deno.args.includes(name));
  for (const tool of wanted) {
    const start = performance.now();
    const isNew = await installMissing(tool);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${tool}: ${isNew ? `installed in ${seconds} s` : "there"}`);
  }
  if (Deno.args.length === 0 || Deno.args.includes("browser")) {
    const isThere = await findBrowser() !== undefined;
    if (!isThere) await installBrowser();
    console.log(`browser: ${isThere ? "there" : "installed"}`);
  }
}
