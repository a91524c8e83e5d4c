/**
 * A log is read line by line: a page of it, all of it with a retry that cannot repeat a line, and the end of it as it
 * grows, until the reader has seen enough.
 */
import { MessageRouter, retry, type StreamContext, StreamQuery, timeout } from "@cq/core";

interface Line {
  readonly level: "info" | "error";
  readonly text: string;
}

class TailLog extends StreamQuery<Line> {
  readonly path: string;

  constructor(path: string) {
    super();
    this.path = path;
  }
}

const router = new MessageRouter();
let attempts = 0;

@router.queryHandler(TailLog)
export class TailLogHandler {
  async *handle({ path }: TailLog, { signal }: StreamContext): AsyncGenerator<Line> {
    // The first connection fails, before there is a line: the retry makes another one.
    if (path === "remote.log" && ++attempts === 1) throw new Error("The connection is lost");
    console.log(`  opened ${path}`);
    try {
      for (let number = 1; path === "endless.log" || number <= 3; number++) {
        await new Promise((resolve) => setTimeout(resolve, 1)); // the disk answers
        if (path === "broken.log" && number === 3) throw new Error("The disk is broken");
        console.log(`  read line ${number}`);
        yield { level: number % 2 === 0 ? "error" : "info", text: `line ${number}` };
      }
    } finally {
      console.log(`  closed ${path}, ${signal.aborted ? "called off" : "not called off"}`);
    }
  }
}

// The time-out is for one line, not for the whole of a log that grows for days.
const queries = router.newQueryBus().use(retry({ attempts: 3 }), timeout(5_000), async (query, next, { stream }) => {
  try {
    return await next();
  } finally {
    console.log(`  middleware: ${(query as TailLog).path} has given ${stream?.items} lines`);
  }
});

console.log("All of it");
for await (const { level, text } of queries.stream(new TailLog("app.log"))) console.log(`${level}: ${text}`);

console.log("The first error of a log without an end");
for await (const { level, text } of queries.stream(new TailLog("endless.log"))) {
  if (level !== "error") continue;
  console.log(`${level}: ${text}`);
  break; // no line is read that nobody has asked for
}

console.log("A log whose first connection fails");
const lines = queries.stream(new TailLog("remote.log"));
console.log(`${(await lines.next()).value?.text}, at attempt ${attempts}`);
await lines.return();

console.log("A log that breaks off is never taken for a whole one");
try {
  for await (const { text } of queries.stream(new TailLog("broken.log"))) console.log(`info: ${text}`);
} catch (error) {
  console.log(`failed: ${(error as Error).message}`);
}

console.log("A reader that is called off while it waits");
const controller = new AbortController();
const endless = queries.stream(new TailLog("endless.log"), { signal: controller.signal });
await endless.next();
controller.abort(new Error("The client has hung up"));
await endless.next().catch((error) => console.log(`failed: ${error.message}`));
