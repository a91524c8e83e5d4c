import { disposerOf } from "../../internal/dispose.ts";
import type { DeduplicationStore } from "../../middlewares/deduplicate/deduplication_store.ts";
import { reasonOf } from "../../naming.ts";
import { type ConformanceCase, within } from "../conformance_case.ts";
import { DEDUPLICATION_STORE_CASES } from "./deduplication_store_cases.ts";

/** How long a case of {@linkcode deduplicationStoreConformance} may take. */
export interface DeduplicationStoreConformanceOptions {
  /**
   * The time for each case, in milliseconds, before it fails.
   *
   * @default {5_000}
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Holds a deduplication store of yours against what `deduplicate` relies on. Each promise is a case for your test runner:
 *
 * ```ts ignore
 * for (const { name, run } of cases) Deno.test(`MyStore ${name}`, run); // Deno
 * for (const { name, run } of cases) test(`MyStore ${name}`, run); // node:test, vitest, bun:test
 * ```
 *
 * The outcomes are JSON, so that a store may keep them as text. A store that has `Symbol.asyncDispose` or
 * `Symbol.dispose` is disposed after each case.
 *
 * @param make Makes a new store, or opens the one that there is: each case has keys of its own.
 * @param options How long a case may take.
 * @returns The cases.
 *
 * @example
 * ```ts
 * import { MemoryDeduplicationStore } from "@cq/core/middlewares";
 * import { deduplicationStoreConformance } from "@cq/core/testing";
 *
 * for (const { run } of deduplicationStoreConformance(() => new MemoryDeduplicationStore())) await run();
 * ```
 */
export function deduplicationStoreConformance(
  make: () => DeduplicationStore | PromiseLike<DeduplicationStore>,
  options: DeduplicationStoreConformanceOptions = {},
): ConformanceCase[] {
  const { timeoutMs = 5_000 } = options;
  return DEDUPLICATION_STORE_CASES.map(({ name, test }) => {
    const run = async () => {
      const store = await make();
      try {
        await within(test(store), { timeoutMs, expected: "the store to answer" });
      } catch (error) {
        throw new Error(`The case "${name}" fails: ${reasonOf(error)}`, { cause: error });
      } finally {
        await disposerOf(store)?.();
      }
    };
    return { name, skip: false, run };
  });
}
