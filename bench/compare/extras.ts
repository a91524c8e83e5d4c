import type { Runtime, RuntimeName } from "./prepare.ts";

/** A figure that is no ratio of two variants. */
export interface Extra {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly value: number;
  readonly unit: string;
  readonly goal: number | undefined;
}

export async function measureExtras(
  _runtimes: readonly Runtime[],
  _options: {
    isShort: boolean;
    isWanted: (file: string) => boolean;
    log: (text: string) => void;
  },
): Promise<Extra[]> {
  return await Promise.resolve([]);
}
