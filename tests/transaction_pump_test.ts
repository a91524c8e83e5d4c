import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  type CommandContext,
  type Delivery,
  EventDispatchError,
  InjectionToken,
  MemoryQueue,
  type Middleware,
  Pump,
  retry,
} from "@cq/core";
import { transaction, type TransactionOptions } from "@cq/core/middlewares";
import { FakeDatabase, FakeQueue, type FakeTx, TX } from "./support/fake_database.ts";
import { idle, scripted } from "./support/pump_parts.ts";
import { openShop, OrderPlaced, PlaceOrder, type Shop, StockTaken, TakeStock } from "./support/shop.ts";

interface PumpedShop extends Shop {
  readonly queue: FakeQueue<PlaceOrder>;
  readonly pump: Pump<PlaceOrder>;
}

/** A shop whose orders come from a queue, through a pump with a transaction. Its command bus joins. */
async function openPumped(
  { before = [], within = [], ...options }:
    & TransactionOptions<FakeTx>
    & { before?: Middleware[]; within?: Middleware[]; useInbox?: boolean } = {},
): Promise<PumpedShop> {
  const { useInbox = true, ...used } = options;
  const shop = openShop((database) => ({ commands: [transaction(TX, database.begin, used)] }));
  const queue = new FakeQueue<PlaceOrder>(shop.database, { name: "orders" });
  const pump = new Pump<PlaceOrder>(queue, shop.commands).use(
    ...before,
    transaction(TX, shop.database.begin, useInbox ? { inbox: queue } : {}),
    ...within,
  );
  await queue.send(new PlaceOrder());
  shop.database.log.length = 0;
  return { ...shop, queue, pump };
}

async function place({ id }: PlaceOrder, { values, events }: CommandContext): Promise<void> {
  await values.get(TX)!.write(id);
  events.add(new OrderPlaced(id));
}

/** The log without what a pump does beside the delivery. */
function stepsOf(database: FakeDatabase): string[] {
  return database.log.filter((step) => step !== "receive");
}

const refusal = (why: string) =>
  `Cannot handle "PlaceOrder" with an inbox: ${why}. Give the inbox to the outermost transaction() of a pump`;

// Where an inbox belongs

for (const isPumped of [false, true]) {
  Deno.test(`transaction() with an inbox is refused on a command bus${isPumped ? " behind a pump" : ""}`, async () => {
    const shop = openShop((database) => ({
      commands: [transaction(TX, database.begin, { inbox: new FakeQueue(database) })],
    }));
    shop.commands.subscribe(PlaceOrder, place);
    const queue = new MemoryQueue<PlaceOrder>({ maxSize: 1 });
    await queue.send(new PlaceOrder());
    queue.close();
    const error = await assertRejects(
      () => isPumped ? new Pump(queue, shop.commands).drain() : shop.commands.dispatch(new PlaceOrder()),
      TypeError,
    );
    assertEquals(error.message, refusal("only what a pump handles has been delivered"));
    assertEquals(shop.database.log, []);
  });
}

Deno.test("transaction() with an inbox is refused on an event bus", async () => {
  const shop = openShop((database) => ({
    events: [transaction(TX, database.begin, { inbox: new FakeQueue(database) })],
  }));
  const error = await assertRejects(() => shop.events.dispatch(new OrderPlaced()), EventDispatchError);
  assert(error.errors[0] instanceof TypeError);
  assertEquals(
    error.errors[0].message,
    refusal("only what a pump handles has been delivered").replace("PlaceOrder", "OrderPlaced"),
  );
});

Deno.test("transaction() with an inbox is refused where it would join", async () => {
  const { database, queue, pump, commands } = await openPumped({ useInbox: false });
  commands.subscribe(PlaceOrder, place);
  pump.use(transaction(TX, database.begin, { inbox: queue }));
  const error = await assertRejects(() => pump.drain(), TypeError);
  assertEquals(error.message, refusal("another one has begun its transaction already"));
});

// The ack

Deno.test("transaction() with an inbox acks as the last statement before the commit, and the pump does not settle any more", async () => {
  const shop = await openPumped({ outbox: undefined });
  shop.commands.subscribe(PlaceOrder, place);
  await shop.pump.drain();
  assertEquals(stepsOf(shop.database), ["begin", "write", "ack within", "commit", "settled", "publish"]);
  assertEquals([shop.database.rows, shop.database.stored], [["order"], []]);
});

