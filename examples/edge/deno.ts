/**
 * The application with `Deno.serve`. `MAIL_URL` and `PORT` come from the environment.
 *
 * @module
 */

import { createApp } from "./app.ts";

const app = createApp(async (mail) => {
  const response = await fetch(Deno.env.get("MAIL_URL")!, { method: "POST", body: JSON.stringify(mail) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The mail service answers ${response.status}`);
});

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT") ?? 8000) },
  // The process outlives its requests, so that nothing has to be kept awake.
  (request) => app(request, () => {}),
);
