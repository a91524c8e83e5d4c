import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { assertSpyCalls, spy } from "@std/testing/mock";
import {
  ContextValues,
  type DispatchContext,
  Event,
  type EventBus,
  EventDispatchError,
  type HandlerContext,
  MessageRouter,
  type Metadata,
} from "@cq/core";
import { PreparedQuery } from "./support/prepared_query.ts";

class UserCreated extends Event {}
class AdminCreated extends UserCreated {}

const ORDERS = ["concurrent", "sequential"] as const;

/** Resolves when everything has run that waits for nothing but promises which have settled. */
function idle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Dispatches an event that is expected to fail. */
function failureOf(events: EventBus, event: object = new UserCreated()): Promise<EventDispatchError> {
  return assertRejects(() => events.dispatch(event), EventDispatchError);
}

// What holds in either order

for (const order of ORDERS) {
  const newEventBus = () => new MessageRouter().newEventBus({ order });

  Deno.test(`EventBus.dispatch(), ${order}, is fine with an event that has no handler`, async () => {
    assertStrictEquals(await newEventBus().dispatch(new UserCreated()), undefined);
  });

  Deno.test(`EventBus.dispatch(), ${order}, resolves to nothing, whatever the handlers return`, async () => {
    const events = newEventBus().subscribe(UserCreated, () => 1).subscribe(UserCreated, () => Promise.resolve(2));

    assertStrictEquals(await events.dispatch(new UserCreated()), undefined);
  });

  Deno.test(`EventBus.dispatch(), ${order}, runs every handler once, with the event and a context of its own`, async () => {
    const contexts: HandlerContext[] = [];
    const received: unknown[] = [];
    const handlers = [0, 1].map(() => (event: UserCreated, context: HandlerContext) => {
      received.push(event);
      contexts.push(context);
    });
    const events = newEventBus();
    for (const handler of handlers) events.subscribe(UserCreated, handler);
    const event = new UserCreated();
    const { signal } = new AbortController();
    const metadata = { tenant: "acme" };

    await events.dispatch(event, { signal, metadata });

    assertEquals(received.length, 2);
    contexts.forEach((context, index) => {
      assertStrictEquals(received[index], event);
      assertEquals(Object.keys(context).sort(), ["handler", "kind", "metadata", "signal", "values"]);
      assertEquals(context.kind, "event");
      assertStrictEquals(context.signal, signal);
      assertStrictEquals<Metadata>(context.metadata, metadata);
      assertStrictEquals(context.handler, handlers[index]);
    });
  });

  Deno.test(`EventBus.dispatch(), ${order}, builds a new handler for each dispatch`, async () => {
    const handlers: unknown[] = [];
    const router = new MessageRouter();

    @router.eventHandler(UserCreated)
    class Handler {
      handle(_event: UserCreated, context: HandlerContext): void {
        handlers.push(this);
        assertStrictEquals(context.handler, Handler);
      }
    }

    const events = router.newEventBus({ order });
    await events.dispatch(new UserCreated());
    await events.dispatch(new UserCreated());

    assertEquals(new Set(handlers).size, 2);
  });

  Deno.test(`EventBus.dispatch(), ${order}, runs all handlers where the first throws synchronously`, async () => {
    const last = spy(() => {});
    const events = newEventBus()
      .subscribe(UserCreated, () => {
        throw new Error("The disk is full");
      })
      .subscribe(UserCreated, last);

    await failureOf(events);

    assertSpyCalls(last, 1);
  });

  Deno.test(`EventBus.dispatch(), ${order}, runs all handlers where the first rejects`, async () => {
    const last = spy(() => {});
    const events = newEventBus()
      .subscribe(UserCreated, () => Promise.reject(new Error("The disk is full")))
      .subscribe(UserCreated, last);

    await failureOf(events);

    assertSpyCalls(last, 1);
  });

  Deno.test(`EventBus.dispatch(), ${order}, runs all handlers where the first never yields to the others`, async () => {
    const log: string[] = [];
    const events = newEventBus()
      .subscribe(UserCreated, () => {
        for (let round = 0; round < 1_000; round++) Math.sqrt(round);
        log.push("first");
      })
      .subscribe(UserCreated, async () => {
        await idle();
        log.push("second");
      });

    await events.dispatch(new UserCreated());

    assertEquals(log, ["first", "second"]);
  });

  Deno.test(`EventBus.dispatch(), ${order}, settles after the last handler, though another has failed`, async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const events = newEventBus()
      .subscribe(UserCreated, () => Promise.reject(new Error("The disk is full")))
      .subscribe(UserCreated, async () => {
        await slow.promise;
        log.push("handled");
      });

    const dispatched = failureOf(events).finally(() => log.push("dispatched"));
    await idle();
    slow.resolve();
    await dispatched;

    assertEquals(log, ["handled", "dispatched"]);
  });

  Deno.test(`EventBus.dispatch(), ${order}, names event, handler and error of each failure`, async () => {
    const sync = new Error("sync");
    const async = new Error("async");
    const event = new UserCreated();
    function throwing(): void {
      throw sync;
    }
    function rejecting(): Promise<void> {
      return Promise.reject(async);
    }
    const events = newEventBus()
      .subscribe(UserCreated, throwing)
      .subscribe(UserCreated, () => {})
      .subscribe(UserCreated, rejecting);

    const error = await failureOf(events, event);

    assertEquals(error.failures.length, 2);
    assertStrictEquals(error.failures[0]!.event, event);
    assertStrictEquals(error.failures[0]!.handler, throwing);
    assertStrictEquals(error.failures[0]!.error, sync);
    assertStrictEquals(error.failures[1]!.event, event);
    assertStrictEquals(error.failures[1]!.handler, rejecting);
    assertStrictEquals(error.failures[1]!.error, async);
  });

  Deno.test(`EventBus.dispatch(), ${order}, rejects with an AggregateError that says who failed and why`, async () => {
    const router = new MessageRouter();
    const errors = [new Error("The disk is full"), new RangeError("")];

    @router.eventHandler(UserCreated)
    class _SendMail {
      handle(): Promise<void> {
        return Promise.reject(errors[0]);
      }
    }

    const events = router.newEventBus({ order }).subscribe(UserCreated, () => Promise.reject(errors[1]));

    const error = await failureOf(events);

    assertInstanceOf(error, AggregateError);
    assertEquals(error.name, "EventDispatchError");
    assertEquals(
      error.message,
      'Cannot complete "UserCreated": _SendMail: The disk is full; (anonymous): RangeError',
    );
    assertEquals(error.errors.length, 2);
    assertStrictEquals(error.errors[0], errors[0]);
    assertStrictEquals(error.errors[1], errors[1]);
    assertStrictEquals(error.result, undefined);
  });

  Deno.test(`EventBus.dispatch(), ${order}, makes one failure an EventDispatchError too`, async () => {
    const events = newEventBus().subscribe(UserCreated, function sendMail() {
      throw new Error("The disk is full");
    });

    assertEquals((await failureOf(events)).message, 'Cannot complete "UserCreated": sendMail: The disk is full');
  });

  for (const thrown of [undefined, "The disk is full"]) {
    const name = JSON.stringify(thrown);

    Deno.test(`EventBus.dispatch(), ${order}, reports a handler that throws ${name}`, async () => {
      const events = newEventBus().subscribe(UserCreated, function sendMail() {
        throw thrown;
      });

      const error = await failureOf(events);

      assertEquals(error.errors, [thrown]);
      assertStrictEquals(error.failures[0]!.error, thrown);
      assertEquals(error.message, `Cannot complete "UserCreated": sendMail: ${thrown}`);
    });

    Deno.test(`EventBus.dispatch(), ${order}, reports a handler that rejects with ${name}`, async () => {
      const events = newEventBus()
        .subscribe(UserCreated, () => {})
        .subscribe(UserCreated, () => Promise.reject(thrown));

      const error = await failureOf(events);

      assertEquals(error.errors, [thrown]);
    });
  }

  Deno.test(`EventBus.dispatch(), ${order}, waits for a result that is thenable and no Promise, once`, async () => {
    let calls = 0;
    let isDone = false;
    const thenable = {
      then(resolve: () => void): void {
        calls++;
        setTimeout(() => {
          isDone = true;
          resolve();
        });
      },
    };
    const events = newEventBus().subscribe(UserCreated, () => thenable);

    await events.dispatch(new UserCreated());

    assert(isDone);
    assertEquals(calls, 1);
  });

  Deno.test(`EventBus.dispatch(), ${order}, starts what a handler has only prepared once, though another one fails`, async () => {
    const result = new PreparedQuery("done");
    const events = newEventBus()
      .subscribe(UserCreated, () => result)
      .subscribe(UserCreated, () => Promise.reject(new Error("no")));

    await failureOf(events);

    assertEquals(result.runs, 1);
  });

  Deno.test(`EventBus.dispatch(), ${order}, reports a thenable that rejects`, async () => {
    const thenable = { then: (_resolve: () => void, reject: (error: unknown) => void) => reject("no") };
    const events = newEventBus().subscribe(UserCreated, () => thenable);

    assertEquals((await failureOf(events)).errors, ["no"]);
  });

  Deno.test(`failSilently, ${order}, drops the failure of its own handler alone`, async () => {
    const fatal = new Error("fatal");
    const events = newEventBus()
      .subscribe(UserCreated, () => {
        throw new Error("sync");
      }, { failSilently: true })
      .subscribe(UserCreated, () => Promise.reject(new Error("async")), { failSilently: true })
      .subscribe(UserCreated, () => Promise.reject(fatal));

    const error = await failureOf(events);

    assertEquals(error.errors.length, 1);
    assertStrictEquals(error.errors[0], fatal);
  });

  Deno.test(`failSilently, ${order}, lets the dispatch of an event succeed whose handlers all fail silently`, async () => {
    const events = newEventBus()
      .subscribe(UserCreated, () => {
        throw new Error("sync");
      }, { failSilently: true })
      .subscribe(UserCreated, () => Promise.reject(new Error("async")), { failSilently: true });

    assertStrictEquals(await events.dispatch(new UserCreated()), undefined);
  });

  Deno.test(`failSilently, ${order}, drops an event handler's error after the middlewares have seen it`, async () => {
    const seen: unknown[] = [];
    const error = new Error("The disk is full");
    const events = newEventBus()
      .use(async (_message, next) => {
        try {
          return await next();
        } catch (error) {
          seen.push(error);
          throw error;
        }
      })
      .subscribe(UserCreated, () => {
        throw error;
      }, { failSilently: true });

    await events.dispatch(new UserCreated());

    assertEquals(seen.length, 1);
    assertStrictEquals(seen[0], error);
  });

  Deno.test(`EventBus.dispatch(), ${order}, runs the handlers beside one whose class cannot be constructed`, async () => {
    const router = new MessageRouter();
    class SendMail {
      readonly #server: string;

      constructor(server: string) {
        this.#server = server;
      }

      handle(_event: UserCreated): string {
        return this.#server;
      }
    }
    router.eventHandler(UserCreated)(SendMail);
    const other = spy(() => {});
    const listener = spy(() => {});
    const events = router.newEventBus({ order }).listen(listener).subscribe(UserCreated, other);

    const error = await failureOf(events);

    assertEquals(error.failures.map(({ handler }) => handler), [SendMail]);
    assertInstanceOf(error.errors[0], TypeError);
    assertSpyCalls(other, 1);
    assertSpyCalls(listener, 1);
  });

  // Listeners

  Deno.test(`EventBus.listen(), ${order}, tells listeners of an event beside its handlers`, async () => {
    const handlerStarted = Promise.withResolvers<void>();
    const listenerStarted = Promise.withResolvers<void>();
    const events = newEventBus()
      .listen(async () => {
        listenerStarted.resolve();
        await handlerStarted.promise;
      })
      .subscribe(UserCreated, async () => {
        handlerStarted.resolve();
        await listenerStarted.promise;
      });

    // Each of them would wait for ever if it had to settle before the other starts.
    await events.dispatch(new UserCreated());
  });

  Deno.test(`EventBus.listen(), ${order}, tells listeners of an event without handlers`, async () => {
    const listener = spy((_message: object, _context: DispatchContext) => {});
    const events = newEventBus().listen(listener);
    const event = new UserCreated();

    await events.dispatch(event, { metadata: { tenant: "acme" } });

    assertSpyCalls(listener, 1);
    assertStrictEquals(listener.calls[0]!.args[0], event);
    assertEquals(listener.calls[0]!.args[1], {
      kind: "event",
      signal: undefined,
      metadata: { tenant: "acme" },
      values: new ContextValues(),
    });
  });

  Deno.test(`EventBus.listen(), ${order}, tells a listener once, however many handlers there are`, async () => {
    const listener = spy(() => {});
    const events = newEventBus().listen(listener).subscribe(UserCreated, () => {}).subscribe(UserCreated, () => {});

    await events.dispatch(new UserCreated());

    assertSpyCalls(listener, 1);
  });

  Deno.test(`EventBus.listen(), ${order}, lets the handlers run where listeners fail, and reports these among the failures`, async () => {
    const event = new UserCreated();
    const handle = spy(() => {});
    function throwing(): void {
      throw new Error("sync");
    }
    function rejecting(): Promise<void> {
      return Promise.reject(new Error("async"));
    }
    function failing(): Promise<void> {
      return Promise.reject(new Error("handler"));
    }
    const events = newEventBus()
      .listen(throwing, () => {}, rejecting)
      .subscribe(UserCreated, failing)
      .subscribe(UserCreated, handle);

    const error = await failureOf(events, event);

    assertEquals(error.message, 'Cannot complete "UserCreated": failing: handler; throwing: sync; rejecting: async');
    assertEquals(error.failures.map(({ handler }) => handler), [failing, throwing, rejecting]);
    assert(error.failures.every((failure) => failure.event === event));
    assertSpyCalls(handle, 1);
  });

  Deno.test(`EventBus.listen(), ${order}, makes the failure of a listener an EventDispatchError where no handler fails`, async () => {
    const events = newEventBus().listen(function audit() {
      throw new Error("no");
    }).subscribe(UserCreated, () => {});

    assertEquals((await failureOf(events)).message, 'Cannot complete "UserCreated": audit: no');
  });

  Deno.test(`EventBus.listen(), ${order}, has the dispatch wait for its listeners`, async () => {
    const log: string[] = [];
    const slow = Promise.withResolvers<void>();
    const events = newEventBus().listen(() => slow.promise.then(() => log.push("heard")))
      .subscribe(UserCreated, () => Promise.reject(new Error("no")));

    const dispatched = failureOf(events).finally(() => log.push("dispatched"));
    await idle();
    slow.resolve();
    await dispatched;

    assertEquals(log, ["heard", "dispatched"]);
  });
}

