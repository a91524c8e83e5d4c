import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Command,
  type CommandBus,
  Container,
  Event,
  EventBus,
  EventDispatchError,
  MemoryQueue,
  MessageRouter,
  Pump,
  retry,
  timeout,
} from "@cq/core";
import {
  deduplicate,
  type DeduplicatedResult,
  type DeduplicateOptions,
  type DeduplicationStore,
  MemoryDeduplicationStore,
} from "@cq/core/middlewares";
import { countAbortListeners } from "./support/abort_listeners.ts";
import { unhandledRejections } from "./support/unhandled_rejections.ts";

class ChargeCard extends Command<string> {
  readonly orderId: string | undefined;

  constructor(orderId: string | undefined = "order 7") {
    super();
    this.orderId = orderId;
  }
}

class UserCreated extends Event {
  readonly orderId = "order 7";
}

const BY_ORDER: DeduplicateOptions = {
  key: (message) => (message as { orderId?: string }).orderId,
  ttlMs: 1000,
};

/** A bus whose handler waits until the test settles the charge. */
function chargingBus(options: DeduplicateOptions = BY_ORDER): { commands: CommandBus; charges: Charge[] } {
  const charges: Charge[] = [];
  const commands = new MessageRouter().newCommandBus().use(deduplicate(options))
    .subscribe(ChargeCard, (_command, { signal }) => {
      const charge = { ...Promise.withResolvers<string>(), signal };
      charges.push(charge);
      return charge.promise;
    });
  return { commands, charges };
}

type Charge = ReturnType<typeof Promise.withResolvers<string>> & { signal: AbortSignal | undefined };

/** A bus whose handler returns the number of its call at once. */
function countingBus(options: DeduplicateOptions = BY_ORDER): CommandBus {
  let count = 0;
  return new MessageRouter().newCommandBus().use(deduplicate(options))
    .subscribe(ChargeCard, () => `charge ${++count}`);
}

