import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type BindOptions,
  CommandBus,
  type Constructor,
  Container,
  type DIAdapter,
  EventBus,
  type HandlerContext,
  inject,
  MessageRouter,
  QueryBus,
  RelatedEvents,
  type Scope,
} from "@cq/core";
import { diAdapterConformance, type DIAdapterFeatures, type DIAdapterHarness } from "@cq/core/testing";

type ContainerScope = Scope | HandlerContext;
type ContainerHarness = DIAdapterHarness<ContainerScope>;
type Lifetime = NonNullable<BindOptions["lifetime"]>;

/** The built-in container. A test may replace parts of its adapter, and lifetimes. */
function harness(
  replace: (container: Container) => Partial<DIAdapter<ContainerScope>> = () => ({}),
  lifetimes: Partial<Record<Lifetime, Lifetime>> = {},
  container: Container = new Container(),
): ContainerHarness {
  return {
    adapter: {
      wire: (type) => container.wire(type),
      lazy: (type) => container.lazy(type),
      createScope: (context) => container.createScope(context),
      registerDefaults: (buses) => container.registerDefaults(buses),
      ...replace(container),
    },
    bind: (type, { dependencies, lifetime }) => {
      container.bind(type, () => new type(...dependencies.map((dependency) => inject(dependency))), {
        lifetime: lifetimes[lifetime] ?? lifetime,
      });
    },
    bindInstance: (type, instance) => container.bind(type, () => instance),
  };
}

async function failuresOf(make: () => ContainerHarness, features?: DIAdapterFeatures): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, run, skip } of diAdapterConformance(make, features)) {
    if (!skip) await run().catch(() => failures.push(name));
  }
  return failures;
}

const NAMES = {
  dependencies: "builds a handler with its dependencies, and their dependencies",
  anew: "builds a new handler for each dispatch",
  lifetimes: "shares a singleton everywhere, and never shares a transient value",
  lazy: "builds nothing before it is needed",
  missing: "names what is not bound in the error of the dispatch",
  recovers: "goes on after a handler could not be built",
  within: "shares a scoped value within one run of a handler",
  apart: "shares no scoped value between runs, even at the same time",
  attempts: "opens a scope for each attempt of a retry",
  all: "opens a scope for a query, and for each handler of an event",
  success: "disposes scoped values once the handler has succeeded",
  failure: "disposes scoped values once the handler has failed",
  events: "keeps the scope of a command open until its related events have been handled",
  singletons: "disposes no singleton with a scope",
  related: "injects the related events of a command",
  below: "injects the same related events into what the handler depends on",
  mixes: "keeps the related events of commands apart that run at the same time",
  buses: "injects the same buses everywhere",
  early: "lets a bus win that was bound before the router was made",
  late: "lets a bus win that was bound after the router was made",
  later: "publishes related events on a bus that was bound later",
} as const;

for (const { name, run, skip } of diAdapterConformance(() => harness())) {
  Deno.test({ name: `Container ${name}`, fn: run, ignore: skip });
}

/** Builds a value at the first call, and keeps it. */
function once<T>(build: () => T): () => T {
  let built: { value: T } | undefined;
  return () => (built ??= { value: build() }).value;
}