Deno.test("transaction() with an inbox stores the events of the commands inside before the ack", async () => {
  const shop = await openPumped();
  const outbox = new FakeQueue(shop.database, { name: "events" });
  shop.commands.subscribe(TakeStock, place as never);
  const pump = new Pump<PlaceOrder>(shop.queue, async (message, options) => {
    await shop.commands.dispatch(message, options);
    await shop.commands.dispatch(new TakeStock(), options);
  }).use(transaction(TX, shop.database.begin, { inbox: shop.queue, outbox }));
  const inner = openShop((database) => ({ commands: [transaction(TX, database.begin, { outbox })] }), shop.database);
  shop.commands.subscribe(PlaceOrder, (command, context) => inner.commands.dispatch(command, context));
  inner.commands.subscribe(PlaceOrder, place);
  await pump.drain();
  assertEquals(stepsOf(shop.database), [
    "begin",
    "write",
    "store",
    "write",
    "ack within",
    "commit",
    "settled",
    "committed",
    "publish",
  ]);
  assertEquals(shop.database.stored, [new OrderPlaced()]);
});

Deno.test("transaction() with an inbox rolls back where the delivery is not this consumer's any more, and its nack does nothing", async () => {
  const shop = await openPumped();
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    shop.queue.takeAway(command);
  });
  await assertRejects(() => shop.pump.drain(), Error, "The delivery is not this consumer's any more");
  assertEquals(stepsOf(shop.database), ["begin", "write", "rollback", "nack"]);
  assertEquals([shop.database.rows, shop.published], [[], []]);
  // It is still held by the other consumer.
  assertEquals(shop.database.messages.map(({ isHeld, attempt }) => [isHeld, attempt]), [[true, 2]]);
});

Deno.test("transaction() with an inbox refuses a delivery of another queue", async () => {
  const shop = await openPumped();
  shop.commands.subscribe(PlaceOrder, place);
  const other = new FakeQueue<PlaceOrder>(shop.database, { name: "other" });
  const pump = new Pump(shop.queue, shop.commands).use(transaction(TX, shop.database.begin, { inbox: other }));
  await assertRejects(() => pump.drain(), TypeError, "Cannot ack a delivery of another queue");
  assertEquals([shop.database.rows, shop.database.stored], [[], [new PlaceOrder()]]);
});

Deno.test("transaction() with an inbox rolls back with the reason of a signal that fires during the ack", async () => {
  const controller = new AbortController();
  const shop = await openPumped({ before: [(_message, next) => next(undefined, { signal: controller.signal })] });
  shop.commands.subscribe(PlaceOrder, place);
  const gate = Promise.withResolvers<void>();
  shop.database.waiting["ack within"] = gate.promise;
  const drained = shop.pump.drain();
  await idle();
  assertEquals(shop.database.log.at(-1), "ack within");
  controller.abort(new Error("too late"));
  gate.resolve();
  assertStrictEquals(await assertRejects(() => drained), controller.signal.reason);
  assertEquals(stepsOf(shop.database), ["begin", "write", "ack within", "rollback", "nack"]);
  assertEquals([shop.database.rows, shop.database.stored], [[], [new PlaceOrder()]]);
});

for (const fails of [false, true]) {
  Deno.test(`transaction() with an inbox keeps the pump from settling, whatever the delivery does, where the dispatch ${fails ? "fails after the commit" : "succeeds"}`, async () => {
    const shop = await openPumped();
    if (fails) shop.database.failing.publish = new Error("no mail");
    shop.commands.subscribe(PlaceOrder, place);
    const log: unknown[] = [];
    const inbox = {
      ackWithin: () => Promise.resolve(),
      settled: ({ message }: Delivery<unknown>) => log.push(message),
    };
    const pump = new Pump(
      scripted(["a"], { log }),
      (_message, options) => shop.commands.dispatch(new PlaceOrder(), options),
    )
      .use(transaction(TX, shop.database.begin, { inbox }));
    await pump.drain().catch(() => {});
    assertEquals(log[0], "a");
    assertEquals(log.filter((entry) => Array.isArray(entry) && entry[0] !== "return"), []);
  });
}

Deno.test("transaction() of a command behind a pump leaves the delivery to the pump", async () => {
  const shop = await openPumped();
  shop.commands.subscribe(PlaceOrder, place);
  const pump = new Pump(shop.queue, async (message, options) => {
    await shop.commands.dispatch(message, options);
    await shop.commands.dispatch(message, options);
  }).use((_message, next) => next());
  await pump.drain();
  assertEquals(stepsOf(shop.database).filter((step) => step !== "publish"), [
    ...["begin", "write", "commit"],
    ...["begin", "write", "commit"],
    "ack",
  ]);
});