/** Waits until all promises that can settle have settled. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

// One after another

Deno.test("deduplicate() gives a duplicate the first result, and calls no handler", async () => {
  const commands = countingBus();

  assertEquals(await commands.dispatch(new ChargeCard()), "charge 1");
  assertEquals(await commands.dispatch(new ChargeCard()), "charge 1");
});

Deno.test("deduplicate() builds no handler for a duplicate", async () => {
  const router = new MessageRouter();
  let built = 0;
  @router.commandHandler(ChargeCard)
  class _ChargeCardHandler {
    constructor() {
      built++;
    }
    handle(_command: ChargeCard): string {
      return "charged";
    }
  }
  const commands = router.newCommandBus().use(deduplicate(BY_ORDER));

  await commands.dispatch(new ChargeCard());
  assertEquals(await commands.dispatch(new ChargeCard()), "charged");
  assertEquals(built, 1);
});

Deno.test("deduplicate() handles each of several messages with different keys", async () => {
  const commands = countingBus();

  assertEquals(await commands.dispatch(new ChargeCard("order 7")), "charge 1");
  assertEquals(await commands.dispatch(new ChargeCard("order 8")), "charge 2");
});

Deno.test("deduplicate() handles a message that has no key each time", async () => {
  const commands = countingBus({ key: () => undefined, ttlMs: 1000 });

  assertEquals(await commands.dispatch(new ChargeCard()), "charge 1");
  assertEquals(await commands.dispatch(new ChargeCard()), "charge 2");
});

Deno.test("deduplicate() accepts an empty string as a key", async () => {
  const commands = countingBus();

  assertEquals(await commands.dispatch(new ChargeCard("")), "charge 1");
  assertEquals(await commands.dispatch(new ChargeCard("")), "charge 1");
});

Deno.test("deduplicate() remembers that a message had no result", async () => {
  class SendMail extends Command {
    readonly orderId = "order 7";
  }
  let handled = 0;
  const commands = new MessageRouter().newCommandBus().use(deduplicate(BY_ORDER))
    .subscribe(SendMail, () => void handled++);

  await commands.dispatch(new SendMail());
  await commands.dispatch(new SendMail());

  assertEquals(handled, 1);
});

Deno.test("deduplicate() lets a failure out, and handles the message again after it", async () => {
  const error = new Error("declined");
  let attempt = 0;
  const commands = new MessageRouter().newCommandBus().use(deduplicate(BY_ORDER)).subscribe(ChargeCard, () => {
    if (++attempt === 1) throw error;
    return `attempt ${attempt}`;
  });

  assertStrictEquals(await assertRejects(() => commands.dispatch(new ChargeCard())), error);
  assertEquals(await commands.dispatch(new ChargeCard()), "attempt 2");
  assertEquals(await commands.dispatch(new ChargeCard()), "attempt 2");
});

Deno.test("deduplicate() remembers a message for its time to live, from when it was handled", async () => {
  using time = new FakeTime();
  const { commands, charges } = chargingBus({ ...BY_ORDER, ttlMs: 1000 });

  const first = commands.dispatch(new ChargeCard());
  await settle();
  time.tick(5000);
  charges[0]!.resolve("first");
  await first;
  time.tick(999);
  assertEquals(await commands.dispatch(new ChargeCard()), "first");

  time.tick(1);
  const second = commands.dispatch(new ChargeCard());
  await settle();
  charges[1]!.resolve("second");
  assertEquals(await second, "second");
});

Deno.test("deduplicate() does not remember a message longer because of a duplicate", async () => {
  using time = new FakeTime();
  const commands = countingBus({ ...BY_ORDER, ttlMs: 1000 });

  await commands.dispatch(new ChargeCard());
  time.tick(600);
  assertEquals(await commands.dispatch(new ChargeCard()), "charge 1");
  time.tick(600);
  assertEquals(await commands.dispatch(new ChargeCard()), "charge 2");
});

Deno.test("deduplicate() keeps no timer alive", async () => {
  using time = new FakeTime();

  await countingBus().dispatch(new ChargeCard());

  assertEquals(time.next(), false);
});

Deno.test("deduplicate() gives the key function the message and the context", async () => {
  const message = new ChargeCard();
  const seen: unknown[] = [];
  const commands = countingBus({
    key: (message, { kind, metadata }) => {
      seen.push(message, kind, metadata);
      return metadata.requestId as string;
    },
    ttlMs: 1000,
  });

  await commands.dispatch(message, { metadata: { requestId: "r1" } });

  assertEquals(seen, [message, "command", { requestId: "r1" }]);
  assertEquals(await commands.dispatch(message, { metadata: { requestId: "r1" } }), "charge 1");
  assertEquals(await commands.dispatch(message, { metadata: { requestId: "r2" } }), "charge 2");
});

// At the same time

Deno.test("deduplicate() makes concurrent duplicates wait for the first one and share its result", async () => {
  const { commands, charges } = chargingBus();

  const dispatches = [1, 2, 3].map(() => commands.dispatch(new ChargeCard()));
  await settle();
  assertEquals(charges.length, 1);
  charges[0]!.resolve("charged");

  assertEquals(await Promise.all(dispatches), ["charged", "charged", "charged"]);
  assertEquals(charges.length, 1);
});

Deno.test("deduplicate() makes concurrent duplicates share the same object", async () => {
  const result = { id: 1 };
  class Open extends Command<object> {
    readonly orderId = "order 7";
  }
  const commands = new MessageRouter().newCommandBus().use(deduplicate(BY_ORDER))
    .subscribe(Open, () => Promise.resolve(result));

  const [first, second] = await Promise.all([commands.dispatch(new Open()), commands.dispatch(new Open())]);

  assertStrictEquals(first, result);
  assertStrictEquals(second, result);
});

Deno.test("deduplicate() makes concurrent duplicates share the first one's failure", async () => {
  const { commands, charges } = chargingBus();
  const error = new Error("declined");

  const dispatches = [1, 2].map(() => commands.dispatch(new ChargeCard()));
  await settle();
  charges[0]!.reject(error);

  assertEquals(await Promise.allSettled(dispatches), [
    { status: "rejected", reason: error },
    { status: "rejected", reason: error },
  ]);
  assertEquals(charges.length, 1);
});

Deno.test("deduplicate() handles a message that comes after a shared failure", async () => {
  const { commands, charges } = chargingBus();
  const shared = [1, 2].map(() => commands.dispatch(new ChargeCard()));
  await settle();
  charges[0]!.reject(new Error("declined"));
  await Promise.allSettled(shared);

  const later = commands.dispatch(new ChargeCard());
  await settle();
  charges[1]!.resolve("charged");

  assertEquals(await later, "charged");
});

Deno.test("deduplicate() handles messages with different keys at the same time", async () => {
  const { commands, charges } = chargingBus();

  const dispatches = ["order 7", "order 8"].map((order) => commands.dispatch(new ChargeCard(order)));
  await settle();
  assertEquals(charges.length, 2);
  charges[1]!.resolve("eight");
  charges[0]!.resolve("seven");

  assertEquals(await Promise.all(dispatches), ["seven", "eight"]);
});

Deno.test("deduplicate() leaves no rejection unhandled when concurrent duplicates fail", async () => {
  const reasons = await unhandledRejections(async () => {
    const { commands, charges } = chargingBus();
    const { signal } = new AbortController();
    const dispatches = [1, 2, 3].map(() => commands.dispatch(new ChargeCard(), { signal }));
    await settle();
    charges[0]!.reject(new Error("declined"));
    await Promise.allSettled(dispatches);
  });

  assertEquals(reasons, []);
});

// The signals

Deno.test("deduplicate() ends only the wait of a duplicate when the signal of that duplicate fires", async () => {
  const { commands, charges } = chargingBus();
  const controller = new AbortController();
  const reason = new RangeError("hung up");

  const first = commands.dispatch(new ChargeCard());
  const impatient = commands.dispatch(new ChargeCard(), { signal: controller.signal });
  const patient = commands.dispatch(new ChargeCard());
  await settle();
  controller.abort(reason);

  assertStrictEquals(await assertRejects(() => impatient), reason);
  charges[0]!.resolve("charged");
  assertEquals(await Promise.all([first, patient]), ["charged", "charged"]);
  assertEquals(charges.length, 1);
});

Deno.test("deduplicate() passes the first one's signal to the handler, not a duplicate's", async () => {
  const { commands, charges } = chargingBus();
  const [first, second] = [new AbortController(), new AbortController()];

  const dispatches = [first, second].map(({ signal }) => commands.dispatch(new ChargeCard(), { signal }));
  await settle();

  assertStrictEquals(charges[0]!.signal, first.signal);
  charges[0]!.resolve("charged");
  await Promise.all(dispatches);
});

Deno.test("deduplicate() does not let a duplicate wait whose signal has fired before", async () => {
  const { commands, charges } = chargingBus();
  const controller = new AbortController();
  const reason = new RangeError("hung up");
  const first = commands.dispatch(new ChargeCard());
  await settle();
  commands.listen(() => controller.abort(reason));

  const second = commands.dispatch(new ChargeCard(), { signal: controller.signal });

  assertStrictEquals(await assertRejects(() => second), reason);
  charges[0]!.resolve("charged");
  assertEquals(await first, "charged");
});

Deno.test("deduplicate() leaves no listener on a duplicate's signal", async () => {
  const { commands, charges } = chargingBus();
  const { signal } = new AbortController();
  const listeners = countAbortListeners(signal);

  const dispatches = [commands.dispatch(new ChargeCard()), commands.dispatch(new ChargeCard(), { signal })];
  await settle();
  assertEquals(listeners(), 1);
  charges[0]!.resolve("charged");
  await Promise.all(dispatches);
  await settle();

  assertEquals(listeners(), 0);
});

Deno.test("deduplicate() handles the next duplicate if the first message was aborted, and the others wait for it", async () => {
  const { commands, charges } = chargingBus();
  const controller = new AbortController();
  const reason = new RangeError("hung up");

  const first = commands.dispatch(new ChargeCard(), { signal: controller.signal });
  const others = [1, 2, 3].map(() => commands.dispatch(new ChargeCard()));
  await settle();
  controller.abort(reason);
  charges[0]!.reject(reason);
  assertStrictEquals(await assertRejects(() => first), reason);
  await settle();
  assertEquals(charges.length, 2);
  charges[1]!.resolve("charged");

  assertEquals(await Promise.all(others), ["charged", "charged", "charged"]);
  assertEquals(charges.length, 2);
});

Deno.test("deduplicate() shares the result of a first message that has succeeded although it was aborted", async () => {
  const { commands, charges } = chargingBus();
  const controller = new AbortController();

  const dispatches = [
    commands.dispatch(new ChargeCard(), { signal: controller.signal }),
    commands.dispatch(new ChargeCard()),
  ];
  await settle();
  controller.abort();
  charges[0]!.resolve("charged nevertheless");

  assertEquals(await Promise.all(dispatches), ["charged nevertheless", "charged nevertheless"]);
});

Deno.test("deduplicate() ends each wait whose own signal has fired, that of the first message included", async () => {
  const { commands, charges } = chargingBus();
  const controller = new AbortController();
  const reason = new RangeError("shutting down");

  const dispatches = [1, 2, 3].map(() => commands.dispatch(new ChargeCard(), { signal: controller.signal }));
  await settle();
  controller.abort(reason);
  charges[0]!.reject(reason);

  assertEquals(
    (await Promise.allSettled(dispatches)).map((outcome) => outcome.status === "rejected" && outcome.reason),
    [reason, reason, reason],
  );
  assertEquals(charges.length, 1);
});

Deno.test("deduplicate() starts no handler of an event for a duplicate whose own signal has fired", async () => {
  const controller = new AbortController();
  const handling = Promise.withResolvers<void>();
  let handled = 0;
  const events = new MessageRouter().newEventBus().use(deduplicate(BY_ORDER)).subscribe(UserCreated, () => {
    handled++;
    return handling.promise;
  });

  const dispatches = [1, 2].map(() => events.dispatch(new UserCreated(), { signal: controller.signal }));
  await settle();
  // The handler listens first, so that it fails before the duplicate learns of the signal.
  handling.reject(new Error("hung up"));
  controller.abort();
  await Promise.allSettled(dispatches);

  assertEquals(handled, 1);
});

Deno.test("deduplicate() behind timeout() makes each duplicate wait only for its own time", async () => {
  using time = new FakeTime();
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const commands = new MessageRouter().newCommandBus().use(timeout(100), deduplicate(BY_ORDER))
    .subscribe(ChargeCard, () => {
      calls++;
      return promise;
    });

  const first = assertRejects(() => commands.dispatch(new ChargeCard()), DOMException, "100 ms");
  await time.tickAsync(60);
  const second = commands.dispatch(new ChargeCard());
  await time.tickAsync(60);
  await first;
  resolve("charged");

  assertEquals(await second, "charged");
  assertEquals(calls, 1);
});

// Messages that are not duplicates

Deno.test("deduplicate() never treats messages of different classes as duplicates, even if the classes share a name", async () => {
  const [one, other] = [1, 2].map(() =>
    class Charge extends Command<string> {
      readonly orderId = "order 7";
    }
  );
  const commands = new MessageRouter().newCommandBus().use(deduplicate(BY_ORDER))
    .subscribe(one!, () => "one")
    .subscribe(other!, () => "other");

  assertEquals(await commands.dispatch(new one!()), "one");
  assertEquals(await commands.dispatch(new other!()), "other");
  assertEquals(await commands.dispatch(new one!()), "one");
});

Deno.test("deduplicate() on the event bus runs each handler once", async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus().use(deduplicate(BY_ORDER))
    .subscribe(UserCreated, function mail() {
      log.push("mail");
    })
    .subscribe(UserCreated, () => log.push("an arrow"))
    .subscribe(UserCreated, () => log.push("another arrow"));

  await events.dispatch(new UserCreated());
  await events.dispatch(new UserCreated());

  assertEquals(log, ["mail", "an arrow", "another arrow"]);
});

Deno.test("deduplicate() on the event bus runs only the handler again that has failed", async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus().use(deduplicate(BY_ORDER))
    .subscribe(UserCreated, () => log.push("succeeds"))
    .subscribe(UserCreated, () => {
      log.push("fails");
      throw new Error("not yet");
    });

  await assertRejects(() => events.dispatch(new UserCreated()), EventDispatchError);
  await assertRejects(() => events.dispatch(new UserCreated()), EventDispatchError);

  assertEquals(log, ["succeeds", "fails", "fails"]);
});

Deno.test("deduplicate() keeps keys apart even if the names of handlers contain separators", async () => {
  const log: string[] = [];
  const handlers = {
    "a:b"() {
      log.push("a:b");
    },
    a() {
      log.push("a");
    },
  };
  let key = "c";
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .use(deduplicate({ key: (_message, { handler }) => handler.name === "a" ? `b:${key}` : key, ttlMs: 1000 }))
    .subscribe(UserCreated, handlers["a:b"])
    .subscribe(UserCreated, handlers.a);

  await events.dispatch(new UserCreated());
  key = "d";
  await events.dispatch(new UserCreated());

  assertEquals(log, ["a:b", "a", "a:b", "a"]);
});

Deno.test("deduplicate() may be used on a pump and on the bus that it drains into", async () => {
  let handled = 0;
  const once = deduplicate(BY_ORDER);
  const commands = new MessageRouter().newCommandBus().use(once).subscribe(ChargeCard, () => `charge ${++handled}`);
  const queue = new MemoryQueue<ChargeCard>({ maxSize: 3 });
  for (let count = 0; count < 3; count++) await queue.send(new ChargeCard());
  queue.close();

  await new Pump(queue, commands, { concurrency: 2 }).use(once).drain();

  assertEquals(handled, 1);
});

Deno.test("deduplicate() outside of retry() lets the attempts of the first message run", async () => {
  let attempt = 0;
  const commands = new MessageRouter().newCommandBus().use(deduplicate(BY_ORDER), retry({ attempts: 3 }))
    .subscribe(ChargeCard, () => {
      if (++attempt < 3) throw new Error("not yet");
      return `attempt ${attempt}`;
    });

  assertEquals(
    await Promise.all([commands.dispatch(new ChargeCard()), commands.dispatch(new ChargeCard())]),
    ["attempt 3", "attempt 3"],
  );
});

Deno.test("deduplicate() publishes related events only for the first message", async () => {
  const published: unknown[] = [];
  const container = new Container();
  const router = new MessageRouter(container);
  container.get(EventBus).subscribe(UserCreated, (event) => void published.push(event));
  const commands = router.newCommandBus().use(deduplicate(BY_ORDER))
    .subscribe(ChargeCard, (_command, { events }) => {
      events.add(new UserCreated());
      return "charged";
    });

  await commands.dispatch(new ChargeCard());
  await commands.dispatch(new ChargeCard());

  assertEquals(published, [new UserCreated()]);
});

// The store

/** A store that logs its calls, and returns promises. */
class NotingStore implements DeduplicationStore {
  readonly log: unknown[] = [];
  readonly outcomes = new Map<string, DeduplicatedResult>();