/** For each broken adapter: how it is made, and the cases that fail. */
const BROKEN: Record<string, { make: () => ContainerHarness; caughtBy: readonly (keyof typeof NAMES)[] }> = {
  "passes no dependencies on": {
    make: () => harness(() => ({ wire: (type) => () => new type() })),
    caughtBy: [
      "dependencies",
      "lifetimes",
      "lazy",
      "missing",
      "recovers",
      "within",
      "apart",
      "attempts",
      "all",
      "success",
      "failure",
      "events",
      "singletons",
      "related",
      "below",
      "mixes",
      "buses",
      "early",
      "late",
    ],
  },
  "keeps its handlers": {
    make: () =>
      harness((container) => ({
        wire: (type) => {
          const build = container.wire(type);
          let handler: InstanceType<typeof type> | undefined;
          return (scope) => handler ??= build(scope);
        },
      })),
    caughtBy: ["anew", "lifetimes", "apart", "attempts", "mixes"],
  },
  "builds singletons again": {
    make: () => harness(undefined, { singleton: "transient" }),
    caughtBy: ["lifetimes", "lazy"],
  },
  "treats scoped values as transient": {
    make: () => harness(undefined, { scoped: "transient" }),
    caughtBy: ["within", "all", "success", "failure", "events"],
  },
  "opens one scope for all dispatches": {
    make: () =>
      harness((container) => {
        const scope = once(() => container.createScope());
        return { wire: (type) => (_scope: unknown) => container.wire(type)(scope()) };
      }),
    // A shared scope does not end with a dispatch either.
    caughtBy: ["apart", "attempts", "all", "success", "failure", "events", "related", "below", "mixes"],
  },
  "opens scopes for commands alone": {
    make: () =>
      harness((container) => {
        const scope = once(() => container.createScope());
        return { createScope: (context) => context.kind === "command" ? container.createScope(context) : scope() };
      }),
    caughtBy: ["all"],
  },
  "disposes nothing": {
    make: () =>
      harness((container) => {
        const scopes = new WeakMap<object, ContainerScope>();
        return {
          createScope: (context) => {
            const stand = { ...context };
            scopes.set(stand, container.createScope(context));
            return stand;
          },
          wire: (type) => {
            const build = container.wire(type);
            return (scope) => build(scopes.get(scope)!);
          },
        };
      }),
    caughtBy: ["success", "failure", "events"],
  },
  "disposes before the related events": {
    make: () =>
      harness((container) => ({
        createScope: (context) => {
          const scope = container.createScope(context);
          // About when the handler has settled.
          if ("get" in scope) queueMicrotask(() => queueMicrotask(() => scope[Symbol.asyncDispose]()));
          return scope;
        },
      })),
    caughtBy: ["success", "events"],
  },
  "has no related events": {
    make: () => harness((container) => ({ createScope: () => container.createScope() })),
    caughtBy: ["related", "below", "mixes"],
  },
  "binds the default buses over those of the user": {
    make: () =>
      harness((container) => ({
        registerDefaults: (buses) => {
          for (const { token, create } of buses) container.bind(token, create);
        },
      })),
    caughtBy: ["early"],
  },
  "creates buses again": {
    make: () =>
      harness((container) => ({
        registerDefaults: (buses) => {
          for (const { token, create } of buses) container.bind(token, create, { lifetime: "transient" });
        },
      })),
    caughtBy: ["buses", "early"],
  },
  "binds no buses": {
    make: () => harness(() => ({ registerDefaults: () => {} })),
    caughtBy: ["events", "related", "buses"],
  },
  "resolves lazy values at once": {
    make: () =>
      harness((container) => ({
        lazy: (type) => {
          const instance = container.get(type);
          return () => instance;
        },
      })),
    caughtBy: ["lazy", "later"],
  },
  "hides the errors of constructors": {
    make: () =>
      harness((container) => ({
        wire: (type) => {
          const build = container.wire(type);
          return (scope) => {
            try {
              return build(scope);
            } catch {
              throw new Error("Cannot build a handler");
            }
          };
        },
      })),
    caughtBy: ["missing", "recovers"],
  },
  "builds singletons when they are bound": {
    make: () => {
      const container = new Container();
      const { bind, ...rest } = harness(undefined, {}, container);
      return {
        ...rest,
        bind: (type, binding) => {
          bind(type, binding);
          if (binding.lifetime === "singleton") container.get(type);
        },
      };
    },
    caughtBy: ["lazy"],
  },
  "resolves lazy values to undefined": {
    make: () => harness(() => ({ lazy: () => () => undefined as never })),
    caughtBy: ["lazy", "events", "related", "buses", "later"],
  },
  "publishes events on another bus": {
    make: () =>
      harness((container) => ({
        lazy: (type) => {
          const events = new MessageRouter().newEventBus();
          return () => type as unknown === EventBus ? events as never : container.get(type);
        },
      })),
    caughtBy: ["events", "related", "buses", "later"],
  },
  "builds classes that are not bound": {
    make: () => {
      const { bind, ...rest } = harness();
      const bound = new Set<unknown>([RelatedEvents, CommandBus, QueryBus, EventBus]);
      return {
        ...rest,
        bind: (type, binding) => {
          for (const dependency of binding.dependencies) {
            if (!bound.has(dependency)) bind(dependency as Constructor, { dependencies: [], lifetime: "transient" });
            bound.add(dependency);
          }
          bind(type, binding);
          bound.add(type);
        },
      };
    },
    caughtBy: ["missing"],
  },
  "throws a string instead of an error": {
    make: () =>
      harness((container) => ({
        wire: (type) => {
          const build = container.wire(type);
          return (scope) => {
            try {
              return build(scope);
            } catch {
              throw "it did not work";
            }
          };
        },
      })),
    caughtBy: ["missing", "recovers"],
  },
  "creates other related events for the dependencies of a handler": {
    make: () => {
      const { bind, ...rest } = harness();
      class OtherEvents extends RelatedEvents {}
      let isBound = false;
      return {
        ...rest,
        bind: (type, { dependencies, lifetime }) => {
          if (!isBound) bind(OtherEvents, { dependencies: [], lifetime: "transient" });
          isBound = true;
          const isHandler = "handle" in type.prototype;
          const replaced = dependencies.map((each) => each === RelatedEvents && !isHandler ? OtherEvents : each);
          bind(type, { dependencies: replaced, lifetime });
        },
      };
    },
    caughtBy: ["below"],
  },
  "wraps the errors of handlers": {
    make: () =>
      wrapping((error) => {
        throw new Error("A handler failed", { cause: error });
      }),
    caughtBy: ["failure"],
  },
  "swallows the errors of handlers": {
    make: () => wrapping(() => {}),
    caughtBy: ["attempts", "failure"],
  },
  "disposes singletons along with the scope": {
    make: () => disposing([], (instance) => instance.dispose(), ["singleton", "scoped"]),
    caughtBy: ["singletons"],
  },
  "never recovers from a failure": {
    make: () =>
      harness((container) => ({
        wire: (type) => {
          const build = container.wire(type);
          let failure: { error: unknown } | undefined;
          return (scope) => {
            if (failure) throw failure.error;
            try {
              return build(scope);
            } catch (error) {
              failure = { error };
              throw error;
            }
          };
        },
      })),
    caughtBy: ["recovers"],
  },
};

