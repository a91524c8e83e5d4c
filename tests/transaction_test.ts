import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  captureError,
  type CommandContext,
  ContextValues,
  Event,
  EventDispatchError,
  inject,
  InjectionToken,
  MessageRouter,
  type Middleware,
  retry,
  timeout,
} from "@cq/core";
import { transaction, type TransactionOptions } from "@cq/core/middlewares";
import { FakeDatabase, FakeQueue, FakeTx, TX } from "./support/fake_database.ts";
import { idle, watch } from "./support/pump_parts.ts";
import { openShop, OrderPlaced, PlaceOrder, type Shop, StockTaken, TakeStock } from "./support/shop.ts";

const USER = new InjectionToken<string>("USER");

/** A shop whose command bus has a transaction, with what a test puts around it. */
function openWith(
  options: (database: FakeDatabase) => TransactionOptions<FakeTx>,
  { before = [], within = [] }: { before?: Middleware[]; within?: Middleware[] } = {},
): Shop {
  return openShop((database) => ({
    commands: [...before, transaction(TX, database.begin, options(database)), ...within],
  }));
}

const withOutbox = (database: FakeDatabase) => ({ outbox: new FakeQueue(database) });
const withoutOutbox = () => ({});

/** Writes a row, and adds an event. */
async function place({ id }: PlaceOrder, { values, events }: CommandContext): Promise<string> {
  await values.get(TX)!.write(id);
  events.add(new OrderPlaced(id));
  return `placed ${id}`;
}

async function take({ id }: TakeStock, { values, events }: CommandContext): Promise<string> {
  await values.get(TX)!.write(id);
  events.add(new StockTaken());
  return `took ${id}`;
}

/** What is left of a transaction that was rolled back. */
function assertNothingHappened({ database, published }: Shop): void {
  assertEquals([database.rows, database.stored, published], [[], [], []]);
}

// What it is made of

for (const token of ["TX", undefined, null, {}]) {
  Deno.test(`transaction() refuses ${JSON.stringify(token)} as a token`, () => {
    const error = assertThrows(() => transaction(token as never, () => Promise.resolve()), TypeError);
    const what = typeof token === "object" && token !== null ? 'an instance of "Object"' : `"${token}"`;
    assertEquals(
      error.message,
      `Cannot keep a transaction under ${what}: it is neither a class nor an InjectionToken`,
    );
  });
}

Deno.test("transaction() refuses to begin with a value that is not a function", () => {
  const error = assertThrows(() => transaction(TX, {} as never), TypeError);
  assertEquals(error.message, 'Cannot begin a transaction with an instance of "Object": it is not a function');
});

for (const outbox of [null, {}, "queue"]) {
  Deno.test(`transaction() refuses ${JSON.stringify(outbox)} as an outbox`, () => {
    const error = assertThrows(() => transaction(TX, () => Promise.resolve(), { outbox: outbox as never }), TypeError);
    const what = typeof outbox === "object" && outbox !== null ? 'an instance of "Object"' : `"${outbox}"`;
    assertEquals(
      error.message,
      `Cannot store events in ${what}: it has no method "within". Use a queue that is an outbox`,
    );
  });
}

for (const inbox of [null, {}, { ackWithin() {} }, { settled() {} }]) {
  Deno.test(`transaction() refuses an inbox that has ${inbox === null ? "nothing" : Object.keys(inbox)}`, () => {
    const error = assertThrows(() => transaction(TX, () => Promise.resolve(), { inbox: inbox as never }), TypeError);
    assertEquals(
      error.message,
      `Cannot ack with ${inbox === null ? '"null"' : 'an instance of "Object"'}: ` +
        'it must have the methods "ackWithin" and "settled". Use a queue that is an inbox',
    );
  });
}

// Begin, handle, store, commit

Deno.test("transaction() begins, handles, stores the events and commits", async () => {
  const shop = openWith(withOutbox);
  shop.commands.subscribe(PlaceOrder, place);

  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "placed order");

  const { database, published } = shop;
  assertEquals(database.log, ["begin", "write", "store", "commit", "committed"]);
  assertEquals([database.rows, database.stored, published], [["order"], [new OrderPlaced()], []]);
});