// Concurrent

Deno.test("EventBus.dispatch() starts all handlers before any has settled", async () => {
  const secondStarted = Promise.withResolvers<void>();
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, () => secondStarted.promise)
    .subscribe(UserCreated, () => secondStarted.resolve());

  // The first handler would wait for ever if the second did not start beside it.
  await events.dispatch(new UserCreated());
});

Deno.test("EventBus.dispatch() runs the other handlers to their end while the first does not settle", async () => {
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, () => first.promise)
    .subscribe(UserCreated, () => log.push("sync"))
    .subscribe(UserCreated, async () => {
      await Promise.resolve();
      log.push("async");
    });

  const dispatched = events.dispatch(new UserCreated());
  await idle();
  assertEquals(log, ["sync", "async"]);

  first.resolve();
  await dispatched;
});

Deno.test("EventBus.dispatch() starts the handlers of the event's own class first, those of its bases later", async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, () => log.push("base"))
    .subscribe(Event, () => log.push("any event"))
    .subscribe(AdminCreated, () => log.push("own"));

  await events.dispatch(new AdminCreated());

  assertEquals(log, ["own", "base", "any event"]);
});

Deno.test("EventBus.dispatch() lists failures in the order of the handlers, whoever fails first", async () => {
  const slow = Promise.withResolvers<void>();
  const events = new MessageRouter().newEventBus()
    .subscribe(UserCreated, () => slow.promise.then(() => Promise.reject("slow")))
    .subscribe(UserCreated, () => Promise.reject("fast"));

  const dispatched = failureOf(events);
  await idle();
  slow.resolve();

  assertEquals((await dispatched).errors, ["slow", "fast"]);
});

