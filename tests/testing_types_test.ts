// Compiling this file is the test, as with types_test.ts.

import {
  Command,
  type CommandBus,
  type CommandContext,
  Container,
  type Dispatcher,
  Event,
  type EventBus,
  inject,
  MemoryQueue,
  Query,
  type QueryBus,
  type Queue,
  type Scope,
} from "@cq/core";
import {
  type ConformanceCase,
  diAdapterConformance,
  type DIAdapterHarness,
  type DispatchRecord,
  queueConformance,
  type RecordingBus,
  recordingBus,
  type TestMessage,
} from "@cq/core/testing";

/** Whether two types are the same, which is more than that each is assignable to the other. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles where the type is `true`. */
function holds<T extends true>(this: T | void): void {}

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

class CreateUser extends Command<number> {
  readonly name = "Ada";
}

class RemoveUser extends Command {}

class FindUser extends Query<string> {
  readonly id = 7;
}

class UserCreated extends Event {
  readonly id = 7;
}

class Plain {
  readonly value = 1;
}

declare const commands: RecordingBus<CommandBus>;
declare const queries: RecordingBus<QueryBus>;
declare const events: RecordingBus<EventBus>;

Deno.test("recordingBus() compiles to the type of the bus, and more", () => {
  compiled(() => {
    const recording: CommandBus = recordingBus(commands as CommandBus);
    const dispatcher: Dispatcher<Command<number>, Promise<number>> = commands;
    holds<Equal<RecordingBus<CommandBus>, ReturnType<typeof recordingBus<CommandBus>>>>();
    return [recording, dispatcher];
  });
});

Deno.test("recordingBus() leaves the type of a dispatch as it is", () => {
  compiled(async () => {
    holds<Equal<number, Awaited<ReturnType<typeof dispatchOne>>>>();
    const dispatchOne = () => commands.dispatch(new CreateUser());
    const named: string = await queries.dispatch<string>(new Plain());
    // @ts-expect-error a query is not for the command bus
    commands.dispatch(new FindUser());
    return named;
  });
});

Deno.test("Recorder.answer() compiles answers that return the result of the message", () => {
  compiled(() =>
    commands
      .answer(CreateUser, ({ name }, options) => name.length + (options?.signal ? 1 : 0))
      .answer(CreateUser, async () => await Promise.resolve(1))
      .answer(RemoveUser, () => {})
      .answer(Plain, ({ value }) => `${value}`)
      .use((_message, next) => next())
      .answer(CreateUser, () => {
        throw new Error("no");
      })
  );
  compiled(() => queries.answer(FindUser, ({ id }) => `user ${id}`));
  compiled(() => events.answer(UserCreated, () => {}));
});

Deno.test("Recorder.answer() compiles no answer that returns something else", () => {
  // @ts-expect-error the result of CreateUser is a number
  compiled(() => commands.answer(CreateUser, () => "1"));
  // @ts-expect-error the result of CreateUser is a number
  compiled(() => commands.answer(CreateUser, () => Promise.resolve("1")));
  // @ts-expect-error the answer receives what was dispatched
  compiled(() => commands.answer(CreateUser, (command: RemoveUser) => command.id));
});

Deno.test("Recorder.answer(), next() and messages() compile only for messages of the bus", () => {
  // @ts-expect-error a query is not for the command bus
  compiled(() => commands.answer(FindUser, () => "Ada"));
  // @ts-expect-error an event is not for the command bus
  compiled(() => commands.next(UserCreated));
  // @ts-expect-error a command is not for the event bus
  compiled(() => events.messages(CreateUser));
});

Deno.test("Recorder.next() compiles to the record of its message, with the outcome", () => {
  compiled(async () => {
    const { message, outcome } = await commands.next(CreateUser);
    holds<Equal<typeof message, CreateUser>>();
    holds<Equal<typeof outcome, PromiseSettledResult<number>>>();
    // @ts-expect-error whether it was fulfilled has to be asked first
    outcome.value;
  });
});

Deno.test("Recorder.messages() compiles to a list of the messages", () => {
  compiled(() => {
    const messages = events.messages(UserCreated);
    holds<Equal<typeof messages, UserCreated[]>>();
    const [record] = commands.records;
    holds<Equal<typeof record, DispatchRecord<Parameters<CommandBus["dispatch"]>[0]> | undefined>>();
    // @ts-expect-error the records are for reading
    commands.records.push(record!);
  });
});

Deno.test("queueConformance() compiles for queues of its messages", () => {
  compiled(() => {
    const cases: ConformanceCase[] = queueConformance(() => new MemoryQueue<TestMessage>(), { order: true });
    return cases;
  });
  compiled(() => queueConformance(async () => await Promise.resolve(new MemoryQueue<TestMessage>())));
  // @ts-expect-error the suite does not send numbers
  compiled(() => queueConformance(() => new MemoryQueue<number>()));
});

Deno.test("queueConformance() compiles features that know the queue", () => {
  class Durable extends MemoryQueue<TestMessage> {
    readonly path = "queue.db";
  }
  compiled(() =>
    queueConformance(() => new Durable(), {
      persistence: { reopen: ({ path }) => (path.length > 0 ? new Durable() : Promise.resolve(new Durable())) },
      deadLetters: ({ path }) => [{ message: { id: path.length, text: "" }, reason: undefined }],
      maxAttempts: 3,
    })
  );
  // @ts-expect-error a queue of another class is not the one that was open
  compiled(() => queueConformance(() => new Durable(), { persistence: { reopen: () => new MemoryQueue() } }));
});

Deno.test("queueConformance() compiles for any Queue", () => {
  compiled((queue: Queue<TestMessage> = new MemoryQueue()) => queueConformance(() => queue));
});

Deno.test("diAdapterConformance() compiles a harness with any scope of its adapter", () => {
  compiled(() =>
    diAdapterConformance(() => {
      const container = new Container();
      return {
        adapter: container,
        bind: (type, { dependencies, lifetime }) => {
          container.bind(type, () => new type(...dependencies.map((dependency) => inject(dependency))), { lifetime });
        },
        bindInstance: (type, instance) => container.bind(type, () => instance),
      };
    })
  );
  compiled((harness?: DIAdapterHarness<Scope>, context?: CommandContext) => {
    // @ts-expect-error the adapter belongs to the harness, and so does its scope
    harness!.adapter.wire(Plain)(context!);
    return diAdapterConformance(async () => await Promise.resolve(harness!), { scopes: false });
  });
});
