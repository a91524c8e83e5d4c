/**
 * What the package does in a runtime: it only imports the package and uses what every runtime has. The decorators are
 * called as functions, so that nothing has to compile their syntax.
 *
 * @module
 */

import {
  captureError,
  Command,
  CommandBus,
  commandHandler,
  Container,
  container,
  defer,
  dispatchSequentially,
  Event,
  EventBus,
  type HandlerContext,
  inject,
  InjectionToken,
  MessageRouter,
  Pipe,
  Query,
  QueryBus,
  RelatedEvents,
  retry,
  timeout,
  using,
} from "@cq/core";
import { errorOf, type Scenario, tick } from "./scenario.ts";
import { entryPointScenarios } from "./entry_point_scenarios.ts";
import { queueScenarios } from "./queue_scenarios.ts";

/** What became of one scenario that did not do what is expected. */
export interface Failure {
  /** The name of the scenario. */
  readonly name: string;
  /** What it should have led to. */
  readonly expected: unknown;
  /** What it has led to. */
  readonly actual: unknown;
}

/** What became of all scenarios. */
export interface Report {
  /** The names of those that did what is expected. */
  readonly passed: readonly string[];
  /** The others. */
  readonly failed: readonly Failure[];
}

class Amount extends Command<number> {
  readonly value: number;

  constructor(value: number) {
    super();
    this.value = value;
  }
}

class LargeAmount extends Amount {}

class FindName extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

class Happened extends Event {}

class HappenedHere extends Happened {}

/** A router with the three buses. */
function setUp(): {
  router: MessageRouter;
  container: Container;
  commands: CommandBus;
  queries: QueryBus;
  events: EventBus;
} {
  const container = new Container();
  const router = new MessageRouter(container) as MessageRouter;
  return {
    router,
    container,
    commands: container.get(CommandBus),
    queries: container.get(QueryBus),
    events: container.get(EventBus),
  };
}

