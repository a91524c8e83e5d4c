// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, Event, inject, MessageRouter, Query, RelatedEvents, timeout } from "@cq/core";
import { usedHeap } from "../heap.js";
import { median, print } from "../measure.js";

const dispatches = Number(globalThis.process.argv[3]);

class FindUser extends Query {}
class CreateUser extends Command {}
class AnnounceUser extends Command {}
class UserCreated extends Event {}

class FindUserHandler {
  async handle(_query) {
    return 1;
  }
}
class CreateUserHandler {
  async handle(_command) {
    return 1;
  }
}
class AnnounceUserHandler {
  constructor(events = inject(RelatedEvents)) {
    this.events = events;
  }

  async handle(_command) {
    this.events.add(new UserCreated());
    return 1;
  }
}
class UserCreatedHandler {
  async handle(_event) {}
}
const router = new MessageRouter();
router.queryHandler(FindUser)(FindUserHandler);
router.commandHandler(CreateUser)(CreateUserHandler);
router.commandHandler(AnnounceUser)(AnnounceUserHandler);
router.eventHandler(UserCreated)(UserCreatedHandler);
const queries = router.newQueryBus();
const commands = router.newCommandBus();
const events = router.newEventBus();

const work = {
  direct: () => new FindUserHandler().handle(new FindUser()),
  query: () => queries.dispatch(new FindUser()),
  command: () => commands.dispatch(new CreateUser()),
  "command, 1 related event": () => commands.dispatch(new AnnounceUser()),
  "event, 1 handler": () => events.dispatch(new UserCreated()),
};

async function repeat(times) {
  for (let i = 0; i < times; i += 3) {
    await commands.dispatch(new AnnounceUser());
    await queries.dispatch(new FindUser());
    await events.dispatch(new UserCreated());
  }
}

await repeat(100_000);
const before = await usedHeap();
await repeat(dispatches);
const growth = await usedHeap() - before;

// Only if no garbage is collected meanwhile: the driver passes the flags for that.
const bytes = {};
if (globalThis.process.argv[4] === "bytes") {
  const RUNS = 20_000;
  for (const [name, run] of Object.entries(work)) {
    const found = [];
    for (let round = 0; round < 5; round++) {
      await usedHeap();
      const start = globalThis.process.memoryUsage().heapUsed;
      for (let i = 0; i < RUNS; i++) await run();
      found.push((globalThis.process.memoryUsage().heapUsed - start) / RUNS);
    }
    bytes[name] = median(found);
  }
}

const { signal } = new AbortController();
let listeners = 0;
const { addEventListener, removeEventListener } = signal;
signal.addEventListener = (...args) => {
  listeners++;
  return addEventListener.apply(signal, args);
};
signal.removeEventListener = (...args) => {
  listeners--;
  return removeEventListener.apply(signal, args);
};
const limited = router.newCommandBus().use(timeout(60_000));
for (let i = 0; i < 1000; i++) {
  await limited.dispatch(new AnnounceUser(), { signal });
  await queries.dispatch(new FindUser(), { signal });
}

print({ growth, bytes, listeners });
