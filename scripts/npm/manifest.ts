/**
 * The description of the npm package, for both of its builds.
 *
 * @module
 */

/** The part of deno.json that the description takes over. */
export interface Config {
  /** The name of the package. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its license. */
  readonly license: string;
  /** The sources of its entry points. */
  readonly exports: Readonly<Record<string, string>>;
}

/** The package.json of the npm package. */
export type Manifest = Readonly<Record<string, unknown>> & {
  /** The entry points. */
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string } | string>>;
};

const DESCRIPTION = "CQRS for TypeScript: command, query and event buses whose handlers the compiler checks";

const KEYWORDS: readonly string[] = [
  "cqrs",
  "command-bus",
  "query-bus",
  "event-bus",
  "mediator",
  "middleware",
  "dependency-injection",
  "pipeline",
  "queue",
  "typescript",
  "decorators",
  "edge",
];

/** The root of the project. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** Reads deno.json. */
export async function readConfig(): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
}

/**
 * Describes the package.
 *
 * @param config The contents of deno.json.
 * @param layout The folder of the compiled modules within the package, and the address of the repository. npm demands
 * the address for provenance, and only a release knows it.
 * @returns The package.json.
 */
export function describePackage(
  config: Config,
  { folder, repository }: { folder: string; repository: string | undefined },
): Manifest {
  const compiled = Object.entries(config.exports).map(([name, source]) => {
    const module = `./${folder}${source.replace(/^\.\//, "").replace(/\.ts$/, "")}`;
    // Without the condition "import", which would refuse `require`: from Node 20.19 on it loads ES modules.
    return [name, { types: `${module}.d.ts`, default: `${module}.js` }] as const;
  });
  const main = compiled.find(([name]) => name === ".")![1];
  return {
    name: config.name,
    version: config.version,
    description: DESCRIPTION,
    keywords: KEYWORDS,
    license: config.license,
    ...(repository && {
      repository: { type: "git", url: `git+${repository}.git` },
      homepage: `${repository}#readme`,
      bugs: { url: `${repository}/issues` },
    }),
    type: "module",
    main: main.default,
    types: main.types,
    exports: { ...Object.fromEntries(compiled), "./package.json": "./package.json" },
    engines: { node: ">=20" },
    // The module of the default router makes its state when it is loaded, and only its exports use that state. A bundle
    // that uses none of these exports can leave the module out.
    sideEffects: false,
    publishConfig: { access: "public" },
  };
}
