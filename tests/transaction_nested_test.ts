import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  type CommandContext,
  ContextValues,
  defer,
  EventDispatchError,
  HandlerNotFoundError,
  InjectionToken,
  MessageRouter,
  Pipe,
  Query,
  retry,
  timeout,
} from "@cq/core";
import { transaction } from "@cq/core/middlewares";
import { type FakeDatabase, FakeQueue, FakeTx, TX } from "./support/fake_database.ts";
import { idle, watch } from "./support/pump_parts.ts";
import { FindStock, openShop, OrderPlaced, PlaceOrder, type Shop, StockTaken, TakeStock } from "./support/shop.ts";

const USER = new InjectionToken<string>("USER");

/** A shop with the transaction on its buses, the event bus if a test says so. */
function openJoined(
  options: { outbox?: (database: FakeDatabase) => FakeQueue<object>; retries?: number; events?: boolean } = {},
): Shop {
  return openShop((database) => {
    const repeat = options.retries === undefined ? [] : [retry({ attempts: options.retries })];
    const use = [...repeat, transaction(TX, database.begin, { outbox: options.outbox?.(database) })];
    return { commands: use, queries: use, events: options.events ? use : [] };
  });
}

const outbox = (database: FakeDatabase) => new FakeQueue(database);

/** Handles TakeStock: writes a row, and adds an event. */
async function take({ id }: TakeStock, { values, events }: CommandContext): Promise<string> {
  await values.get(TX)!.write(id);
  events.add(new StockTaken());
  return `took ${id}`;
}

/** Makes PlaceOrder write a row and add an event, with something to do in between. */
function onPlaceOrder({ commands }: Shop, act: (context: CommandContext) => unknown): void {
  commands.subscribe(PlaceOrder, async ({ id }, context) => {
    await context.values.get(TX)!.write(id);
    context.events.add(new OrderPlaced(id));
    return await act(context);
  });
}

function assertNothingHappened({ database, published }: Shop): void {
  assertEquals([database.rows, database.stored, published], [[], [], []]);
}

