/**
 * For runtimes with a command line: prints what became of the scenarios.
 *
 * @module
 */

import { smoke } from "../smoke.ts";

/** Set by the bundler. */
declare const OVERRIDES: Record<string, unknown>;

console.log(JSON.stringify(await smoke(OVERRIDES)));
