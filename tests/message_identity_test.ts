import { assert, assertEquals, assertRejects } from "@std/assert";
import { Command, Event, HandlerNotFoundError, MessageRouter, type MessageType, Query } from "@cq/core";

// Looked at: data named `constructor` that holds a class, a handler's class, a function, a base class, a derived class;
// as own data, by a getter, on an object in the middle of the prototype chain; on the three buses; before and after that
// class has been dispatched; and `canHandle`.

class Charge extends Command<string> {}
class Refund extends Command<string> {}
class PartialRefund extends Refund {}
class FindPrice extends Query<string> {}
class FindStock extends Query<string> {}
class Charged extends Event {}
class Refunded extends Event {}

type Disguise = (message: object, other: MessageType) => object;

const DISGUISES: Readonly<Record<string, Disguise>> = {
  "own data": (message, other) => Object.assign(message, { constructor: other }),
  "parsed data that a reviver filled": (message, other) =>
    Object.assign(message, JSON.parse('{"constructor":"x"}', (key, value) => key === "constructor" ? other : value)),
  "own data that is not enumerable": (message, other) =>
    Object.defineProperty(message, "constructor", { value: other }),
  "a getter": (message, other) => Object.defineProperty(message, "constructor", { get: () => other }),
  "data of an object between the message and its class": (message, other) =>
    Object.setPrototypeOf(message, Object.create(Object.getPrototypeOf(message), { constructor: { value: other } })),
};

for (const [what, disguise] of Object.entries(DISGUISES)) {
  Deno.test(`Bus.dispatch() finds the handler by the class, where the message has ${what} named constructor that holds another class`, async () => {
    const router = new MessageRouter();
    const log: string[] = [];
    const commands = router.newCommandBus()
      .subscribe(Charge, () => "charged").subscribe(Refund, () => "refunded");
    const queries = router.newQueryBus().subscribe(FindPrice, () => "99").subscribe(FindStock, () => "7");
    const events = router.newEventBus()
      .subscribe(Charged, () => log.push("charged")).subscribe(Refunded, () => log.push("refunded"));

    for (let round = 0; round < 2; round++) {
      assertEquals(await commands.dispatch(disguise(new Refund(), Charge) as Refund), "refunded");
      assertEquals(await commands.dispatch(disguise(new PartialRefund(), Charge) as Refund), "refunded");
      assertEquals(await commands.dispatch(disguise(new Refund(), PartialRefund) as Refund), "refunded");
      assertEquals(await queries.dispatch(disguise(new FindStock(), FindPrice) as FindStock), "7");
      await events.dispatch(disguise(new Refunded(), Charged));
      assertEquals(log.splice(0), ["refunded"]);

      // From now on the buses know these classes.
      assertEquals(await commands.dispatch(new Charge()), "charged");
      assertEquals(await commands.dispatch(new PartialRefund()), "refunded");
      assertEquals(await queries.dispatch(new FindPrice()), "99");
      await events.dispatch(new Charged());
      assertEquals(log.splice(0), ["charged"]);
    }
  });

  Deno.test(`Bus.dispatch() finds no handler for a class without one, where the message has ${what} named constructor that holds a class with one`, async () => {
    const commands = new MessageRouter().newCommandBus().subscribe(Charge, () => "charged");
    await commands.dispatch(new Charge());
    const message = disguise(new Refund(), Charge) as Refund;

    const error = await assertRejects(() => commands.dispatch(message), HandlerNotFoundError);

    assertEquals(error.messageType === Refund, true);
    assertEquals(commands.canHandle(message), false);
  });
}

// This needs the garbage collector: deno test --v8-flags=--expose-gc.
const { gc } = globalThis as { readonly gc?: () => void };

async function keepsNoClassAlive(): Promise<void> {
  const router = new MessageRouter();
  const buses = [
    router.newCommandBus().subscribe(Charge, () => "charged"),
    router.newQueryBus().subscribe(FindPrice, () => "99"),
    router.newEventBus().subscribe(Charged, () => {}).listen(() => {}),
  ] as const;
  const newRefs = async (dispatch: (message: object) => Promise<unknown>, base: MessageType) => {
    const refs: WeakRef<object>[] = [];
    for (let index = 0; index < 100; index++) {
      const type = class extends (base as unknown as new () => object) {};
      await dispatch(new type());
      refs.push(new WeakRef(type));
    }
    return refs;
  };
  const refs = [
    ...await newRefs((message) => buses[0].dispatch(message as Charge), Charge),
    ...await newRefs((message) => buses[1].dispatch(message as FindPrice), FindPrice),
    ...await newRefs((message) => buses[2].dispatch(message), Charged),
    // Without a handler.
    ...await newRefs((message) => buses[2].dispatch(message), Refunded),
    ...await newRefs((message) => buses[0].dispatch(message as Refund).catch(() => {}), Refund),
  ];

  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
    gc!();
  }

  const alive = refs.filter((ref) => ref.deref() !== undefined).length;
  // What the compiler of the runtime has cached of the last ones may live a little longer.
  assert(alive <= 10, `${alive} of ${refs.length} classes are alive`);
}

Deno.test({
  name: "A bus keeps no class of message alive that is not used any more",
  ignore: gc === undefined,
  fn: keepsNoClassAlive,
});