for (const failing of ["begin", "write", "ack within", "commit"]) {
  Deno.test(`transaction() with an inbox of which the ${failing} fails has the pump nack, and nothing else happens`, async () => {
    const shop = await openPumped();
    const failure = new Error("no");
    shop.database.failing[failing] = failure;
    shop.commands.subscribe(PlaceOrder, place);
    assertStrictEquals(await assertRejects(() => shop.pump.drain()), failure);
    assertEquals(stepsOf(shop.database).at(-1), "nack");
    assertEquals([shop.database.rows, shop.database.stored, shop.published], [[], [new PlaceOrder()], []]);
    assertEquals(shop.database.messages[0]!.isHeld, false);
  });
}

Deno.test("transaction() with an inbox whose commit got through though its reply is lost takes effect once", async () => {
  const shop = await openPumped();
  const failure = new Error("The connection is gone");
  const pump = new Pump(shop.queue, shop.commands).use(transaction(TX, async (work) => {
    await shop.database.begin(work);
    throw failure;
  }, { inbox: shop.queue }));
  shop.commands.subscribe(PlaceOrder, place);
  assertStrictEquals(await assertRejects(() => pump.drain()), failure);
  assertEquals(stepsOf(shop.database), ["begin", "write", "ack within", "commit", "nack"]);
  await shop.pump.drain();
  assertEquals([shop.database.rows, shop.database.stored], [["order"], []]);
});

Deno.test("transaction() with an inbox inside of retry() repeats the whole in a new transaction", async () => {
  const shop = await openPumped({ before: [retry({ attempts: 3 })] });
  let attempt = 0;
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    if (++attempt < 3) throw new Error("busy");
  });
  await shop.pump.drain();
  assertEquals([attempt, shop.database.rows, shop.database.stored], [3, ["order"], []]);
  assertEquals(stepsOf(shop.database).filter((step) => step === "ack within"), ["ack within"]);
});

Deno.test("transaction() with an inbox has the pump ack what a middleware around it swallows", async () => {
  const shop = await openPumped({ before: [(_message, next) => next().catch(() => undefined)] });
  shop.commands.subscribe(PlaceOrder, () => Promise.reject(new Error("no")));
  await shop.pump.drain();
  assertEquals(stepsOf(shop.database), ["begin", "rollback", "ack"]);
  assertEquals(shop.database.stored, []);
});

for (const useInbox of [true, false]) {
  const name = useInbox ? "with an inbox" : "without an inbox on a pump";

  Deno.test(`transaction() ${name} whose events fail after the commit fails the dispatch, without a nack or a retry`, async () => {
    const shop = await openPumped({ useInbox, before: [retry({ attempts: 3 })] });
    shop.database.failing.publish = new Error("no mail");
    shop.commands.subscribe(PlaceOrder, place);
    const error = await assertRejects(() => shop.pump.drain(), EventDispatchError);
    assertEquals(error.failures.map(({ event }) => event), [new OrderPlaced()]);
    assertEquals(error.command, undefined);
    assertEquals([shop.database.rows, shop.database.stored], [["order"], []]);
    assert(!shop.database.log.includes("nack"));
    assertEquals(shop.database.log.filter((step) => step === "begin").length, 1);
  });

  Deno.test(`transaction() ${name} rolls back with the reason when a stop comes to its limit`, async () => {
    const shop = await openPumped({ useInbox });
    const gate = Promise.withResolvers<void>();
    shop.database.waiting.write = gate.promise;
    shop.commands.subscribe(PlaceOrder, place);
    const draining = shop.pump.draining({ graceful: false });
    await idle();
    await draining.stop();
    gate.resolve();
    await idle();
    assertEquals(stepsOf(shop.database), ["begin", "write", "nack", "rollback"]);
    assertEquals([shop.database.rows, shop.database.stored, shop.published], [[], [new PlaceOrder()], []]);
  });
}

// A pump without an inbox

Deno.test("transaction() without an inbox on a pump acks after the commit", async () => {
  const shop = await openPumped({ useInbox: false });
  shop.commands.subscribe(PlaceOrder, place);
  await shop.pump.drain();
  assertEquals(stepsOf(shop.database), ["begin", "write", "commit", "ack", "publish"]);
});

