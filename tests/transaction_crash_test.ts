import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type AnyMiddleware, Command, type CommandBus, DELIVERY, Event, MessageRouter, Pump } from "@cq/core";
import { transaction } from "@cq/core/middlewares";
import { type ConformanceCase, crashConformance, type CrashConformanceOptions, CrashPoints } from "@cq/core/testing";
import type { CrashScenario } from "@cq/core/testing";
import { FakeDatabase, FakeQueue, type FakeTx, TX } from "./support/fake_database.ts";

/** Orders with a key each: the customer. */
const ORDERS = [["1", "Ada"], ["2", "Grace"], ["3", "Ada"], ["4", "Ada"], ["5", "Grace"]] as const;

class PlaceOrder extends Command {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

class OrderPlaced extends Event {
  readonly id: string;

  constructor(id: string) {
    super();
    this.id = id;
  }
}

type Begin = (work: (tx: FakeTx) => Promise<void>) => Promise<void>;

/** What a process is made of, so that a test can leave something out. */
interface Process {
  readonly begin: Begin;
  readonly orders: FakeQueue<PlaceOrder>;
  readonly events: FakeQueue<OrderPlaced>;
}

interface Design {
  /** Around the commands. */
  readonly commands?: (process: Process) => AnyMiddleware[];
  /** Around what is handled of the orders, and of the events. */
  readonly orders?: (process: Process) => AnyMiddleware[];
  readonly events?: (process: Process) => AnyMiddleware[];
  readonly concurrency?: number;
}

const SAFE: Required<Design> = {
  commands: ({ begin, events }) => [transaction(TX, begin, { outbox: events })],
  orders: ({ begin, orders }) => [transaction(TX, begin, { inbox: orders })],
  events: ({ begin, events }) => [transaction(TX, begin, { inbox: events })],
  concurrency: 1,
};

/** Orders come from a queue, are placed, and each event of that becomes a mail: the whole way of a message. */
function openShop(design: Design): CrashScenario {
  const database = new FakeDatabase();
  const mails: string[] = [];
  const toMessage = (id: string) => ({ id, key: ORDERS.find(([order]) => order === id)![1] });
  return {
    async run(points) {
      const process: Process = {
        begin: points.wrap(database.begin, "begin"),
        orders: points.wrap(new FakeQueue<PlaceOrder>(database, { name: "orders" }), "orders"),
        events: points.wrap(new FakeQueue<OrderPlaced>(database, { name: "events" }), "events"),
      };
      const { commands, orders, events, concurrency } = { ...SAFE, ...design };
      const router = new MessageRouter();
      const bus: CommandBus = router.newCommandBus().use(...commands(process));
      bus.subscribe(PlaceOrder, async ({ id }, context) => {
        await context.values.get(TX)?.write(`order ${id}`);
        context.events.add(new OrderPlaced(id));
      });

      // What a lease that runs out does.
      for (const row of database.messages) row.isHeld = false;
      for (const [id] of ORDERS) await process.orders.send(new PlaceOrder(id), { id });
      await new Pump(process.orders, bus, { concurrency }).use(...orders(process)).drain();
      const mail = async ({ id }: OrderPlaced, values: { get(token: typeof TX): FakeTx | undefined } | undefined) => {
        const tx = values?.get(TX);
        if (tx === undefined) mails.push(id);
        else await tx.run("write", () => void mails.push(id));
      };
      await new Pump(process.events, (event, options) => mail(event, options?.values), { concurrency })
        .use(...events(process)).drain();
    },
    accepted: () => ORDERS.map(([id]) => toMessage(id)),
    effects: () => mails.map(toMessage),
  };
}

function casesOf(design: Design, options: CrashConformanceOptions): ConformanceCase[] {
  return crashConformance(() => openShop(design), { runs: 200, ...options });
}

/** Only what the design promises becomes a test. */
function test(what: string, design: Design, options: CrashConformanceOptions): void {
  for (const { name, run, skip } of casesOf(design, options)) {
    if (!skip) Deno.test(`transaction() ${what} ${name}`, run);
  }
}

test("with an outbox and an inbox", {}, { once: true, order: true });
test("with an outbox and an inbox, three messages at a time,", { concurrency: 3 }, { once: true });
test("with an outbox and no inbox", { events: ({ begin }) => [transaction(TX, begin)] }, { order: true });
test("of commands behind a plain pump", { orders: () => [] }, { order: true });

// Designs that are wrong, and that the cases have to find

const [NOTHING_LOST, NOTHING_TWICE, IN_ORDER] = casesOf({}, { once: true, order: true }).map(({ name }) => name);

const WRONG: readonly [what: string, design: Design, finds: readonly (string | undefined)[]][] = [
  ["that has no inbox", { events: ({ begin }) => [transaction(TX, begin)] }, [NOTHING_TWICE]],
  ["that has no transaction around its mails", { events: () => [] }, [NOTHING_TWICE]],
  [
    "that acks before it handles",
    {
      events: () => [
        async (_message, next, { values }) => {
          await values.get(DELIVERY)!.ack();
          return await next();
        },
      ],
    },
    [NOTHING_LOST],
  ],
];

for (const [what, design, finds] of WRONG) {
  Deno.test(`crashConformance() finds a process ${what}`, async () => {
    const found: string[] = [];
    for (const { name, run } of casesOf(design, { once: true, order: true })) {
      try {
        await run();
      } catch (error) {
        assert((error as Error).message.startsWith(`The case "${name}" fails after a crash at `));
        found.push(name);
      }
    }
    for (const name of finds) assert(found.includes(name!), `${name} is not among ${found}`);
  });
}

/** A process whose only work is a list of effects. */
function scenario(
  ids: readonly string[],
  run: (effects: string[], points: CrashPoints) => Promise<void>,
): () => CrashScenario {
  return () => {
    const effects: string[] = [];
    return {
      run: (points) => run(effects, points),
      accepted: () => ids.map((id) => ({ id, key: "key" })),
      effects: () => effects.map((id) => ({ id, key: "key" })),
    };
  };
}

async function messageOf(open: () => CrashScenario, index: number, options = {}): Promise<string> {
  const { run } = crashConformance(open, { once: true, order: true, timeoutMs: 50, runs: 20, ...options })[index]!;
  return (await assertRejects(run, Error)).message;
}

Deno.test("crashConformance() says what is wrong, and how to repeat it", async () => {
  const pass = (points: CrashPoints) => points.wrap(() => Promise.resolve(), "pass")();

  assertEquals(
    await messageOf(
      scenario(["a", "b", "c"], async (effects, points) => {
        await pass(points);
        effects.push("b");
      }),
      0,
    ),
    `The case "${NOTHING_LOST}" fails without a crash: expected "a", "c" to take effect, but nothing has happened. ` +
      "Run it again with { seed: 1, runs: 1 }",
  );
  assertEquals(
    await messageOf(
      scenario([], async (effects, points) => {
        await pass(points);
        effects.push("a");
      }),
      0,
    ),
    `The case "${NOTHING_LOST}" fails without a crash: expected only what was accepted to take effect, but "a" did, ` +
      "too. Run it again with { seed: 1, runs: 1 }",
  );
  assertEquals(
    await messageOf(
      scenario(["a"], async (effects, points) => {
        await points.wrap(() => Promise.resolve(effects.push("a")), "push")();
      }),
      1,
      { seed: 5 },
    ),
    `The case "${NOTHING_TWICE}" fails after a crash at push: after: expected each message to take effect once, but "a" ` +
      "did so again. Run it again with { seed: 5, runs: 1 }",
  );
  assertEquals(
    await messageOf(
      scenario(["a", "b"], async (effects, points) => {
        await pass(points);
        effects.push("b", "a");
      }),
      2,
    ),
    `The case "${IN_ORDER}" fails without a crash: expected the order a, b for the key "key", but it was b, a. ` +
      "Run it again with { seed: 1, runs: 1 }",
  );
  assertEquals(
    await messageOf(scenario(["a"], () => new Promise(() => {})), 0),
    `The case "${NOTHING_LOST}" fails without a crash: expected a process to end, but it did not happen within 50 ms. ` +
      "Run it again with { seed: 1, runs: 1 }",
  );
  assertEquals(
    await messageOf(scenario(["a"], () => Promise.reject(new Error("no"))), 0),
    `The case "${NOTHING_LOST}" fails without a crash: no. Run it again with { seed: 1, runs: 1 }`,
  );
});

Deno.test("crashConformance() marks the cases that are not promised to be skipped, and refuses to run them", async () => {
  const cases = crashConformance(scenario([], () => Promise.resolve()));
  assertEquals(cases.map(({ skip }) => skip), [false, true, true]);
  const error = await assertRejects(() => cases[1]!.run(), TypeError);
  assertEquals(error.message, `Cannot run the case "${NOTHING_TWICE}": the scenario does not promise "once"`);
});

Deno.test("crashConformance() closes each scenario", async () => {
  let open = 0;
  const [lost] = crashConformance(() => {
    open++;
    return {
      run: (points) => points.wrap(() => Promise.resolve(), "pass")(),
      accepted: () => [],
      effects: () => [],
      close: () => void open--,
    };
  }, { runs: 3 });
  await lost!.run();
  assertEquals(open, 0);
});

Deno.test("crashConformance() and CrashPoints refuse numbers that are out of their range", () => {
  const open = scenario([], () => Promise.resolve());
  for (
    const [make, message] of [
      [() => crashConformance(open, { seed: 0.5 }), "Cannot test with a seed of 0.5: it must be a whole number"],
      [
        () => crashConformance(open, { runs: 0 }),
        "Cannot test with a number of runs of 0: it must be a whole number from 1",
      ],
      [() => new CrashPoints({ seed: NaN }), "Cannot test with a seed of NaN: it must be a whole number"],
      [() => new CrashPoints({ crashAt: 0 }), "Cannot test with a crashAt of 0: it must be a whole number from 1"],
    ] as const
  ) {
    assertEquals(assertThrows(make, RangeError).message, message);
  }
});

Deno.test("CrashPoints lets a process pass every point, in an order that the seed decides", async () => {
  const orders = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const points = new CrashPoints({ seed });
    const wrapped = points.wrap({ a: () => Promise.resolve(1), b: () => Promise.reject(new Error("no")) }, "store");
    assertEquals(await Promise.all([wrapped.a(), wrapped.b().catch((error) => error.message)]), [1, "no"]);
    assertEquals([...points.passed].sort(), [
      "store.a: after",
      "store.a: before",
      "store.b: after",
      "store.b: before",
    ]);
    assertEquals(points.isDead, false);
    orders.add(points.passed.join());
  }
  assert(orders.size > 1);
});

