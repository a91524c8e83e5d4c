/**
 * What the npm package says about itself: the one description that every build of it reads.
 *
 * @module
 */

/** What deno.json says, which is not said a second time here. */
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
 * @param config What deno.json says.
 * @param layout The folder of the compiled modules within the package, and the address of the repository, which npm
 * demands for provenance and only a release knows.
 * @returns The package.json.
 */
export function describePackage(
  config: Config,
  { folder, repository }: { folder: string; repository: string | undefined },
): Manifest {
  const compiled = Object.entries(config.exports).map(([name, source]) => {
    const module = `./${folder}${source.replace(/^\.\//, "").replace(/\.ts$/, "")}`;
    // No condition "import": it would keep `require` out, which loads ES modules from Node 20.19 on.
    return [name, { types: `${module}.d.ts`, default: `${module}.js` }] as const;
  });
  const main = compiled.find(([name]) => name === ".")![1];
  return {
    name: config.name,
    version: config.version,
    description: DESCRIPTION,
    keywords: KEYWORDS,
    license: config.license,
    ...(repository && { repository: { type: "git", url: `git+${repository}.git` } }),
    type: "module",
    main: main.default,
    types: main.types,
    exports: { ...Object.fromEntries(compiled), "./package.json": "./package.json" },
    engines: { node: ">=20" },
    // The state of the default router is made when its module is loaded, and reached through its exports alone: a
    // bundle that uses none of them does without it, and nobody can tell.
    sideEffects: false,
    publishConfig: { access: "public" },
  };
}
