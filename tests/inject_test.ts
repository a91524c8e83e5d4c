import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  type CommandBus,
  Container,
  Event,
  inject,
  InjectionToken,
  MessageRouter,
  ProviderNotFoundError,
  Query,
  RelatedEvents,
} from "@cq/core";

class Clock {
  now(): number {
    return 1;
  }
}

class FakeClock extends Clock {
  override now(): number {
    return 42;
  }
}

class TellTime extends Query<number> {}

const NOT_CONSTRUCTING = 'Cannot inject "Clock": no container is constructing anything. ' +
  "Call inject() in a field initialiser, a constructor default or a bound factory, and before its first await";

// Where it works

Deno.test("inject() works in a field initialiser", () => {
  class Greeter {
    readonly clock = inject(Clock);
  }
  const container = new Container().bind(Clock, () => new Clock()).bind(Greeter, () => new Greeter());

  assertStrictEquals(container.get(Greeter).clock, container.get(Clock));
});

Deno.test("inject() works in a private field initialiser of a handler", async () => {
  const router = new MessageRouter(new Container().bind(Clock, () => new FakeClock()));
  @router.queryHandler(TellTime)
  class _TellTimeHandler {
    readonly #clock = inject(Clock);
    handle(_query: TellTime): number {
      return this.#clock.now();
    }
  }

  assertEquals(await router.newQueryBus().dispatch(new TellTime()), 42);
});

Deno.test("inject() works in the default of a constructor parameter of a handler", async () => {
  const router = new MessageRouter(new Container().bind(Clock, () => new FakeClock()));
  @router.queryHandler(TellTime)
  class _TellTimeHandler {
    readonly #clock: Clock;
    constructor(clock = inject(Clock)) {
      this.#clock = clock;
    }
    handle(_query: TellTime): number {
      return this.#clock.now();
    }
  }

  assertEquals(await router.newQueryBus().dispatch(new TellTime()), 42);
});

Deno.test("inject() works in the fields of a base class of a handler", async () => {
  const router = new MessageRouter(new Container().bind(Clock, () => new FakeClock()));
  class ClockHandler {
    protected readonly clock = inject(Clock);
  }
  @router.queryHandler(TellTime)
  class _TellTimeHandler extends ClockHandler {
    handle(_query: TellTime): number {
      return this.clock.now();
    }
  }

  assertEquals(await router.newQueryBus().dispatch(new TellTime()), 42);
});

Deno.test("inject() works in a bound factory", () => {
  const time = new InjectionToken<number>("TIME");
  const container = new Container().bind(Clock, () => new FakeClock()).bind(time, () => inject(Clock).now());

  assertEquals(container.get(time), 42);
});

Deno.test("inject() works in a function that a constructor calls", () => {
  const now = () => inject(Clock).now();
  class Greeter {
    readonly time = now();
  }
  const container = new Container().bind(Clock, () => new FakeClock()).bind(Greeter, () => new Greeter());

  assertEquals(container.get(Greeter).time, 42);
});

Deno.test("inject() gives the value of an InjectionToken", () => {
  const port = new InjectionToken<number>("PORT");
  class Server {
    readonly port = inject(port);
  }

  assertEquals(new Container().bind(port, () => 8080).bind(Server, () => new Server()).get(Server).port, 8080);
});

Deno.test("inject() works in an async factory before its first await", async () => {
  const token = new InjectionToken<Promise<number>>("TIME");
  const container = new Container().bind(Clock, () => new FakeClock()).bind(token, async () => {
    const clock = inject(Clock);
    await Promise.resolve();
    return clock.now();
  });

  assertEquals(await container.get(token), 42);
});

Deno.test("inject() asks the container that is constructing, though another one constructs inside", () => {
  const name = new InjectionToken<string>("NAME");
  const names = new InjectionToken<string[]>("NAMES");
  const inner = new Container().bind(name, () => "inner");
  const outer = new Container().bind(name, () => "outer").bind(
    names,
    () => [inject(name), inner.get(name), inject(name)],
  );

  assertEquals(outer.get(names), ["outer", "inner", "outer"]);
});

