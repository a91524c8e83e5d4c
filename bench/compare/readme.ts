/**
 * Writes the tables of a run into the README beside this folder, its most telling rows into the guide on speed, and five of
 * those into the README of the package.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { run as runProgram } from "../../scripts/run.ts";
import type { RuntimeName } from "./prepare.ts";
import { type Comparison, format, round, type Run, table } from "./report.ts";

const ALL = fileURLToPath(new URL("../README.md", import.meta.url));
const GUIDE = fileURLToPath(new URL("../../docs/speed.md", import.meta.url));
const PACKAGE = fileURLToPath(new URL("../../README.md", import.meta.url));

/** A row that is quoted: the work, what it is compared with, and what the page calls that. */
type QuotedRow = readonly [work: string, to: string, text: string];

/** The rows that the README of the package quotes. */
const MOST_TELLING: readonly QuotedRow[] = [
  ["query", "direct", "the direct call"],
  ["command", "direct", "the direct call"],
  ["command", "nest", "@nestjs/cqrs, a singleton handler"],
  ["event, 3 handlers", "Promise.all", "`Promise.all`"],
  ["queue and pump, 1 consumer", "fastq.promise", "fastq.promise"],
];

/** The rows that the guide on speed quotes. */
const TELLING: readonly QuotedRow[] = [
  ["query", "direct", "the direct call"],
  ["command", "direct", "the direct call"],
  ["command", "nest", "@nestjs/cqrs, a singleton handler"],
  ["command", "nest, request-scoped", "@nestjs/cqrs, request-scoped"],
  ["command", "mediatr-ts", "mediatr-ts"],
  ["3 classic middlewares", "hand-nested", "three functions, nested by hand"],
  ["event, 3 handlers", "Promise.all", "`Promise.all`"],
  ["event, 3 handlers", "emittery", "emittery"],
  ["command, 1 related event", "by hand", "the same by hand"],
  ["queue and pump, 1 consumer", "fastq.promise", "fastq.promise"],
];

/** The runtimes that both quote. */
const COLUMNS: readonly (readonly [name: RuntimeName, text: string])[] = [
  ["node-24", "Node 24"],
  ["deno", "Deno"],
  ["bun", "Bun"],
];

/**
 * Replaces the tables in the three files.
 *
 * @param run The run. The cells of what it has not measured stay empty.
 */
export async function writeReadmes(run: Run): Promise<void> {
  await replaceTables(ALL, format(run));
  await replaceTables(GUIDE, quote(run, TELLING));
  await replaceTables(PACKAGE, quote(run, MOST_TELLING));
}

async function replaceTables(path: string, tables: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  const between = /(<!-- run -->\n)[^]*(<!-- \/run -->)/;
  if (!between.test(text)) {
    throw new Error(`Cannot write the tables into ${path}: the comments that mark their place are missing`);
  }
  await Deno.writeTextFile(path, text.replace(between, (_, start, end) => `${start}\n${tables}\n\n${end}`));
  await runProgram(Deno.execPath(), { args: ["fmt", "--quiet", path] });
}

function quote({ comparisons }: Run, quoted: readonly QuotedRow[]): string {
  const rows = quoted.map(([work, to, text]) => {
    const found = COLUMNS.map(([name]) =>
      comparisons.find((comparison) => comparison.work === work && comparison.to === to && comparison.runtime === name)
    );
    return [work, to === "direct" ? `${text}, ${nanosecondsOf(found)}` : text, ...found.map(ratioOf)];
  });
  return table(["work", "against", ...COLUMNS.map(([, text]) => text)], rows);
}

function nanosecondsOf(found: readonly (Comparison | undefined)[]): string {
  return `${found.map((comparison) => comparison?.nanoseconds.other.toFixed(0) ?? "–").join(" / ")} ns`;
}

function ratioOf(comparison: Comparison | undefined): string {
  return comparison === undefined ? "–" : round(comparison.ratio);
}
