import type { ServerResponse } from "node:http";
import type { DispatchOptions } from "@cq/core";

/** What is handed to a dispatch for a request to a server of Node's, such as Express and Fastify have. */
export function optionsOf(response: ServerResponse): DispatchOptions {
  const client = new AbortController();
  const { promise: responded, resolve } = Promise.withResolvers<void>();
  // Whoever closes the connection before all has been written, that is the client.
  response.once("close", () => {
    if (!response.writableFinished) client.abort();
    resolve();
  });
  return { signal: client.signal, metadata: { responded } };
}