Deno.test("inject() asks the outer container again after a dependency could not be built", () => {
  const name = new InjectionToken<string>("NAME");
  const broken = new InjectionToken<string>("BROKEN");
  const result = new InjectionToken<string>("RESULT");
  const container = new Container()
    .bind(name, () => "Ada")
    .bind(broken, () => {
      throw new RangeError("broken");
    })
    .bind(result, () => {
      assertThrows(() => inject(broken), RangeError, "broken");
      return inject(name);
    });

  assertEquals(container.get(result), "Ada");
});

// Where it does not

Deno.test("inject() refuses if no container is constructing", () => {
  const error = assertThrows(() => inject(Clock), TypeError);

  assertEquals(error.message, NOT_CONSTRUCTING);
});

Deno.test("inject() refuses an InjectionToken by its name if no container is constructing", () => {
  const error = assertThrows(() => inject(new InjectionToken("PORT")), TypeError);

  assertEquals(error.message, NOT_CONSTRUCTING.replace("Clock", "PORT"));
});

Deno.test("inject() refuses after an await in an async factory", async () => {
  const token = new InjectionToken<Promise<number>>("TIME");
  const container = new Container().bind(Clock, () => new Clock()).bind(token, async () => {
    await Promise.resolve();
    return inject(Clock).now();
  });

  const error = await assertRejects(() => container.get(token), TypeError);

  assertEquals(error.message, NOT_CONSTRUCTING);
});

Deno.test("inject() refuses in the method handle, which runs when the handler has been built", async () => {
  const router = new MessageRouter(new Container().bind(Clock, () => new Clock()));
  @router.queryHandler(TellTime)
  class _TellTimeHandler {
    handle(_query: TellTime): number {
      return inject(Clock).now();
    }
  }

  const error = await assertRejects(() => router.newQueryBus().dispatch(new TellTime()), TypeError);

  assertEquals(error.message, NOT_CONSTRUCTING);
});

Deno.test("inject() refuses after a construction that has thrown", () => {
  const container = new Container().bind(Clock, () => {
    throw new RangeError("broken");
  });
  assertThrows(() => container.get(Clock), RangeError, "broken");

  assertThrows(() => inject(Clock), TypeError, "no container is constructing anything");
});

// Unit tests without a container

Deno.test("A handler with inject() as a default can be unit-tested with a fake, without a container", () => {
  class TellTimeHandler {
    readonly #clock: Clock;
    constructor(clock = inject(Clock)) {
      this.#clock = clock;
    }
    handle(_query: TellTime): number {
      return this.#clock.now();
    }
  }

  assertEquals(new TellTimeHandler(new FakeClock()).handle(new TellTime()), 42);
});

Deno.test("A handler that injects RelatedEvents can be unit-tested with a new RelatedEvents", () => {
  class CreateUserHandler {
    readonly #events: RelatedEvents;
    constructor(events = inject(RelatedEvents)) {
      this.#events = events;
    }
    handle(_command: CreateUser): string {
      this.#events.add(new UserCreated());
      return "created";
    }
  }
  const events = new RelatedEvents();

  assertEquals(new CreateUserHandler(events).handle(new CreateUser()), "created");
  assertEquals([...events], [new UserCreated()]);
});

// Related events

class CreateUser extends Command<string> {}

class UserCreated extends Event {}

/** A command bus with what was published by it. */
function publishingBus(router: MessageRouter): { commands: CommandBus; published: object[] } {
  const published: object[] = [];
  router.newEventBus().subscribe(UserCreated, (event) => published.push(event));
  return { commands: router.newCommandBus(), published };
}

