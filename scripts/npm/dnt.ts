/**
 * Makes the declarations of a release of the npm package with dnt, which comes from JSR.
 *
 * @module
 */

import { type Config, ROOT } from "./manifest.ts";

/**
 * The part of `@deno/dnt` that is used. It is declared here because types are also checked where JSR cannot be reached.
 */
interface Dnt {
  emptyDir(folder: string): Promise<void>;
  build(options: {
    readonly entryPoints: readonly { readonly name: string; readonly path: string }[];
    readonly outDir: string;
    readonly package: { readonly name: string; readonly version: string };
    readonly shims: Readonly<Record<string, never>>;
    readonly configFile: string;
    readonly test: boolean;
    readonly typeCheck: false;
    readonly declaration: "inline";
    readonly esModule: boolean;
    readonly scriptModule: false;
    readonly skipNpmInstall: boolean;
    readonly skipSourceOutput: boolean;
    readonly compilerOptions: {
      readonly target: "ES2022";
      readonly lib: readonly ("ESNext" | "DOM" | "DOM.Iterable")[];
      readonly sourceMap: boolean;
    };
  }): Promise<void>;
}

// A variable, so that the module is loaded when it is needed, and not before the script starts.
const SPECIFIER = "jsr:@deno/dnt@^0.42.3";

// Without a limit, a registry that accepts the connection and never answers would delay each build by minutes.
const TIME_LIMIT_MS = 20_000;

/** Loads dnt. Resolves to `undefined` if JSR does not answer. */
export async function loadDnt(): Promise<Dnt | undefined> {
  const { promise: limit, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), TIME_LIMIT_MS);
  const loading: Promise<Dnt | undefined> = import(SPECIFIER).catch(() => undefined);
  return await Promise.race([loading, limit]).finally(() => clearTimeout(timer));
}

/**
 * Compiles the package: ES modules with their declarations beside them. Only the declarations are kept.
 *
 * @param dnt The module that {@linkcode loadDnt} loaded.
 * @param config The contents of deno.json.
 * @param target The folder of the package.
 * @returns The folder of the compiled modules within the package.
 */
export async function buildWithDnt(dnt: Dnt, config: Config, target: string): Promise<string> {
  await dnt.emptyDir(target);
  await dnt.build({
    entryPoints: Object.entries(config.exports).map(([name, path]) => ({ name, path })),
    outDir: target,
    package: { name: config.name, version: config.version },
    shims: {},
    configFile: new URL("deno.json", ROOT).href,
    // Other tests use the package in every runtime, and check its declarations with several compilers.
    test: false,
    typeCheck: false,
    declaration: "inline",
    esModule: true,
    scriptModule: false,
    skipNpmInstall: true,
    skipSourceOutput: true,
    compilerOptions: { target: "ES2022", lib: ["ESNext", "DOM", "DOM.Iterable"], sourceMap: false },
  });
  return "esm/";
}
