/**
 * Prints nothing where JSR answers, and otherwise the `--import-map` flag that puts the stand-ins in
 * `scripts/std/` in the place of `@std`, so that the tests run on machines that reach npm alone.
 *
 * With `--packages` it prints the flag in any case, and the packages of `examples/deno.json` can be imported from
 * everywhere: those that the examples need are in one place, and tests need them too.
 *
 * Used as `deno test $(deno task -q std)`.
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

// A registry that accepts the connection and never answers would hold every test run up for minutes.
const TIME_LIMIT_MS = 10_000;

/** Where the map is written: in a workspace, Deno does not take one from a data URL. */
const MAP = "scripts/std/import_map.json";

/** Tells whether all that the stand-ins replace can be loaded, which also fills the cache for the run to come. */
async function isStdReachable(): Promise<boolean> {
  // The specifiers are variables, so that they are loaded here and not before this script starts.
  const loading = Promise.all(Object.keys(STAND_INS).map((specifier) => import(specifier)));
  const limit = new Promise<false>((resolve) => setTimeout(() => resolve(false), TIME_LIMIT_MS));
  return await Promise.race([loading.then(() => true, () => false), limit]);
}

async function readImports(path: string): Promise<Readonly<Record<string, string>>> {
  const config: Config = JSON.parse(await Deno.readTextFile(new URL(`../${path}`, import.meta.url)));
  return config.imports;
}

/** Builds the import map anew, because the flag replaces that of deno.json as a whole. */
async function importMap(isReachable: boolean): Promise<{ imports: Record<string, string> }> {
  const imports: Record<string, string> = {};
  const declared = { ...await readImports("examples/deno.json"), ...await readImports("deno.json") };
  for (const [name, target] of Object.entries(declared)) {
    imports[name] = target;
    // In deno.json, but not in an import map, a package stands for its subpaths too.
    const scheme = /^(jsr|npm):\/?/.exec(target);
    if (scheme) imports[`${name}/`] = `${scheme[1]}:/${target.slice(scheme[0].length)}/`;
  }
  if (isReachable) return { imports };
  for (const [name, file] of Object.entries(STAND_INS)) imports[name] = import.meta.resolve(file);
  return { imports };
}

/** Writes the map at one go: other tasks may be reading it. */
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
// Whatever still waits for the registry is not waited for.
Deno.exit(0);
