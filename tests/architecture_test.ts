import { assertEquals } from "@std/assert";

/**
 * The files of `src`, the lowest layer first. A file imports only from layers below its own, types included. A new file
 * goes into the lowest layer that allows its imports. `folder/*` is one part: its files are in one layer, and may
 * import each other if that makes no circle. Entry points and `src/testing` are above all layers.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["internal/*"],
  ["token", "item_stream"],
  [
    "message",
    "metadata",
    "standard_schema",
    "delivered_id",
    "instantiate",
    "copies",
    "refuse_undefined",
  ],
  ["message_class", "envelope"],
  ["naming"],
  ["context_values", "json_loss", "refuse_old_decorator"],
  ["related_events"],
  ["context"],
  ["errors", "handler", "middleware", "dispatcher", "di_adapter"],
  ["registry", "middleware_chain", "queue/*", "codec"],
  ["by_kind", "defer", "dispatch_sequentially", "registries"],
  [
    "decorators",
    "bus/*",
    "container/*",
    "middlewares/*",
    "pipeline/*",
    "queue/memory/*",
    "queue/pump/*",
    "queue/durable/*",
    "wire/*",
  ],
  ["wire/describe/*"],
  ["stream/*"],
  ["router", "queue/sqlite/*", "queue/postgres/*"],
  ["default_router"],
];

const MAX_LINES = 300;

/** How many lines of code a file has that only one other file imports: less belongs into that other file. */
const MIN_CODE_LINES = 20;

/** Files with less, and the reason for each. */
const SMALL_FILES: Readonly<Record<string, string>> = {
  "bus/query_route": "each kind of bus has its route in a file of its own",
  "internal/path": "a tool of the lowest layer, for the messages of any part",
};

