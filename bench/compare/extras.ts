import { fileURLToPath } from "node:url";
import { bundle, runCase, type Runtime, type RuntimeName } from "./prepare.ts";
import { quantile } from "./quantile.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** A figure that is not a ratio of two variants. */
export interface Extra {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly value: number;
  readonly unit: string;
  readonly goal?: number | undefined;
  /** What is measured, if the goal is not reached. */
  readonly reached?: number | undefined;
}

/** How the figures are measured. */
export interface ExtrasOptions {
  readonly isShort: boolean;
  readonly isWanted: (part: string) => boolean;
  readonly log: (text: string) => void;
}

/**
 * Measures what registrations, memory and the start cost.
 *
 * @param runtimes Where to measure.
 * @param options What to measure, and how long.
 * @returns The figures.
 */
export async function measureExtras(
  runtimes: readonly Runtime[],
  { isShort, isWanted, log }: ExtrasOptions,
): Promise<Extra[]> {
  const parts = {
    registration: measureRegistration,
    memory: measureMemory,
    start: measureStart,
  };
  const extras: Extra[] = [];
  for (const [part, measure] of Object.entries(parts)) {
    if (!isWanted(part)) continue;
    for (const runtime of runtimes) {
      log(`${runtime.name}: ${part}`);
      extras.push(...await measure(runtime, isShort));
    }
  }
  return extras;
}

async function measureRegistration(
  runtime: Runtime,
  isShort: boolean,
): Promise<Extra[]> {
  const args = [JSON.stringify({ rounds: isShort ? 5 : 15 })];
  const found = await runCase(runtime, {
    file: "registration.js",
    args,
  }) as Record<string, number>;
  const of = (
    name: string,
    key: string,
    unit: string,
    goal?: number,
  ): Extra => {
    return {
      name: `registration: ${name}`,
      runtime: runtime.name,
      value: found[key]!,
      unit,
      goal,
    };
  };
  return [
    of("memory for each type, of 100,000", "bytes", "B", 2000),
    of("time for each type, of 100,000", "nanoseconds", "ns"),
    of("that time, as a multiple of the time for 10,000", "growth", "", 2),
    of(
      "added to the next dispatch of another type",
      "dispatchAfter",
      "ns",
    ),
  ];
}

async function measureMemory(
  runtime: Runtime,
  isShort: boolean,
): Promise<Extra[]> {
  const dispatches = isShort ? 300_000 : 10_000_000;
  // So large a young generation is not collected during the measurement.
  const isNode = runtime.name.startsWith("node");
  const flags = isNode ? ["--min-semi-space-size=256", "--max-semi-space-size=256"] : [];
  const args = ["{}", String(dispatches), ...isNode ? ["bytes"] : []];
  const { growth, bytes, listeners } = await runCase(runtime, {
    file: "memory.js",
    args,
    flags,
  }) as {
    growth: number;
    bytes: Record<string, number>;
    listeners: number;
  };
  const common = { runtime: runtime.name };
  return [
    {
      ...common,
      name: `memory: growth over ${dispatches.toLocaleString("en")} dispatches`,
      value: growth / 1e6,
      unit: "MB",
      goal: 1,
    },
    {
      ...common,
      name: "memory: listeners left on a caller's signal",
      value: listeners,
      unit: "",
      goal: 0,
    },
    ...Object.entries(bytes).map(([name, value]): Extra => {
      return {
        ...common,
        name: `memory: allocated by each ${name}`,
        value,
        unit: "B",
      };
    }),
  ];
}

/** Measures import and first dispatch: against a process that does nothing, and by the clock inside the process. */
async function measureStart(
  runtime: Runtime,
  isShort: boolean,
): Promise<Extra[]> {
  const names = ["empty", "cq", "nest", "mediatr", "inversify", "awilix"];
  const walls = new Map<string, number[]>();
  const insides = new Map<string, number[]>();
  for (let round = 0; round < (isShort ? 9 : 21); round++) {
    for (const name of names.toSorted(() => Math.random() - 0.5)) {
      const start = performance.now();
      const { ms } = await runCase(runtime, { file: `start/${name}.js` });
      walls.set(name, [...walls.get(name) ?? [], performance.now() - start]);
      insides.set(name, [...insides.get(name) ?? [], ms as number]);
    }
  }
  const empty = walls.get("empty")!;
  return names.slice(1).flatMap((name): Extra[] => {
    const over = walls.get(name)!.map((wall, round) => wall - empty[round]!);
    const shared = {
      runtime: runtime.name,
      unit: "ms",
      // Unlike a ratio, milliseconds depend on the machine.
      ...(name === "cq" && { goal: 5, reached: 8 }),
    };
    const label = name === "cq" ? "@cq/core" : name;
    return [
      {
        ...shared,
        name: `start: ${label}, over an empty process`,
        value: quantile(over, 0.5),
      },
      {
        ...shared,
        name: `start: ${label}, measured inside the process`,
        value: quantile(insides.get(name)!, 0.5),
      },
    ];
  });
}

/** The packages that are bundled and weighed, by their name in the tables. */
const WEIGHED: Readonly<Record<string, readonly string[]>> = {
  "@cq/core": ["@cq/core"],
  "mediatr-ts": ["mediatr-ts"],
  "@nestjs/cqrs with its peer dependencies": [
    "@nestjs/cqrs",
    "@nestjs/core",
    "@nestjs/common",
    "rxjs",
    "reflect-metadata",
  ],
  "inversify": ["inversify", "reflect-metadata"],
  "awilix": ["awilix"],
  "emittery": ["emittery"],
};

/**
 * Weighs the package and its peers: everything that they export, bundled for the web, minified and compressed.
 *
 * @returns Bytes, by package.
 */
export async function measureSizes(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  const entry = `${HERE}results/weighed.js`;
  const bundled = `${HERE}results/bundle.js`;
  await Deno.mkdir(`${HERE}results`, { recursive: true });
  for (const [name, packages] of Object.entries(WEIGHED)) {
    await Deno.writeTextFile(
      entry,
      packages.map((name, i) => `export * as _${i} from "${name}";\n`).join(""),
    );
    // Optional packages that are not installed are left out, and so are the modules of Node.
    const external = [
      "@nestjs/microservices",
      "@nestjs/websockets",
      "@nestjs/platform-*",
      "class-*",
      "@grpc/*",
    ];
    await bundle(entry, bundled, [
      "--minify",
      "--platform=node",
      "--log-level=error",
      ...external.map((pattern) => `--external:${pattern}`),
    ]);
    const { body } = new Response(await Deno.readFile(bundled));
    sizes[name] = (await new Response(body!.pipeThrough(new CompressionStream("gzip")))
      .bytes()).length;
  }
  await Deno.remove(entry);
  await Deno.remove(bundled);
  return sizes;
}