Deno.test("transaction() gives the transaction to what is built for the handler", async () => {
  const database = new FakeDatabase();
  const router = new MessageRouter();
  class Orders {
    readonly tx = inject(TX);
  }
  class PlaceOrderHandler {
    readonly #orders = new Orders();

    handle({ id }: PlaceOrder): Promise<void> {
      return this.#orders.tx.write(id);
    }
  }
  router.commandHandler(PlaceOrder)(PlaceOrderHandler);
  await router.newCommandBus().use(transaction(TX, database.begin)).dispatch(new PlaceOrder());
  assertEquals(database.rows, ["order"]);
});

Deno.test("transaction() stores each event with the metadata that it would have been published with, and no signal", async () => {
  const { signal } = new AbortController();
  const addUser: Middleware = (_message, next, { metadata }) =>
    next(undefined, { metadata: { ...metadata, user: "Ada" } });
  const stored = openWith(withOutbox, { within: [addUser] });
  const processed = openWith(withoutOutbox, { within: [addUser] });
  for (const { commands } of [stored, processed]) {
    commands.subscribe(PlaceOrder, place);
    await commands.dispatch(new PlaceOrder(), { metadata: { requestId: "7" }, signal });
  }
  assertEquals(stored.database.messages.map(({ options }) => options), [{ metadata: { requestId: "7", user: "Ada" } }]);
  assertEquals(processed.contexts[0]!.metadata, { requestId: "7", user: "Ada" });
});

Deno.test("transaction() stores all events of a command at once, in their order", async () => {
  const shop = openWith(withOutbox);
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.store = gate.promise;
  shop.commands.subscribe(PlaceOrder, (_command, { events }) => {
    events.add(new OrderPlaced("1"), new StockTaken(), new OrderPlaced("2"));
  });
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  await idle();
  assertEquals(shop.database.log, ["begin", "store", "store", "store"]);
  gate.resolve();
  await dispatched;
  assertEquals(shop.database.stored, [new OrderPlaced("1"), new StockTaken(), new OrderPlaced("2")]);
  assertEquals(shop.database.log.filter((step) => step === "committed"), ["committed"]);
});

Deno.test("transaction() rolls back when the handler fails, and its events are dropped", async () => {
  for (const options of [withOutbox, withoutOutbox]) {
    const shop = openWith(options);
    const failure = new Error("The order is too big");
    shop.commands.subscribe(PlaceOrder, async (command, context) => {
      await place(command, context);
      throw failure;
    });
    assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
    assertEquals(shop.database.log, ["begin", "write", "rollback"]);
    assertNothingHappened(shop);
  }
});

for (const failing of ["begin", "write", "store", "commit"]) {
  for (const rollback of ["succeeds", "fails"]) {
    Deno.test(`transaction() of which the ${failing} fails stores and publishes nothing, and rejects with that error where the rollback ${rollback}`, async () => {
      const outbox: TransactionOptions<FakeTx>["outbox"][] = [];
      const shop = openWith((database) => {
        const queue = new FakeQueue(database);
        outbox.push(queue);
        return { outbox: (event) => event instanceof OrderPlaced ? queue : undefined };
      });
      const failure = new Error(`The ${failing} has failed`);
      shop.database.failing[failing] = failure;
      if (rollback === "fails") shop.database.failing.rollback = new Error("The connection is gone");
      shop.commands.subscribe(PlaceOrder, async (command, context) => {
        await place(command, context);
        context.events.add(new StockTaken());
      });
      assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
      assertNothingHappened(shop);
      assert(!shop.database.log.includes("committed"));
    });
  }
}

for (const failing of ["store", "commit"]) {
  Deno.test(`transaction() drops the events when the ${failing} fails and a middleware around it swallows that`, async () => {
    const shop = openWith((database) => ({
      outbox: failing === "store" ? new FakeQueue(database) : undefined,
    }), { before: [captureError(() => {})] });
    shop.database.failing[failing] = new Error("no");
    shop.commands.subscribe(PlaceOrder, place);
    assertEquals(await shop.commands.dispatch(new PlaceOrder()).catch(() => "failed"), "failed");
    const swallowing = openWith((database) => ({
      outbox: failing === "store" ? new FakeQueue(database) : undefined,
    }), { before: [(_message, next) => next().catch(() => undefined)] });
    swallowing.database.failing[failing] = new Error("no");
    swallowing.commands.subscribe(PlaceOrder, place);
    assertEquals(await swallowing.commands.dispatch(new PlaceOrder()), undefined);
    assertNothingHappened(swallowing);
  });
}

