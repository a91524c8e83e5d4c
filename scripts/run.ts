/** How {@linkcode run} starts a program. */
export interface RunOptions {
  /** Its arguments. */
  readonly args?: readonly string[];
  /** The folder in which it runs. */
  readonly cwd?: string | URL;
  /** Variables that are added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The time limit, in milliseconds. */
  readonly timeoutMs?: number;
}

/** What a program printed. */
export interface RunResult {
  /** What it printed to the standard output. */
  readonly stdout: string;
  /** All that it printed, errors included. */
  readonly output: string;
}

const decoder = new TextDecoder();

/**
 * Runs a program to its end.
 *
 * @param program The program.
 * @param options Its arguments, and where it runs.
 * @returns What it printed, without colours.
 * @throws {Error} With all that it printed, if it fails.
 */
export async function run(program: string, options: RunOptions = {}): Promise<RunResult> {
  const { args = [], cwd, env = {}, timeoutMs = 120_000 } = options;
  const child = new Deno.Command(program, {
    args: [...args],
    ...(cwd && { cwd }),
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(timeoutMs),
  }).spawn();
  const { code, stdout, stderr } = await child.output();
  const result = { stdout: decoder.decode(stdout), output: decoder.decode(stdout) + decoder.decode(stderr) };
  if (code !== 0) throw new Error(`"${program} ${args.join(" ")}" ended with ${code}:\n${result.output}`);
  return result;
}
