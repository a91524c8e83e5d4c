/**
 * Compiles the syntax of decorators with every toolchain that supports it, against the built package: the outcome is
 * the same.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { run } from "../../scripts/run.ts";
import { IS_CI, isInstalled, program, type Tool, toolFolder } from "../../scripts/tools.ts";
import { makeProject } from "../runtimes/project.ts";

const EXPECTED = {
  userId: 3,
  log: ["create Ada", "event", "traced user 3 of 7"],
  handlers: ["CreateUserHandler", "CountUsersHandler", "UserCreatedHandler"],
  isReplaced: true,
};

const SWC_COMPILE = fileURLToPath(new URL("swc_compile.mjs", import.meta.url));

const project = await makeProject();
await Deno.copyFile(new URL("decorators.ts", import.meta.url), `${project}/decorators.ts`);

/** How a toolchain compiles the file or runs it as it is: the program and the arguments that run the outcome. */
interface Toolchain {
  readonly name: string;
  readonly tools: readonly Tool[];
  readonly compile: () => Promise<readonly [program: string, ...args: string[]]>;
}

function typescript(version: "5.9" | "6" | "7"): Toolchain {
  const tool = `typescript-${version}` as const;
  return {
    name: `tsc ${version}`,
    tools: [tool, "node-20"],
    compile: async () => {
      const options = {
        target: "ES2022",
        lib: ["ES2022", "DOM"],
        module: "NodeNext",
        strict: true,
        skipLibCheck: false,
        noEmitOnError: true,
        types: [],
        outDir: `out-${tool}`,
      };
      const config = `tsconfig.${version}.json`;
      await Deno.writeTextFile(
        `${project}/${config}`,
        JSON.stringify({ compilerOptions: options, files: ["decorators.ts"] }),
      );
      await run(program(tool, "tsc"), { args: ["--project", config], cwd: project });
      return [program("node-20", "node"), `out-${tool}/decorators.js`];
    },
  };
}

const TOOLCHAINS: readonly Toolchain[] = [
  { name: "deno", tools: [], compile: () => Promise.resolve([Deno.execPath(), "run", "--no-lock", "decorators.ts"]) },
  { name: "bun", tools: ["bun"], compile: () => Promise.resolve([program("bun", "bun"), "decorators.ts"]) },
  typescript("5.9"),
  typescript("6"),
  typescript("7"),
  {
    name: "esbuild",
    tools: ["esbuild", "node-20"],
    compile: async () => {
      const args = ["decorators.ts", "--target=es2022", "--format=esm", "--outfile=esbuild.mjs"];
      await run(program("esbuild", "esbuild"), { args, cwd: project });
      return [program("node-20", "node"), "esbuild.mjs"];
    },
  },
  {
    name: "swc",
    tools: ["swc", "node-20"],
    compile: async () => {
      const node = program("node-20", "node");
      await run(node, { args: [SWC_COMPILE, toolFolder("swc"), "decorators.ts", "swc.mjs"], cwd: project });
      return [node, "swc.mjs"];
    },
  },
  {
    name: "tsx",
    tools: ["tsx", "node-24"],
    compile: () => Promise.resolve([program("node-24", "node"), program("tsx", "tsx"), "decorators.ts"]),
  },
];

for (const { name, tools, compile } of TOOLCHAINS) {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const suffix = missing.length === 0 ? "" : ` (skipped without ${missing.join(", ")}: deno task tools)`;

  Deno.test(`decorators compiled by ${name} register what they decorate${suffix}`, {
    ignore: missing.length > 0 && !IS_CI,
  }, async () => {
    const [program, ...args] = await compile();
    const { stdout } = await run(program, { args, cwd: project });
    assertEquals(JSON.parse(stdout), EXPECTED);
  });
}