  get(key: string): Promise<DeduplicatedResult | undefined> {
    this.log.push(["get", key]);
    return Promise.resolve(this.outcomes.get(key));
  }

  set(key: string, outcome: DeduplicatedResult, ttlMs: number): Promise<void> {
    this.log.push(["set", key, outcome, ttlMs]);
    this.outcomes.set(key, outcome);
    return Promise.resolve();
  }
}

Deno.test("deduplicate() asks the store before it handles, and stores the outcome", async () => {
  const store = new NotingStore();
  const commands = countingBus({ ...BY_ORDER, ttlMs: 1234, store });

  await commands.dispatch(new ChargeCard());
  await commands.dispatch(new ChargeCard());

  const key = "command:ChargeCard:order 7";
  assertEquals(store.log, [["get", key], ["set", key, { result: "charge 1" }, 1234], ["get", key]]);
});

Deno.test("deduplicate() names the handler of an event in the key, and adds a number to a name that is taken", async () => {
  const store = new NotingStore();
  const events = new MessageRouter().newEventBus({ order: "sequential" }).use(deduplicate({ ...BY_ORDER, store }))
    .subscribe(UserCreated, function mail() {})
    .subscribe(UserCreated, () => {})
    .subscribe(UserCreated, () => {});

  await events.dispatch(new UserCreated());

  assertEquals([...store.outcomes.keys()], [
    "event:UserCreated:mail:order 7",
    "event:UserCreated:(anonymous):order 7",
    "event:UserCreated:(anonymous)#2:order 7",
  ]);
});