const scenarios: readonly Scenario[] = [
  {
    name: "the default router handles a command with a decorated class",
    expected: 42,
    run: () => {
      class CreateUser extends Command<number> {}
      class CreateUserHandler {
        handle(_command: CreateUser): number {
          return 42;
        }
      }
      commandHandler(CreateUser)(CreateUserHandler);
      return container.get(CommandBus).dispatch(new CreateUser());
    },
  },
  {
    name: "a command, a query and an event each go to their handlers",
    expected: [3, "user 7", ["first", "second"]],
    run: async () => {
      const { router, commands, queries, events } = setUp();
      class AmountHandler {
        handle({ value }: Amount): Promise<number> {
          return Promise.resolve(value + 1);
        }
      }
      class FindNameHandler {
        handle({ id }: FindName): string {
          return `user ${id}`;
        }
      }
      const seen: string[] = [];
      class First {
        handle(_event: Happened): void {
          seen.push("first");
        }
      }
      class Second {
        handle(_event: Happened): void {
          seen.push("second");
        }
      }
      router.commandHandler(Amount)(AmountHandler);
      router.queryHandler(FindName)(FindNameHandler);
      router.eventHandler(Happened)(First);
      router.eventHandler(Happened)(Second);
      const results = [await commands.dispatch(new Amount(2)), await queries.dispatch(new FindName(7))];
      await events.dispatch(new Happened());
      return [...results, seen];
    },
  },
  {
    name: "a subclass goes to the nearest handler of a command, and to every handler of an event",
    expected: ["base 1", "base 2", "own 3", ["own", "base"]],
    run: async () => {
      const { commands, events } = setUp();
      const told: unknown[] = [];
      commands.listen(() => {}).subscribe(Amount, ({ value }) => {
        told.push(`base ${value}`);
        return value;
      });
      await commands.dispatch(new Amount(1));
      await commands.dispatch(new LargeAmount(2));
      commands.subscribe(LargeAmount, ({ value }) => {
        told.push(`own ${value}`);
        return value;
      });
      await commands.dispatch(new LargeAmount(3));
      const heard: string[] = [];
      events.subscribe(Happened, () => void heard.push("base")).subscribe(HappenedHere, () => void heard.push("own"));
      await events.dispatch(new HappenedHere());
      return [...told, heard];
    },
  },
  {
    name: "middlewares of both kinds wrap the handler, the first outermost",
    expected: [20, [
      "classic in",
      "generator in",
      "sync in",
      "handled",
      "sync out 2",
      "generator out 2",
      "classic out 2",
    ]],
    run: async () => {
      const { commands } = setUp();
      const log: string[] = [];
      commands.use(
        async (_message, next) => {
          log.push("classic in");
          const result = await next();
          log.push(`classic out ${result}`);
          return (result as number) * 10;
        },
        async function* () {
          log.push("generator in");
          await tick();
          log.push(`generator out ${yield}`);
        },
        function* () {
          log.push("sync in");
          log.push(`sync out ${yield}`);
        },
      );
      commands.subscribe(Amount, ({ value }) => {
        log.push("handled");
        return value;
      });
      return [await commands.dispatch(new Amount(2)), log];
    },
  },
  {
    name: "a generator catches the error and runs the call again",
    expected: ["attempt 2", ["attempt 1"]],
    run: async () => {
      const { queries } = setUp();
      const caught: string[] = [];
      let attempts = 0;
      queries.use(async function* () {
        try {
          yield;
        } catch (error) {
          caught.push((error as Error).message);
          yield;
        }
      });
      queries.subscribe(FindName, () => {
        attempts++;
        if (attempts === 1) throw new Error("attempt 1");
        return `attempt ${attempts}`;
      });
      return [await queries.dispatch(new FindName(1)), caught];
    },
  },
  {
    name: "retry, captureError and using work together",
    expected: [3, ["opened", "closed", "opened", "closed", "opened", "closed"], ["busy", "busy"]],
    run: async () => {
      const { commands } = setUp();
      const log: string[] = [];
      const reported: string[] = [];
      let attempts = 0;
      commands.use(
        retry({ attempts: 3, delay: 1, factor: 2, jitter: true }),
        captureError((error) => void reported.push((error as Error).message)),
        using(() => {
          log.push("opened");
          return { [Symbol.asyncDispose]: () => Promise.resolve(void log.push("closed")) };
        }),
      );
      commands.subscribe(Amount, () => {
        attempts++;
        if (attempts < 3) throw new Error("busy");
        return attempts;
      });
      return [await commands.dispatch(new Amount(0)), log, reported];
    },
  },
  {
    name: "timeout fires the signal and rejects",
    expected: ['TimeoutError: Cannot handle "FindName" within 5 ms', true, true],
    run: async () => {
      const { queries } = setUp();
      let signal: AbortSignal | undefined;
      queries.use(timeout(5)).subscribe(FindName, (_query, context) => {
        signal = context.signal;
        return new Promise<string>(() => {});
      });
      let reason: unknown;
      const error = await errorOf(async () => {
        try {
          await queries.dispatch(new FindName(1));
        } catch (error) {
          reason = error;
          throw error;
        }
      });
      return [error, signal?.aborted, reason instanceof DOMException];
    },
  },
  {
    name: "a signal cancels before anything runs, and reaches the handler afterwards",
    expected: ["AbortError: gone", 0, "AbortError: later", 1],
    run: async () => {
      const { commands } = setUp();
      let handled = 0;
      commands.subscribe(Amount, (_command, { signal }) => {
        handled++;
        return new Promise<number>((_resolve, reject) =>
          signal!.addEventListener("abort", () => reject(signal!.reason))
        );
      });
      const early = new AbortController();
      early.abort(new DOMException("gone", "AbortError"));
      const first = await errorOf(() => commands.dispatch(new Amount(1), { signal: early.signal }));
      const before = handled;
      const late = new AbortController();
      const second = errorOf(() => commands.dispatch(new Amount(1), { signal: late.signal }));
      await tick();
      late.abort(new DOMException("later", "AbortError"));
      return [first, before, await second, handled];
    },
  },
  {
    name: "related events are published after success with the metadata, and dropped after a failure",
    expected: [["stored", "published for acme"], "RangeError: too much", ["stored", "published for acme"]],
    run: async () => {
      const { router, commands, events } = setUp();
      const log: string[] = [];
      class AmountHandler {
        readonly #events: RelatedEvents;

        constructor(events = inject(RelatedEvents)) {
          this.#events = events;
        }

        handle({ value }: Amount): number {
          this.#events.add(new Happened());
          if (value > 10) throw new RangeError("too much");
          log.push("stored");
          return value;
        }
      }
      router.commandHandler(Amount)(AmountHandler);
      events.subscribe(Happened, (_event, { metadata }) => void log.push(`published for ${metadata.tenant}`));
      await commands.dispatch(new Amount(1), { metadata: { tenant: "acme" } });
      const after = [...log];
      return [after, await errorOf(() => commands.dispatch(new Amount(11))), log];
    },
  },
  {
    name: "the container shares what is scoped within a dispatch, and disposes it after the related events",
    expected: [
      [
        "built 1",
        "saved by 1 true",
        "event of 1",
        "disposed 1",
        "built 2",
        "saved by 2 true",
        "event of 2",
        "disposed 2",
      ],
      "test",
    ],
    run: async () => {
      const { router, container, commands, events } = setUp();
      const log: string[] = [];
      const STAGE = new InjectionToken<string>("STAGE");
      class UnitOfWork {
        static count = 0;
        readonly id = ++UnitOfWork.count;

        constructor() {
          log.push(`built ${this.id}`);
        }

        [Symbol.asyncDispose](): Promise<void> {
          return Promise.resolve(void log.push(`disposed ${this.id}`));
        }
      }
      class Repository {
        readonly work = inject(UnitOfWork);
      }
      container.bind(STAGE, () => "test");
      container.bind(UnitOfWork, () => new UnitOfWork(), { lifetime: "scoped" });
      container.bind(Repository, () => new Repository(), { lifetime: "transient" });
      class AmountHandler {
        readonly work = inject(UnitOfWork);
        readonly repository = inject(Repository);

        handle({ value }: Amount, { events }: HandlerContext): number {
          log.push(`saved by ${this.work.id} ${this.repository.work === this.work}`);
          events?.add(new Happened());
          return value;
        }
      }
      router.commandHandler(Amount)(AmountHandler);
      events.subscribe(Happened, () => void log.push(`event of ${UnitOfWork.count}`));
      await commands.dispatch(new Amount(1));
      await commands.dispatch(new Amount(1));
      return [log, container.get(STAGE)];
    },
  },
  {
    name: "pipelines of every form make the next message of the last result",
    expected: ["user 3", "user 4", "USER 5", [1, 2]],
    run: async () => {
      const { router, commands, queries } = setUp();
      commands.subscribe(Amount, ({ value }) => value + 1);
      queries.subscribe(FindName, ({ id }) => `user ${id}`);

      const pipe = new Pipe(Amount, commands).step((id) => new FindName(id), { dispatcher: queries });
      const found = await pipe.dispatch(new Amount(2));

      class Names {
        name = "";
      }
      const pipeline = router.commandPipeline(Amount, Names)
        .query((id) => new FindName(id))
        .step((name, context) => {
          context.name = name;
        });
      const { name } = await pipeline.run(Names, new Amount(3));

      const byMethod = router.commandPipeline(Amount);
      // What a compiler makes of decorators on methods: the initializers run when an instance is constructed.
      const initializers: ((this: Loud) => void)[] = [];
      const contextOf = (name: "ask" | "keep") => ({
        kind: "method",
        name,
        static: false,
        private: false,
        access: { has: (object: object) => name in object, get: (object: Loud) => object[name] },
        addInitializer: (initializer: (this: Loud) => void) => void initializers.push(initializer),
      });
      class Loud {
        name = "";

        constructor() {
          for (const initializer of initializers) initializer.call(this);
        }

        ask(id: number): FindName {
          return new FindName(id);
        }

        keep(name: string): void {
          this.name = name.toUpperCase();
        }
      }
      byMethod.queryStep(Loud.prototype.ask, contextOf("ask") as never);
      byMethod.step(Loud.prototype.keep, contextOf("keep") as never);
      const loud = await byMethod.run(Loud, new Amount(4));
      return [found, name, loud.name, await dispatchSequentially(commands, new Amount(0), new Amount(1))];
    },
  },
  {
    name: "defer returns at once, hands the work over and reports its failure",
    expected: [["returned", "handled 1"], ["RangeError: no 2"]],
    run: async () => {
      const { commands } = setUp();
      const log: string[] = [];
      const errors: string[] = [];
      const work: Promise<unknown>[] = [];
      commands.subscribe(Amount, async ({ value }) => {
        await tick();
        if (value > 1) throw new RangeError(`no ${value}`);
        log.push(`handled ${value}`);
        return value;
      });
      const waitUntil = (promise: Promise<unknown>) => void work.push(promise);
      const deferred = defer(commands, waitUntil, { onError: (error) => void errors.push(String(error)) });
      deferred.dispatch(new Amount(1));
      deferred.dispatch(new Amount(2));
      log.push("returned");
      await Promise.all(work);
      return [log, errors];
    },
  },
  {
    name: "each error has its class and its message",
    expected: [
      'HandlerNotFoundError: Cannot dispatch "Amount": no command handler is registered. Register one with ' +
      "@commandHandler(Amount), of the router that made the bus, or with subscribe() on the bus, and import the module " +
      "that does so",
      'DuplicateHandlerError: Cannot register "second" for "Amount": "first" handles it already. Commands and queries ' +
      "have exactly one handler",
      'EventDispatchError: Cannot complete "Happened": fail: out of paper',
      'MiddlewareError: Cannot run "greedy" any further: it yielded again after the handler had succeeded. Only a failure may ' +
      "be followed by another yield",
      'ProviderNotFoundError: Cannot resolve "Missing": nothing is bound to it (Asking → Missing). Bind it first: ' +
      "container.bind(Missing, () => …)",
      'CircularDependencyError: Cannot resolve "Egg": its dependencies form a circle (Egg → Hen → Egg)',
    ],
    run: async () => {
      const { container, commands, queries, events } = setUp();
      function first(): number {
        return 1;
      }
      function second(): number {
        return 2;
      }
      function fail(): void {
        throw new Error("out of paper");
      }
      class Missing {}
      class Asking {
        readonly missing = inject(Missing);
      }
      class Egg {
        readonly hen: unknown = inject(Hen);
      }
      class Hen {
        readonly egg: unknown = inject(Egg);
      }
      container.bind(Asking, () => new Asking()).bind(Egg, () => new Egg()).bind(Hen, () => new Hen());
      const unhandled = await errorOf(() => commands.dispatch(new Amount(1)));
      commands.subscribe(Amount, first);
      events.subscribe(Happened, fail);
      queries.subscribe(FindName, () => "").use(function* greedy() {
        yield;
        yield;
      });
      return [
        unhandled,
        await errorOf(() => commands.subscribe(Amount, second)),
        await errorOf(() => events.dispatch(new Happened())),
        await errorOf(() => queries.dispatch(new FindName(1))),
        await errorOf(() => container.get(Asking)),
        await errorOf(() => container.get(Egg)),
      ];
    },
  },
];

/**
 * Runs all scenarios.
 *
 * @param overrides Other expectations, by the name of the scenario: with a wrong one a failure is forced.
 * @returns What became of them.
 */
export async function smoke(overrides: Readonly<Record<string, unknown>> = {}): Promise<Report> {
  const passed: string[] = [];
  const failed: Failure[] = [];
  for (const { name, expected: usual, run } of [...scenarios, ...queueScenarios, ...entryPointScenarios]) {
    const expected = name in overrides ? overrides[name] : usual;
    let actual: unknown;
    try {
      actual = await run();
    } catch (error) {
      actual = String(error);
    }
    if (JSON.stringify(actual) === JSON.stringify(expected)) passed.push(name);
    else failed.push({ name, expected, actual });
  }
  return { passed, failed };
}
