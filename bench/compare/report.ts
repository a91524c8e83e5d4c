import { fileURLToPath } from "node:url";
import type { Extra } from "./extras.ts";
import { type Runtime, type RuntimeName, RUNTIMES } from "./prepare.ts";
import { quantile } from "./quantile.ts";
import type { Row } from "./rows.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

/** A comparison on one runtime. */
export interface Comparison {
  readonly work: string;
  readonly to: string;
  readonly runtime: RuntimeName;
  readonly goal: number | undefined;
  readonly reached: number | undefined;
  /** The median of the ratios of the rounds, and their quartiles. */
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  /** Nanoseconds per operation: medians. */
  readonly nanoseconds: { readonly cq: number; readonly other: number };
}

/** The results of a run of the benchmarks. */
export interface Run {
  readonly date: string;
  readonly subject: string;
  readonly runtimes: readonly Runtime[];
  readonly peers: Readonly<Record<string, string>>;
  readonly timing: Readonly<Record<string, number>>;
  readonly comparisons: readonly Comparison[];
  readonly extras: readonly Extra[];
  /** Bytes, by package. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * Compares the samples of a case. Each ratio is taken within its round.
 *
 * @param rows What is compared.
 * @param runtime Where the samples come from.
 * @param samples The samples of each variant, by round.
 * @returns The comparisons.
 */
export function compare(
  rows: readonly Row[],
  runtime: RuntimeName,
  samples: Readonly<Record<string, readonly number[]>>,
): Comparison[] {
  return rows.map(({ work, of = "cq", to, goal, reached }) => {
    const { [of]: cq, [to]: other } = samples;
    if (cq === undefined || other === undefined) {
      throw new Error(`No case has measured "${work}" against "${to}"`);
    }
    const ratios = cq.map((sample, round) => sample / other[round]!);
    return {
      work,
      to,
      runtime,
      goal: goal?.[runtime],
      reached: reached?.[runtime],
      ratio: quantile(ratios, 0.5),
      quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      nanoseconds: { cq: quantile(cq, 0.5), other: quantile(other, 0.5) },
    };
  });
}

/** A figure that has a goal. */
interface Figure {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly value: number;
  readonly goal: number;
  readonly reached: number | undefined;
}

/**
 * The figures that are above their goals.
 *
 * @param run The run.
 * @returns One line for each figure.
 */
export function misses(run: Run): string[] {
  return figuresOf(run).flatMap(({ name, runtime, value, goal }) =>
    value <= goal ? [] : [`- ${name} on ${runtime}: ${round(value)}, the goal is ${goal}`]
  );
}

/**
 * The figures that are far above their goals. Where a goal is not reached, what was reached takes its place.
 *
 * @param run The run.
 * @param tolerance The factor by which a figure may be above it.
 * @returns One line for each figure.
 */
export function regressions(run: Run, tolerance: number): string[] {
  return figuresOf(run).flatMap(({ name, runtime, value, goal, reached = goal }) => {
    const expected = Math.max(goal, reached);
    return value <= expected * tolerance
      ? []
      : [`- ${name} on ${runtime}: ${round(value)}, and ${expected} is expected`];
  });
}

function figuresOf({ comparisons, extras }: Run): Figure[] {
  const ratios = comparisons.map(({ work, to, ratio, ...rest }) => ({
    ...rest,
    name: `${work} / ${to}`,
    value: ratio,
  }));
  return [...ratios, ...extras].flatMap(({ name, runtime, value, goal, reached }) =>
    goal === undefined ? [] : { name, runtime, value, goal, reached }
  );
}

/**
 * Puts a run into tables.
 *
 * @param run The run.
 * @returns Markdown.
 */
export function format(
  { date, subject, runtimes, peers, timing, comparisons, extras, sizes }: Run,
): string {
  const names = RUNTIMES.filter((name) => runtimes.some((runtime) => runtime.name === name));
  const versions = names.map((name) => `${name} (${runtimes.find((runtime) => runtime.name === name)!.version})`);
  const ratios = table(
    ["work", "against", ...names],
    rowsOf(comparisons, ({ work, to }) => [work, to]).map(([labels, found]) => [
      ...labels,
      ...names.map((name) => ratioCell(found.find(({ runtime }) => runtime === name))),
    ]),
  );
  const times = table(
    ["work", "variant", ...names],
    timesOf(comparisons).map((
      [labels, found],
    ) => [...labels, ...names.map((name) => found.get(name) ?? "–")]),
  );
  const others = table(
    ["what", ...names],
    rowsOf(extras, ({ name }) => [name]).map(([labels, found]) => [
      ...labels,
      ...names.map((name) => extraCell(found.find(({ runtime }) => runtime === name))),
    ]),
  );
  return [
    `${date.slice(0, 10)}, ${machine()}; ${versions.join(", ")}; @cq/core as ${subject}; ` +
    `${timing.processes} processes of ${timing.rounds} rounds, ${timing.sampleMs} ms for each sample.`,
    "",
    `Peers: ${
      Object.entries(peers).map(([name, version]) => `${name} ${version}`).join(
        ", ",
      )
    }.`,
    ...(comparisons.length === 0 ? [] : [
      "",
      "Ratios; lower is better. Median [quartiles] ≤ goal; ✗ marks a goal that is not reached.",
      "",
      ratios,
      "",
      "Medians, in nanoseconds for each operation.",
      "",
      times,
    ]),
    ...(extras.length === 0 ? [] : ["", "Growth, memory and start.", "", others]),
    ...(Object.keys(sizes).length === 0 ? [] : [
      "",
      "Everything that a package exports, bundled, minified and compressed: " +
      `${Object.entries(sizes).map(([name, bytes]) => `${name} ${(bytes / 1000).toFixed(1)} kB`).join(", ")}.`,
    ]),
  ].join("\n");
}

/** Groups the values that belong into one row of a table. */
function rowsOf<T>(
  values: readonly T[],
  labelsOf: (value: T) => string[],
): [string[], T[]][] {
  const groups = Map.groupBy(values, (value) => labelsOf(value).join("\n"));
  return [...groups].map(([key, found]) => [key.split("\n"), found]);
}

function timesOf(
  comparisons: readonly Comparison[],
): [string[], Map<string, string>][] {
  const rows = new Map<string, Map<string, string>>();
  const note = (
    work: string,
    variant: string,
    runtime: string,
    nanoseconds: number,
  ) => {
    const key = `${work}\n${variant}`;
    const found = rows.get(key) ?? new Map<string, string>();
    rows.set(key, found.set(runtime, nanoseconds.toFixed(0)));
  };
  for (const { work, to, runtime, nanoseconds } of comparisons) {
    note(work, "@cq/core", runtime, nanoseconds.cq);
    note(work, to, runtime, nanoseconds.other);
  }
  return [...rows].map(([key, found]) => [key.split("\n"), found]);
}

function ratioCell(comparison: Comparison | undefined): string {
  if (comparison === undefined) return "–";
  const { ratio, quartiles, goal } = comparison;
  const spread = `${round(ratio)} [${quartiles.map(round).join("–")}]`;
  return goal === undefined ? spread : `${spread} ≤ ${goal}${ratio > goal ? " ✗" : ""}`;
}

function extraCell(extra: Extra | undefined): string {
  if (extra === undefined) return "–";
  const { value, unit, goal } = extra;
  const text = unit === "" ? round(value) : `${round(value)} ${unit}`;
  return goal === undefined ? text : `${text} ≤ ${goal}${value > goal ? " ✗" : ""}`;
}

/** Rounds to about three significant digits: with two decimals, a ratio of 0.012 would become 0.01. */
export function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 0.1 ? value.toFixed(2) : value.toFixed(3);
}

/** Makes a Markdown table. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function machine(): string {
  let model = Deno.build.arch as string;
  try {
    model = /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))
      ?.[1] ?? model;
  } catch {
    // Only Linux has the file.
  }
  return `${model}, ${navigator.hardwareConcurrency} cores, ${Deno.build.os}`;
}

/**
 * Writes a run as JSON, into a folder that git ignores.
 *
 * @param run The run.
 */
export async function writeResults(run: Run): Promise<void> {
  await Deno.mkdir(RESULTS, { recursive: true });
  const text = `${JSON.stringify(run, null, 2)}\n`;
  await Deno.writeTextFile(
    `${RESULTS}${run.date.replaceAll(":", "-")}.json`,
    text,
  );
  await Deno.writeTextFile(`${RESULTS}latest.json`, text);
}