Deno.test("EventBus.dispatch() runs a handler of an event and of its base once", async () => {
  const handle = spy(() => {});
  const events = new MessageRouter().newEventBus().subscribe(UserCreated, handle).subscribe(AdminCreated, handle);

  await events.dispatch(new AdminCreated());

  assertSpyCalls(handle, 1);
});

Deno.test("EventBus.dispatch() finds handlers that were registered after a dispatch", async () => {
  const first = spy(() => {});
  const second = spy(() => {});
  const events = new MessageRouter().newEventBus();
  await events.dispatch(new UserCreated());

  events.subscribe(UserCreated, first);
  await events.dispatch(new UserCreated());
  events.subscribe(UserCreated, second);
  await events.dispatch(new UserCreated());

  assertSpyCalls(first, 2);
  assertSpyCalls(second, 1);
});

Deno.test("EventBus.dispatch() runs the handlers concurrently unless another order is asked for", async () => {
  const secondStarted = Promise.withResolvers<void>();
  const events = new MessageRouter().newEventBus({})
    .subscribe(UserCreated, () => secondStarted.promise)
    .subscribe(UserCreated, () => secondStarted.resolve());

  await events.dispatch(new UserCreated());
});

// Sequential

Deno.test('newEventBus({ order: "sequential" }) starts a handler when the one before has settled', async () => {
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserCreated, async () => {
      log.push("first started");
      await first.promise;
      log.push("first done");
    })
    .subscribe(UserCreated, () => log.push("second"));

  const dispatched = events.dispatch(new UserCreated());
  await idle();
  assertEquals(log, ["first started"]);
  first.resolve();
  await dispatched;

  assertEquals(log, ["first started", "first done", "second"]);
});

