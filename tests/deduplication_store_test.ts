import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  Command,
  type CommandBus,
  Event,
  type EventBus,
  EventDispatchError,
  MemoryQueue,
  MessageRouter,
  Pump,
  Query,
} from "@cq/core";
import {
  type Acquisition,
  deduplicate,
  type DeduplicatedResult,
  type DeduplicateOptions,
  type DeduplicationClaim,
  type DeduplicationStore,
  MemoryDeduplicationStore,
} from "@cq/core/middlewares";
import { deduplicationStoreConformance } from "@cq/core/testing";

class ChargeCard extends Command<string> {
  readonly orderId: string = "order 7";
}

class UserCreated extends Event {
  readonly orderId = "order 7";
}

const BY_ORDER = { key: (message: object) => (message as ChargeCard).orderId, ttlMs: 1000 };
const NAMED: DeduplicateOptions = {
  ...BY_ORDER,
  name: (message) => message instanceof ChargeCard ? "charge" : "created",
};

/** A store of another process, as far as the library can tell. It logs its calls, and keeps text. */
class SharedStore implements DeduplicationStore {
  readonly log: unknown[] = [];
  readonly #store = new MemoryDeduplicationStore();

  async acquire(key: string, options: { readonly leaseMs: number }): Promise<Acquisition> {
    this.log.push(["acquire", key, options]);
    const acquisition = await Promise.resolve(this.#store.acquire(key, options));
    return JSON.parse(JSON.stringify(acquisition));
  }

  async complete(
    claim: DeduplicationClaim,
    options: { readonly outcome: DeduplicatedResult; readonly ttlMs: number },
  ): Promise<boolean> {
    this.log.push(["complete", claim.key, options]);
    return await Promise.resolve(this.#store.complete(claim, options));
  }

  async release(claim: DeduplicationClaim): Promise<void> {
    this.log.push(["release", claim.key]);
    await Promise.resolve(this.#store.release(claim));
  }

  get keys(): unknown[] {
    return this.log.flatMap((call) => (call as unknown[])[0] === "complete" ? [(call as unknown[])[1]] : []);
  }
}

/** A process that handles commands, and answers with its name. */
function processOf(name: string, options: DeduplicateOptions): CommandBus {
  return new MessageRouter().newCommandBus().use(deduplicate(options)).subscribe(
    ChargeCard,
    () => `charged by ${name}`,
  );
}

function eventBus(options: DeduplicateOptions): EventBus {
  return new MessageRouter().newEventBus({ order: "sequential" }).use(deduplicate(options));
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

// What is stored

Deno.test("deduplicate() acquires a key before it handles, and completes it with the outcome", async () => {
  const store = new SharedStore();
  const commands = processOf("one", { ...NAMED, ttlMs: 1234, leaseMs: 567, store });

  assertEquals(await commands.dispatch(new ChargeCard()), "charged by one");
  assertEquals(await commands.dispatch(new ChargeCard()), "charged by one");

  const key = "command:charge:order 7";
  const acquire = ["acquire", key, { leaseMs: 567 }];
  assertEquals(store.log, [
    acquire,
    ["complete", key, { outcome: { result: "charged by one" }, ttlMs: 1234 }],
    acquire,
  ]);
});

Deno.test("deduplicate() has a lease of one minute unless it is told another", async () => {
  const store = new SharedStore();

  await processOf("one", { ...NAMED, store }).dispatch(new ChargeCard());

  assertEquals(store.log[0], ["acquire", "command:charge:order 7", { leaseMs: 60_000 }]);
});

Deno.test("deduplicate() releases the key of a message that has failed, and lets the error out", async () => {
  const store = new SharedStore();
  const failure = new Error("declined");
  const commands = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store })).subscribe(
    ChargeCard,
    () => {
      throw failure;
    },
  );

  assertStrictEquals(await assertRejects(() => commands.dispatch(new ChargeCard())), failure);

  assertEquals(store.log[1], ["release", "command:charge:order 7"]);
  assertEquals(await processOf("two", { ...NAMED, store }).dispatch(new ChargeCard()), "charged by two");
});

Deno.test("deduplicate() lets the handler's error out where the store cannot release", async () => {
  const failure = new Error("declined");
  const store = new SharedStore();
  store.release = () => Promise.reject(new Error("no store"));
  const commands = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store })).subscribe(
    ChargeCard,
    () => {
      throw failure;
    },
  );

  assertStrictEquals(await assertRejects(() => commands.dispatch(new ChargeCard())), failure);
});

