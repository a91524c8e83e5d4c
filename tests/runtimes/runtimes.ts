/**
 * The runtimes that the package is tested in, and how each of them is given a bundle.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { run } from "../../scripts/run.ts";
import { findBrowser, isInstalled, program, type Tool, toolFolder } from "../../scripts/tools.ts";
import type { Report } from "./smoke.ts";

/** One runtime. */
export interface Runtime {
  /** Its name. */
  readonly name: string;
  /** The file in `entries/` that it is started with. */
  readonly entry: "console" | "workerd" | "edge" | "browser";
  /** Whether the package is resolved by the runtime itself, or is a part of the bundle. */
  readonly resolves: boolean;
  /** Whether it is on this machine. */
  readonly isInstalled: boolean;
  /** Gives the version of it that is here. */
  readonly version: () => Promise<string>;
  /** Runs a module, within a project that has the package, and gives what it reports. */
  readonly run: (project: string, module: string) => Promise<Report>;
}

const NODES: readonly Tool[] = ["node-20", "node-22", "node-24", "node-26"];
const EDGE_HOST = fileURLToPath(new URL("edge_host.mjs", import.meta.url));
const BROWSER = await findBrowser();

async function versionOf(program: string): Promise<string> {
  const { stdout } = await run(program, { args: ["--version"] });
  return /\d+[.-][\d.-]+/.exec(stdout)![0];
}

async function reportOf(program: string, args: readonly string[], project: string): Promise<Report> {
  const { stdout } = await run(program, { args, cwd: project });
  return JSON.parse(stdout);
}

function consoleRuntime(name: string, tool: Tool, command: string): Runtime {
  return {
    name,
    entry: "console",
    resolves: true,
    isInstalled: isInstalled(tool),
    version: () => versionOf(program(tool, command)),
    run: (project, module) => reportOf(program(tool, command), [module], project),
  };
}

/**
 * Describes a worker to workerd.
 *
 * @param worker The path of its module, relative to the project, and what its config has beside it.
 * @returns The text of the config.
 */
export function workerdConfig(
  { module, bindings = "", services = "", sockets = "" }: {
    module: string;
    bindings?: string;
    services?: string;
    sockets?: string;
  },
): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), ${services}],
  sockets = [${sockets}],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "${module}")],
  bindings = [${bindings}],
  # An old one: what came later would hide what the package should do without.
  compatibilityDate = "2023-03-01",
);
`;
}

/** All runtimes. */
export const RUNTIMES: readonly Runtime[] = [
  ...NODES.map((tool) => consoleRuntime(tool.replace("-", " "), tool, "node")),
  consoleRuntime("bun", "bun", "bun"),
  {
    name: "deno",
    entry: "console",
    resolves: true,
    isInstalled: true,
    version: () => Promise.resolve(Deno.version.deno),
    run: (project, module) => reportOf(Deno.execPath(), ["run", "--no-prompt", "--no-lock", module], project),
  },
  {
    name: "workerd",
    entry: "workerd",
    resolves: false,
    isInstalled: isInstalled("workerd"),
    version: () => versionOf(program("workerd", "workerd")),
    run: async (project, module) => {
      const config = `${module}.capnp`;
      await Deno.writeTextFile(`${project}/${config}`, workerdConfig({ module }));
      return await reportOf(program("workerd", "workerd"), ["test", config], project);
    },
  },
  {
    name: "edge-runtime",
    entry: "edge",
    resolves: false,
    isInstalled: isInstalled("edge-runtime") && isInstalled("node-20"),
    version: async () => {
      const manifest = `${toolFolder("edge-runtime")}/node_modules/edge-runtime/package.json`;
      return JSON.parse(await Deno.readTextFile(manifest)).version;
    },
    run: (project, module) =>
      reportOf(program("node-20", "node"), [EDGE_HOST, toolFolder("edge-runtime"), module], project),
  },
  {
    name: "browser",
    entry: "browser",
    resolves: false,
    isInstalled: BROWSER !== undefined,
    version: () => versionOf(BROWSER!),
    run: async (project, module) => {
      const page = `${project}/${module}.html`;
      await Deno.writeTextFile(page, `<!doctype html><body><script type="module" src="${module}"></script></body>`);
      const profile = await Deno.makeTempDir();
      try {
        const { stdout } = await run(BROWSER!, { args: [...browserFlags(profile), `file://${page}`] });
        const body = /<body>([^<]*)<\/body>/.exec(stdout)?.[1];
        if (!body) throw new Error(`The page was left without a report:\n${stdout}`);
        return JSON.parse(decodeURIComponent(body));
      } finally {
        await Deno.remove(profile, { recursive: true });
      }
    },
  },
];

function browserFlags(profile: string): string[] {
  return [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    `--user-data-dir=${profile}`,
    // Time runs ahead whenever the page waits, and the page is read when this much of it has gone by.
    "--virtual-time-budget=10000",
    "--dump-dom",
  ];
}
