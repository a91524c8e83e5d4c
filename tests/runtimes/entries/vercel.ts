/**
 * What Vercel's platform puts around a function.
 *
 * @module
 */

import handler from "../../../examples/edge/vercel.ts";

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

addEventListener("fetch", (event) => {
  const fetchEvent = event as FetchEvent;
  fetchEvent.respondWith(handler(fetchEvent.request, fetchEvent));
});