Deno.test("deduplicate() lets out the errors of the store, before the handler runs and after", async () => {
  const error = new RangeError("no store");
  const fail = () => {
    throw error;
  };
  let handled = 0;
  const outcomeOf = (broken: Partial<DeduplicationStore>) => {
    const store = Object.assign(new SharedStore(), broken);
    const commands = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store }))
      .subscribe(ChargeCard, () => `charge ${++handled}`);
    return assertRejects(() => commands.dispatch(new ChargeCard()));
  };

  assertStrictEquals(await outcomeOf({ acquire: fail }), error);
  assertEquals(handled, 0);
  assertStrictEquals(await outcomeOf({ complete: fail }), error);
  assertEquals(handled, 1);
});

Deno.test("deduplicate() makes a duplicate wait until the store remembers", async () => {
  const store = new SharedStore();
  const stored = Promise.withResolvers<boolean>();
  store.complete = () => stored.promise;
  const commands = processOf("one", { ...NAMED, store });

  const log: string[] = [];
  const dispatches = [1, 2].map(() => commands.dispatch(new ChargeCard()).finally(() => log.push("settled")));
  await settle();
  assertEquals(log, []);
  stored.resolve(true);

  assertEquals(await Promise.all(dispatches), ["charged by one", "charged by one"]);
});

// Several processes

Deno.test("deduplicate() handles a message in one of two processes, and the duplicate in the other waits for the result", async () => {
  using time = new FakeTime();
  const store = new SharedStore();
  const gate = Promise.withResolvers<string>();
  const first = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store }))
    .subscribe(ChargeCard, () => gate.promise).dispatch(new ChargeCard());
  const second = processOf("two", { ...NAMED, store }).dispatch(new ChargeCard());
  await time.tickAsync(500);
  gate.resolve("charged by one");
  await first;
  await time.tickAsync(100);

  assertEquals(await Promise.all([first, second]), ["charged by one", "charged by one"]);
  assertEquals(time.next(), false);
});

Deno.test("deduplicate() handles a duplicate once the process that had the message has failed", async () => {
  using time = new FakeTime();
  const store = new SharedStore();
  const gate = Promise.withResolvers<string>();
  const first = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store }))
    .subscribe(ChargeCard, () => gate.promise).dispatch(new ChargeCard());
  const second = processOf("two", { ...NAMED, store }).dispatch(new ChargeCard());
  await time.tickAsync(100);
  gate.reject(new Error("declined"));
  await assertRejects(() => first);
  await time.tickAsync(100);

  assertEquals(await second, "charged by two");
});

Deno.test("deduplicate() handles a duplicate once the lease of a process that has died is over", async () => {
  using time = new FakeTime();
  const store = new SharedStore();
  await store.acquire("command:charge:order 7", { leaseMs: 1_000 });

  const dispatched = processOf("two", { ...NAMED, store }).dispatch(new ChargeCard());
  await time.tickAsync(900);
  assertEquals(store.keys, []);
  await time.tickAsync(200);

  assertEquals(await dispatched, "charged by two");
});

Deno.test("deduplicate() resolves to its own result where the lease was over before the handler was", async () => {
  using time = new FakeTime();
  const store = new SharedStore();
  const gate = Promise.withResolvers<string>();
  const first = new MessageRouter().newCommandBus().use(deduplicate({ ...NAMED, store, leaseMs: 50 }))
    .subscribe(ChargeCard, () => gate.promise).dispatch(new ChargeCard());
  await settle();
  time.tick(50);
  const second = await processOf("two", { ...NAMED, store }).dispatch(new ChargeCard());
  gate.resolve("charged by one");

  assertEquals([await first, second], ["charged by one", "charged by two"]);
  assertEquals(await processOf("three", { ...NAMED, store }).dispatch(new ChargeCard()), "charged by two");
});