Deno.test('newEventBus({ order: "sequential" }) runs handlers in the order of registration, whatever their class', async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserCreated, () => log.push("base, first"))
    .subscribe(AdminCreated, () => log.push("own, second"))
    .subscribe(Event, () => log.push("any event, third"))
    .subscribe(AdminCreated, () => log.push("own, fourth"));

  await events.dispatch(new AdminCreated());

  assertEquals(log, ["base, first", "own, second", "any event, third", "own, fourth"]);
});

Deno.test('newEventBus({ order: "sequential" }) goes by the registration for this event, not by an earlier one for another', async () => {
  class UserDeleted extends Event {}
  const log: string[] = [];
  const shared = () => log.push("shared");
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserDeleted, shared)
    .subscribe(UserCreated, () => log.push("first"))
    .subscribe(UserCreated, shared);

  await events.dispatch(new UserCreated());

  assertEquals(log, ["first", "shared"]);
});

Deno.test('newEventBus({ order: "sequential" }) runs the handlers after a failed one, in order', async () => {
  const log: string[] = [];
  const events = new MessageRouter().newEventBus({ order: "sequential" })
    .subscribe(UserCreated, () => {
      log.push("first");
      throw "first";
    })
    .subscribe(UserCreated, () => {
      log.push("second");
      return Promise.reject("second");
    })
    .subscribe(UserCreated, () => log.push("third"));

  const error = await failureOf(events);

  assertEquals(log, ["first", "second", "third"]);
  assertEquals(error.errors, ["first", "second"]);
});

