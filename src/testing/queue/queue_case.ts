import type { QueueFeatures } from "./queue_features.ts";
import type { QueueTestbed } from "./queue_testbed.ts";

/** One promise of a queue. */
export interface QueueCase {
  readonly name: string;
  /** The feature that the promise belongs to; `undefined` where every queue makes it. */
  readonly feature?: keyof QueueFeatures;
  /** Whether one run says as much as many. */
  readonly once?: boolean;
  readonly test: (testbed: QueueTestbed) => Promise<void>;
}
