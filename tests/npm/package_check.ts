/**
 * What the built npm package has to be. `deno task test:npm` builds it and runs this.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { readConfig, ROOT } from "../../scripts/npm/manifest.ts";
import { run } from "../../scripts/run.ts";
import { makeProject } from "../runtimes/project.ts";
import { IS_CI, isInstalled, program, type Tool } from "../../scripts/tools.ts";

/** The oldest compiler that the declarations are for, and the newest of each major version. */
const COMPILERS = ["typescript-5.4", "typescript-5.9", "typescript-6", "typescript-7"] as const;

/** How much a bundle may weigh, minified and compressed, in bytes. */
const LIMITS = { quickstart: 12_400, everything: 21_800, single: 1_800, wire: 4_400, describe: 2_100 };

/** The tests of the types of the main entry point, and what they share. */
const TYPE_TESTS = [
  "types_test.ts",
  "handler_types_test.ts",
  "dispatcher_types_test.ts",
  "wire_types_test.ts",
  "support/typed_messages.ts",
];

/** Lines of the tests of types that need TypeScript 6: earlier versions want `undefined` to be returned explicitly. */
const NEW_INFERENCE = /^.*commands\.subscribe\(ForgetAll, \(\) => \{\}\).*\n/gm;

const root = fileURLToPath(ROOT);
const config = await readConfig();
/** The modules, one for each entry point and what they share, as `scripts/npm/rolldown.config.mjs` wants them. */
const moduleNames = [
  ...Object.values(config.exports).map((path) => path.slice(2).replace(/\.ts$/, ".js")),
  "src/core.js",
  "src/shared.js",
];
const manifest = JSON.parse(await Deno.readTextFile(`${root}npm/package.json`));
/** The folder of the modules within the package: one of the two builds has one. */
const folder = manifest.main.replace(/^\.\//, "").replace(/mod\.js$/, "");
const tarball = `${root}${config.name.replace("@", "").replace("/", "-")}-${config.version}.tgz`;

/** The package as a user has it: unpacked from its tarball, in a project without anything else. */
const project = await makeProject();
const installed = `${project}/node_modules/${config.name}`;

/** Defines a check that needs tools. Without them it is skipped by name, and fails in CI. */
function check(name: string, tools: readonly Tool[], run: () => Promise<void>): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const title = missing.length === 0 ? name : `${name} (skipped without ${missing.join(", ")}: deno task tools)`;
  Deno.test(title, { ignore: missing.length > 0 && !IS_CI }, run);
}

async function listFiles(folder: string, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) files.push(...await listFiles(`${folder}/${name}`, `${prefix}${name}/`));
    else files.push(`${prefix}${name}`);
  }
  return files.sort();
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function duplicatesOf(names: readonly string[]): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index);
}

interface Bundle {
  readonly code: string;
  readonly size: number;
  /** The modules of the package that have a part in it. */
  readonly modules: readonly string[];
}

async function bundle(source: string): Promise<Bundle> {
  const [entry, outfile, metafile] = ["entry.ts", "bundle.js", "bundle.json"].map((name) => `${project}/${name}`);
  await Deno.writeTextFile(entry!, source);
  await run(program("esbuild", "esbuild"), {
    args: [
      entry!,
      "--bundle",
      "--minify",
      "--format=esm",
      "--target=es2022",
      `--outfile=${outfile}`,
      `--metafile=${metafile}`,
    ],
    cwd: project,
  });
  const [{ inputs }] = Object.values(JSON.parse(await Deno.readTextFile(metafile!)).outputs) as [
    { inputs: Record<string, { bytesInOutput: number }> },
  ];
  const modules = Object.entries(inputs)
    .filter(([path, { bytesInOutput }]) => path.startsWith("node_modules/") && bytesInOutput > 0)
    .map(([path]) => path.slice(path.lastIndexOf(`${config.name}/`) + config.name.length + 1));
  const code = await Deno.readTextFile(outfile!);
  return { code, size: gzipSync(code, { level: 9 }).length, modules };
}