/** Calls handlers, and passes their errors to a function. */
function wrapping(fail: (error: unknown) => unknown): ContainerHarness {
  return harness((container) => ({
    wire: (type) => {
      const build = container.wire(type);
      return (scope) => {
        const handler = build(scope) as { handle(message: object, context: object): unknown };
        const handle = async (message: object, context: object) => {
          try {
            return await handler.handle(message, context);
          } catch (error) {
            return fail(error);
          }
        };
        return Object.assign(Object.create(handler), { handle });
      };
    },
  }));
}

type Unit = Disposable & { dispose(): void };

/** Disposes the built values by itself, at the end of each scope. */
function disposing(
  built: Unit[],
  dispose: (instance: Unit) => void,
  lifetimes: readonly Lifetime[] = ["scoped"],
): ContainerHarness {
  const container = new Container();
  const base = harness(
    (container) => {
      const scopes = new WeakMap<object, ContainerScope>();
      return {
        createScope: (context) => {
          const stand = { ...context, [Symbol.dispose]: () => built.splice(0).forEach(dispose) };
          scopes.set(stand, container.createScope(context));
          return stand;
        },
        wire: (type) => {
          const build = container.wire(type);
          return (scope) => build(scopes.get(scope)!);
        },
      };
    },
    {},
    container,
  );
  return {
    ...base,
    bind: (type, { dependencies, lifetime }) => {
      const build = () => {
        const instance = new type(...dependencies.map((dependency) => inject(dependency)));
        if (lifetimes.includes(lifetime) && "dispose" in instance) built.push(instance as Unit);
        return instance;
      };
      container.bind(type, build, { lifetime });
    },
  };
}

Deno.test("diAdapterConformance() passes for containers that dispose by any of the three methods", async () => {
  assertEquals(await failuresOf(() => disposing([], (instance) => instance.dispose())), []);
  assertEquals(await failuresOf(() => disposing([], (instance) => instance[Symbol.dispose]())), []);
});

