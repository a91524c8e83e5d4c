/** Something to do, and what it should lead to: data that survives JSON. */
export interface Scenario {
  /** What the scenario shows. */
  readonly name: string;
  /** What it should lead to. */
  readonly expected: unknown;
  /** Does it. */
  readonly run: () => unknown;
}

/** The class of an error and its message. */
export async function errorOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return "no error";
}

/** Resolves once the timers that are due have run. */
export function tick(ms: number = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