Deno.test("CrashPoints lets nothing have an effect after the crash", async () => {
  const log: string[] = [];
  const target = {
    write: (what: string) => Promise.resolve(log.push(what)),
    committed: () => void log.push("committed"),
  };
  const points = new CrashPoints({ crashAt: 1 });
  const wrapped = points.wrap(target, "store");
  wrapped.write("a");
  assertEquals(await points.crashed, "store.write: before");
  wrapped.write("b");
  wrapped.committed();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([log, points.isDead], [[], true]);
});

Deno.test("CrashPoints gives a wrapped call the objects that it knows, and its callers wrapped ones", async () => {
  const points = new CrashPoints();
  class Delivery {
    readonly message = "a";

    ack(): Promise<string> {
      return Promise.resolve("acked");
    }
  }
  const delivery = new Delivery();
  const queue = {
    receive: () => Promise.resolve(delivery),
    isKnown: (value: Delivery) => Promise.resolve(value === delivery),
    each: (act: (delivery: Delivery) => Promise<string>) => act(delivery),
    rows: () => Promise.resolve([{ id: 1 }]),
  };
  const wrapped = points.wrap(queue, "queue");
  const received = await wrapped.receive();
  assert(received !== delivery);
  assert(received instanceof Delivery);
  assertEquals(["message" in received, received.message, await received.ack()], [true, "a", "acked"]);
  assertEquals(await wrapped.isKnown(received), true);
  assertEquals(await wrapped.each((each) => each.ack()), "acked");
  assertEquals(await wrapped.rows(), [{ id: 1 }]);
  assert(points.passed.includes("queue.each.ack: before"));
});