for (const [what, { make, caughtBy }] of Object.entries(BROKEN)) {
  Deno.test(`diAdapterConformance() catches an adapter that ${what}, in the expected cases alone`, async () => {
    assertEquals(await failuresOf(make), caughtBy.map((key) => NAMES[key]));
  });
}

Deno.test("diAdapterConformance() names each case once", () => {
  const names = diAdapterConformance(() => harness()).map(({ name }) => name);
  assertEquals([...names].sort(), Object.values(NAMES).sort());
});

for (
  const [features, skipped] of [
    [{}, []],
    [{ scopes: true, disposal: undefined }, []],
    [{ scopes: false }, ["within", "apart", "attempts", "all", "success", "failure", "events", "singletons"]],
    [{ disposal: false }, ["success", "failure", "events", "singletons"]],
    [{ relatedEvents: false }, ["related", "below", "mixes"]],
    [{ buses: false }, ["buses", "early", "late", "later"]],
  ] as [DIAdapterFeatures, (keyof typeof NAMES)[]][]
) {
  Deno.test(`diAdapterConformance() with ${JSON.stringify(features)} skips the cases of the missing features`, () => {
    const cases = diAdapterConformance(() => harness(), features);
    assertEquals(cases.filter(({ skip }) => skip).map(({ name }) => name), skipped.map((key) => NAMES[key]));
  });
}

Deno.test("diAdapterConformance() refuses to run a case that is to be skipped", async () => {
  const cases = diAdapterConformance(() => harness(), { buses: false });
  const error = await assertRejects(cases.find(({ skip }) => skip)!.run, TypeError);
  assertEquals(error.message, `Cannot run the case "${NAMES.buses}": the adapter does not have "buses"`);
});

Deno.test("diAdapterConformance() refuses disposal without scopes", () => {
  const error = assertThrows(
    () => diAdapterConformance(() => harness(), { scopes: false, disposal: true }),
    RangeError,
  );
  assertEquals(error.message, "Cannot test the disposal of scopes: the adapter has no scopes. Leave disposal out");
});

Deno.test("diAdapterConformance() says what was expected and what happened", async () => {
  const cases = diAdapterConformance(() => harness(undefined, { scoped: "transient" }));
  const error = await assertRejects(cases.find(({ name }) => name === NAMES.within)!.run, Error);
  assertEquals(
    error.message,
    `The case "${NAMES.within}" fails: expected one scoped value for the handler and its dependencies, ` +
      "but there were 3",
  );
  assert(error.cause instanceof Error);
});

Deno.test("diAdapterConformance() awaits each harness, and disposes it even if the case fails", async () => {
  let disposed = 0;
  const make = async (lifetimes: Parameters<typeof harness>[1]) => {
    await Promise.resolve();
    return Object.assign(harness(undefined, lifetimes), { [Symbol.asyncDispose]: () => Promise.resolve(disposed++) });
  };
  await diAdapterConformance(() => make({}))[0]!.run();
  assertEquals(disposed, 1);
  const broken = diAdapterConformance(() => make({ singleton: "transient" }));
  await assertRejects(broken.find(({ name }) => name === NAMES.lifetimes)!.run, Error);
  assertEquals(disposed, 2);
});

Deno.test("diAdapterConformance() passes for adapters that build asynchronously", async () => {
  const asynchronous = () =>
    harness((container) => ({
      wire: (type) => {
        const build = container.wire(type);
        return async (scope) => build(await scope);
      },
      lazy: (type) => async () => await container.get(type),
      createScope: async (context) => await container.createScope(context),
    }));
  assertEquals(await failuresOf(asynchronous), []);
});

Deno.test("diAdapterConformance() passes for adapters without scopes and buses", async () => {
  const bare = (): ContainerHarness => {
    const { adapter: { wire, lazy }, ...rest } = harness();
    return { ...rest, adapter: { wire, lazy } };
  };
  assertEquals(await failuresOf(bare, { scopes: false, relatedEvents: false, buses: false }), []);
});