Deno.test("transaction() drops the events of a handler that has succeeded when a middleware within fails", async () => {
  const shop = openWith(withoutOutbox, {
    before: [(_message, next) => next().catch(() => undefined)],
    within: [async (_message, next) => {
      await next();
      throw new Error("no");
    }],
  });
  shop.commands.subscribe(PlaceOrder, place);
  await shop.commands.dispatch(new PlaceOrder());
  assertNothingHappened(shop);
});

Deno.test("transaction() does not commit when it could not take the events, which are then lost", async () => {
  // A middleware that goes on without what it has started, and without a signal that says so.
  const gate = Promise.withResolvers<void>();
  let left: Promise<unknown> | undefined;
  const shop = openWith(withOutbox, {
    before: [(_message, next) => {
      left = next();
      return Promise.resolve("left");
    }],
  });
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await gate.promise;
    return await place(command, context);
  });
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "left");
  gate.resolve();
  await assertRejects(() => left!, TypeError, "Cannot take related events");
  assertNothingHappened(shop);
});

Deno.test("transaction() inside of retry() begins a new transaction for each attempt", async () => {
  const shop = openWith(withOutbox, { before: [retry({ attempts: 3 })] });
  const transactions = new Set<FakeTx>();
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    transactions.add(context.values.get(TX)!);
    const result = await place(command, context);
    if (transactions.size < 3) throw new Error("The database is busy");
    return result;
  });
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "placed order");
  assertEquals(transactions.size, 3);
  assertEquals([shop.database.rows, shop.database.stored], [["order"], [new OrderPlaced()]]);
});

Deno.test("transaction() of a command with failSilently rolls back, and the dispatch resolves to undefined", async () => {
  const shop = openWith(withOutbox);
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    throw new Error("no");
  }, { failSilently: true });
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), undefined);
  assertNothingHappened(shop);
});

// Clients that do not keep to the contract

Deno.test("transaction() refuses a begin() that never calls its function", async () => {
  const { commands } = openShop(() => ({ commands: [transaction(TX, () => Promise.resolve())] }));
  commands.subscribe(PlaceOrder, place);
  const error = await assertRejects(() => commands.dispatch(new PlaceOrder()), TypeError);
  assertEquals(
    error.message,
    'Cannot handle "PlaceOrder" in a transaction: begin() has resolved without a call of the function that it was given',
  );
});

Deno.test("transaction() refuses a begin() that does not wait for its function, and waits for it itself", async () => {
  const gate = Promise.withResolvers<void>();
  const shop = openShop((database) => ({
    commands: [transaction(TX, (work) => {
      work(new FakeTx(database)).catch(() => {});
      return Promise.resolve();
    })],
  }));
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await gate.promise;
    return await place(command, context);
  });
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  const watched = watch(dispatched);
  await idle();
  assertEquals(watched.state, "waiting");
  gate.resolve();
  const error = await assertRejects(() => dispatched, TypeError);
  assertEquals(
    error.message,
    'Cannot handle "PlaceOrder" in a transaction: begin() has resolved before the promise of the function that it was ' +
      "given, and may have committed too early. It must await that promise",
  );
  assertNothingHappened(shop);
});

for (const way of ["rejects", "throws"]) {
  Deno.test(`transaction() whose begin() ${way} with its function at work waits for it, and rejects with that error`, async () => {
    const gate = Promise.withResolvers<void>();
    const failure = new Error("The transaction has taken too long");
    const shop = openShop((database) => ({
      commands: [transaction(TX, (work) => {
        work(new FakeTx(database)).catch(() => {});
        if (way === "throws") throw failure;
        return Promise.reject(failure);
      })],
    }));
    shop.commands.subscribe(PlaceOrder, async (command, context) => {
      await gate.promise;
      return await place(command, context);
    });
    const dispatched = shop.commands.dispatch(new PlaceOrder());
    const watched = watch(dispatched);
    await idle();
    assertEquals(watched.state, "waiting");
    gate.resolve();
    assertStrictEquals(await assertRejects(() => dispatched), failure);
    assertNothingHappened(shop);
  });
}

