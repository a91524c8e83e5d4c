/**
 * For a page: leaves what became of the scenarios in its body, in characters that HTML does not change.
 *
 * @module
 */

import { smoke } from "../smoke.ts";

/** Set by the bundler. */
declare const OVERRIDES: Record<string, unknown>;

/** The part of a page that is used. */
declare const document: { body: { textContent: string } };

document.body.textContent = encodeURIComponent(JSON.stringify(await smoke(OVERRIDES)));
