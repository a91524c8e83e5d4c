// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { measure } from "../measure.js";
import { internals, peer } from "../peer.js";

const { MemoryQueue } = await internals();
const { default: fastq } = await peer("fastq");

const handled = { cq: 0, fastq: 0 };

const queue = new MemoryQueue({ maxSize: Infinity });
/** Resolves once the message that was sent last has been handled. */
let done;
(async () => {
  for await (const delivery of queue) {
    handled.cq++;
    await delivery.ack();
    done();
  }
})();

const tasks = fastq.promise(async (_message) => {
  handled.fastq++;
}, 1);

await measure({
  cq: {
    run: () =>
      new Promise((resolve) => {
        done = resolve;
        queue.send({});
      }),
    handled: () => handled.cq,
  },
  "fastq.promise": { run: () => tasks.push({}), handled: () => handled.fastq },
});
queue.close();