Deno.test("deduplicate() ends the wait for another process when the signal fires", async () => {
  using time = new FakeTime();
  const store = new SharedStore();
  await store.acquire("command:charge:order 7", { leaseMs: 1_000 });
  const controller = new AbortController();
  const reason = new RangeError("hung up");

  const dispatched = processOf("two", { ...NAMED, store }).dispatch(new ChargeCard(), { signal: controller.signal });
  await time.tickAsync(150);
  controller.abort(reason);

  assertStrictEquals(await assertRejects(() => dispatched), reason);
  assertEquals(time.next(), false);
});

// Names. Looked at: commands, queries, events of one and of two handlers, pumps; classes, functions, arrow functions,
// bound functions, classes without a name, a static name; each with a process that starts again on the same store.

Deno.test("deduplicate() refuses a store that may outlive the process without names for the classes", () => {
  const error = assertThrows(() => deduplicate({ ...BY_ORDER, store: new SharedStore() }), TypeError);

  assertEquals(
    error.message,
    "Cannot deduplicate with a store that may outlive the process, by the names of classes: a build may change them. " +
      "Pass a name: (message) => …, which names each class of message, or a catalogue, which knows the names",
  );
});

Deno.test("deduplicate() never answers with the result of another class that a minifier gave the same name", async () => {
  const store = new SharedStore();
  const [A, B] = [1, 2].map(() =>
    class a extends Command<string> {
      readonly orderId = "order 7";
    }
  ) as [typeof ChargeCard, typeof ChargeCard];
  const name = (message: object) => message instanceof A ? "shop.charge" : "shop.refund";
  const start = (type: typeof ChargeCard, result: string) =>
    new MessageRouter().newCommandBus().use(deduplicate({ ...BY_ORDER, store, name }))
      .subscribe(type, () => result).dispatch(new type());

  assertEquals(await start(A, "charged"), "charged");
  assertEquals(await start(B, "refunded"), "refunded");
  assertEquals(await start(A, "charged again"), "charged");
  assertEquals(store.keys, ["command:shop.charge:order 7", "command:shop.refund:order 7"]);
});

for (const kind of ["command", "query", "event", "queue"] as const) {
  Deno.test(`deduplicate() refuses a second class with the name of another one, of the kind ${kind}`, async () => {
    class One {
      readonly orderId = "order 7";
    }
    class Other {
      readonly orderId = "order 7";
    }
    const once = deduplicate({ ...BY_ORDER, store: new SharedStore(), name: () => "same" });
    const router = new MessageRouter();
    const dispatch = async (message: One | Other): Promise<unknown> => {
      if (kind !== "queue") {
        const bus = { command: router.newCommandBus(), query: router.newQueryBus(), event: router.newEventBus() }[kind];
        return await (bus.use(once) as CommandBus).dispatch(message);
      }
      const queue = new MemoryQueue<object>({ maxSize: 1 });
      await queue.send(message);
      queue.close();
      return await new Pump(queue, () => {}).use(once).drain();
    };
    if (kind !== "queue") {
      const bus = { command: router.newCommandBus(), query: router.newQueryBus(), event: router.newEventBus() }[kind];
      const handle = function handle() {};
      (bus as CommandBus).subscribe(One, handle).subscribe(Other, handle);
    }

    await dispatch(new One());
    const thrown = await assertRejects(() => dispatch(new Other()));

    const error = thrown instanceof EventDispatchError ? thrown.errors[0] : thrown;
    assert(error instanceof TypeError);
    assertEquals(
      error.message,
      'Cannot deduplicate "Other" by the name "same": another class has it already. ' +
        "Give each class of message a name of its own",
    );
    await dispatch(new One());
  });
}