Deno.test("transaction() handles again, in a new transaction, when the client repeats what has failed", async () => {
  const shop = openShop((database) => ({
    commands: [transaction(TX, (work) => database.begin(work).catch(() => database.begin(work)), {
      outbox: new FakeQueue(database),
    })],
  }));
  let attempt = 0;
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    const result = await place(command, context);
    if (++attempt === 1) throw new Error("The transactions could not be serialized");
    return result;
  });
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "placed order");
  assertEquals([shop.database.rows, shop.database.stored], [["order"], [new OrderPlaced()]]);
});

Deno.test("transaction() rejects when begin() swallows the error of its function", async () => {
  const failure = new Error("no");
  const shop = openShop((database) => ({
    commands: [transaction(TX, (work) => database.begin(work).catch(() => {}))],
  }));
  shop.commands.subscribe(PlaceOrder, () => Promise.reject(failure));
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
});

Deno.test("transaction() refuses a transaction under its token that it has not begun", async () => {
  const shop = openWith(withOutbox);
  shop.commands.subscribe(PlaceOrder, place);
  const values = new ContextValues().with(TX, new FakeTx(shop.database));
  const error = await assertRejects(() => shop.commands.dispatch(new PlaceOrder(), { values }), TypeError);
  assertEquals(
    error.message,
    'Cannot handle "PlaceOrder" in the transaction under "TX": transaction() has not begun it, so that nothing tells ' +
      "when it commits. Dispatch without it, or begin it with transaction()",
  );
});

// Signals

Deno.test("transaction() begins nothing for a signal that has fired before", async () => {
  const reason = new Error("gone");
  const fire: Middleware = (_message, next) => next(undefined, { signal: AbortSignal.abort(reason) });
  const shop = openWith(withOutbox, { before: [fire] });
  shop.commands.subscribe(PlaceOrder, place);
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), reason);
  assertEquals(shop.database.log, []);
});

for (const step of ["begin", "write", "store"]) {
  Deno.test(`transaction() rolls back with the reason of a signal that fires during the ${step}`, async () => {
    const shop = openWith(withOutbox);
    const gate = Promise.withResolvers<void>();
    shop.database.waiting[step] = gate.promise;
    shop.commands.subscribe(PlaceOrder, place);
    const controller = new AbortController();
    const dispatched = shop.commands.dispatch(new PlaceOrder(), { signal: controller.signal });
    await idle();
    assertEquals(shop.database.log.at(-1), step);
    const reason = new Error("The client has gone");
    controller.abort(reason);
    gate.resolve();
    assertStrictEquals(await assertRejects(() => dispatched), reason);
    assertEquals(shop.database.log.at(-1), "rollback");
    assertNothingHappened(shop);
  });
}

Deno.test("transaction() does not start the handler of an event whose signal has fired during the begin", async () => {
  const shop = openShop((database) => ({ events: [transaction(TX, database.begin)] }));
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.begin = gate.promise;
  const controller = new AbortController();
  const dispatched = shop.events.dispatch(new OrderPlaced(), { signal: controller.signal });
  await idle();
  controller.abort(new Error("gone"));
  gate.resolve();
  const error = await assertRejects(() => dispatched, EventDispatchError);
  assertStrictEquals(error.errors[0], controller.signal.reason);
  assertEquals([shop.database.log, shop.published], [["begin", "rollback"], []]);
});

for (const sort of ["an outbox", "no outbox"] as const) {
  Deno.test(`transaction() with ${sort} keeps the events of an attempt apart from one that a timeout has left behind`, async () => {
    using time = new FakeTime();
    const gate = Promise.withResolvers<void>();
    const shop = openWith(sort === "an outbox" ? withOutbox : withoutOutbox, {
      before: [retry({ attempts: 2 }), timeout(10)],
    });
    let attempts = 0;
    shop.commands.subscribe(PlaceOrder, async (_command, { events }) => {
      const attempt = ++attempts;
      events.add(new OrderPlaced(`attempt ${attempt}`));
      // Both attempts go on in the same turn, as when a lock is released.
      await gate.promise;
      return attempt;
    });

    const dispatched = shop.commands.dispatch(new PlaceOrder());
    await time.tickAsync(10);
    await time.tickAsync(0);
    await time.runMicrotasks();
    assertEquals(attempts, 2);
    gate.resolve();

    assertEquals(await dispatched, 2);
    await time.runMicrotasks();
    const { database: { stored }, published } = shop;
    assertEquals([...stored, ...published], [new OrderPlaced("attempt 2")]);
  });
}

