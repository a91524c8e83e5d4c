import { type Delivery, MemoryQueue, MessageRouter, Pump, Query, retry } from "@cq/core";
import { errorOf, type Scenario, tick } from "./scenario.ts";

class Job extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

/** What queues and pumps do. */
export const queueScenarios: readonly Scenario[] = [
  {
    name: "a pump drains a queue into a bus, and what fails again and again ends as a dead letter",
    expected: [["1 of acme", "2 of acme", "3 of acme"], [[2, 3, "RangeError: bad job"]], 0],
    run: async () => {
      const done: string[] = [];
      const dead: unknown[] = [];
      const queries = new MessageRouter().newQueryBus().subscribe(Job, async ({ id }, { metadata }) => {
        await tick();
        done.push(`${id} of ${metadata.tenant}`);
        if (id === 2) throw new RangeError("bad job");
        return "";
      });
      const queue = new MemoryQueue<Job>({
        maxSize: Infinity,
        maxAttempts: 3,
        onDead: ({ message, attempt }, reason) => void dead.push([message.id, attempt, String(reason)]),
      });
      const pump = new Pump(queue, queries, { concurrency: 2, failSilently: true });
      for (const id of [1, 2, 3]) await queue.send(new Job(id), { metadata: { tenant: "acme" } });
      queue.close();
      await pump.drain();
      return [[...new Set(done)].sort(), dead, queue.size + queue.pending];
    },
  },
  {
    name: "a queue without room makes the sender wait for the consumer",
    expected: [["waiting", "sent", "received 1"], "QueueClosedError"],
    run: async () => {
      const log: string[] = [];
      const queue = new MemoryQueue<number>();
      const sent = queue.send(1).then(() => log.push("sent"));
      await tick();
      log.push("waiting");
      const { value } = await queue[Symbol.asyncIterator]().next();
      const { message, ack } = value as Delivery<number>;
      log.push(`received ${message}`);
      await ack.call(value);
      await sent;
      queue.close();
      return [log, (await errorOf(() => queue.send(2))).split(":")[0]];
    },
  },
  {
    name: "draining waits for what is in flight, with middlewares around dispatch and ack",
    expected: [
      ["try 1", "try 1", "try 2"],
      'QueueClosedError: Cannot send "Number": the queue is closed. Close a queue after its ' +
      "producers have stopped",
    ],
    run: async () => {
      const log: string[] = [];
      const queue = new MemoryQueue<number>({ maxSize: 2 });
      let failures = 1;
      const pump = new Pump(queue, async (id: number) => {
        await tick();
        log.push(`try ${id}`);
        if (failures-- > 0) throw new Error("once");
      }).use(retry({ attempts: 2 }));
      const draining = pump.draining({ closes: queue });
      await queue.send(1);
      await queue.send(2);
      await draining.stop();
      return [log, await errorOf(() => queue.send(3))];
    },
  },
];