/** What `src` does not use, because a runtime or a compiler that the package supports does not have it. */
const BANNED: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["the global Deno", /\bDeno\s*[.[?]/],
  ["a global of Node or Bun", /\b(?:process|Buffer|Bun)\s*[.[?]/],
  ["a using declaration", /\busing\s+[\w$]+\s*(?:=|of\b|:)/],
  // A compiler that looks for what is not used complains of it, if only another module reads it.
  [
    "the keyword private or protected, which is gone at run time, instead of a #private name",
    /\b(?:private|protected)\s+[\w$]/,
  ],
  ["a decorator", /^\s*@[\w$.]+/m],
  ["metadata by reflection", /\bReflect\s*\.\s*\w*[mM]etadata\b/],
  ["AsyncLocalStorage", /\bAsyncLocalStorage\b/],
  [
    "a disposable type in a heritage clause, which demands a library of users",
    /\b(?:implements|extends)\b[^{]*Disposable\b/,
  ],
  ["DisposableStack", /\b(?:Async)?DisposableStack\b/],
  ["SuppressedError", /\bSuppressedError\b/],
  ["Promise.withResolvers", /\bPromise\s*\.\s*withResolvers\b/],
  ["Promise.try", /\bPromise\s*\.\s*try\b/],
  ["Array.fromAsync", /\bArray\s*\.\s*fromAsync\b/],
  ["groupBy", /\b(?:Map|Object)\s*\.\s*groupBy\b/],
  ["an iterator helper", /\bIterator\s*\.\s*from\b/],
  ["AbortSignal.any without ?.", /\bAbortSignal\s*\.\s*any\s*\(/],
  ["WeakRef", /\b(?:WeakRef|FinalizationRegistry)\b/],
  ["crypto.randomUUID", /\brandomUUID\b/],
];

interface Source {
  /** As in {@linkcode LAYERS}: the path within `src`, without the extension. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
  /** The text without comments and without what the string literals say. */
  readonly bare: string;
}

interface Config {
  readonly exports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, string | { readonly description?: string }>>;
}

const ROOT = new URL("../", import.meta.url);

function readText(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function readSource(path: string): Source {
  const text = readText(path);
  // Strings are matched along with comments, so that a "//" within one does not count as a comment.
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g;
  const code = text.replace(tokens, (_, string?: string) => string ?? "");
  return {
    name: path.replace(/^src\//, "").replace(/\.ts$/, ""),
    path,
    text,
    code,
    // What a template interpolates is code.
    bare: code.replace(tokens, (string: string) => string.startsWith("`") ? string : '""'),
  };
}

function listFiles(folder: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) files.push(...listFiles(`${path}/`));
    else files.push(path);
  }
  return files.sort();
}

/** The specifiers of the static and dynamic imports and re-exports of a file, those of types included. */
function specifiersOf({ code }: Source): string[] {
  const statements = code.matchAll(/\b(?:import|export)\b[^;"'`()]*?\bfrom\s*["']([^"']+)["']/g);
  const others = code.matchAll(/\bimport\s*\(?\s*["']([^"']+)["']/g);
  return [...statements, ...others].map(([, specifier]) => specifier!);
}

function resolve(from: Source, specifier: string): string {
  return new URL(specifier, new URL(from.path, ROOT)).href.slice(ROOT.href.length);
}

/** The part of `src` that a file belongs to, as {@linkcode LAYERS} names it: the file itself, or its folder. */
function partOf(name: string): string {
  const part = name.includes("/") ? name.replace(/[^/]*$/, "*") : name;
  return part.startsWith("middlewares/") ? "middlewares/*" : part;
}

function layerOf(name: string): number {
  return LAYERS.findIndex((parts) => parts.includes(partOf(name)));
}

/** The names of the files of `src` that a file imports. */
function importsOf(source: Source): string[] {
  return specifiersOf(source).filter((specifier) => specifier.startsWith("."))
    .map((specifier) => resolve(source, specifier).replace(/^src\//, "").replace(/\.ts$/, ""));
}

/** The first circle of imports that leads through a file, if there is one. */
function circleThrough(name: string, imports: ReadonlyMap<string, readonly string[]>, path: string[] = []): string[] {
  const start = path.indexOf(name);
  if (start >= 0) return [...path.slice(start), name];
  for (const other of imports.get(name) ?? []) {
    const circle = circleThrough(other, imports, [...path, name]);
    if (circle.length > 0) return circle;
  }
  return [];
}

function matchesOf({ bare, path }: Source): string[] {
  return BANNED.filter(([, pattern]) => pattern.test(bare)).map(([name]) => `${path} uses ${name}`);
}

const config: Config = JSON.parse(readText("deno.json"));
const entryPoints = Object.values(config.exports).map((path) => path.replace(/^\.\//, ""));
const sources = listFiles("src/").filter((path) => path.endsWith(".ts")).map(readSource);
const inner = sources.filter(({ path }) => !entryPoints.includes(path) && !path.startsWith("src/testing/"));

Deno.test("src has each file in one layer and each layer names files that exist", () => {
  const problems: string[] = [];
  for (const { name, path } of inner) {
    if (layerOf(name) >= 0) continue;
    problems.push(`${path} is in no layer: add "${partOf(name)}" to LAYERS, in the lowest layer above all its imports`);
  }
  const named = LAYERS.flat();
  for (const part of named) {
    if (!inner.some(({ name }) => partOf(name) === part)) {
      problems.push(`"${part}" is in LAYERS, and src has no such file`);
    }
    if (named.indexOf(part) !== named.lastIndexOf(part)) problems.push(`"${part}" is in several layers`);
  }
  assertEquals(problems, []);
});

Deno.test("src imports from lower layers alone", () => {
  const problems: string[] = [];
  for (const source of inner) {
    for (const name of importsOf(source)) {
      const [own, other] = [layerOf(source.name), layerOf(name)];
      // A file in no layer is what another test reports.
      if (own < 0 || other < own || partOf(source.name) === partOf(name)) continue;
      problems.push(`${source.path} (layer ${own}) imports ${name} (layer ${other}), which is not below it`);
    }
  }
  assertEquals(problems, []);
});

Deno.test("src has no circle of imports", () => {
  const imports = new Map(sources.map((source) => [source.name, importsOf(source)]));
  const circles = sources.map(({ name }) => circleThrough(name, imports).join(" → ")).filter((circle) => circle !== "");
  assertEquals(circles, []);
});

Deno.test("src imports no entry point, nothing outside src and no dependency", () => {
  const problems: string[] = [];
  for (const source of sources) {
    for (const specifier of specifiersOf(source)) {
      if (!specifier.startsWith(".")) {
        problems.push(`${source.path} imports "${specifier}", and src has no dependencies`);
        continue;
      }
      const target = resolve(source, specifier);
      if (entryPoints.includes(target)) problems.push(`${source.path} imports the entry point ${target}`);
      else if (!target.startsWith("src/")) problems.push(`${source.path} imports ${target}, which is outside src`);
      else if (target.startsWith("src/testing/") && !source.path.startsWith("src/testing/")) {
        problems.push(`${source.path} imports ${target}, and src/testing is on top of the rest`);
      }
    }
  }
  assertEquals(problems, []);
});

Deno.test("src uses nothing that a supported runtime lacks", () => {
  assertEquals(sources.flatMap(matchesOf), []);
});

Deno.test("src has files of at most 300 lines, named in snake_case after one thing", () => {
  const problems: string[] = [];
  for (const { path, text } of sources) {
    const lines = text.trimEnd().split("\n").length;
    if (lines > MAX_LINES) problems.push(`${path} has ${lines} lines, and ${MAX_LINES} are the limit`);
    if (!/^[a-z0-9_/]+\.ts$/.test(path)) problems.push(`${path} is not named in snake_case`);
    if (/\/(?:utils?|types|helpers|index)\.ts$/.test(path)) problems.push(`${path} is not named after one thing`);
  }
  assertEquals(problems, []);
});

Deno.test("src has no file of less than 20 lines of code that a single other file imports", () => {
  const importers = new Map<string, string[]>();
  for (const source of sources) {
    for (const name of new Set(importsOf(source))) {
      importers.set(name, [...importers.get(name) ?? [], source.path]);
    }
  }
  const problems: string[] = [];
  for (const { name, path, code } of sources) {
    const lines = code.split("\n").filter((line) => line.trim() !== "").length;
    const [importer, ...others] = importers.get(name) ?? [];
    const isSmall = lines < MIN_CODE_LINES && importer !== undefined && others.length === 0;
    // What an entry point exports has a file of its own, however small.
    if (!isSmall || entryPoints.includes(importer) || name in SMALL_FILES) continue;
    problems.push(`${path} has ${lines} lines of code, and ${importer} alone imports it: it belongs there`);
  }
  for (const name of Object.keys(SMALL_FILES)) {
    if (!sources.some((source) => source.name === name)) {
      problems.push(`"${name}" is in SMALL_FILES, and src has no such file`);
    }
  }
  assertEquals(problems, []);
});

Deno.test("deno.json exports each mod.ts and nothing else", () => {
  const modules = ["mod.ts", ...sources.map(({ path }) => path).filter((path) => path.endsWith("/mod.ts"))];
  const expected = modules.map((path) => [path.replace(/^src/, ".").replace(/\/?mod\.ts$/, "") || ".", `./${path}`]);
  assertEquals(Object.entries(config.exports).sort(), expected.sort());
});

Deno.test("entry points re-export by name and do nothing else", () => {
  const problems: string[] = [];
  for (const path of entryPoints) {
    const rest = readSource(path).code.replace(/\bexport\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]*";/g, "").trim();
    if (rest !== "") problems.push(`${path} has more than named re-exports: ${rest}`);
  }
  assertEquals(problems, []);
});

Deno.test("deno.json describes each task", () => {
  const tasks = Object.entries(config.tasks);
  const bare = tasks.filter(([, task]) => typeof task === "string" || !task.description).map(([name]) => name);
  assertEquals(bare, []);
});

Deno.test("ARCHITECTURE.md names files and folders of src that exist, every layer among them, on at most 80 lines", () => {
  const text = readText("ARCHITECTURE.md");
  const names = Array.from(text.matchAll(/`([\w/]+(?:\.ts|\/))`/g), ([, name]) => name!.replace(/\.ts$/, ""));
  const exists = (name: string) =>
    name.endsWith("/")
      ? sources.some((source) => source.name.startsWith(name))
      : sources.some((source) => source.name === name);
  const elsewhere = ["mod", "tests/architecture_test"];

  assertEquals(names.filter((name) => !exists(name) && !elsewhere.includes(name)), []);
  const parts = LAYERS.flat().map((part) => part.replace(/\*$/, ""));
  assertEquals(parts.filter((part) => part !== "queue/" && !names.includes(part)), []);
  assertEquals(text.trimEnd().split("\n").length <= 80, true);
});

Deno.test("src returns no function without a name, so that a stack trace can be read", () => {
  const problems: string[] = [];
  for (const { path, bare } of inner) {
    for (const [statement] of bare.matchAll(/\breturn\s+(?:async\s+)?(?:\([^()]*\)|\w+)\s*=>/g)) {
      problems.push(`${path}: ${statement}`);
    }
    for (const [statement] of bare.matchAll(/\breturn\s+(?:async\s+)?function\*?\s*\(/g)) {
      problems.push(`${path}: ${statement}`);
    }
  }
  assertEquals(problems, []);
});

Deno.test("every optional property of src takes undefined too, for users who compile with exactOptionalPropertyTypes", () => {
  const problems: string[] = [];
  for (const { path, bare } of sources) {
    for (const [, name, type] of bare.matchAll(/^\s*(?:readonly\s+)?("?[\w~]+"?)\?:\s([^;\n]*);$/gm)) {
      // A property that nothing has is never given.
      const isMistake = path === "src/message.ts" && type === '""';
      if (!isMistake && !/\b(?:undefined|unknown|never)\b/.test(type!)) problems.push(`${path}: ${name}?: ${type}`);
    }
  }
  assertEquals(problems, []);
});