Deno.test("transaction() does not commit what a time-out has left behind", async () => {
  using time = new FakeTime();
  const shop = openWith(withOutbox, { before: [timeout(10)] });
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.write = gate.promise;
  shop.commands.subscribe(PlaceOrder, place);
  const dispatched = assertRejects(() => shop.commands.dispatch(new PlaceOrder()), DOMException, "within 10 ms");
  await time.tickAsync(11);
  await dispatched;
  gate.resolve();
  await idle();
  assertEquals(shop.database.log, ["begin", "write", "rollback"]);
  assertNothingHappened(shop);
});

// Events without an outbox

Deno.test("transaction() publishes events without an outbox after the commit, and settles after them", async () => {
  const shop = openWith(withoutOutbox);
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.publish = gate.promise;
  shop.commands.subscribe(PlaceOrder, place);
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  const watched = watch(dispatched);
  await idle();
  assertEquals(shop.database.log, ["begin", "write", "commit", "publish"]);
  assertEquals(watched.state, "waiting");
  gate.resolve();
  assertEquals(await dispatched, "placed order");
});

Deno.test("transaction() publishes events with the values that the caller has given, and none of a middleware", async () => {
  const addValues: Middleware = (_message, next, { values }) =>
    next(undefined, { values: values.with(USER, "nobody").with(FakeDatabase, new FakeDatabase()) });
  const shop = openWith(withoutOutbox, { before: [addValues], within: [timeout(1000)] });
  shop.commands.subscribe(PlaceOrder, place);
  await shop.commands.dispatch(new PlaceOrder(), { values: new ContextValues().with(USER, "Ada") });
  assertEquals(Array.from(shop.contexts[0]!.values), [[USER, "Ada"]]);
});

Deno.test("transaction() routes each event to the outbox that a function chooses, or publishes it in the process", async () => {
  const shop = openWith((database) => {
    const queue = new FakeQueue(database);
    return { outbox: (event) => event instanceof OrderPlaced ? queue : undefined };
  });
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    context.events.add(new StockTaken());
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals([shop.database.stored, shop.published], [[new OrderPlaced()], [new StockTaken()]]);
  assertEquals(shop.database.log, ["begin", "write", "store", "commit", "committed", "publish"]);
});

Deno.test("transaction() tells each outbox that has stored something of the commit, once, and no other", async () => {
  const told: string[] = [];
  const shop = openWith((database) => {
    const queues = ["orders", "stock", "unused"].map((name) => {
      const queue = new FakeQueue(database, { name });
      return Object.assign(queue, { committed: () => void told.push(name) });
    });
    return { outbox: (event) => queues[event instanceof OrderPlaced ? 0 : 1] };
  });
  shop.commands.subscribe(PlaceOrder, (_command, { events }) => {
    events.add(new OrderPlaced("1"), new StockTaken(), new OrderPlaced("2"));
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(told, ["orders", "stock"]);
});

Deno.test("transaction() fails the command when the function for the outbox gives something else", async () => {
  const shop = openWith(() => ({ outbox: () => "orders" as never }));
  shop.commands.subscribe(PlaceOrder, place);
  const error = await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), TypeError);
  assertEquals(
    error.message,
    'Cannot store "OrderPlaced" in "orders": it has no method "within". Use a queue that is an outbox',
  );
  assertNothingHappened(shop);
});

Deno.test("transaction() fails the command when the outbox does not know an event", async () => {
  const shop = openWith((database) => ({
    outbox: new FakeQueue(database, { knows: (message) => message instanceof OrderPlaced }),
  }));
  class OrderForgotten extends Event {}
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    context.events.add(new OrderForgotten());
  });
  const error = await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), TypeError);
  assertEquals(error.message, 'The codec does not know "OrderForgotten"');
  assertEquals(shop.database.log.at(-1), "rollback");
  assertNothingHappened(shop);
});

