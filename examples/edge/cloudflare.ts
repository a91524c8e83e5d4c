/**
 * The application as a Cloudflare Worker. `MAIL` is a service binding.
 *
 * @module
 */

import { type App, createApp, type WaitUntil } from "./app.ts";

/** What the configuration of the worker binds. */
interface Env {
  readonly MAIL: { fetch(url: string, init: RequestInit): Promise<Response> };
}

// The environment comes with a request, and is the same for all of them.
let app: App | undefined;

export default {
  fetch(request: Request, env: Env, context: { waitUntil: WaitUntil }): Promise<Response> {
    app ??= createApp(async (mail) => {
      const { ok, status } = await env.MAIL.fetch("http://mail/", { method: "POST", body: JSON.stringify(mail) });
      if (!ok) throw new Error(`The mail service answers ${status}`);
    });
    return app(request, (work) => context.waitUntil(work));
  },
};
