/**
 * Edits a module of handlers under Vite's server, which evaluates it again: the module that dispatches keeps running.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { run } from "../../scripts/run.ts";
import { IS_CI, isInstalled, program, type Tool, toolFolder } from "../../scripts/tools.ts";
import { makeProject } from "../runtimes/project.ts";

const TOOLS: readonly Tool[] = ["vite", "node-24"];

const FILES = {
  "tsconfig.json": '{ "compilerOptions": { "experimentalDecorators": true } }',
  "messages.ts": `
    import { Command, Event } from "@cq/core";
    export class CreateUser extends Command<string> {}
    export class UserCreated extends Event {}
  `,
  "handlers.ts": `
    import { commandHandler, eventHandler } from "@cq/core";
    import { CreateUser, UserCreated } from "./messages.ts";

    @commandHandler(CreateUser)
    class CreateUserHandler {
      handle(_command: CreateUser, { events }): string {
        events.add(new UserCreated());
        return "VERSION";
      }
    }

    @eventHandler(UserCreated)
    class SendMail {
      handle(): void {
        globalThis.log.push("mail of VERSION");
      }
    }
  `,
  "main.mjs": `
    import { CommandBus, container, router } from "@cq/core";
    import { readFileSync, writeFileSync } from "node:fs";
    import { createServer } from "vite";

    router.hotReload = process.argv[2] === "true";
    globalThis.log = [];
    const server = await createServer({
      server: { middlewareMode: true, hmr: false, ws: false, watch: null },
      appType: "custom",
      logLevel: "silent",
    });
    const source = readFileSync("handlers.ts", "utf8");
    try {
      for (const version of ["one", "two", "three"]) {
        writeFileSync("handlers.ts", source.replaceAll("VERSION", version));
        // What the server does when a file has changed.
        server.moduleGraph.onFileChange(process.cwd() + "/handlers.ts");
        const { CreateUser } = await server.ssrLoadModule("/messages.ts");
        await server.ssrLoadModule("/handlers.ts");
        log.push(await container.get(CommandBus).dispatch(new CreateUser()));
      }
    } catch (error) {
      log.push(error.message);
    } finally {
      writeFileSync("handlers.ts", source);
      await server.close();
    }
    console.log(JSON.stringify(log));
  `,
};

const missing = TOOLS.filter((tool) => !isInstalled(tool));
const suffix = missing.length === 0 ? "" : ` (skipped without ${missing.join(", ")}: deno task tools)`;
const ignore = missing.length > 0 && !IS_CI;

/** What the application has logged over two edits. */
async function edit(hotReload: boolean): Promise<unknown> {
  const project = await makeProject({ folder: toolFolder("vite") });
  for (const [name, text] of Object.entries(FILES)) await Deno.writeTextFile(`${project}/${name}`, text);
  const args = ["main.mjs", String(hotReload)];
  const { stdout } = await run(program("node-24", "node"), { args, cwd: project });
  return JSON.parse(stdout);
}

Deno.test(`hotReload replaces handlers that Vite evaluates again, and doubles no handler of an event${suffix}`, {
  ignore,
}, async () => {
  const expected = ["mail of one", "one", "mail of two", "two", "mail of three", "three"];
  assertEquals(await edit(true), expected);
});

Deno.test(`without hotReload Vite meets an error that names the way out${suffix}`, { ignore }, async () => {
  assertEquals(await edit(false), [
    "mail of one",
    "one",
    'Cannot register "CreateUserHandler" for "CreateUser": "CreateUserHandler" handles it already. Commands and queries ' +
    "have exactly one handler. The module was evaluated twice, as hot reload does: set router.hotReload = true",
  ]);
});
