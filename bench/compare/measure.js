/**
 * Measures variants of the same work side by side, in one process, and prints the samples as one line of JSON.
 *
 * A round takes one sample of every variant, in a random order. A disturbance of the machine then affects all variants
 * alike, because a ratio is taken within a round.
 */

/**
 * @typedef {object} Variant
 * @property {() => unknown} run Does the work once; a promise is awaited.
 * @property {() => number} handled How many messages the variant has handled so far.
 * @property {number} [perRun] How many operations a run does, 1 by default.
 * @property {boolean} [isSync] Whether a run returns no promise.
 * @property {boolean} [isUnawaited] Whether handlers may still run when the run has settled.
 * @property {boolean} [hasOwnResult] Whether a run resolves to another result than the other variants.
 */

const { rounds, sampleMs, warmUpMs, only } = JSON.parse(
  globalThis.process?.argv[2] ?? "{}",
);

/** The smallest number of operations that a check does. */
const CHECKED = 7;

/**
 * @param {Record<string, Variant>} variants The variants, by name.
 */
export async function measure(variants) {
  const entries = Object.entries(variants);
  await check(entries);

  const subjects = entries.map(([name, variant], index) => ({
    name,
    loop: compileLoop(`${name} ${index}`, variant.isSync),
    perRun: variant.perRun ?? 1,
    run: variant.run,
    runs: 1,
    samples: [],
  }));
  for (let turn = 0; turn < 2; turn++) {
    for (const subject of subjects) await warmUp(subject);
  }
  for (let round = 0; round < rounds; round++) {
    for (const subject of shuffle([...subjects])) {
      const start = performance.now();
      await subject.loop(subject.run, subject.runs);
      subject.samples.push(
        (performance.now() - start) * 1e6 / (subject.runs * subject.perRun),
      );
    }
  }
  print(
    Object.fromEntries(subjects.map(({ name, samples }) => [name, samples])),
  );
}

/** Prints the findings of a case, for the driver to read. */
export function print(findings) {
  console.log(`\n@findings ${JSON.stringify(findings)}`);
}

/** The median of some values. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

export const options = { rounds, sampleMs, warmUpMs, only };

/** Checks that the variants handle the same number of messages, and resolve to the same result. */
async function check(entries) {
  const reports = [];
  for (const [name, { run, handled, perRun = 1, isUnawaited, hasOwnResult }] of entries) {
    const before = handled();
    let result;
    for (let done = 0; done < CHECKED; done += perRun) result = await run();
    if (isUnawaited) await new Promise((resolve) => setTimeout(resolve, 20));
    reports.push({
      name,
      handled: handled() - before,
      result: hasOwnResult ? undefined : JSON.stringify(result),
    });
  }
  const results = new Set(reports.flatMap(({ result }) => result ?? []));
  const counts = new Set(reports.map(({ handled }) => handled));
  if (counts.size !== 1 || counts.has(0) || results.size > 1) {
    throw new Error(
      `The variants do different work: ${JSON.stringify(reports)}`,
    );
  }
}

/** Compiles a loop for one variant. The comment makes its source unique: engines share what they learn of equal ones. */
function compileLoop(name, isSync) {
  return new Function(
    "run",
    "runs",
    `// ${name}
    ${isSync ? "let last; for (let i = 0; i < runs; i++) last = run(); return last;" : ""}
    return (async () => { for (let i = 0; i < runs; i++) await run(); })();`,
  );
}

/** Runs a variant until the optimising compiler has done its work, and finds out how many runs make a sample. */
async function warmUp(subject) {
  const end = performance.now() + warmUpMs / 2;
  let runs = 1;
  let start, took;
  do {
    start = performance.now();
    await subject.loop(subject.run, runs);
    took = performance.now() - start;
    if (took < sampleMs / 2) runs *= 2;
  } while (performance.now() < end || took < sampleMs / 2);
  subject.runs = Math.max(1, Math.round(runs * sampleMs / took));
}

function shuffle(values) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}