Deno.test("deduplicate() resolves to the result in the store that another process put there", async () => {
  const store = new NotingStore();
  store.outcomes.set("command:ChargeCard:order 7", { result: "charged elsewhere" });

  assertEquals(await countingBus({ ...BY_ORDER, store }).dispatch(new ChargeCard()), "charged elsewhere");
});

Deno.test("deduplicate() handles once while the store takes its time to answer", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const store: DeduplicationStore = { get: () => promise, set: () => {} };
  const commands = countingBus({ ...BY_ORDER, store });

  const dispatches = [commands.dispatch(new ChargeCard()), commands.dispatch(new ChargeCard())];
  await settle();
  resolve(undefined);

  assertEquals(await Promise.all(dispatches), ["charge 1", "charge 1"]);
});

Deno.test("deduplicate() makes a duplicate wait until the store remembers", async () => {
  const stored = Promise.withResolvers<void>();
  const store: DeduplicationStore = { get: () => undefined, set: () => stored.promise };
  const commands = countingBus({ ...BY_ORDER, store });

  const first = commands.dispatch(new ChargeCard());
  await settle();
  const second = commands.dispatch(new ChargeCard());
  await settle();
  stored.resolve();

  assertEquals(await Promise.all([first, second]), ["charge 1", "charge 1"]);
});