Deno.test("deduplicate() accepts one name for several messages of a class, and one name on several buses", async () => {
  const once = deduplicate({ ...BY_ORDER, store: new SharedStore(), name: () => "same" });
  class Find extends Query<string> {
    readonly orderId = "order 7";
  }
  const router = new MessageRouter();
  const commands = router.newCommandBus().use(once).subscribe(ChargeCard, () => "charged");
  const queries = router.newQueryBus().use(once).subscribe(Find, () => "found");

  assertEquals(await commands.dispatch(new ChargeCard()), "charged");
  assertEquals(await commands.dispatch(new ChargeCard()), "charged");
  assertEquals(await queries.dispatch(new Find()), "found");
});

for (const [name, shown] of [["", '""'], [undefined, '"undefined"'], [7, '"7"']] as const) {
  Deno.test(`deduplicate() refuses ${shown} as the name of a class`, async () => {
    const commands = processOf("one", { ...NAMED, store: new SharedStore(), name: () => name as string });

    const error = await assertRejects(() => commands.dispatch(new ChargeCard()), TypeError);

    assertEquals(
      error.message,
      `Cannot deduplicate "ChargeCard" by the name ${shown}: the name must be a string that is not empty`,
    );
  });
}

Deno.test("deduplicate() runs each handler of an event once, whichever comes first after a restart", async () => {
  const store = new SharedStore();
  const log: string[] = [];
  class SendMail {
    handle(_event: UserCreated): void {
      log.push("mail");
    }
  }
  function count() {
    log.push("count");
  }
  const start = (isReversed: boolean) => {
    const router = new MessageRouter();
    const events = router.newEventBus({ order: "sequential" }).use(deduplicate({ ...NAMED, store }));
    if (isReversed) events.subscribe(UserCreated, count);
    router.eventHandler(UserCreated)(SendMail);
    if (!isReversed) events.subscribe(UserCreated, count);
    return events.dispatch(new UserCreated());
  };

  await start(false);
  await start(true);

  assertEquals(log, ["mail", "count"]);
  assertEquals(store.keys, ["event:created:SendMail:order 7", "event:created:count:order 7"]);
});

const WAY = "Subscribe functions and classes that have names of their own";

for (
  const [what, handler] of Object.entries({
    "an arrow function": (() => () => {})(),
    "a function expression": (() => function () {})(),
    "a function whose name is a symbol": Object.defineProperty(() => {}, "name", { value: Symbol("handle") }),
  })
) {
  Deno.test(`deduplicate() refuses ${what} without a name as the handler of an event`, async () => {
    const error = await assertRejects(
      () =>
        eventBus({ ...NAMED, store: new SharedStore() }).subscribe(UserCreated, handler).dispatch(new UserCreated()),
      EventDispatchError,
    );

    assert(error.errors[0] instanceof TypeError);
    assertEquals(
      error.errors[0].message,
      'Cannot deduplicate "UserCreated" for a handler without a name: a restart would mix it up with another one. ' +
        WAY,
    );
  });
}

Deno.test("deduplicate() refuses a second handler of an event with the name of another one", async () => {
  const log: string[] = [];
  const newHandler = (which: string) => ({ handle: () => log.push(which) }).handle;
  const events = eventBus({ ...NAMED, store: new SharedStore() })
    .subscribe(UserCreated, newHandler("first")).subscribe(UserCreated, newHandler("second"));

  const error = await assertRejects(() => events.dispatch(new UserCreated()), EventDispatchError);

  assertEquals(
    error.errors.map(String),
    [`TypeError: Cannot deduplicate "UserCreated" for the handler "handle": another handler has that name already. ${WAY}`],
  );
  assertEquals(log, ["first"]);
});

