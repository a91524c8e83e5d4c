/**
 * Prints nothing if JSR answers. Otherwise it prints the `--import-map` flag that replaces `@std` by the stand-ins in
 * `scripts/std/`, so that the tests run on machines that reach only npm.
 *
 * With `--packages` it prints the flag in any case, and any file can import the packages of `examples/deno.json`. The
 * examples need these packages, and tests need them too.
 *
 * Use it as `deno test $(deno task -q std)`.
 *
 * @module
 */

interface Config {
  readonly imports: Readonly<Record<string, string>>;
}

const STAND_INS: Readonly<Record<string, string>> = {
  "@std/assert": "./std/assert.ts",
  "@std/testing/mock": "./std/mock.ts",
  "@std/testing/time": "./std/time.ts",
};

// Without a limit, a registry that accepts the connection and never answers would delay each test run by minutes.
const TIME_LIMIT_MS = 10_000;

/** The file of the map: in a workspace, Deno does not read a map from a data URL. */
const MAP = "scripts/std/import_map.json";

/**
 * Tells whether the modules that the stand-ins replace can be loaded. Loading them fills the cache for the test run.
 */
async function isStdReachable(): Promise<boolean> {
  // The specifiers are variables, so that the modules are loaded here and not before this script starts.
  const loading = Promise.all(Object.keys(STAND_INS).map((specifier) => import(specifier)));
  const limit = new Promise<false>((resolve) => setTimeout(() => resolve(false), TIME_LIMIT_MS));
  return await Promise.race([loading.then(() => true, () => false), limit]);
}

async function readImports(path: string): Promise<Readonly<Record<string, string>>> {
  const config: Config = JSON.parse(await Deno.readTextFile(new URL(`../${path}`, import.meta.url)));
  return config.imports;
}

/** Builds a complete import map, because the flag replaces the imports of deno.json as a whole. */
async function importMap(isReachable: boolean): Promise<{ imports: Record<string, string> }> {
  const imports: Record<string, string> = {};
  const declared = { ...await readImports("examples/deno.json"), ...await readImports("deno.json") };
  for (const [name, target] of Object.entries(declared)) {
    imports[name] = target;
    // Unlike in deno.json, in an import map a package does not include its subpaths.
    const scheme = /^(jsr|npm):\/?/.exec(target);
    if (scheme) imports[`${name}/`] = `${scheme[1]}:/${target.slice(scheme[0].length)}/`;
  }
  if (isReachable) return { imports };
  for (const [name, file] of Object.entries(STAND_INS)) imports[name] = import.meta.resolve(file);
  return { imports };
}

/** Writes the map with one rename, because other tasks may read it at the same time. */
async function writeMap(map: unknown): Promise<void> {
  const target = new URL(`../${MAP}`, import.meta.url);
  const part = new URL(`${target.href}.${Deno.pid}`);
  await Deno.writeTextFile(part, JSON.stringify(map, undefined, 2));
  await Deno.rename(part, target);
}

const isReachable = await isStdReachable();
if (!isReachable || Deno.args.includes("--packages")) {
  await writeMap(await importMap(isReachable));
  console.log(`--import-map=${MAP}`);
}
// A request to the registry may still be pending: the script does not wait for it.
Deno.exit(0);
