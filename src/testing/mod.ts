/**
 * The test kit: a bus that records, and conformance suites for your own queue, container adapter or deduplication store.
 * It works with any test runner.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { MessageRouter, Query } from "@cq/core";
 * import { recordingBus } from "@cq/core/testing";
 *
 * class FindUserName extends Query<string> {}
 *
 * const queries = recordingBus(new MessageRouter().newQueryBus()).answer(FindUserName, () => "Ada");
 *
 * assertEquals(await queries.dispatch(new FindUserName()), "Ada");
 * assertEquals(queries.messages(FindUserName), [new FindUserName()]);
 * ```
 *
 * @module
 */

export { assertRoundTrip } from "./assert_round_trip.ts";
export type { ConformanceCase } from "./conformance_case.ts";
export { idle, type IdleOptions, type WatchedQueue } from "./idle.ts";
export { queueConformance } from "./queue/queue_conformance.ts";
export type {
  DeadLetter,
  DelayFeature,
  LeaseFeature,
  PoisonFeature,
  QueueConformanceOptions,
  QueueFeatures,
  RestartFeature,
  TestMessage,
} from "./queue/queue_features.ts";
export {
  deduplicationStoreConformance,
  type DeduplicationStoreConformanceOptions,
} from "./deduplication_store/deduplication_store_conformance.ts";
export { diAdapterConformance } from "./di_adapter/di_adapter_conformance.ts";
export type { DIAdapterFeatures, DIAdapterHarness, TestBinding } from "./di_adapter/di_adapter_harness.ts";
export { crashConformance } from "./crash/crash_conformance.ts";
export { CrashPoints, type CrashPointsOptions } from "./crash/crash_points.ts";
export type { CrashConformanceOptions, CrashMessage, CrashScenario } from "./crash/crash_scenario.ts";
export { type AnyBus, type RecordingBus, recordingBus } from "./recording_bus.ts";
export type { CompletedRecord, DispatchRecord, OutcomeOf, Recorder } from "./recorder.ts";
