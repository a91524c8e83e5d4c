/**
 * Runs the examples for edge functions on their platforms, against the built package: the answer does not wait for the
 * mail, and the mail is sent all the same.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { IS_CI, isInstalled, program, type Tool, toolFolder } from "../../scripts/tools.ts";
import { bundle, makeProject } from "./project.ts";
import { workerdConfig } from "./runtimes.ts";

const LIMIT_MS = 20_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const EDGE_HOST = fileURLToPath(new URL("edge_host.mjs", import.meta.url));

const project = await makeProject();

/** A mail service that does not answer until it may. */
interface MailService extends AsyncDisposable {
  readonly port: number;
  /** Resolves to the next mail, which waits for the answer. */
  receive(): Promise<{ mail: unknown; accept: () => Promise<void> }>;
}

function startMailService(): MailService {
  const waiting: PromiseWithResolvers<Awaited<ReturnType<MailService["receive"]>>>[] = [];
  const held: (() => void)[] = [];
  let received = 0;
  let taken = 0;
  const slot = (index: number) => waiting[index] ??= Promise.withResolvers();

  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request, { completed }) => {
      const mail = await request.json();
      const { promise, resolve } = Promise.withResolvers<void>();
      held.push(resolve);
      slot(received++).resolve({
        mail,
        accept: async () => {
          resolve();
          // It rejects if the sender has hung up.
          await completed;
        },
      });
      await promise;
      return new Response();
    },
  );
  return {
    port: server.addr.port,
    receive: () => slot(taken++).promise,
    [Symbol.asyncDispose]: async () => {
      for (const release of held) release();
      await server.shutdown();
    },
  };
}

/** An example at work. */
interface Server extends AsyncDisposable {
  readonly port: number;
}

async function startServer(
  program: string,
  { args, env = {}, port }: { args: readonly string[]; env?: Record<string, string>; port: number },
): Promise<Server> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: project,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    child.kill("SIGKILL");
    await child.status;
  };
  try {
    await waitForPort(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, [Symbol.asyncDispose]: stop };
}

async function waitForPort(port: number): Promise<void> {
  const start = performance.now();
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() - start > LIMIT_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function withLimit<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const limit = setTimeout(() => reject(new Error(`Nothing came of it within ${LIMIT_MS} ms`)), LIMIT_MS);
  return await Promise.race([promise, late]).finally(() => clearTimeout(limit));
}

function check(name: string, tools: readonly Tool[], start: (mail: MailService) => Promise<Server>): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const suffix = missing.length === 0 ? "" : ` (skipped without ${missing.join(", ")}: deno task tools)`;

  Deno.test(`examples/edge/${name}.ts answers before the mail is sent, and sends it all the same${suffix}`, {
    ignore: missing.length > 0 && !IS_CI,
  }, async () => {
    await using mailService = startMailService();
    await using server = await start(mailService);
    // Twice, since the application serves more than the request that it was made for.
    for (const user of ["Ada", "Grace"]) {
      const response = await fetch(`http://127.0.0.1:${server.port}/users`, {
        method: "POST",
        body: JSON.stringify({ name: user, email: `${user.toLowerCase()}@example.com` }),
        headers: { "content-type": "application/json" },
        signal: AbortSignal.timeout(LIMIT_MS),
      });
      const { id } = await response.json();
      assertEquals(response.status, 201);
      assertMatch(id, UUID);
      assertEquals(response.headers.get("location"), `/users/${id}`);

      // The request has been answered, and the mail has not: it outlives the request.
      const { mail, accept } = await withLimit(mailService.receive());
      assertEquals(mail, { to: `${user.toLowerCase()}@example.com`, subject: `Welcome, ${user}` });
      await withLimit(accept());
    }
    const missing = await fetch(`http://127.0.0.1:${server.port}/`, { signal: AbortSignal.timeout(LIMIT_MS) });
    assertEquals([missing.status, await missing.text()], [404, "Not found"]);
  });
}

check("cloudflare", ["workerd", "esbuild"], async (mail) => {
  const module = await bundle(project, {
    entry: "examples/edge/cloudflare.ts",
    outfile: "cloudflare.mjs",
    isWhole: true,
  });
  const port = freePort();
  const config = workerdConfig({
    module,
    bindings: '(name = "MAIL", service = "mail")',
    services: `(name = "mail", external = (address = "127.0.0.1:${mail.port}", http = ()))`,
    sockets: `(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")`,
  });
  await Deno.writeTextFile(`${project}/cloudflare.capnp`, config);
  return await startServer(program("workerd", "workerd"), { args: ["serve", "cloudflare.capnp"], port });
});

check("deno", ["esbuild"], async (mail) => {
  const module = await bundle(project, { entry: "examples/edge/deno.ts", outfile: "deno.mjs", isWhole: false });
  const port = freePort();
  return await startServer(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-net=127.0.0.1", "--allow-env=MAIL_URL,PORT", module],
    env: { PORT: String(port), MAIL_URL: `http://127.0.0.1:${mail.port}/` },
    port,
  });
});

check("vercel", ["edge-runtime", "esbuild", "node-20"], async (mail) => {
  const module = await bundle(project, {
    entry: "tests/runtimes/entries/vercel.ts",
    outfile: "vercel.mjs",
    isWhole: true,
    define: { "process.env.MAIL_URL": `http://127.0.0.1:${mail.port}/` },
  });
  const port = freePort();
  return await startServer(program("node-20", "node"), {
    args: [EDGE_HOST, toolFolder("edge-runtime"), module, String(port)],
    port,
  });
});