/** Besides what it exports again, the main entry point has the default router alone. */
function hasDefaults({ modules }: Bundle): boolean {
  return modules.includes(manifest.main.slice(2));
}

function report(name: string, { size }: Bundle, limit: number): void {
  console.log(`${name}: ${(size / 1000).toFixed(2)} kB of ${(limit / 1000).toFixed(2)} kB, minified and compressed`);
  assert(size <= limit, `${name} weighs ${size} bytes, and ${limit} are the limit`);
}

const quickstart = await Deno.readTextFile(`${root}examples/01_quickstart.ts`);

Deno.test("the package says of itself what deno.json says, and has no dependencies", () => {
  const { name, version, license } = config;
  assertEquals(
    { name: manifest.name, version: manifest.version, license: manifest.license, type: manifest.type },
    { name, version, license, type: "module" },
  );
  assertEquals(Object.keys(manifest.exports), [...Object.keys(config.exports), "./package.json"]);
  assertEquals(Object.keys(manifest).filter((key) => /dependencies|scripts|bin/i.test(key)), []);
});

Deno.test("the package has a few modules, the declarations of each source, the documents, and nothing else", async () => {
  const files = await listFiles(installed);
  const sources = ["mod.ts", ...(await listFiles(`${root}src`)).map((path) => `src/${path}`)];
  const expected: string[] = ["package.json", ...moduleNames.map((path) => `${folder}${path}`)];
  for (const document of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    if (await exists(`${root}${document}`)) expected.push(document);
  }
  // A source whose types nobody can see has no declarations in one of the two builds.
  const declarations = sources.map((path) => `${folder}${path.replace(/\.ts$/, ".d.ts")}`).filter((path) =>
    files.includes(path)
  );
  assertEquals(files, [...expected, ...declarations].sort());

  const texts = await Promise.all(declarations.map((path) => Deno.readTextFile(`${installed}/${path}`)));
  const referred = texts.flatMap((text, index) =>
    Array.from(
      text.replace(/\/\*[^]*?\*\//g, "").matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g),
      ([, path]) => new URL(`${path}.d.ts`, `file:///${declarations[index]}`).pathname.slice(1),
    )
  );
  assertEquals([...new Set(referred)].filter((path) => !declarations.includes(path)), []);
});

Deno.test("every source is in one module, so that the entry points have the same classes", async () => {
  const parts: string[] = [];
  const classes: string[] = [];
  for (const path of moduleNames) {
    const text = await Deno.readTextFile(`${installed}/${folder}${path}`);
    parts.push(...Array.from(text.matchAll(/^\/\/ (src\/\S+\.ts)$/gm), ([, source]) => source!));
    classes.push(...Array.from(text.matchAll(/^(?:var (\w+) = )?class\b ?(\w*)/gm), ([, name, own]) => name ?? own!));
  }
  assertEquals(duplicatesOf(parts), []);
  assertEquals(duplicatesOf(classes), []);
  // Otherwise there would have been nothing to compare.
  for (const name of ["src/errors.ts", "src/middlewares/trace/trace.ts", "src/testing/recording_bus.ts"]) {
    assert(parts.includes(name), name);
  }
  for (const name of ["Container", "MessageRouter", "MessageValidationError"]) assert(classes.includes(name), name);
});

check("publint has nothing to say", ["publint"], async () => {
  const { output } = await run(program("publint", "publint"), { args: ["--strict", "--pack", "false", installed] });
  assert(/All good/.test(output), output);
});

check("attw finds the types of every entry point", ["attw"], async () => {
  await run(program("attw", "attw"), { args: [tarball, "--profile", "esm-only", "--no-emoji"] });
});

const consumers = new Map([
  ["quickstart.ts", quickstart],
  ...await Promise.all(
    TYPE_TESTS.map(async (path) => [path, await Deno.readTextFile(`${root}tests/${path}`)] as const),
  ),
  [
    "entry_points.ts",
    Object.keys(config.exports)
      .map((name, index) =>
        `import * as entry${index} from "${name.replace(".", config.name)}";\nvoid entry${index};\n`
      )
      .join(""),
  ],
  [
    "globals.d.ts",
    'declare module "@std/assert" {\n  export function assertEquals(actual: unknown, expected: unknown): void;\n}\n' +
    "declare const Deno: { test(name: string, run: () => unknown): void };\n",
  ],
]);

for (const compiler of COMPILERS) {
  for (const resolution of ["nodenext", "bundler"]) {
    check(`${compiler} with ${resolution} compiles what uses the package`, [compiler], async () => {
      const folder = `${project}/${compiler}-${resolution}`;
      await Deno.mkdir(`${folder}/support`, { recursive: true });
      for (const [name, text] of consumers) {
        const accepted = compiler.startsWith("typescript-5") ? text.replace(NEW_INFERENCE, "") : text;
        await Deno.writeTextFile(`${folder}/${name}`, accepted);
      }
      const compilerOptions = {
        target: "ES2022",
        // No more than a project without further settings has.
        lib: ["ES2022", "DOM"],
        types: [],
        module: resolution === "nodenext" ? "NodeNext" : "ESNext",
        moduleResolution: resolution,
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        allowImportingTsExtensions: true,
      };
      await Deno.writeTextFile(
        `${folder}/tsconfig.json`,
        JSON.stringify({ compilerOptions, files: [...consumers.keys()] }),
      );
      await run(program(compiler, "tsc"), { args: ["--project", folder], cwd: folder });
    });
  }
}

for (const compiler of COMPILERS) {
  check(
    `${compiler} writes the declarations of a module that exports what it has made of the package`,
    [compiler],
    async () => {
      const folder = `${project}/declarations-${compiler}`;
      await Deno.mkdir(folder, { recursive: true });
      await Deno.copyFile(new URL("declarations/made.ts", import.meta.url), `${folder}/made.ts`);
      const compilerOptions = {
        target: "ES2022",
        module: "NodeNext",
        strict: true,
        declaration: true,
        outDir: "out",
        types: [],
      };
      await Deno.writeTextFile(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ["made.ts"] }));
      await run(program(compiler, "tsc"), { args: ["--project", folder], cwd: folder });
      // What was written is checked as another project would.
      await Deno.writeTextFile(
        `${folder}/use.ts`,
        'import { AuditedRename, connect, RenameUser } from "./out/made.js";\n' +
          "declare const { commands }: ReturnType<typeof connect>;\n" +
          "export const result: Promise<number> = commands.dispatch(new RenameUser());\n" +
          "export const by: string = new AuditedRename().by;\n",
      );
      const options = { ...compilerOptions, declaration: false, noEmit: true };
      await Deno.writeTextFile(
        `${folder}/tsconfig.use.json`,
        JSON.stringify({ compilerOptions: options, files: ["use.ts"] }),
      );
      await run(program(compiler, "tsc"), { args: ["--project", `${folder}/tsconfig.use.json`], cwd: folder });
    },
  );
}

