import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
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
import { deduplicate, type DeduplicateOptions } from "@cq/core/middlewares";
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

for (
  const [key, name] of [["", '""'], [7, '"7"'], [null, '"null"'], [5n, '"5"'], [
    ["a"],
    'an instance of "Array"',
  ]] as const
) {
  Deno.test(`deduplicate() refuses ${name} as a key`, async () => {
    const commands = countingBus({ ...BY_ORDER, key: () => key as unknown as string });

    const error = await assertRejects(() => commands.dispatch(new ChargeCard()), TypeError);

    assertEquals(
      error.message,
      `Cannot deduplicate "ChargeCard" by ${name}: the key must be a string that is not empty`,
    );
  });
}

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