Deno.test('newEventBus({ order: "sequential" }) shares its handlers with the concurrent buses of the router', async () => {
  const handle = spy(() => {});
  const router = new MessageRouter();
  router.newEventBus({ order: "sequential" }).subscribe(UserCreated, handle);

  await router.newEventBus().dispatch(new UserCreated());

  assertSpyCalls(handle, 1);
});

for (const order of ["concurrent", "sequential"] as const) {
  Deno.test(`EventBus.dispatch() reports a handler that cannot be wired at each event, and runs the others, ${order}`, async () => {
    const wiring = new Error("no such binding");
    let isBound = false;
    const log: string[] = [];
    class UserCreated extends Event {}
    class SendMail {
      handle(_event: UserCreated): void {
        log.push("mail");
      }
    }
    class Count {
      handle(_event: UserCreated): void {
        log.push("count");
      }
    }
    const router = new MessageRouter({
      wire: (type) => {
        if (type === SendMail as unknown && !isBound) throw wiring;
        return () => new type();
      },
      lazy: () => () => {
        throw new Error("no bus is needed");
      },
    });
    router.eventHandler(UserCreated)(SendMail);
    router.eventHandler(UserCreated)(Count);
    const events = router.newEventBus({ order });

    for (let round = 0; round < 2; round++) {
      const event = new UserCreated();
      const error = await assertRejects(() => events.dispatch(event), EventDispatchError);
      assertEquals(error.failures, [{ event, handler: SendMail, error: wiring }]);
    }
    assertEquals(log.splice(0), ["count", "count"]);

    // The dispatch asks again.
    isBound = true;
    await events.dispatch(new UserCreated());
    assertEquals(log, ["mail", "count"]);
  });
}