Deno.test("transaction() of a nested command joins the one that it finds", async () => {
  const shop = openJoined({ outbox });
  const transactions: unknown[] = [];
  shop.commands.subscribe(TakeStock, (command, context) => {
    transactions.push(context.values.get(TX));
    return take(command, context);
  });
  onPlaceOrder(shop, async (context) => {
    transactions.push(context.values.get(TX));
    assertEquals(await shop.commands.dispatch(new TakeStock(), context), "took stock");
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertStrictEquals(transactions[0], transactions[1]);
  assertEquals(shop.database.log, ["begin", "write", "write", "store", "store", "commit", "committed"]);
  assertEquals([shop.database.rows, shop.database.stored], [["order", "stock"], [new StockTaken(), new OrderPlaced()]]);
});

Deno.test("transaction() of nested commands that run at the same time has them all join", async () => {
  const shop = openJoined({ outbox });
  shop.commands.subscribe(TakeStock, take);
  onPlaceOrder(
    shop,
    (context) => Promise.all(["a", "b", "c"].map((id) => shop.commands.dispatch(new TakeStock(id), context))),
  );
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(shop.database.rows, ["order", "a", "b", "c"]);
  assertEquals(shop.database.log.filter((step) => step === "begin"), ["begin"]);
});

Deno.test("transaction() of a nested command begins one of its own under another token", async () => {
  const OTHER = new InjectionToken<FakeTx>("OTHER");
  const other = openShop((database) => ({ commands: [transaction(OTHER, database.begin)] }));
  other.commands.subscribe(TakeStock, async ({ id }, { values }) => {
    await values.get(OTHER)!.write(id);
    await values.get(TX)!.write(id);
  });
  const shop = openJoined();
  onPlaceOrder(shop, (context) => other.commands.dispatch(new TakeStock(), context));
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals([other.database.rows, shop.database.rows], [["stock"], ["order", "stock"]]);
});

Deno.test("transaction() of a nested command finds the one to join around one of another token", async () => {
  const OTHER = new InjectionToken<FakeTx>("OTHER");
  const other = openShop((database) => ({ commands: [transaction(OTHER, database.begin)] }));
  const shop = openJoined();
  shop.commands.subscribe(TakeStock, take);
  other.commands.subscribe(TakeStock, (command, context) => shop.commands.dispatch(command, context));
  onPlaceOrder(shop, (context) => other.commands.dispatch(new TakeStock(), context));
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(shop.database.rows, ["order", "stock"]);
  assertEquals(shop.database.log.filter((step) => step === "begin"), ["begin"]);
});

// Where the events of a nested command go

Deno.test("transaction() of a nested command stores its events through the outbox of its own middleware", async () => {
  const shop = openJoined();
  const inner = openShop(() => ({
    commands: [transaction(TX, shop.database.begin, { outbox: new FakeQueue(shop.database, { name: "inner" }) })],
  }));
  inner.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, (context) => inner.commands.dispatch(new TakeStock(), context));
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(shop.database.messages.map(({ queue, message }) => [queue, message]), [["inner", new StockTaken()]]);
  assertEquals([shop.published, inner.published], [[new OrderPlaced()], []]);
  assertEquals(shop.database.log, ["begin", "write", "write", "store", "commit", "committed", "publish"]);
});

Deno.test("transaction() publishes the events of nested commands after the commit, each on the event bus of its own router", async () => {
  const shop = openJoined();
  const inner = openShop(() => ({ commands: [transaction(TX, shop.database.begin)] }), shop.database);
  inner.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, async (context) => {
    await inner.commands.dispatch(new TakeStock(), { ...context, metadata: { from: "nested" } });
    assertEquals(inner.published, []);
  });
  const values = new ContextValues().with(USER, "Ada");
  await shop.commands.dispatch(new PlaceOrder(), { values, metadata: { from: "outermost" } });

  assertEquals([shop.published, inner.published], [[new OrderPlaced()], [new StockTaken()]]);
  assertEquals(shop.database.log, ["begin", "write", "write", "commit", "publish", "publish"]);
  for (const [{ contexts }, from] of [[shop, "outermost"], [inner, "nested"]] as const) {
    assertEquals(contexts[0]!.metadata, { from });
    // What the nested dispatch was called with had the transaction, which is over.
    assertEquals(Array.from(contexts[0]!.values), [[USER, "Ada"]]);
  }
});

Deno.test("transaction() rejects with one EventDispatchError of the outermost command when events of nested ones fail", async () => {
  const shop = openJoined();
  shop.database.failing.publish = new Error("no mail");
  shop.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, async (context) => {
    await shop.commands.dispatch(new TakeStock(), context);
    return "placed";
  });
  const command = new PlaceOrder();
  const error = await assertRejects(() => shop.commands.dispatch(command), EventDispatchError);
  assertEquals(error.failures.map(({ event }) => event), [new StockTaken(), new OrderPlaced()]);
  assertEquals([error.command, error.result], [command, "placed"]);
});

Deno.test("transaction() drops the events of nested commands when the outermost fails", async () => {
  const shop = openJoined();
  shop.commands.subscribe(TakeStock, take);
  const failure = new Error("no");
  onPlaceOrder(shop, async (context) => {
    await shop.commands.dispatch(new TakeStock(), context);
    throw failure;
  });
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
  assertNothingHappened(shop);
});

