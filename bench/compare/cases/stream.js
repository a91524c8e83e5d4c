import { MessageRouter, StreamQuery, timeout } from "@cq/core";
import { measure } from "../measure.js";

const ITEMS = 100_000;

let bare = 0;
let streamed = 0;
let wrapped = 0;

async function* count() {
  for (let item = 0; item < ITEMS; item++) yield item;
}

async function readBare() {
  let sum = 0;
  for await (const item of count()) {
    bare++;
    sum += item;
  }
  return sum;
}

class Count extends StreamQuery {}
class CountHandler {
  async *handle(_query) {
    for (let item = 0; item < ITEMS; item++) yield item;
  }
}
const router = new MessageRouter();
router.queryHandler(Count)(CountHandler);
const queries = router.newQueryBus();

async function readStream() {
  let sum = 0;
  for await (const item of queries.stream(new Count())) {
    streamed++;
    sum += item;
  }
  return sum;
}

class CountWithin extends StreamQuery {}
class CountWithinHandler {
  async *handle(_query) {
    for (let item = 0; item < ITEMS; item++) yield item;
  }
}
router.queryHandler(CountWithin)(CountWithinHandler);
const guarded = router.newQueryBus().use(
  async (_message, next) => await next(),
  function* () {
    yield;
  },
  timeout(60_000),
);

async function readGuarded() {
  let sum = 0;
  for await (const item of guarded.stream(new CountWithin())) {
    wrapped++;
    sum += item;
  }
  return sum;
}

await measure({
  "async generator": { run: readBare, perRun: ITEMS, handled: () => bare },
  cq: { run: readStream, perRun: ITEMS, handled: () => streamed },
  "3 middlewares": { run: readGuarded, perRun: ITEMS, handled: () => wrapped },
});
