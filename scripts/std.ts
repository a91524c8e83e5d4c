/**
 * Prints nothing where JSR answers, and otherwise the `--import-map` flag that puts the stand-ins in
 * `scripts/std/` in the place of `@std`, so that the tests run on machines that reach npm alone.
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

/** Tells whether all that the stand-ins replace can be loaded, which also fills the cache for the run to come. */
async function isStdReachable(): Promise<boolean> {
  // The specifiers are variables, so that they are loaded here and not before this script starts.
  const loading = Promise.all(Object.keys(STAND_INS).map((specifier) => import(specifier)));
  const limit = new Promise<false>((resolve) => setTimeout(() => resolve(false), TIME_LIMIT_MS));
  return await Promise.race([loading.then(() => true, () => false), limit]);
}

/** Builds the import map of `config` anew, because the flag replaces that of deno.json as a whole. */
function importMap(config: Config): { imports: Record<string, string> } {
  const imports: Record<string, string> = {};
  for (const [name, target] of Object.entries(config.imports)) {
    imports[name] = target;
    // In deno.json, but not in an import map, a package stands for its subpaths too.
    const scheme = /^(jsr|npm):\/?/.exec(target);
    if (scheme) imports[`${name}/`] = `${scheme[1]}:/${target.slice(scheme[0].length)}/`;
  }
  for (const [name, file] of Object.entries(STAND_INS)) imports[name] = import.meta.resolve(file);
  return { imports };
}

if (!await isStdReachable()) {
  const config: Config = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  console.log(`--import-map=data:application/json,${encodeURIComponent(JSON.stringify(importMap(config)))}`);
}
// Whatever still waits for the registry is not waited for.
Deno.exit(0);