Deno.test("transaction() publishes the events of the attempt that has committed, and none of those before", async () => {
  const shop = openJoined({ retries: 3 });
  shop.commands.subscribe(TakeStock, take);
  let attempt = 0;
  onPlaceOrder(shop, async (context) => {
    await shop.commands.dispatch(new TakeStock(), context);
    if (++attempt < 3) throw new Error("busy");
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(attempt, 3);
  assertEquals(shop.database.rows, ["order", "stock"]);
  assertEquals(shop.published, [new StockTaken(), new OrderPlaced()]);
});

// A joined command that fails

Deno.test("transaction() of which a joined command fails rolls back with its error, though the handler has caught it", async () => {
  for (const options of [{}, { outbox }]) {
    const shop = openJoined(options);
    const failure = new Error("Nothing is left");
    shop.commands.subscribe(TakeStock, () => Promise.reject(failure));
    onPlaceOrder(shop, async (context) => {
      await assertRejects(() => shop.commands.dispatch(new TakeStock(), context));
      return "placed";
    });
    assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
    assertEquals(shop.database.log.at(-1), "rollback");
    assertNothingHappened(shop);
  }
});

Deno.test("transaction() of which a joined command fails silently rolls back with its error", async () => {
  const shop = openJoined();
  const failure = new Error("Nothing is left");
  shop.commands.subscribe(TakeStock, () => Promise.reject(failure), { failSilently: true });
  onPlaceOrder(shop, (context) => shop.commands.dispatch(new TakeStock(), context));
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
  assertNothingHappened(shop);
});

Deno.test("transaction() of which a joined command cannot store its events rolls back with that error", async () => {
  const shop = openJoined({
    outbox: (database) => new FakeQueue(database, { knows: (event) => event instanceof OrderPlaced }),
  });
  shop.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, async (context) => {
    await shop.commands.dispatch(new TakeStock(), context).catch(() => {});
  });
  await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), TypeError, "The codec does not know");
  assertNothingHappened(shop);
});

Deno.test("transaction() of which a joined command has failed lets no other in, and rolls back with the first error", async () => {
  const shop = openJoined();
  const failures: unknown[] = [];
  let count = 0;
  shop.commands.subscribe(TakeStock, () => Promise.reject(new Error(`failure ${++count}`)));
  onPlaceOrder(shop, async (context) => {
    for (let time = 0; time < 2; time++) {
      await shop.commands.dispatch(new TakeStock(), context).catch((error) => failures.push(error));
    }
  });
  const error = await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), Error, "failure 1");
  assertEquals(count, 1);
  assertStrictEquals(failures[0], error);
  assertStrictEquals(failures[1], error);
});

Deno.test("transaction() of which a handler of a joined event fails rolls back", async () => {
  const shop = openJoined({ events: true });
  const failure = new Error("no mail");
  shop.database.failing.publish = failure;
  onPlaceOrder(shop, async (context) => {
    await shop.events.dispatch(new StockTaken(), context).catch(() => {});
  });
  assertStrictEquals(await assertRejects(() => shop.commands.dispatch(new PlaceOrder())), failure);
  assertEquals(shop.database.rows, []);
});

Deno.test("transaction() commits though a joined query has failed", async () => {
  const shop = openJoined();
  shop.queries.subscribe(FindStock, () => Promise.reject(new Error("There is no such stock")));
  onPlaceOrder(shop, (context) => shop.queries.dispatch(new FindStock(), context).catch(() => "none"));
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "none");
  assertEquals(shop.database.rows, ["order"]);
});

Deno.test("transaction() of which a joined command times out rolls back, though the handler has caught that", async () => {
  using time = new FakeTime();
  const shop = openShop((database) => ({ commands: [transaction(TX, database.begin)] }));
  const inner = openShop(() => ({ commands: [timeout(10), transaction(TX, shop.database.begin)] }));
  const gate = Promise.withResolvers<void>();
  inner.commands.subscribe(TakeStock, () => gate.promise);
  onPlaceOrder(shop, (context) => inner.commands.dispatch(new TakeStock(), context).catch(() => "caught"));
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  const watched = watch(dispatched);
  await time.tickAsync(11);
  // What has been left behind may still use the transaction.
  assertEquals([watched.state, shop.database.log], ["waiting", ["begin", "write"]]);
  gate.resolve();
  await assertRejects(() => dispatched, DOMException, "within 10 ms");
  assertEquals(shop.database.log, ["begin", "write", "rollback"]);
});