Deno.test("deduplicate() lets out the errors of the store, before the handler runs and after", async () => {
  const error = new RangeError("no store");
  const fail = () => {
    throw error;
  };
  let handled = 0;
  const busWith = (store: DeduplicationStore) =>
    new MessageRouter().newCommandBus().use(deduplicate({ ...BY_ORDER, store }))
      .subscribe(ChargeCard, () => `charge ${++handled}`);

  assertStrictEquals(
    await assertRejects(() => busWith({ get: fail, set: () => {} }).dispatch(new ChargeCard())),
    error,
  );
  assertEquals(handled, 0);
  assertStrictEquals(
    await assertRejects(() => busWith({ get: () => undefined, set: fail }).dispatch(new ChargeCard())),
    error,
  );
  assertEquals(handled, 1);
});

// What its options may be

for (const ttlMs of [0, -1, NaN]) {
  Deno.test(`deduplicate() refuses to remember for ${ttlMs} ms`, () => {
    const error = assertThrows(() => deduplicate({ ...BY_ORDER, ttlMs }), RangeError);

    assertEquals(error.message, `Cannot remember messages for ${ttlMs} ms: must be a number above 0`);
  });
}

Deno.test("deduplicate() remembers for ever if the time is Infinity", async () => {
  using time = new FakeTime();
  const commands = countingBus({ ...BY_ORDER, ttlMs: Infinity });

  await commands.dispatch(new ChargeCard());
  time.tick(10 ** 12);

  assertEquals(await commands.dispatch(new ChargeCard()), "charge 1");
});

