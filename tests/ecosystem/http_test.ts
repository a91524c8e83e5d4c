import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MessageRouter } from "@cq/core";
import { recordingBus } from "@cq/core/testing";
import { type App, createApp } from "../../examples/http/app.ts";
import { Background } from "../../examples/http/background.ts";
import { createExpressServer } from "../../examples/http/express_server.ts";
import { createFastifyServer } from "../../examples/http/fastify_server.ts";
import { createHonoServer } from "../../examples/http/hono_server.ts";
import { type Mail, Mailer } from "../../examples/http/mailer.ts";
import { MemoryUserRepository } from "../../examples/http/memory_user_repository.ts";
import { SqliteUserRepository } from "../../examples/http/sqlite_user_repository.ts";
import { CreateUser, UserCreated } from "../../examples/http/messages.ts";
import { EmailTakenError, type User, UserRepository } from "../../examples/http/user.ts";

interface Listening extends AsyncDisposable {
  readonly url: string;
}

/** Each framework on a real socket, and who is told of each request that is done with. A failed test leaves nothing open. */
const FRAMEWORKS: Record<string, (app: App, onResponded?: () => void) => Promise<Listening>> = {
  Hono: (app, onResponded = () => {}) => {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const controller = new AbortController();
    const options = { hostname: "127.0.0.1", port: 0, signal: controller.signal, onListen() {} };
    const { fetch } = createHonoServer(app);
    const server = Deno.serve(options, (request, info) => {
      info.completed.then(onResponded, onResponded);
      return fetch(request, info);
    });
    server.finished.then(close, close);
    return Promise.resolve({
      url: `http://127.0.0.1:${server.addr.port}`,
      [Symbol.asyncDispose]: () => {
        controller.abort();
        return closed;
      },
    });
  },
  Express: async (app, onResponded = () => {}) => {
    const server = createServer(createExpressServer(app));
    tellOfResponses(server, onResponded);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      [Symbol.asyncDispose]: () => {
        server.closeAllConnections();
        return new Promise<void>((resolve) => server.close(() => resolve()));
      },
    };
  },
  Fastify: async (app, onResponded = () => {}) => {
    const server = createFastifyServer(app);
    tellOfResponses(server.server, onResponded);
    const url = await server.listen({ host: "127.0.0.1", port: 0 });
    return {
      url,
      [Symbol.asyncDispose]: () => {
        server.server.closeAllConnections();
        return server.close();
      },
    };
  },
};

function tellOfResponses(server: Server, onResponded: () => void): void {
  server.prependListener("request", (_request, response: ServerResponse) => response.once("close", onResponded));
}

/** What never comes is a failure, and not a run that hangs. */
async function within<T>(promise: Promise<T>): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("Waited for 5 seconds")), 5_000);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

class RecordingMailer extends Mailer {
  readonly sent: Mail[] = [];

  send(mail: Mail): Promise<void> {
    this.sent.push(mail);
    return Promise.resolve();
  }
}

/** Finds nothing, until the signal fires. */
class HangingUserRepository extends UserRepository {
  readonly asked: Promise<AbortSignal | undefined>;
  readonly #ask: (signal: AbortSignal | undefined) => void;

  constructor() {
    super();
    const { promise, resolve } = Promise.withResolvers<AbortSignal | undefined>();
    this.asked = promise;
    this.#ask = resolve;
  }

  add(_user: Omit<User, "id">, signal?: AbortSignal): Promise<User> {
    return this.#hang(signal);
  }

  find(_id: number, signal?: AbortSignal): Promise<User | undefined> {
    return this.#hang(signal);
  }

  list(_limit: number, signal?: AbortSignal): Promise<readonly User[]> {
    return this.#hang(signal);
  }

  #hang(signal: AbortSignal | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#ask(signal);
    });
  }
}

