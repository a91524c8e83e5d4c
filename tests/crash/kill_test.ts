import { assertEquals } from "@std/assert";
import { openStore } from "./store.ts";

const IS_CI = Deno.env.get("CI") === "true";
const POSTGRES = Deno.env.get("CQ_POSTGRES_URL") ?? "postgres://root@127.0.0.1:5432/test";
/** `CQ_CRASH_MESSAGES=3000` is the long form. */
const MESSAGES = Number(Deno.env.get("CQ_CRASH_MESSAGES") ?? 600);
const WORKERS = 2;

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function isThere(): Promise<boolean> {
  try {
    const { hostname, port } = new URL(POSTGRES);
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch {
    return false;
  }
}

const hasPostgres = IS_CI || await isThere();
const ADDRESSES: Readonly<Record<string, string>> = {
  SQLite: `${folder}/crash.db`,
  PostgreSQL: `${POSTGRES}#cq_crash_${crypto.randomUUID().slice(0, 8)}`,
};

function startWorker(address: string, mode: string): Deno.ChildProcess {
  const worker = new URL("worker.ts", import.meta.url).pathname;
  const map = new URL("../../scripts/std/import_map.json", import.meta.url).pathname;
  const args = ["run", "--quiet", "--no-check", "--allow-all", `--import-map=${map}`, worker, address, mode];
  return new Deno.Command(Deno.execPath(), { args, stdout: "inherit", stderr: "inherit" }).spawn();
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

for (const [name, address] of Object.entries(ADDRESSES)) {
  for (const mode of ["outside", "inbox"]) {
    const isSkipped = name === "PostgreSQL" && !hasPostgres;
    const what = mode === "inbox" ? "and handles none twice where the effect is in the transaction of the ack" : "";
    const note = isSkipped ? ` (skipped: ${POSTGRES} does not answer)` : "";
    Deno.test({
      name: `a queue in ${name} loses nothing when consumers are killed ${what}${note}`.replace("  ", " ").trim(),
      ignore: isSkipped,
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const place = name === "SQLite" ? `${address}-${mode}` : `${address}_${mode}`;
        const store = await openStore(place);
        await store.queue.setup();
        const workers = Array.from({ length: WORKERS }, () => startWorker(place, mode));
        let kills = 0;
        let isSent = false;
        const send = async () => {
          for (let message = 1; message <= MESSAGES; message += 10) {
            await Promise.all(Array.from({ length: 10 }, (_, index) => store.queue.send(message + index)));
            await wait(30);
          }
          isSent = true;
        };
        const sending = send();
        for (let turn = 0; !isSent || kills < 4; turn = (turn + 1) % WORKERS) {
          await wait(700);
          const victim = workers[turn]!;
          victim.kill("SIGKILL");
          await victim.status;
          kills++;
          workers[turn] = startWorker(place, mode);
        }
        await sending;
        for (let tries = 0; tries < 300; tries++) {
          const { waiting, delayed, held } = await store.queue.stats();
          if (waiting! + delayed! + held! === 0) break;
          await wait(100);
        }
        for (const worker of workers) worker.kill("SIGKILL");
        await Promise.all(workers.map(({ status }) => status));

        const effects = await store.effects();
        const twice = effects.length - new Set(effects).size;
        const { waiting, delayed, held, dead } = await store.queue.stats();
        await store.close();
        const lost = MESSAGES - new Set(effects).size;
        console.log(`${name}, ${mode}: ${MESSAGES} messages, ${kills} kills, ${lost} lost, ${twice} handled twice`);
        assertEquals({ waiting, delayed, held, dead, lost }, { waiting: 0, delayed: 0, held: 0, dead: 0, lost: 0 });
        if (mode === "inbox") assertEquals(twice, 0);
      },
    });
  }
}