check("require() loads every entry point on Node 20", ["node-20"], async () => {
  const names = Object.keys(config.exports).map((name) => name.replace(".", config.name));
  const script =
    `for (const name of ${JSON.stringify(names)}) if (Object.keys(require(name)).length === 0) throw name;` +
    `const { Container, container } = require("${config.name}");` +
    'console.log(process.version.split(".")[0], container instanceof Container);';
  await Deno.writeTextFile(`${project}/required.cjs`, script);
  const { stdout } = await run(program("node-20", "node"), { args: ["required.cjs"], cwd: project });
  assertEquals(stdout, "v20 true\n");
});

check("a bundle of the quickstart keeps the default router, and runs", ["esbuild", "node-20"], async () => {
  const bundled = await bundle(quickstart);
  assert(hasDefaults(bundled));
  await Deno.writeTextFile(`${project}/quickstart.mjs`, bundled.code);
  const { stdout } = await run(program("node-20", "node"), { args: ["quickstart.mjs"], cwd: project });
  assertEquals(stdout, "Created user 42\n");
});

check("a bundle of one unrelated function drops the default router", ["esbuild"], async () => {
  const bundled = await bundle(`export { retry } from "${config.name}";`);
  assert(!hasDefaults(bundled), bundled.modules.join("\n"));
  report("retry alone", bundled, LIMITS.single);
});

