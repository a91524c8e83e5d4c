/** Serves the users with Hono, Express or Fastify: `deno run -A --unstable-no-legacy-abort examples/http/main.ts hono users.db` */
import { createApp } from "./app.ts";
import { createExpressServer } from "./express_server.ts";
import { createFastifyServer } from "./fastify_server.ts";
import { createHonoServer } from "./hono_server.ts";
import { ConsoleMailer } from "./mailer.ts";
import { MemoryUserRepository } from "./memory_user_repository.ts";
import { SqliteUserRepository } from "./sqlite_user_repository.ts";

const [framework = "hono", database] = Deno.args;
const users = database === undefined ? new MemoryUserRepository() : new SqliteUserRepository(database);
const app = createApp({ users, mailer: new ConsoleMailer() });
const port = 8000;

if (framework === "express") createExpressServer(app).listen(port);
else if (framework === "fastify") await createFastifyServer(app).listen({ port });
else Deno.serve({ port }, createHonoServer(app).fetch);

console.log(
  `Serving with ${framework}: curl --json '{"name":"Ada","email":"ada@example.com"}' localhost:${port}/users`,
);