Deno.test("transaction() rejects with one EventDispatchError, which carries the command and its result, and undoes nothing", async () => {
  const shop = openWith(withoutOutbox, { before: [retry({ attempts: 3 })] });
  const failure = new Error("There is no mail");
  shop.database.failing.publish = failure;
  shop.commands.subscribe(TakeStock, take);
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await shop.commands.dispatch(new TakeStock(), context);
    return await place(command, context);
  });
  const command = new PlaceOrder();
  const error = await assertRejects(() => shop.commands.dispatch(command), EventDispatchError);
  assertEquals(error.errors, [failure, failure]);
  assertEquals(error.failures.map(({ event }) => event), [new StockTaken(), new OrderPlaced()]);
  assertStrictEquals(error.command, command);
  assertEquals(error.result, "placed order");
  assertEquals(shop.database.rows, ["stock", "order"]);
});

Deno.test("transaction() lets no middleware of the command see that its events have failed", async () => {
  const seen: unknown[] = [];
  const shop = openWith(withoutOutbox, { before: [captureError((error) => void seen.push(error))] });
  shop.database.failing.publish = new Error("There is no mail");
  shop.commands.subscribe(PlaceOrder, place);
  await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), EventDispatchError);
  assertEquals(seen, []);
});

for (const failing of [false, true]) {
  Deno.test(`transaction() has its events published when a middleware around it fails after the commit${failing ? ", and their failures come out, too" : ""}`, async () => {
    const failure = new Error("The lock could not be opened");
    const shop = openWith(withoutOutbox, {
      before: [async (_message, next) => {
        await next();
        throw failure;
      }],
    });
    if (failing) shop.database.failing.publish = "no mail";
    shop.commands.subscribe(PlaceOrder, place);
    const error = await assertRejects(() => shop.commands.dispatch(new PlaceOrder()));
    assertEquals([shop.database.rows, shop.published], [["order"], [new OrderPlaced()]]);
    if (!failing) return assertStrictEquals(error, failure);
    assert(error instanceof AggregateError);
    assertEquals(
      error.message,
      'Cannot publish the events of "PlaceOrder", which has failed after its commit',
    );
    assertStrictEquals(error.errors[0], failure);
    assert(error.errors[1] instanceof EventDispatchError);
  });
}

Deno.test("transaction() has its events published when a time-out fires during the commit", async () => {
  using time = new FakeTime();
  const addUser: Middleware = (_message, next) => next(undefined, { values: new ContextValues().with(USER, "nobody") });
  const shop = openWith(withoutOutbox, { before: [addUser, timeout(10)] });
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.commit = gate.promise;
  shop.commands.subscribe(PlaceOrder, place);
  const values = new ContextValues().with(USER, "Ada");
  const dispatched = assertRejects(() => shop.commands.dispatch(new PlaceOrder(), { values }), DOMException);
  await time.tickAsync(11);
  await dispatched;
  assertEquals(shop.published, []);
  gate.resolve();
  await idle();
  assertEquals([shop.database.rows, shop.published], [["order"], [new OrderPlaced()]]);
  assertEquals(Array.from(shop.contexts[0]!.values), [[USER, "Ada"]]);
});

Deno.test("transaction() publishes the events of each commit when a middleware around it calls next() again", async () => {
  const shop = openWith(withoutOutbox, {
    before: [async (_message, next) => {
      await next();
      return await next();
    }],
  });
  let count = 0;
  shop.commands.subscribe(PlaceOrder, (_command, { events }) => void events.add(new OrderPlaced(`${++count}`)));
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(shop.published, [new OrderPlaced("1"), new OrderPlaced("2")]);
});

Deno.test("transaction() whose outbox fails to wake its consumers reports that, undoes nothing and is not repeated", async () => {
  const failure = new Error("no");
  const shop = openWith((database) => ({
    outbox: Object.assign(new FakeQueue(database), {
      committed: () => {
        throw failure;
      },
    }),
  }), { before: [retry({ attempts: 3 })] });
  shop.commands.subscribe(PlaceOrder, place);
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
  assertEquals([shop.database.rows, shop.database.stored], [["order"], [new OrderPlaced()]]);
});
