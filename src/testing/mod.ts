/**
 * Test kit: suites that a queue or a container adapter of yours can be held against, and a bus that records.
 *
 * @module
 */

export type { ConformanceCase } from "./conformance_case.ts";
export { queueConformance } from "./queue_conformance.ts";
export type {
  DeadLetter,
  DelayFeature,
  QueueConformanceOptions,
  QueueFeatures,
  TestMessage,
} from "./queue_features.ts";
export { diAdapterConformance } from "./di_adapter_conformance.ts";
export type { DIAdapterFeatures, DIAdapterHarness, TestBinding } from "./di_adapter_harness.ts";
export {
  type AnyBus,
  type CompletedRecord,
  type DispatchRecord,
  type Recorder,
  type RecordingBus,
  recordingBus,
} from "./recording_bus.ts";
