/**
 * Tests of an application with fakes, of what uses a bus, and of a queue of your own. They run in any test runner: here
 * they just print what they find.
 */
import { deepStrictEqual as assertEquals } from "node:assert/strict";
import {
  Command,
  CommandBus,
  commandHandler,
  Container,
  type Delivery,
  inject,
  MessageRouter,
  type Queue,
  QueueClosedError,
  router,
} from "@cq/core";
import { queueConformance, recordingBus, type TestMessage } from "@cq/core/testing";

abstract class UserRepository {
  abstract add(name: string): Promise<number>;
}

class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

@commandHandler(CreateUser)
class CreateUserHandler {
  readonly #users = inject(UserRepository);

  async handle({ name }: CreateUser): Promise<number> {
    return await this.#users.add(name);
  }
}

// A fork has the handlers of the application, with another container and other buses: a new one for each test.
for (const count of [1, 2]) {
  const names: string[] = [];
  const container = new Container();
  container.bind(UserRepository, () => ({ add: (name) => Promise.resolve(names.push(name)) }));
  router.fork(container);

  assertEquals(await container.get(CommandBus).dispatch(new CreateUser("Ada")), 1);
  console.log(`test ${count} of ${CreateUserHandler.name} created ${names}`);
}

class ChargeCard extends Command<"paid" | "declined"> {
  readonly amount: number;

  constructor(amount: number) {
    super();
    this.amount = amount;
  }
}

class SendReceipt extends Command {}

/** What is to be tested. */
async function checkOut(commands: CommandBus, amount: number): Promise<string> {
  const outcome = await commands.dispatch(new ChargeCard(amount));
  // The customer does not have to wait for the mail.
  if (outcome === "paid") setTimeout(() => commands.dispatch(new SendReceipt()));
  return outcome;
}

// The recording bus answers in the place of handlers that are not there, keeps what was dispatched, and waits for more.
const commands = recordingBus(new MessageRouter().newCommandBus())
  .answer(ChargeCard, ({ amount }) => amount < 100 ? "paid" : "declined")
  .answer(SendReceipt, () => {});

assertEquals(await checkOut(commands, 500), "declined");
assertEquals(await checkOut(commands, 50), "paid");
const { outcome } = await commands.next(SendReceipt);
assertEquals(commands.messages(ChargeCard).map(({ amount }) => amount), [500, 50]);
console.log(`the receipt was sent once: ${commands.messages(SendReceipt).length === 1}, ${outcome.status}`);

/** A queue as one writes it at first. */
class FirstDraft implements Queue<TestMessage> {
  readonly #messages: TestMessage[] = [];
  readonly #receivers: ((message: TestMessage | undefined) => void)[] = [];
  #isClosed = false;

  readonly send = (message: TestMessage): Promise<void> => {
    if (this.#isClosed) return Promise.reject(new QueueClosedError(message));
    const receive = this.#receivers.shift();
    if (receive === undefined) this.#messages.push(message);
    else receive(message);
    return Promise.resolve();
  };

  close(): void {
    this.#isClosed = true;
    for (const receive of this.#receivers.splice(0)) receive(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Delivery<TestMessage>, undefined> {
    const done = () => Promise.resolve();
    for (;;) {
      let message = this.#messages.shift();
      if (message === undefined && !this.#isClosed) {
        message = await new Promise<TestMessage | undefined>((resolve) => this.#receivers.push(resolve));
      }
      if (message === undefined) return;
      yield { message, attempt: 1, ack: done, nack: done };
    }
  }
}

// In a test runner: `for (const { name, run, skip } of cases) Deno.test({ name, fn: run, ignore: skip });`
const cases = queueConformance(() => new FirstDraft(), { order: true, timeoutMs: 200 });
let passed = 0;
for (const { run, skip } of cases) {
  if (skip) continue;
  try {
    await run();
    passed++;
  } catch (error) {
    console.log((error as Error).message);
  }
}
console.log(`${passed} cases pass, ${cases.filter(({ skip }) => skip).length} are skipped`);