for (const isScoped of [false, true]) {
  const where = isScoped ? "where something is bound for a scope" : "where nothing is bound for a scope";

  Deno.test(`inject(RelatedEvents) in a command handler gives the events of the command, ${where}`, async () => {
    const container = new Container();
    if (isScoped) container.bind(Clock, () => new Clock(), { lifetime: "scoped" });
    const router = new MessageRouter(container);
    const { commands, published } = publishingBus(router);
    @router.commandHandler(CreateUser)
    class _CreateUserHandler {
      readonly #events = inject(RelatedEvents);
      handle(_command: CreateUser, context: { events: RelatedEvents }): string {
        assertStrictEquals(this.#events, context.events);
        this.#events.add(new UserCreated());
        return "created";
      }
    }

    assertEquals(await commands.dispatch(new CreateUser()), "created");
    assertEquals(published, [new UserCreated()]);
  });

  Deno.test(`inject(RelatedEvents) outside a command is refused, ${where}`, async () => {
    const container = new Container();
    if (isScoped) container.bind(Clock, () => new Clock(), { lifetime: "scoped" });
    const router = new MessageRouter(container);
    @router.queryHandler(TellTime)
    class TellTimeHandler {
      readonly events = inject(RelatedEvents);
      handle(_query: TellTime): number {
        return this.events.size;
      }
    }

    const error = await assertRejects(() => router.newQueryBus().dispatch(new TellTime()), ProviderNotFoundError);

    assertEquals(
      error.message,
      `Cannot resolve "RelatedEvents": nothing is bound to it (${TellTimeHandler.name} → RelatedEvents). ` +
        "A container has it only while it builds the handler of a command",
    );
  });
}

Deno.test("inject(RelatedEvents) works in a scoped dependency of a command handler", async () => {
  class UnitOfWork {
    readonly events = inject(RelatedEvents);
  }
  const container = new Container().bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
  const router = new MessageRouter(container);
  const { commands, published } = publishingBus(router);
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #work = inject(UnitOfWork);
    handle(_command: CreateUser): string {
      this.#work.events.add(new UserCreated());
      return "created";
    }
  }

  await commands.dispatch(new CreateUser());

  assertEquals(published, [new UserCreated()]);
});

Deno.test("inject(RelatedEvents) works in a transient dependency of a command handler", async () => {
  class Recorder {
    readonly events = inject(RelatedEvents);
  }
  const container = new Container().bind(Recorder, () => new Recorder(), { lifetime: "transient" });
  const router = new MessageRouter(container);
  const { commands, published } = publishingBus(router);
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    readonly #recorder = inject(Recorder);
    handle(_command: CreateUser): string {
      this.#recorder.events.add(new UserCreated());
      return "created";
    }
  }

  await commands.dispatch(new CreateUser());

  assertEquals(published, [new UserCreated()]);
});

Deno.test("inject(RelatedEvents) by a singleton is refused, with both names", async () => {
  class Recorder {
    readonly events = inject(RelatedEvents);
  }
  const router = new MessageRouter(new Container().bind(Recorder, () => new Recorder()));
  @router.commandHandler(CreateUser)
  class CreateUserHandler {
    readonly recorder = inject(Recorder);
    handle(_command: CreateUser): string {
      return "created";
    }
  }

  const error = await assertRejects(() => router.newCommandBus().dispatch(new CreateUser()), TypeError);

  assertEquals(
    error.message,
    'Cannot resolve "RelatedEvents" for "Recorder": the first lives in a scope and the second is a singleton, ' +
      `which would outlive it (${CreateUserHandler.name} → Recorder → RelatedEvents)`,
  );
});

Deno.test("Container.get(RelatedEvents) is refused, since it belongs to a command", () => {
  const error = assertThrows(() => new Container().get(RelatedEvents), ProviderNotFoundError);

  assertEquals(
    error.message,
    'Cannot resolve "RelatedEvents": nothing is bound to it (RelatedEvents). ' +
      "A container has it only while it builds the handler of a command",
  );
});

Deno.test("inject(RelatedEvents) in the handler of an event is refused, though a command published it", async () => {
  const router = new MessageRouter();
  @router.eventHandler(UserCreated)
  class UserCreatedHandler {
    readonly events = inject(RelatedEvents);
    handle(_event: UserCreated): void {}
  }
  const commands = router.newCommandBus().subscribe(CreateUser, (_command, { events }) => {
    events.add(new UserCreated());
    return "created";
  });

  const error = await assertRejects(() => commands.dispatch(new CreateUser()), AggregateError);

  assertEquals(error.errors.map((error) => error.path), [[UserCreatedHandler.name, "RelatedEvents"]]);
});