Deno.test("deduplicate() with names in memory takes handlers without a name, and refuses a name that is taken", async () => {
  const log: string[] = [];
  const events = eventBus(NAMED).subscribe(UserCreated, () => log.push("one")).subscribe(
    UserCreated,
    () => log.push("two"),
  );

  await events.dispatch(new UserCreated());
  await events.dispatch(new UserCreated());
  assertEquals(log, ["one", "two"]);

  class Other extends Command<string> {
    readonly orderId = "order 7";
  }
  const commands = processOf("one", { ...NAMED, name: () => "same" }).subscribe(Other, () => "other");
  await commands.dispatch(new ChargeCard());
  await assertRejects(() => commands.dispatch(new Other()), TypeError, "another class has it already");
});

Deno.test("deduplicate() keeps keys apart where names contain separators", async () => {
  const store = new SharedStore();
  class Other extends Command<string> {
    readonly orderId = "c";
  }
  const name = (message: object) => message instanceof Other ? "a:b" : "a";
  const commands = new MessageRouter().newCommandBus()
    .use(deduplicate({ key: (message) => message instanceof Other ? "c" : "b:c", ttlMs: 1000, store, name }))
    .subscribe(ChargeCard, () => "charged").subscribe(Other, () => "other");

  assertEquals(await commands.dispatch(new ChargeCard()), "charged");
  assertEquals(await commands.dispatch(new Other()), "other");
});

Deno.test("deduplicate() takes the names of a catalogue for a store that outlives the process, and refuses what it does not know", async () => {
  class Unlisted extends Command<string> {
    readonly orderId = "order 7";
  }
  const catalogue = { nameOf: (message: unknown) => message instanceof ChargeCard ? "shop.charge" : undefined };
  const store = new SharedStore();
  const commands = processOf("one", { ...BY_ORDER, store, catalogue }).subscribe(Unlisted, () => "handled");

  assertEquals(await commands.dispatch(new ChargeCard()), "charged by one");
  assertEquals(await processOf("two", { ...BY_ORDER, store, catalogue }).dispatch(new ChargeCard()), "charged by one");
  assertEquals(store.keys, ["command:shop.charge:order 7"]);

  const error = await assertRejects(() => commands.dispatch(new Unlisted()), TypeError);
  assertEquals(error.message, 'Cannot deduplicate "Unlisted": the catalogue has no name for it. Add it there');
});

// What its options may be

for (const [ms, shown] of [[0, "0"], [-1, "-1"], [NaN, "NaN"], ["5", '"5"'], [5n, "5n"], [null, "null"]] as const) {
  for (const option of ["ttlMs", "leaseMs"]) {
    Deno.test(`deduplicate() refuses a ${option} of ${shown}`, () => {
      const error = assertThrows(() => deduplicate({ ...NAMED, [option]: ms }), RangeError);

      assertEquals(error.message, `Cannot remember messages for ${shown} ms: must be a number above 0`);
    });
  }
}

for (
  const [options, message] of [
    [{ key: "id" }, 'Cannot deduplicate by "id": it is not a function'],
    [{ name: "charge" }, 'Cannot deduplicate with the name "charge": it is not a function'],
    [
      { store: new Map() },
      'Cannot deduplicate with an instance of "Map" as the store: it lacks a method "acquire", "complete" or "release"',
    ],
    [
      { store: null },
      'Cannot deduplicate with "null" as the store: it lacks a method "acquire", "complete" or "release"',
    ],
  ] as const
) {
  Deno.test(`deduplicate() from JavaScript throws: ${message}`, () => {
    const error = assertThrows(() => deduplicate({ ...NAMED, ...options } as unknown as DeduplicateOptions), TypeError);

    assertEquals(error.message, message);
  });
}

Deno.test("deduplicate() remembers for ever if the time is Infinity", async () => {
  using time = new FakeTime();
  const commands = processOf("one", { ...BY_ORDER, ttlMs: Infinity });

  await commands.dispatch(new ChargeCard());
  time.tick(10 ** 12);

  assertEquals(await commands.dispatch(new ChargeCard()), "charged by one");
});

// The store in memory

