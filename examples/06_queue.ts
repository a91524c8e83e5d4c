/**
 * A burst of commands goes through a queue: eight are handled at a time, and the one that always fails ends in the dead
 * letters. Then a pump is stopped in the middle of its work, and loses nothing.
 */
import { Command, MemoryQueue, MessageRouter, Pump } from "@cq/core";

class SendMail extends Command {
  readonly number: number;

  constructor(number: number) {
    super();
    this.number = number;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

let [busy, busiest, sent, failures] = [0, 0, 0, 0];

const commands = new MessageRouter().newCommandBus().subscribe(SendMail, async ({ number }) => {
  busiest = Math.max(busiest, ++busy);
  await wait(1); // the mail server answers
  busy--;
  if (number === 66) {
    failures++;
    throw new Error("There is no such address");
  }
  if (++sent % 250 === 0) console.log(`sent ${sent} mails`);
});

// At most 100 mails wait in the queue: whoever sends another one waits for room.
const mails = new MemoryQueue<SendMail>({
  maxSize: 100,
  maxAttempts: 3,
  onDead: ({ message, attempt }, reason) => {
    console.log(`dead letter: mail ${message.number} after ${attempt} attempts, ${reason}`);
  },
});

{
  // Without `failSilently` the first error would stop the pump. At the end of the block the queue is closed, and the
  // block waits for the last mail. Where there is no `await using`, as in Node 20 and 22, call `stop()` in a `finally`.
  const pump = new Pump(mails, commands, { concurrency: 8, failSilently: true });
  await using _draining = pump.draining({ closes: mails });
  for (let number = 1; number <= 1000; number++) await mails.send(new SendMail(number));
}

console.log(`sent ${sent} of 1000 mails, ${busiest} at a time, with ${failures} failures`);

const tasks = new MemoryQueue<string>({ maxSize: Infinity });
for (const name of ["first", "second", "third"]) await tasks.send(name);

const pump = new Pump(tasks, async (name) => {
  console.log(`started the ${name} task`);
  await wait(5);
  console.log(`finished the ${name} task`);
});

// What takes longer than the limit is told to stop by its signal, and is given back to the queue.
const draining = pump.draining({ graceful: { timeoutMs: 10_000 } });
await wait(1);
await draining.stop();

console.log(`stopped: ${tasks.pending} tasks in flight, ${tasks.size} left for the next pump`);