check("a bundle of the default container keeps the default router, from which it gets its buses", [
  "esbuild",
  "node-20",
], async () => {
  const { code } = await bundle(
    `import { CommandBus, container } from "${config.name}"; console.log(container.get(CommandBus) instanceof CommandBus);`,
  );
  await Deno.writeTextFile(`${project}/container.mjs`, code);
  const { stdout } = await run(program("node-20", "node"), { args: ["container.mjs"], cwd: project });
  assertEquals(stdout, "true\n");
});

check("a bundle of a router that an application makes itself drops the default router", ["esbuild"], async () => {
  const bundled = await bundle(`export { MessageRouter } from "${config.name}";`);
  assert(!hasDefaults(bundled), bundled.modules.join("\n"));
});

check("what the quickstart needs is small", ["esbuild"], async () => {
  const names = /import (\{[^}]*\}) from "@cq\/core"/.exec(quickstart)![1];
  report("the quickstart", await bundle(`export ${names} from "${config.name}";`), LIMITS.quickstart);
});

check("all of the main entry point is small", ["esbuild"], async () => {
  report("everything", await bundle(`export * from "${config.name}";`), LIMITS.everything);
});

check("a catalogue and cloud events add little to the quickstart, which has nothing of them", ["esbuild"], async () => {
  const names = /import (\{[^}]*\}) from "@cq\/core"/.exec(quickstart)![1];
  const core = `export ${names} from "${config.name}";`;
  const alone = await bundle(core);
  const wire = `export { fromCloudEvent, MessageCatalogue, toCloudEvent } from "${config.name}/wire";`;
  const both = await bundle(core + wire);
  report("a catalogue and cloud events", { ...both, size: both.size - alone.size }, LIMITS.wire);
  assertEquals(alone.modules.filter((path) => path.includes("wire") || path.includes("shared")), []);
  assert(!both.modules.some((path) => path.includes("describe")), both.modules.join("\n"));
  report("what describes it", await bundle(`export * from "${config.name}/wire/describe";`), LIMITS.describe);
});

/** A module with a message. A minifier names the class of each of them `a`. */
const messageModule = (name: string) =>
  `import { Command } from "${config.name}";
export class ${name} extends Command { constructor(id) { super(); this.id = id; } kind() { return "${name}"; } }
`;

const minifiedProgram = `
import { MessageRouter } from "${config.name}";
import { deduplicate, MemoryDeduplicationStore, trace } from "${config.name}/middlewares";
import { MessageCatalogue } from "${config.name}/wire";
import { ChargeCard } from "./charge.js";
import { RefundCard } from "./refund.js";
const catalogue = new MessageCatalogue()
  .add("shop.charge", ChargeCard, { schema: "unchecked" })
  .add("shop.refund", RefundCard, { schema: "unchecked" });
const seen = [];
class NotingStore extends MemoryDeduplicationStore {
  acquire(key, options) { seen.push(key); return super.acquire(key, options); }
}
const span = { spanContext: () => ({ traceId: "", spanId: "", traceFlags: 0 }), setAttributes() {}, end() {} };
const tracer = { startActiveSpan: (name, _options, run) => { seen.push(name); return run(span); } };
const commands = new MessageRouter().newCommandBus()
  .use(trace(tracer, { catalogue }), deduplicate({ key: ({ id }) => id, ttlMs: 1000, store: new NotingStore(), catalogue }))
  .subscribe(ChargeCard, (message) => message.kind())
  .subscribe(RefundCard, (message) => message.kind());
for (const message of [new RefundCard("7"), new ChargeCard("7"), new RefundCard("7")]) {
  const { id, time, ...envelope } = catalogue.encode(message);
  seen.push(envelope, await commands.dispatch(catalogue.decode({ id, time, ...envelope })));
}
try {
  catalogue.decode({ ...catalogue.encode(new ChargeCard("7")), body: "{" });
} catch (error) {
  seen.push(error.message);
}
console.log(JSON.stringify({ haveOneName: ChargeCard.name === RefundCard.name, seen }));
`;