Deno.test("transaction() without an inbox on a pump has it nack when the commit fails", async () => {
  const shop = await openPumped({ useInbox: false });
  shop.database.failing.commit = new Error("no");
  shop.commands.subscribe(PlaceOrder, place);
  await assertRejects(() => shop.pump.drain(), Error, "no");
  assertEquals(stepsOf(shop.database), ["begin", "write", "commit", "nack"]);
  assertEquals(shop.database.stored, [new PlaceOrder()]);
});

Deno.test("transaction() without an inbox on a pump whose ack fails publishes the events, and has the pump nack", async () => {
  const shop = await openPumped({ useInbox: false, before: [retry({ attempts: 3 })] });
  const failure = new Error("no");
  shop.database.failing.ack = failure;
  shop.commands.subscribe(PlaceOrder, place);
  assertStrictEquals(await assertRejects(() => shop.pump.drain()), failure);
  assertEquals(stepsOf(shop.database), ["begin", "write", "commit", "ack", "publish", "nack"]);
});

Deno.test("transaction() on a pump combines what fails after the commit", async () => {
  const shop = await openPumped({ useInbox: false });
  shop.database.failing.ack = new Error("no ack");
  shop.database.failing.publish = new Error("no mail");
  shop.commands.subscribe(PlaceOrder, place);
  const error = await assertRejects(() => shop.pump.drain(), AggregateError);
  assertEquals(error.message, 'Cannot complete "PlaceOrder" after its transaction has committed');
  assertEquals(error.errors.length, 2);
});

Deno.test("transaction() on a pump within one of another token acks after the commit of the outer one", async () => {
  const OTHER = new InjectionToken<FakeTx>("OTHER");
  const shop = await openPumped({ useInbox: false });
  shop.commands.subscribe(PlaceOrder, place);
  const other = new FakeDatabase();
  other.failing.commit = new Error("no");
  const pump = new Pump(shop.queue, shop.commands, { failSilently: true }).use(
    async (_message, next) => {
      await next().catch(() => {
        delete other.failing.commit;
        throw new Error("busy");
      });
    },
    transaction(OTHER, other.begin),
    transaction(TX, shop.database.begin),
  );
  await pump.drain();
  // The commit of the outer one has failed once, so the message comes again: it was not acked.
  assertEquals(stepsOf(shop.database).filter((step) => step.endsWith("ck")), ["nack", "ack"]);
  assertEquals(other.log, ["begin", "commit", "begin", "commit"]);
});

Deno.test("transaction() on a pump leaves what nested commands add to the outermost, which has an outbox for its own alone", async () => {
  const shop = await openPumped();
  shop.commands.subscribe(TakeStock, (_command, { events }) => void events.add(new StockTaken()));
  shop.commands.subscribe(PlaceOrder, async (command, context) => {
    await place(command, context);
    await shop.commands.dispatch(new TakeStock(), context);
  });
  await shop.pump.drain();
  assertEquals(shop.published, [new StockTaken(), new OrderPlaced()]);
});

Deno.test("transaction() on a pump of a MemoryQueue, which is not an inbox, acks after the commit", async () => {
  const shop = openShop((database) => ({ commands: [transaction(TX, database.begin)] }));
  shop.commands.subscribe(PlaceOrder, place);
  const queue = new MemoryQueue<PlaceOrder>({ maxSize: 1, maxAttempts: 2 });
  await queue.send(new PlaceOrder());
  queue.close();
  let attempt = 0;
  await new Pump(queue, shop.commands, { failSilently: true }).use(transaction(TX, async (work) => {
    if (++attempt === 1) throw new Error("busy");
    await shop.database.begin(work);
  })).drain();
  assertEquals([attempt, shop.database.rows, queue.pending], [2, ["order"], 0]);
});

Deno.test("Delivery.ack() and nack() do nothing after the inbox has settled the delivery", async () => {
  const shop = await openPumped();
  shop.commands.subscribe(PlaceOrder, place);
  let kept: Delivery<unknown> | undefined;
  const pump = new Pump({
    async *[Symbol.asyncIterator]() {
      for await (const delivery of shop.queue) {
        kept = delivery;
        yield delivery;
      }
    },
  }, shop.commands).use(transaction(TX, shop.database.begin, { inbox: shop.queue }));
  await pump.drain();
  shop.database.log.length = 0;
  await kept!.ack();
  await kept!.nack();
  assertEquals(shop.database.log, []);
});