function remember(store: MemoryDeduplicationStore, key: string, ttlMs: number): void {
  const acquisition = store.acquire(key, { leaseMs: 1 });
  assert(acquisition.status === "acquired");
  store.complete({ key, token: acquisition.token }, { outcome: { result: key }, ttlMs });
}

/** Which of the keys are remembered. Those that are not are acquired, and released. */
function remembered(store: MemoryDeduplicationStore, keys: readonly string[]): string[] {
  return keys.filter((key) => {
    const acquisition = store.acquire(key, { leaseMs: 1 });
    if (acquisition.status === "acquired") store.release({ key, token: acquisition.token });
    return acquisition.status === "completed";
  });
}

Deno.test("MemoryDeduplicationStore forgets the oldest outcome beyond its size", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 2 });
  for (const key of ["a", "b", "c"]) remember(store, key, 1000);

  assertEquals(remembered(store, ["a", "b", "c"]), ["b", "c"]);
  assertEquals(store.size, 2);
});

Deno.test("MemoryDeduplicationStore forgets no message that is being handled beyond its size", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 1 });
  for (const key of ["a", "b"]) store.acquire(key, { leaseMs: 1000 });
  for (const key of ["c", "d"]) remember(store, key, 1000);

  assertEquals(["a", "b"].map((key) => store.acquire(key, { leaseMs: 1000 }).status), ["held", "held"]);
});

Deno.test("MemoryDeduplicationStore drops outcomes that are too old when another one is set", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore({ maxSize: Infinity });
  for (let key = 0; key < 1000; key++) remember(store, `old ${key}`, 100);

  time.tick(100);
  remember(store, "new", 100);

  assertEquals(store.size, 1);
});

Deno.test("MemoryDeduplicationStore drops an outcome that is too old when it is looked up", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore();
  remember(store, "a", 100);

  time.tick(100);
  assertEquals(remembered(store, ["a"]), []);

  assertEquals(store.size, 0);
});

Deno.test("MemoryDeduplicationStore stays within its size where the ages differ", () => {
  const store = new MemoryDeduplicationStore({ maxSize: 10 });
  for (let key = 0; key < 1000; key++) remember(store, `${key}`, key % 2 === 0 ? Infinity : 1);

  assertEquals(store.size, 10);
});

Deno.test("MemoryDeduplicationStore accepts a completion after the lease where no other caller has the claim", () => {
  using time = new FakeTime();
  const store = new MemoryDeduplicationStore();
  const acquisition = store.acquire("a", { leaseMs: 50 });
  assert(acquisition.status === "acquired");
  time.tick(60);

  const options = { outcome: { result: 1 }, ttlMs: 100 };
  assertEquals(store.complete({ key: "a", token: acquisition.token }, options), true);
  assertEquals(store.acquire("a", { leaseMs: 50 }), { status: "completed", outcome: { result: 1 } });
});

for (const maxSize of [0, -1, 1.5, NaN]) {
  Deno.test(`MemoryDeduplicationStore refuses a size of ${maxSize}`, () => {
    const error = assertThrows(() => new MemoryDeduplicationStore({ maxSize }), RangeError);

    assertEquals(error.message, `Cannot remember ${maxSize} messages: must be a whole number from 1, or Infinity`);
  });
}

// The conformance cases

for (const { name, run } of deduplicationStoreConformance(() => new MemoryDeduplicationStore())) {
  Deno.test(`MemoryDeduplicationStore ${name}`, run);
}

for (const { name, run } of deduplicationStoreConformance(() => Promise.resolve(new SharedStore()))) {
  Deno.test(`A store that keeps text ${name}`, run);
}

/** What a broken store does instead of the store in memory. */
type Break = (store: MemoryDeduplicationStore) => Partial<DeduplicationStore>;