check(
  "a minified bundle, in which two classes have one name, does what the source does",
  ["esbuild", "node-20"],
  async () => {
    const outputs = [];
    for (const flags of [[], ["--minify"]]) {
      const folder = `${project}/minified${outputs.length}`;
      await Deno.mkdir(folder);
      const sources = {
        charge: messageModule("ChargeCard"),
        refund: messageModule("RefundCard"),
        program: minifiedProgram,
      };
      for (const [name, text] of Object.entries(sources)) await Deno.writeTextFile(`${folder}/${name}.js`, text);
      await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
      const files = Object.keys(sources).map((name) => `${folder}/${name}.js`);
      // Each file by itself, as the parts of an application that are loaded when they are needed.
      const separate = ["--bundle", "--packages=external", "--external:./*.js", "--format=esm", "--target=es2022"];
      const args = [...files, ...flags, ...separate, `--outdir=${folder}`, "--allow-overwrite"];
      await run(program("esbuild", "esbuild"), { args });
      const { stdout } = await run(program("node-20", "node"), { args: [`${folder}/program.js`], cwd: folder });
      outputs.push(JSON.parse(stdout));
    }
    const [source, minified] = outputs;
    assertEquals([source.haveOneName, minified.haveOneName], [false, true]);
    assertEquals(minified.seen, source.seen);
    assertEquals(source.seen.filter((entry: unknown) => typeof entry === "string"), [
      "process shop.refund",
      "command:shop.refund:7",
      "RefundCard",
      "process shop.charge",
      "command:shop.charge:7",
      "ChargeCard",
      "process shop.refund",
      "command:shop.refund:7",
      "RefundCard",
      'Cannot decode "shop.charge": its body is not JSON',
    ]);
  },
);
check("two copies of the package say so, whichever way they meet", ["node-20"], async () => {
  for (const copy of ["one", "other"]) {
    const target = `${project}/copies/${copy}/node_modules/@cq`;
    await Deno.mkdir(target, { recursive: true });
    await run("cp", { args: ["-r", installed, `${target}/core`] });
    const source = `export * from "${config.name}";`;
    await Deno.writeTextFile(`${project}/copies/${copy}/index.mjs`, source);
  }
  const script = `
    import * as one from "./copies/one/index.mjs";
    import * as other from "./copies/other/index.mjs";

    class CreateUser extends one.Command {}
    one.commandHandler(CreateUser)(class CreateUserHandler {
      users = other.inject(Map);
      handle() {}
    });
    one.container.bind(Map, () => new Map());
    const calls = [
      () => one.container.get(one.CommandBus).dispatch(new CreateUser()),
      () => one.container.get(other.CommandBus),
      () => one.container.get(new other.InjectionToken("DATABASE_URL")),
      () => other.container.get(other.CommandBus).dispatch(new CreateUser()),
      () => other.container.get(Map),
    ];
    for (const call of calls) {
      const message = await (async () => await call())().then(() => "it works", (error) => error.message);
      console.log(message.split(/[:.]/)[0], "|", message.includes("${config.name} is loaded twice"));
    }`;
  await Deno.writeTextFile(`${project}/copies.mjs`, script);
  const { stdout } = await run(program("node-20", "node"), { args: ["copies.mjs"], cwd: project });
  assertEquals(stdout.trim().split("\n"), [
    'Cannot inject "Map" | true',
    'Cannot resolve "CommandBus" | true',
    'Cannot resolve "DATABASE_URL" | true',
    'Cannot dispatch "CreateUser" | true',
    'Cannot resolve "Map" | true',
  ]);
});
