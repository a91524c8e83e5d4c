import type { DIAdapterFeatures } from "./di_adapter_harness.ts";
import type { DITestbed } from "./di_testbed.ts";

/** One case of the suite for adapters. */
export interface DICase {
  readonly name: string;
  /** The feature that the case tests; `undefined` for what every adapter has to do. */
  readonly feature?: keyof DIAdapterFeatures | undefined;
  /** Runs with a new container. */
  readonly test: (testbed: DITestbed) => Promise<void>;
}
