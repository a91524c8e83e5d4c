import { MessageRouter, Query } from "@cq/core";
import { usedHeap } from "../heap.js";
import { median, options, print } from "../measure.js";

const makeTypes = (count) => Array.from({ length: count }, () => class extends Query {});
const handle = () => 1;

/** Nanoseconds for each registration. */
function timeRegistration(count) {
  const types = makeTypes(count);
  const queries = new MessageRouter().newQueryBus();
  const start = performance.now();
  for (const type of types) queries.subscribe(type, handle);
  return (performance.now() - start) * 1e6 / count;
}

const times = { 10_000: [], 100_000: [] };
for (let round = 0; round < options.rounds; round++) {
  for (const [count, found] of Object.entries(times)) {
    found.push(timeRegistration(Number(count)));
  }
}

const types = makeTypes(100_000);
const queries = new MessageRouter().newQueryBus();
const before = await usedHeap();
for (const type of types) queries.subscribe(type, handle);
const bytes = (await usedHeap() - before) / types.length;

/** After the registration of another type, a dispatch finds its route again, without composing it again. */
const messages = types.slice(0, 1000).map((type) => new type());
async function timeDispatches() {
  const start = performance.now();
  for (const message of messages) await queries.dispatch(message);
  return (performance.now() - start) * 1e6 / messages.length;
}
const after = [];
for (let round = 0; round < 100; round++) {
  queries.subscribe(class extends Query {}, handle);
  const first = await timeDispatches();
  after.push(first - await timeDispatches());
}

print({
  bytes,
  nanoseconds: median(times[100_000]),
  growth: median(
    times[100_000].map((time, round) => time / times[10_000][round]),
  ),
  dispatchAfter: median(after),
});
