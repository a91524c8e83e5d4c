import type { ServerResponse } from "node:http";
import type { DispatchOptions } from "@cq/core";

/** What is handed to a dispatch for a request to a server of Node's, such as Express and Fastify have. */
export function optionsOf(response: ServerResponse): DispatchOptions {
  const client = new AbortController();
  const { promise: responded, resolve } = Promise.withResolvers<void>();
  // Whoever closes the connection before all has been written, that is the client.
  const close = () => {
    if (!response.writableFinished) client.abort();
    resolve();
  };
  // It may have done so while a hook of the framework was at work.
  if (response.destroyed) close();
  else response.once("close", close);
  return { signal: client.signal, metadata: { responded } };
}
