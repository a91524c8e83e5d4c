import type { DIAdapterFeatures } from "./di_adapter_harness.ts";
import type { DITestbed } from "./di_testbed.ts";

/** One promise of an adapter. */
export interface DICase {
  readonly name: string;
  /** The feature that the promise belongs to; `undefined` where every adapter makes it. */
  readonly feature?: keyof DIAdapterFeatures;
  /** Runs on a new container, which a router has been given. */
  readonly test: (testbed: DITestbed) => Promise<void>;
}
