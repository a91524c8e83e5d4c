/**
 * The application as a function on Vercel's edge. `MAIL_URL` comes from the environment.
 *
 * @module
 */

import { createApp, type WaitUntil } from "./app.ts";

declare const process: { readonly env: { readonly MAIL_URL: string } };

/** Where the function runs. */
export const config = { runtime: "edge" };

const app = createApp(async (mail) => {
  const { ok, status } = await fetch(process.env.MAIL_URL, { method: "POST", body: JSON.stringify(mail) });
  if (!ok) throw new Error(`The mail service answers ${status}`);
});

/** Answers a request. */
export default function handler(request: Request, context: { waitUntil: WaitUntil }): Promise<Response> {
  return app(request, (work) => context.waitUntil(work));
}
