/**
 * Measures the package beside its limits and its peers, on every runtime, and prints the results as tables.
 *
 * - `--runtimes=node-24,bun` and `--only=command,event` measure a part;
 * - `--package=source` takes a bundle of the sources instead of the built package, `--package=<folder>` those of
 *   another checkout;
 * - `--check` is the short form: it fails if a figure is more than 30 % above its goal or, if the goal is not reached,
 *   above what was reached before;
 * - `--readme` writes the tables into the README beside this folder, and a part of them into that of the package.
 *
 * @module
 */

import { measureExtras, measureSizes } from "./extras.ts";
import { preparePeers, prepareRuntime, prepareSubject, runCase, type RuntimeName, RUNTIMES } from "./prepare.ts";
import { writeReadmes } from "./readme.ts";
import { compare, type Comparison, format, misses, regressions, writeResults } from "./report.ts";
import { type Row, ROWS } from "./rows.ts";

/** The factor by which a figure may be above what is expected: machines differ, and may have other work to do. */
const TOLERANCE = 1.3;

const isShort = Deno.args.includes("--check");
// Optimising compilers decide differently in each process, so that one process is not enough.
const timing = isShort
  ? { processes: 3, rounds: 5, sampleMs: 6, warmUpMs: 150 }
  : { processes: 4, rounds: 6, sampleMs: 20, warmUpMs: 300 };

const names = (option("runtimes")?.split(",") ?? RUNTIMES) as RuntimeName[];
const parts = option("only")?.split(",");
const isWanted = (file: string) => parts?.some((part) => file.startsWith(part)) ?? true;

const peers = await preparePeers();
const subject = await prepareSubject(option("package") ?? "npm");
const runtimes = await Promise.all(names.map(prepareRuntime));

const comparisons: Comparison[] = [];
for (const [key, rows] of groupByCase(ROWS)) {
  if (!isWanted(key)) continue;
  for (const runtime of runtimes) {
    const { file, args = [] } = rows[0]!;
    const samples: Record<string, number[]> = {};
    for (let process = 0; process < timing.processes; process++) {
      log(`${runtime.name}: ${key}, process ${process + 1}`);
      const found = await runCase(runtime, { file, args: [JSON.stringify(timing), ...args] });
      for (const [variant, taken] of Object.entries(found)) (samples[variant] ??= []).push(...taken as number[]);
    }
    comparisons.push(...compare(rows, runtime.name, samples));
  }
}
const extras = await measureExtras(runtimes, { isShort, isWanted, log });
const sizes = isWanted("size") ? await measureSizes() : {};

const run = {
  date: new Date().toISOString(),
  subject,
  runtimes,
  peers,
  timing,
  comparisons,
  extras,
  sizes,
};
log("");
console.log(format(run));
await writeResults(run);
if (Deno.args.includes("--readme")) await writeReadmes(run);

const missed = misses(run);
if (missed.length > 0) console.log(`\n${missed.length} above the goal:\n${missed.join("\n")}`);
const fallen = isShort ? regressions(run, TOLERANCE) : [];
if (fallen.length > 0) {
  console.error(`\n${fallen.length} more than 30 % above what is expected:\n${fallen.join("\n")}`);
  Deno.exit(1);
}

/** The cases of one file with the same arguments share a process. */
function groupByCase(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ file, args = [] }) => [file, ...args].join(" "));
}

function option(name: string): string | undefined {
  return Deno.args.find((argument) => argument.startsWith(`--${name}=`))?.split(
    "=",
    2,
  )[1];
}

/** Prints what is measured now, on a line that the next call replaces. */
function log(text: string): void {
  if (Deno.stderr.isTerminal()) {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  }
}
