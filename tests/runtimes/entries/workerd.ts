/**
 * For `workerd test`, which prints what is logged.
 *
 * @module
 */

import { smoke } from "../smoke.ts";

/** Set by the bundler. */
declare const OVERRIDES: Record<string, unknown>;

export default {
  async test(): Promise<void> {
    console.log(JSON.stringify(await smoke(OVERRIDES)));
  },
};
