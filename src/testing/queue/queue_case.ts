import type { QueueFeatures } from "./queue_features.ts";
import type { QueueTestbed } from "./queue_testbed.ts";

/** One case of the suite for queues. */
export interface QueueCase {
  readonly name: string;
  /** The feature that the case tests; `undefined` for what every queue has to do. */
  readonly feature?: keyof QueueFeatures | undefined;
  /** The feature of a queue that does not have to do what the case tests. */
  readonly unless?: keyof QueueFeatures | undefined;
  /** Whether one run is enough. */
  readonly once?: boolean | undefined;
  readonly test: (testbed: QueueTestbed) => Promise<void>;
}