Deno.test("deduplicate() refuses a key that is not a string", async () => {
  const commands = countingBus({ ...BY_ORDER, key: () => 7 as unknown as string });

  const error = await assertRejects(() => commands.dispatch(new ChargeCard()), TypeError);

  assertEquals(error.message, 'Cannot deduplicate "ChargeCard" by "7": the key must be a string');
});

// The store in memory

Deno.test("MemoryDeduplicationStore.get() returns the outcome that was set last, until it is too old", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore();
  store.set("a", { result: 1 }, 100);
  store.set("a", { result: 2 }, 50);

  time.tick(49);
  assertEquals(store.get("a"), { result: 2 });
  time.tick(1);
  assertEquals(store.get("a"), undefined);
});

Deno.test("MemoryDeduplicationStore.get() returns undefined for a key that was never set", () => {
  assertEquals(new MemoryDeduplicationStore().get("a"), undefined);
});

Deno.test("MemoryDeduplicationStore forgets the oldest outcome beyond its size", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 2 });
  for (const key of ["a", "b", "c"]) store.set(key, { result: key }, 1000);

  assertEquals(["a", "b", "c"].map((key) => store.get(key)?.result), [undefined, "b", "c"]);
  assertEquals(store.size, 2);
});

Deno.test("MemoryDeduplicationStore treats a key that was set again as the newest", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 2 });
  for (const key of ["a", "b", "a", "c"]) store.set(key, { result: key }, 1000);

  assertEquals(["a", "b", "c"].map((key) => store.get(key)?.result), ["a", undefined, "c"]);
});

Deno.test("MemoryDeduplicationStore drops outcomes that are too old when another one is set", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore({ maxSize: Infinity });
  for (let key = 0; key < 1000; key++) store.set(`old ${key}`, { result: key }, 100);

  time.tick(100);
  store.set("new", { result: "new" }, 100);

  assertEquals(store.size, 1);
});

Deno.test("MemoryDeduplicationStore drops an outcome that is too old when it is looked up", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore();
  store.set("a", { result: 1 }, 100);

  time.tick(100);
  store.get("a");

  assertEquals(store.size, 0);
});

Deno.test("MemoryDeduplicationStore stays within its size where the ages differ", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 10 });
  for (let key = 0; key < 1000; key++) store.set(`${key}`, { result: key }, key % 2 === 0 ? Infinity : 1);

  assertEquals(store.size, 10);
});

for (const maxSize of [0, -1, 1.5, NaN]) {
  Deno.test(`MemoryDeduplicationStore refuses a size of ${maxSize}`, () => {
    const error = assertThrows(() => new MemoryDeduplicationStore({ maxSize }), RangeError);

    assertEquals(error.message, `Cannot remember ${maxSize} messages: must be a whole number from 1, or Infinity`);
  });
}
