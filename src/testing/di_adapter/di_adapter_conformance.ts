import { disposerOf } from "../../internal/dispose.ts";
import { reasonOf } from "../../naming.ts";
import type { ConformanceCase } from "../conformance_case.ts";
import type { DIAdapterFeatures, DIAdapterHarness } from "./di_adapter_harness.ts";
import { BUILDING_CASES } from "./building_cases.ts";
import { CORE_CASES } from "./core_cases.ts";
import type { DICase } from "./di_case.ts";
import { SCOPE_CASES } from "./scope_cases.ts";
import { DITestbed } from "./di_testbed.ts";

const CASES: readonly DICase[] = [...BUILDING_CASES, ...SCOPE_CASES, ...CORE_CASES];

/**
 * Creates the cases that test your adapter: what handlers, and their authors, rely on. Pass each case to your test runner:
 *
 * ```ts ignore
 * for (const { name, run, skip } of cases) Deno.test({ name: `MyAdapter ${name}`, fn: run, ignore: skip }); // Deno
 * for (const { name, run, skip } of cases) test(`MyAdapter ${name}`, { skip }, run); // node:test
 * for (const { name, run, skip } of cases) test.skipIf(skip)(`MyAdapter ${name}`, run); // vitest, bun:test
 * ```
 *
 * @typeParam Scope What stands for one run of a handler in the container.
 * @param make Creates an adapter for a new container.
 * @param features Which features the adapter does not have.
 * @returns The cases. Cases about features that the adapter does not have are marked to be skipped.
 * @throws {RangeError} If disposal is promised without scopes.
 *
 * @example
 * ```ts
 * import { Container, inject } from "@cq/core";
 * import { diAdapterConformance } from "@cq/core/testing";
 *
 * const cases = diAdapterConformance(() => {
 *   const container = new Container();
 *   return {
 *     adapter: container,
 *     bind: (type, { dependencies, lifetime }) => {
 *       container.bind(type, () => new type(...dependencies.map((dependency) => inject(dependency))), { lifetime });
 *     },
 *     bindInstance: (type, instance) => container.bind(type, () => instance),
 *   };
 * });
 *
 * for (const { run, skip } of cases) {
 *   if (!skip) await run();
 * }
 * ```
 */
export function diAdapterConformance<Scope>(
  make: () => DIAdapterHarness<Scope> | PromiseLike<DIAdapterHarness<Scope>>,
  features: DIAdapterFeatures = {},
): ConformanceCase[] {
  const { scopes = true, disposal = scopes } = features;
  if (disposal && !scopes) {
    throw new RangeError("Cannot test the disposal of scopes: the adapter has no scopes. Leave disposal out");
  }
  const promised: DIAdapterFeatures = { ...features, disposal };

  return CASES.map(({ name, feature, test }) => {
    const skip = feature !== undefined && promised[feature] === false;
    return { name, skip, run: runCase };

    async function runCase(): Promise<void> {
      if (skip) throw new TypeError(`Cannot run the case "${name}": the adapter does not have "${feature}"`);
      const harness = await make();
      try {
        await test(new DITestbed(harness as DIAdapterHarness));
      } catch (error) {
        const reason = reasonOf(error);
        throw new Error(`The case "${name}" fails: ${reason}`, { cause: error });
      } finally {
        await disposerOf(harness)?.();
      }
    }
  });
}