Deno.test("transaction() commits though the signal of a joined command fires after it has succeeded", async () => {
  const shop = openJoined();
  shop.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, async (context) => {
    const controller = new AbortController();
    await shop.commands.dispatch(new TakeStock(), { ...context, signal: controller.signal });
    controller.abort(new Error("no longer needed"));
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(shop.database.rows, ["order", "stock"]);
});

Deno.test("transaction() drops the events of a joined command that fails, though a middleware around it swallows that", async () => {
  const shop = openJoined();
  const inner = openShop(() => ({
    commands: [
      (_message, next) => next().catch(() => undefined),
      transaction(TX, shop.database.begin),
      async (_message, next) => {
        await next();
        throw new Error("no");
      },
    ],
  }));
  inner.commands.subscribe(TakeStock, take);
  onPlaceOrder(shop, (context) => inner.commands.dispatch(new TakeStock(), context));
  await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), Error, "no");
  assertNothingHappened(shop);
  assertEquals(inner.published, []);
});

Deno.test("transaction() publishes what a command has added that a middleware has dispatched in the place of the handler", async () => {
  const shop = openShop((database) => ({ commands: [transaction(TX, database.begin)] }));
  shop.commands.use(async (message, next, context) => {
    if (message instanceof TakeStock) return await next();
    return await shop.commands.dispatch(new TakeStock(), context);
  });
  shop.commands.subscribe(TakeStock, take).subscribe(PlaceOrder, () => "never");
  assertEquals(await shop.commands.dispatch(new PlaceOrder()), "took stock");
  assertEquals(shop.published, [new StockTaken()]);
});

// Retries

