import { assertEquals } from "@std/assert";

/** What each example prints: a reader of the README sees the same. */
const OUTPUTS: Record<string, string> = {
  "01_quickstart.ts": `
Created user 42
`,
  "02_events.ts": `
Handler: stored Ada, the event waits until the command has succeeded
Event: a welcome mail to Ada
Event: the statistics of user 1 are out of order, and nobody minds
Created user 1, now there are 1
Failed, so no event was published: A user needs a name
`,
  "03_middlewares.ts": `
listener: a command, TransferMoney
classic: before
  async generator: before TransferMoney
    handler: attempt 1
  sync generator: failed, "The bank is busy"
    handler: attempt 2
  sync generator: failed, "The bank is busy"
    handler: attempt 3
  async generator: after, the result is "done"
classic: after, "done" becomes upper case
Transferred: DONE
TimeoutError: Cannot handle "FindRate" within 20 ms
`,
  "04_containers.ts": `
transaction 1: saved a lamp
event: order 100 in EUR
transaction 1: closed
placed 100
transaction 2: saved a chair
event: order 200 in EUR
transaction 2: closed
placed 200
transaction 3: opened by hand
transaction 3: closed
unit test: passed without a container
`,
  "05_pipeline.ts": `
functions, the cart "books"
  validated the cart "books": 30 EUR
  created the transaction T1: 30 EUR
  told Ada's Books: sold in T1
  transaction: T1, merchant notified: true
functions, the cart "nothing"
  validated the cart "nothing": 0 EUR
  transaction: none, merchant notified: false
functions, the cart "stolen"
  RangeError: There is no cart "stolen": no step ran
methods, a fresh context
  the run starts
  validated the cart "books": 30 EUR
  created the transaction T2: 30 EUR
  told Ada's Books: sold in T2, to a guest
  the run has ended
  transaction: T2
methods, a context that the caller has seeded
  the run starts
  validated the cart "books": 30 EUR
  created the transaction T3: 30 EUR
  told Ada's Books: sold in T3, to Grace
  the run has ended
  transaction: T3
`,
  "06_queue.ts": `
sent 250 mails
dead letter: mail 66 after 3 attempts, Error: There is no such address
sent 500 mails
sent 750 mails
sent 999 of 1000 mails, 8 at a time, with 3 failures
started the first task
finished the first task
stopped: 0 tasks in flight, 2 left for the next pump
`,
  "07_testing.ts": `
test 1 of CreateUserHandler created Ada
test 2 of CreateUserHandler created Ada
the receipt was sent once: true, fulfilled
The case "never lets an abandoned receive swallow a message" fails: expected a consumer to be able to leave, but it did not happen within 200 ms. Run it again with { seed: 1, runs: 1 }
The case "continues with the other consumers when one consumer throws" fails: expected message 1 to be delivered though another consumer has thrown, but it did not happen within 200 ms. Run it again with { seed: 1, runs: 1 }
The case "rejects a send whose signal has fired, and does not deliver its message" fails: expected a send whose signal has fired to reject, but it was accepted. Run it again with { seed: 1, runs: 1 }
The case "ignores the ack or nack of a delivery that was given back" fails: expected message 1 to be delivered, but it did not happen within 200 ms. Run it again with { seed: 1, runs: 1 }
13 cases pass, 20 are skipped
`,
  "08_streams.ts": `
All of it
  opened app.log
  read line 1
info: line 1
  read line 2
error: line 2
  read line 3
info: line 3
  closed app.log, not called off
  middleware: app.log has given 3 lines
The first error of a log without an end
  opened endless.log
  read line 1
  read line 2
error: line 2
  closed endless.log, not called off
  middleware: endless.log has given 2 lines
A log whose first connection fails
  middleware: remote.log has given 0 lines
  opened remote.log
  read line 1
line 1, at attempt 2
  closed remote.log, not called off
  middleware: remote.log has given 1 lines
A log that breaks off is never taken for a whole one
  opened broken.log
  read line 1
info: line 1
  read line 2
info: line 2
  closed broken.log, not called off
  middleware: broken.log has given 2 lines
failed: The disk is broken
A reader that is called off while it waits
  opened endless.log
  read line 1
  closed endless.log, called off
  middleware: endless.log has given 1 lines
failed: The client has hung up
`,
};

for (const [name, output] of Object.entries(OUTPUTS)) {
  Deno.test(`examples/${name} prints what its reader expects`, async () => {
    const path = new URL(`../examples/${name}`, import.meta.url);
    const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", path.href],
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();

    assertEquals({ code, text: `\n${decoder.decode(stdout)}`, errors: code === 0 ? "" : decoder.decode(stderr) }, {
      code: 0,
      text: output,
      errors: "",
    });
  });
}
