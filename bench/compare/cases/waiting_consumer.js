// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { MemoryQueue } from "@cq/core";
import { measure } from "../measure.js";
import { peer } from "../peer.js";

const { default: fastq } = await peer("fastq");

const handled = { cq: 0, fastq: 0 };

const queue = new MemoryQueue({ maxSize: Infinity });
const consumer = queue[Symbol.asyncIterator]();

const tasks = fastq.promise(async (_message) => {
  handled.fastq++;
}, 1);

await measure({
  cq: {
    run: async () => {
      const receiving = consumer.next();
      queue.send({});
      const { value: delivery } = await receiving;
      handled.cq++;
      await delivery.ack();
    },
    handled: () => handled.cq,
  },
  "fastq.promise": { run: () => tasks.push({}), handled: () => handled.fastq },
});