function post(url: string, body: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/users`, { method: "POST", headers: { "Content-Type": "application/json" }, body, ...init });
}

async function assertProblem(response: Response, expected: Record<string, unknown>): Promise<void> {
  assertMatch(response.headers.get("Content-Type")!, /^application\/problem\+json\b/);
  assertEquals({ httpStatus: response.status, ...await response.json() }, {
    httpStatus: expected["status"],
    type: "about:blank",
    ...expected,
  });
}

const ADA = JSON.stringify({ name: " Ada ", email: "Ada@example.com" });

for (const [framework, serve] of Object.entries(FRAMEWORKS)) {
  for (const [storage, openUsers] of Object.entries(STORAGES())) {
    Deno.test(`${framework} creates, gets and lists users in ${storage}`, async () => {
      const app = createApp({ users: openUsers(), mailer: new RecordingMailer() });
      await using server = await serve(app);

      const created = await post(server.url, ADA);
      assertEquals([created.status, created.headers.get("Location"), await created.json()], [201, "/users/1", {
        id: 1,
      }]);
      const found = await fetch(`${server.url}/users/1`);
      const ada = { id: 1, name: "Ada", email: "ada@example.com" };
      assertEquals([found.status, await found.json()], [200, ada]);
      await (await post(server.url, JSON.stringify({ name: "Bob", email: "bob@example.com" }))).body?.cancel();
      const bob = { id: 2, name: "Bob", email: "bob@example.com" };
      assertEquals(await (await fetch(`${server.url}/users`)).json(), [ada, bob]);
      assertEquals(await (await fetch(`${server.url}/users?limit=1`)).json(), [ada]);
      await app.idle();
    });

    Deno.test(`${framework} answers an address that is taken with 409, from ${storage}`, async () => {
      const app = createApp({ users: openUsers(), mailer: new RecordingMailer() });
      await using server = await serve(app);

      await (await post(server.url, ADA)).body?.cancel();
      await assertProblem(await post(server.url, ADA), {
        status: 409,
        title: "Conflict",
        detail: "The address ada@example.com belongs to another user",
      });
      await app.idle();
    });
  }

  Deno.test(`${framework} answers what does not fit the schema with 422 and a pointer to each mistake`, async () => {
    await using server = await serve(createApp({ users: new MemoryUserRepository(), mailer: new RecordingMailer() }));

    await assertProblem(await post(server.url, JSON.stringify({ name: " ", email: "ada" })), {
      status: 422,
      title: "Unprocessable Content",
      errors: [
        { pointer: "#/name", detail: "Too small: expected string to have >=1 characters" },
        { pointer: "#/email", detail: "Invalid email address" },
      ],
    });
    await assertProblem(await fetch(`${server.url}/users?limit=many`), {
      status: 422,
      title: "Unprocessable Content",
      errors: [{ pointer: "#/limit", detail: "Invalid input: expected number, received NaN" }],
    });
  });

  Deno.test(`${framework} answers JSON that is no object with 422, and what is no JSON with 400`, async () => {
    await using server = await serve(createApp({ users: new MemoryUserRepository(), mailer: new RecordingMailer() }));

    for (const body of ["null", "[]", "1", '"Ada"']) {
      const response = await post(server.url, body);
      assertEquals([body, response.status], [body, 422]);
      await response.body?.cancel();
    }
    const response = await post(server.url, "{");
    const { status, title, detail } = await response.json();
    assertEquals([response.status, status, title, typeof detail], [400, 400, "Bad Request", "string"]);
  });

  Deno.test(`${framework} answers what does not exist with 404`, async () => {
    await using server = await serve(createApp({ users: new MemoryUserRepository(), mailer: new RecordingMailer() }));

    await assertProblem(await fetch(`${server.url}/users/7`), {
      status: 404,
      title: "Not Found",
      detail: "There is no user 7",
    });
    await assertProblem(await fetch(`${server.url}/nowhere`), {
      status: 404,
      title: "Not Found",
      detail: "There is nothing at /nowhere",
    });
  });

  Deno.test(`${framework} answers an unknown error with 500, tells the client nothing of it, and reports it`, async () => {
    const reported: unknown[] = [];
    class BrokenUserRepository extends MemoryUserRepository {
      override find(): Promise<never> {
        return Promise.reject(new Error("postgres://admin:secret@db is down"));
      }
    }
    const users = new BrokenUserRepository();
    const app = createApp({ users, mailer: new RecordingMailer(), report: (error) => reported.push(error) });
    await using server = await serve(app);

    await assertProblem(await fetch(`${server.url}/users/1`), { status: 500, title: "Internal Server Error" });
    assertEquals(reported.map(String), ["Error: postgres://admin:secret@db is down"]);
  });

  Deno.test(`${framework} answers before the welcome mail is sent, and sends it all the same`, async () => {
    const isMailed = Promise.withResolvers<void>();
    const started = Promise.withResolvers<Mail>();
    class SlowMailer extends Mailer {
      send(mail: Mail): Promise<void> {
        started.resolve(mail);
        return isMailed.promise;
      }
    }
    const app = createApp({ users: new MemoryUserRepository(), mailer: new SlowMailer() });
    await using server = await serve(app);

    const response = await within(post(server.url, ADA));
    assertEquals([response.status, await response.json()], [201, { id: 1 }]);
    assertEquals(await within(started.promise), { to: "ada@example.com", subject: "Welcome, Ada" });

    let isIdle = false;
    const idle = app.idle().then(() => isIdle = true);
    await (await fetch(`${server.url}/users`)).body?.cancel();
    assertEquals(isIdle, false);
    isMailed.resolve();
    await within(idle);
  });

  Deno.test(`${framework} sends the welcome mail when the request is done with, and not before`, async () => {
    const log: string[] = [];
    class LoggingMailer extends Mailer {
      send(): Promise<void> {
        return Promise.resolve(void log.push("mailed"));
      }
    }
    const app = createApp({ users: new MemoryUserRepository(), mailer: new LoggingMailer() });
    await using server = await serve(app, () => log.push("responded"));

    const response = await post(server.url, ADA);
    assertEquals([response.status, await response.json()], [201, { id: 1 }]);
    await within(app.idle());
    assertEquals(log, ["responded", "mailed"]);
  });

  Deno.test(`${framework} reports a mail that fails, and the user is created all the same`, async () => {
    const reported: unknown[] = [];
    class BrokenMailer extends Mailer {
      send(): Promise<void> {
        return Promise.reject(new Error("The mail server is down"));
      }
    }
    const app = createApp({
      users: new MemoryUserRepository(),
      mailer: new BrokenMailer(),
      report: (error) => reported.push(error),
    });
    await using server = await serve(app);

    const response = await post(server.url, ADA);
    assertEquals([response.status, await response.json()], [201, { id: 1 }]);
    await app.idle();
    assertEquals(reported.map(String), ["Error: The mail server is down"]);
  });

  for (const [what, path, init] of REQUESTS()) {
    Deno.test(`${framework} cancels ${what} when the client hangs up`, async () => {
      const reported: unknown[] = [];
      const users = new HangingUserRepository();
      const mailer = new RecordingMailer();
      const app = createApp({ users, mailer, report: (error) => reported.push(error) });
      await using server = await serve(app);

      const client = new AbortController();
      const response = fetch(`${server.url}${path}`, { ...init, signal: client.signal });
      const signal = await within(users.asked);
      assertEquals(signal?.aborted, false);
      const fired = new Promise<void>((resolve) => signal!.addEventListener("abort", () => resolve()));
      client.abort(new Error("hung up"));
      await assertRejects(() => response, Error, "hung up");
      await within(fired);

      // The server is alive, and nobody was told: a client may hang up.
      await (await fetch(`${server.url}/nowhere`)).body?.cancel();
      assertEquals([reported, mailer.sent], [[], []]);
    });
  }

  Deno.test(`${framework} leaves the signal of a request that is answered alone`, async () => {
    const signals: (AbortSignal | undefined)[] = [];
    class WatchingUserRepository extends MemoryUserRepository {
      override async add(user: Omit<User, "id">, signal?: AbortSignal): Promise<User> {
        signals.push(signal);
        // A request whose body has been read is not over: Node says that it is closed.
        await new Promise((resolve) => setTimeout(resolve, 0));
        assertEquals(signal?.aborted, false);
        return await super.add(user);
      }
    }
    const app = createApp({ users: new WatchingUserRepository(), mailer: new RecordingMailer() });
    await using server = await serve(app);

    assertEquals((await post(server.url, ADA)).status, 201);
    await app.idle();
    assertEquals(signals.length, 1);
  });
}

function STORAGES(): Record<string, () => UserRepository> {
  return {
    memory: () => new MemoryUserRepository(),
    SQLite: () => new SqliteUserRepository(":memory:"),
  };
}

function REQUESTS(): [what: string, path: string, init: RequestInit][] {
  const headers = { "Content-Type": "application/json" };
  return [
    ["a command", "/users", { method: "POST", headers, body: ADA }],
    ["a query", "/users/1", {}],
  ];
}

Deno.test("Express and Fastify answer what they refuse themselves with its status, and report nothing", async () => {
  const reported: unknown[] = [];
  const app = createApp({
    users: new MemoryUserRepository(),
    mailer: new RecordingMailer(),
    report: (error) => reported.push(error),
  });
  await using express = await FRAMEWORKS["Express"]!(app);
  await using fastify = await FRAMEWORKS["Fastify"]!(app);

  const large = await post(express.url, JSON.stringify({ name: "A".repeat(200_000) }));
  assertEquals([large.status, (await large.json()).title], [413, "Content Too Large"]);
  const strange = await fetch(`${fastify.url}/users`, {
    method: "POST",
    headers: { "Content-Type": "text/xml" },
    body: "<user/>",
  });
  assertEquals([strange.status, (await strange.json()).title], [415, "Unsupported Media Type"]);
  assertEquals(reported, []);
});

Deno.test("Express and Fastify answer a path that cannot be decoded with 400, and report nothing", async () => {
  const reported: unknown[] = [];
  const app = createApp({
    users: new MemoryUserRepository(),
    mailer: new RecordingMailer(),
    report: (error) => reported.push(error),
  });
  for (const framework of ["Express", "Fastify"]) {
    await using server = await FRAMEWORKS[framework]!(app);
    const response = await fetch(`${server.url}/users/%zz`);
    assertEquals(response.headers.get("Content-Type")!.split(";")[0], "application/problem+json");
    const { status, title } = await response.json();
    assertEquals([framework, response.status, status, title], [framework, 400, 400, "Bad Request"]);
  }
  assertEquals(reported, []);
});

Deno.test("Fastify handles nothing for a client that has hung up while a hook was at work, and owes it nothing", async () => {
  const mailer = new RecordingMailer();
  const app = createApp({ users: new MemoryUserRepository(), mailer });
  const commands = recordingBus(app.commands);
  const server = createFastifyServer({ ...app, commands });
  const asked = Promise.withResolvers<void>();
  server.addHook("preHandler", async (_request, reply) => {
    asked.resolve();
    await new Promise((resolve) => reply.raw.once("close", resolve));
  });
  const url = await server.listen({ host: "127.0.0.1", port: 0 });
  try {
    const client = new AbortController();
    const response = post(url, ADA, { signal: client.signal });
    await within(asked.promise);
    client.abort(new Error("hung up"));
    await assertRejects(() => response, Error, "hung up");

    const { outcome } = await within(commands.next(CreateUser));
    assertEquals(outcome.status, "rejected");
    await within(app.idle());
    assertEquals(mailer.sent, []);
  } finally {
    server.server.closeAllConnections();
    await server.close();
  }
});

Deno.test("Background runs the handlers of an event once the request is done with, however it ended", async () => {
  const log: string[] = [];
  const background = new Background((error) => log.push(String(error)));
  const events = new MessageRouter().newEventBus().use(background.middleware);
  events.subscribe(UserCreated, ({ user }) => log.push(user.name));
  const dispatch = (name: string, responded?: Promise<void>) =>
    events.dispatch(new UserCreated({ id: 1, name, email: "" }), { metadata: { responded } });

  await dispatch("without a request");
  assertEquals(log, ["without a request"]);

  const [answered, failed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await dispatch("answered", answered.promise);
  await dispatch("failed", failed.promise);
  assertEquals(log.length, 1);
  failed.reject(new Error("The client hung up"));
  answered.resolve();
  await background.idle();
  assertEquals(log.slice(1).sort(), ["answered", "failed"]);
});

for (const [storage, openUsers] of Object.entries(STORAGES())) {
  Deno.test(`UserRepository in ${storage} gives ids in order and finds what it has`, async () => {
    const users = openUsers();
    assertEquals(await users.list(10), []);
    const ada = await users.add({ name: "Ada", email: "ada@example.com" });
    const bob = await users.add({ name: "Bob'); DROP TABLE users; --", email: "bob@example.com" });
    assertEquals([ada.id, bob.id], [1, 2]);
    assertEquals([await users.find(1), await users.find(2), await users.find(3)], [ada, bob, undefined]);
    assertEquals([await users.list(1), await users.list(10)], [[ada], [ada, bob]]);
  });

  Deno.test(`UserRepository in ${storage} refuses an address that is taken`, async () => {
    const users = openUsers();
    await users.add({ name: "Ada", email: "ada@example.com" });
    await assertRejects(
      () => users.add({ name: "Eve", email: "ada@example.com" }),
      EmailTakenError,
      "The address ada@example.com belongs to another user",
    );
    assertEquals((await users.list(10)).length, 1);
  });
}
