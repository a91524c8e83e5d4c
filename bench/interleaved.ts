/**
 * Measures two builds of the package beside each other in one process: the sources of another checkout, which the first
 * argument names, and those of this one. Prints the median of the ratios, after to before, and its bootstrapped interval.
 *
 * `--runtimes=node-24,bun` measures on these, `--rounds=30` and `--processes=4` say how often, and
 * `--only="query|event, 3 handlers"` which rows. A row alone tells less: applications mix them, and so do engines.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { bundle, prepareRuntime, runCase, type RuntimeName } from "./compare/prepare.ts";
import { quantile } from "./compare/quantile.ts";

const HERE = fileURLToPath(new URL("./compare/", import.meta.url));
const ROOT = fileURLToPath(new URL("../", import.meta.url));
const RESAMPLES = 2000;

const [other] = Deno.args.filter((argument) => !argument.startsWith("--"));
if (other === undefined) throw new TypeError("Cannot compare two builds: name the folder of the other checkout");

const runtimes = option("runtimes", "node-24,bun").split(",") as RuntimeName[];
const rounds = Number(option("rounds", "30"));
const processes = Number(option("processes", "4"));
const only = option("only", "") === "" ? undefined : option("only", "").split("|");
// Short samples: on a machine that others use, more of them are left undisturbed.
const timing = { rounds, sampleMs: 4, warmUpMs: 300, only };

for (const [name, checkout] of [["before", await Deno.realPath(other)], ["after", ROOT]] as const) {
  const flags = ["--target=es2022", `--alias:@cq/core=${checkout}/mod.ts`];
  await bundle(`${HERE}build.js`, `${HERE}node_modules/builds/${name}.js`, flags);
}

for (const runtimeName of runtimes) {
  const runtime = await prepareRuntime(runtimeName);
  const samples: Record<string, number[]> = {};
  for (let process = 0; process < processes; process++) {
    const found = await runCase(runtime, { file: "interleaved.js", args: [JSON.stringify(timing)] });
    for (const [variant, taken] of Object.entries(found)) (samples[variant] ??= []).push(...taken as number[]);
  }
  console.log(`\n${runtime.name} ${runtime.version}, ${processes} × ${rounds} rounds: median ratio [95 % interval]`);
  const rows = Object.keys(samples).filter((name) => name.endsWith(": after")).map((name) => name.slice(0, -7));
  for (const row of rows) print(row, samples[`${row}: after`]!, samples[`${row}: before`]!);
  const query = samples["query: after"];
  if (query === undefined) continue;
  for (const row of rows.filter((row) => row.startsWith("command, "))) {
    print(`${row} / query`, samples[`${row}: after`]!, query);
  }
}

function print(row: string, after: readonly number[], before: readonly number[]): void {
  const ratios = after.map((value, round) => value / before[round]!);
  const medians = Array.from({ length: RESAMPLES }, () => {
    const drawn = ratios.map(() => ratios[Math.floor(Math.random() * ratios.length)]!);
    return quantile(drawn, 0.5);
  });
  const [ratio, low, high] = [quantile(ratios, 0.5), quantile(medians, 0.025), quantile(medians, 0.975)]
    .map((value) => value.toFixed(3));
  const ns = [before, after].map((values) => quantile(values, 0.5).toFixed(0)).join(" → ");
  console.log(`${row.padEnd(42)} ${ratio} [${low}, ${high}]  ${ns} ns`);
}

function option(name: string, otherwise: string): string {
  return Deno.args.find((argument) => argument.startsWith(`--${name}=`))?.split("=", 2)[1] ?? otherwise;
}
