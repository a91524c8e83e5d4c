/**
 * For Vercel's edge-runtime: answers a request with what became of the scenarios.
 *
 * @module
 */

import { smoke } from "../smoke.ts";

/** Set by the bundler. */
declare const OVERRIDES: Record<string, unknown>;

interface FetchEvent extends Event {
  respondWith(response: Promise<Response>): void;
}

addEventListener("fetch", (event) => {
  (event as FetchEvent).respondWith(smoke(OVERRIDES).then((report) => Response.json(report)));
});