const TOKEN = "1";
const BROKEN: Readonly<Record<string, readonly [broken: Break, failures: readonly string[]]>> = {
  "a store that looks first and writes later": [
    (store) => ({
      async acquire(key, options) {
        const found = store.acquire(key, { leaseMs: 0 });
        if (found.status === "acquired") store.release({ key, token: found.token });
        await Promise.resolve();
        if (found.status !== "acquired") return found;
        const written = store.acquire(key, options);
        return written.status === "acquired" ? written : { status: "acquired", token: TOKEN };
      },
    }),
    ['gives a key to one of many callers that ask for it at the same time" fails: expected 1 of 20 to acquire the key'],
  ],
  "a store whose leases have no end": [
    (store) => ({ acquire: (key) => store.acquire(key, { leaseMs: Infinity }) }),
    ['gives a key again whose lease is over" fails: expected "held" to be over after 20 ms'],
  ],
  "a store that does not look at the token of a completion": [
    (store) => ({
      complete: ({ key }, options) => {
        const tokens = Array.from({ length: 100 }, (_, token) => String(token));
        return tokens.some((token) => store.complete({ key, token }, options));
      },
    }),
    ['refuses to complete a claim that another caller has taken over" fails: expected the old claim to be refused'],
  ],
  "a store that does not look at the token of a release": [
    (store) => ({
      release: ({ key }) => {
        for (let token = 0; token < 100; token++) store.release({ key, token: String(token) });
      },
    }),
    ['ignores the release of a claim that another caller has taken over" fails: expected the answer "held"'],
  ],
  "a store that forgets at once what is to be remembered for ever": [
    (store) => ({
      complete: (claim, { outcome, ttlMs }) =>
        store.complete(claim, { outcome, ttlMs: ttlMs === Infinity ? 0 : ttlMs }),
    }),
    ['remembers for ever where the time is Infinity" fails: expected the outcome 1'],
  ],
  "a store that never forgets": [
    (store) => ({ complete: (claim, { outcome }) => store.complete(claim, { outcome, ttlMs: Infinity }) }),
    ['forgets an outcome when its time is over" fails: expected "completed" to be over after 20 ms'],
  ],
  "a store that does not tell letters apart by their case": [
    (store) => ({ acquire: (key, options) => store.acquire(key.toLowerCase(), options) }),
    ['keeps keys apart that differ in one character" fails: expected a claim'],
  ],
  "a store that says nothing of a completion": [
    (store) => ({ complete: (claim, options) => void store.complete(claim, options) as unknown as boolean }),
    ['answers with the outcome once a claim is completed" fails: expected the completion to be accepted'],
  ],
  "a store that takes no result for none": [
    (store) => ({
      complete: (claim, { outcome, ttlMs }) => {
        if (outcome.result !== undefined) return store.complete(claim, { outcome, ttlMs });
        store.release(claim);
        return true;
      },
    }),
    ['remembers that there was no result" fails: expected the outcome undefined'],
  ],
};

for (const [what, [breakStore, expected]] of Object.entries(BROKEN)) {
  Deno.test(`deduplicationStoreConformance() finds ${what}`, async () => {
    const cases = deduplicationStoreConformance(() => {
      const inner = new MemoryDeduplicationStore();
      const parts = breakStore(inner);
      return {
        acquire: parts.acquire ?? ((key, options) => inner.acquire(key, options)),
        complete: parts.complete ?? ((claim, options) => inner.complete(claim, options)),
        release: parts.release ?? ((claim) => inner.release(claim)),
      };
    });
    using time = new FakeTime();
    const failures: string[] = [];
    for (const { run } of cases) {
      let isOver = false;
      run().catch(({ message }) => failures.push(message)).finally(() => isOver = true);
      while (!isOver) await time.tickAsync(20);
    }

    for (const part of expected) assert(failures.some((failure) => failure.includes(part)), failures.join("\n"));
  });
}

Deno.test("deduplicationStoreConformance() disposes a store that can be disposed", async () => {
  let disposed = 0;
  const cases = deduplicationStoreConformance(() =>
    Object.assign(new MemoryDeduplicationStore(), { [Symbol.dispose]: () => void disposed++ })
  );

  for (const { run, skip } of cases) {
    assertEquals(skip, false);
    await run();
  }

  assertEquals(disposed, cases.length);
});