Deno.test("retry() repeats no command within a transaction around one that is over", async () => {
  const OTHER = new InjectionToken<FakeTx>("OTHER");
  const other = openShop((database) => ({ commands: [transaction(OTHER, database.begin)] }));
  let old: CommandContext;
  other.commands.subscribe(TakeStock, (_command, context) => void (old = context));
  let attempts = 0;
  const lone = new MessageRouter().newCommandBus().use(retry({ attempts: 3 })).subscribe(TakeStock, () => {
    attempts++;
    throw new Error("busy");
  });
  const shop = openJoined();
  onPlaceOrder(shop, async (context) => {
    await other.commands.dispatch(new TakeStock(), context);
    await lone.dispatch(new TakeStock(), old).catch(() => {});
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(attempts, 1);
});

Deno.test("retry() does not repeat a command that has joined, and repeats the outermost in a new transaction", async () => {
  const shop = openJoined({ retries: 2, outbox });
  const transactions: unknown[] = [];
  shop.commands.subscribe(TakeStock, async (command, context) => {
    transactions.push(context.values.get(TX));
    await take(command, context);
    if (transactions.length === 1) throw new Error("busy");
  });
  onPlaceOrder(shop, (context) => shop.commands.dispatch(new TakeStock(), context));
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(transactions.length, 2);
  assertEquals(new Set(transactions).size, 2);
  assertEquals(shop.database.rows, ["order", "stock"]);
});

Deno.test("retry() within a transaction repeats neither a command nor the handler of an event", async () => {
  const shop = openShop((database) => {
    const use = [transaction(TX, database.begin), retry({ attempts: 3 })];
    return { commands: use, events: use };
  });
  let attempts = 0;
  const fail = () => {
    attempts++;
    return Promise.reject(new Error("busy"));
  };
  shop.commands.subscribe(PlaceOrder, fail);
  shop.events.subscribe(OrderPlaced, fail);
  await assertRejects(() => shop.commands.dispatch(new PlaceOrder()), Error, "busy");
  assertEquals(attempts, 1);
  await assertRejects(() => shop.events.dispatch(new OrderPlaced()), EventDispatchError);
  assertEquals(attempts, 2);
});

Deno.test("retry() within a transaction repeats a query, as long as the transaction can commit", async () => {
  const shop = openJoined({ retries: 3 });
  let attempts = 0;
  shop.queries.subscribe(FindStock, () => {
    attempts++;
    return Promise.reject(new Error("busy"));
  });
  shop.commands.subscribe(TakeStock, () => Promise.reject(new Error("no")));
  const seen: number[] = [];
  onPlaceOrder(shop, async (context) => {
    await shop.queries.dispatch(new FindStock(), context).catch(() => {});
    seen.push(attempts);
  });
  await shop.commands.dispatch(new PlaceOrder());
  assertEquals(seen, [3]);

  // Without a transaction of its own a query may still run in one that is doomed.
  const lone = openShop((database) => ({
    queries: [retry({ attempts: 3 })],
    commands: [transaction(TX, database.begin)],
  }));
  lone.queries.subscribe(FindStock, () => {
    attempts++;
    return Promise.reject(new Error("busy"));
  });
  lone.commands.subscribe(TakeStock, () => Promise.reject(new Error("no")));
  attempts = 0;
  onPlaceOrder(lone, async (context) => {
    await lone.commands.dispatch(new TakeStock(), context).catch(() => {});
    await lone.queries.dispatch(new FindStock(), context).catch(() => {});
  });
  await assertRejects(() => lone.commands.dispatch(new PlaceOrder()), Error, "no");
  assertEquals(attempts, 1);
});

Deno.test("retry() behind a transaction that is over repeats again", async () => {
  const shop = openShop((database) => ({ commands: [transaction(TX, database.begin)], queries: [] }));
  let context: CommandContext;
  onPlaceOrder(shop, (own) => void (context = own));
  await shop.commands.dispatch(new PlaceOrder());
  let attempts = 0;
  const others = new MessageRouter().newCommandBus().use(retry({ attempts: 3 })).subscribe(TakeStock, () => {
    if (++attempts < 3) throw new Error("busy");
  });
  await others.dispatch(new TakeStock(), context!);
  assertEquals(attempts, 3);
});

Deno.test("retry() does not repeat the handler of an event whose transaction has committed, though later events have failed", async () => {
  const shop = openShop((database) => ({
    commands: [transaction(TX, database.begin)],
    events: [retry({ attempts: 3 }), transaction(TX, database.begin)],
  }));
  class StockIsLow extends Query<void> {}
  shop.commands.subscribe(TakeStock, take);
  shop.database.failing.publish = new Error("no mail");
  let attempts = 0;
  shop.events.subscribe(StockIsLow as never, async (_event, context) => {
    attempts++;
    await shop.commands.dispatch(new TakeStock(), context);
  });
  const error = await assertRejects(() => shop.events.dispatch(new StockIsLow() as never), EventDispatchError);
  assertEquals(attempts, 1);
  assertEquals(shop.database.rows, ["stock"]);
  assertEquals(error.failures[0]!.error instanceof EventDispatchError, true);
});

// What ends, and what comes too late

Deno.test("transaction() rolls back after all that has joined has settled, when one of them fails", async () => {
  const shop = openJoined();
  const gate = Promise.withResolvers<void>();
  shop.commands.subscribe(TakeStock, async ({ id }, { values }) => {
    if (id === "bad") throw new Error("Nothing is left");
    await gate.promise;
    await values.get(TX)!.write(id);
  });
  onPlaceOrder(
    shop,
    (context) => Promise.all(["bad", "good"].map((id) => shop.commands.dispatch(new TakeStock(id), context))),
  );
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  const watched = watch(dispatched);
  await idle();
  assertEquals([watched.state, shop.database.log], ["waiting", ["begin", "write"]]);
  gate.resolve();
  await assertRejects(() => dispatched, Error, "Nothing is left");
  assertEquals(shop.database.log, ["begin", "write", "write", "rollback"]);
});

Deno.test("transaction() that is to be rolled back lets nothing more in while it waits for what has joined", async () => {
  const shop = openJoined();
  const failure = new Error("no");
  const gate = Promise.withResolvers<void>();
  const late: unknown[] = [];
  let taken = 0;
  shop.commands.subscribe(TakeStock, async ({ id }, context) => {
    taken++;
    if (id === "late") return;
    await gate.promise;
    await shop.commands.dispatch(new TakeStock("late"), context).catch((error) => late.push(error));
  });
  onPlaceOrder(shop, (context) => {
    shop.commands.dispatch(new TakeStock("slow"), context).catch(() => {});
    throw failure;
  });
  const dispatched = assertRejects(() => shop.commands.dispatch(new PlaceOrder()));
  await idle();
  gate.resolve();
  assertStrictEquals(await dispatched, failure);
  assertEquals(taken, 1);
  assertStrictEquals(late[0], failure);
});

Deno.test("transaction() that the client has given up lets nothing more in", async () => {
  const failure = new Error("The transaction has taken too long");
  const gate = Promise.withResolvers<void>();
  const shop = openShop((database) => ({
    commands: [transaction(TX, (work) => {
      work(new FakeTx(database)).catch(() => {});
      return Promise.reject(failure);
    })],
  }));
  let taken = 0;
  shop.commands.subscribe(TakeStock, () => void taken++);
  shop.commands.subscribe(PlaceOrder, async (_command, context) => {
    await gate.promise;
    await shop.commands.dispatch(new TakeStock(), context);
  });
  const dispatched = assertRejects(() => shop.commands.dispatch(new PlaceOrder()));
  await idle();
  gate.resolve();
  assertStrictEquals(await dispatched, failure);
  assertEquals(taken, 0);
});

Deno.test("transaction() commits after all that has joined has settled, awaited or not", async () => {
  const shop = openJoined({ outbox });
  const gate = Promise.withResolvers<void>();
  shop.commands.subscribe(TakeStock, async (command, context) => {
    await gate.promise;
    return await take(command, context);
  });
  const pending: Promise<unknown>[] = [];
  onPlaceOrder(shop, (context) => {
    defer(shop.commands, (work) => pending.push(work)).dispatch(new TakeStock(), context);
  });
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  await idle();
  assertEquals(shop.database.log, ["begin", "write", "store"]);
  gate.resolve();
  await dispatched;
  await Promise.all(pending);
  assertEquals([shop.database.rows, shop.database.stored], [["order", "stock"], [new OrderPlaced(), new StockTaken()]]);
});

for (const end of ["committed", "rolled back"]) {
  Deno.test(`transaction() that was ${end} refuses what would join later, and retry() does not repeat it`, async () => {
    const tries: object[] = [];
    const shop = openShop((database) => ({
      commands: [
        retry({ attempts: 3 }),
        (message, next) => {
          tries.push(message);
          return next();
        },
        transaction(TX, database.begin),
      ],
    }));
    let old: CommandContext;
    let taken = 0;
    shop.commands.subscribe(TakeStock, () => void taken++);
    onPlaceOrder(shop, (context) => {
      old = context;
      if (end === "rolled back") throw new Error("no");
    });
    await shop.commands.dispatch(new PlaceOrder()).catch(() => {});

    // As a timer of the handler, or `defer` with its context, would do.
    const errors: unknown[] = [];
    const pending: Promise<unknown>[] = [];
    defer(shop.commands, (work) => pending.push(work), { onError: (error) => errors.push(error) })
      .dispatch(new TakeStock(), old!);
    await Promise.all(pending);
    assertEquals(errors.length, 1);
    assertEquals(errors[0] instanceof TypeError, true);
    assertEquals(
      (errors[0] as Error).message,
      'Cannot join the transaction under "TX": it has been committed or rolled back. ' +
        "Await in the handler what belongs to it, and dispatch the rest without its values",
    );
    assertEquals([taken, tries.filter((message) => message instanceof TakeStock).length], [0, 1]);
  });
}

Deno.test("transaction() refuses what would join during its commit", async () => {
  const shop = openJoined();
  const gate = Promise.withResolvers<void>();
  shop.database.waiting.commit = gate.promise;
  shop.commands.subscribe(TakeStock, take);
  let old: CommandContext;
  onPlaceOrder(shop, (context) => void (old = context));
  const dispatched = shop.commands.dispatch(new PlaceOrder());
  await idle();
  assertEquals(shop.database.log, ["begin", "write", "commit"]);
  await assertRejects(() => shop.commands.dispatch(new TakeStock(), old!), TypeError, "Cannot join the transaction");
  gate.resolve();
  await dispatched;
});

// On the other buses

Deno.test("transaction() on the query bus gives each query a transaction", async () => {
  const shop = openJoined();
  shop.queries.subscribe(FindStock, (_query, { values }) => values.get(TX)!.isOpen);
  assertEquals(await shop.queries.dispatch(new FindStock()), true);
  assertEquals(shop.database.log, ["begin", "commit"]);
  await assertRejects(() => shop.queries.dispatch(new PlaceOrder() as never), HandlerNotFoundError);
});

Deno.test("transaction() on the event bus gives each handler a transaction of its own", async () => {
  const shop = openJoined({ events: true });
  shop.events.subscribe(OrderPlaced, async ({ id }, { values }) => {
    await values.get(TX)!.write(id);
    throw new Error("no");
  });
  shop.events.subscribe(OrderPlaced, ({ id }, { values }) => values.get(TX)!.write(`copy of ${id}`));
  const error = await assertRejects(() => shop.events.dispatch(new OrderPlaced("7")), EventDispatchError);
  assertEquals(error.errors.length, 1);
  assertEquals(shop.database.rows, ["copy of 7"]);
});

Deno.test("transaction() around the handler of an event publishes what nested commands add, after its commit", async () => {
  const shop = openJoined({ events: true });
  shop.commands.subscribe(TakeStock, take);
  shop.events.use((_event, next, { values }) => next(undefined, { values: values.with(USER, "nobody") }));
  shop.events.subscribe(OrderPlaced, async (_event, context) => {
    await shop.commands.dispatch(new TakeStock(), context);
    assertEquals(shop.published.length, 1);
  });
  await shop.events.dispatch(new OrderPlaced(), { values: new ContextValues().with(USER, "Ada") });
  assertEquals(shop.published, [new OrderPlaced(), new StockTaken()]);
  assertEquals(shop.database.rows, ["stock"]);
});

Deno.test("transaction() around the handler of an event publishes with the values that the caller has given", async () => {
  const seen: unknown[] = [];
  const shop = openShop((database) => ({
    commands: [transaction(TX, database.begin)],
    events: [
      (_event, next, { values }) => next(undefined, { values: values.with(USER, "nobody") }),
      (_event, next) => next(undefined, { signal: undefined }),
      transaction(TX, database.begin),
    ],
  }));
  shop.commands.subscribe(TakeStock, take);
  shop.events.subscribe(
    OrderPlaced,
    (_event, context) => shop.commands.dispatch(new TakeStock(), context) as Promise<void>,
  );
  shop.events.listen((event, { values }) => void seen.push(event.constructor, ...values));
  await shop.events.dispatch(new OrderPlaced(), { values: new ContextValues().with(USER, "Ada") });
  assertEquals(seen, [OrderPlaced, [USER, "Ada"], StockTaken, [USER, "Ada"]]);
});

Deno.test("transaction() around a pipeline has its commands join", async () => {
  const shop = openJoined();
  shop.commands.subscribe(TakeStock, take);
  const pipe = new Pipe(TakeStock, shop.commands)
    .step(() => new TakeStock("again"))
    .use(transaction(TX, shop.database.begin));
  await pipe.dispatch(new TakeStock());
  assertEquals(shop.database.log, ["begin", "write", "write", "commit", "publish", "publish"]);
  assertEquals(shop.database.rows, ["stock", "again"]);
});
