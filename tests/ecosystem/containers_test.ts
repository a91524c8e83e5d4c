import "reflect-metadata";
import { assertEquals } from "@std/assert";
import { stub } from "@std/testing/mock";
import { Container as NeedleContainer, inject as needleInject } from "@needle-di/core";
import { asFunction, asValue, createContainer } from "awilix";
import { Container as InversifyContainer, ContainerModule, type ContainerModuleLoadOptions } from "inversify";
import { container as rootContainer, type Disposable, injectable, type InjectionToken, Lifecycle } from "tsyringe";
import {
  CommandBus,
  type Constructor,
  ContextValues,
  type DIAdapter,
  EventBus,
  InjectionToken as CqToken,
  MessageRouter,
  Query,
  QueryBus,
  RelatedEvents,
} from "@cq/core";
import { diAdapterConformance, type DIAdapterHarness } from "@cq/core/testing";
import { awilixAdapter, type AwilixScope } from "../../examples/containers/awilix.ts";
import { inversifyAdapter, type InversifyScope } from "../../examples/containers/inversify.ts";
import { needleAdapter, type NeedleScope } from "../../examples/containers/needle_di.ts";
import { tsyringeAdapter, type TsyringeScope } from "../../examples/containers/tsyringe.ts";

/** What the suite has the containers dispose. */
interface Closable {
  dispose?(): void;
}

function awilixHarness(): DIAdapterHarness<AwilixScope> {
  const names = new Map<unknown, string>([
    [CommandBus, "commandBus"],
    [QueryBus, "queryBus"],
    [EventBus, "eventBus"],
    [RelatedEvents, "relatedEvents"],
  ]);
  const nameOf = (type: { name: string }) => {
    if (!names.has(type)) names.set(type, `${type.name}${names.size}`);
    return names.get(type)!;
  };
  const container = createContainer<Record<string, object>>({ strict: true });
  return {
    adapter: awilixAdapter(container, names),
    bind: (type, { dependencies, lifetime }) => {
      const keys = dependencies.map(nameOf);
      const build = (cradle: Record<string, object>): Closable => new type(...keys.map((key) => cradle[key]));
      const resolver = asFunction(build).setLifetime(
        ({ singleton: "SINGLETON", scoped: "SCOPED", transient: "TRANSIENT" } as const)[lifetime],
      );
      container.register(nameOf(type), resolver.disposer((instance) => instance.dispose?.()));
    },
    bindInstance: (type, instance) => container.register(nameOf(type), asValue(instance)),
  };
}

function tsyringeHarness(): DIAdapterHarness<TsyringeScope> {
  const container = rootContainer.createChildContainer();
  const closing: InjectionToken<Disposable>[] = [];
  const lifecycles = {
    singleton: Lifecycle.Singleton,
    scoped: Lifecycle.ContainerScoped,
    transient: Lifecycle.Transient,
  };
  return {
    adapter: tsyringeAdapter(container, closing),
    bind: (type, { dependencies, lifetime }) => {
      // What the compiler emits for a constructor whose parameters have these types.
      Reflect.defineMetadata("design:paramtypes", dependencies, type);
      injectable()(type);
      container.register(type, { useClass: type }, { lifecycle: lifecycles[lifetime] });
      if (lifetime === "scoped" && "dispose" in type.prototype) closing.push(type as Constructor<Disposable>);
    },
    bindInstance: (type, instance) => container.registerInstance(type, instance),
  };
}

function inversifyHarness(): DIAdapterHarness<InversifyScope> {
  const container = new InversifyContainer();
  const scoped: ((options: ContainerModuleLoadOptions) => void)[] = [];
  const adapter = inversifyAdapter(
    container,
    new ContainerModule((options) => scoped.forEach((bindScoped) => bindScoped(options))),
  );
  return {
    adapter,
    bind: (type: Constructor, { dependencies, lifetime }) => {
      const build = (...built: unknown[]): Closable => new type(...built);
      if (lifetime === "scoped") {
        scoped.push(({ bind }) =>
          bind<Closable>(type).toResolvedValue(build, [...dependencies]).inSingletonScope()
            .onDeactivation((instance) => instance.dispose?.())
        );
      } else {
        const binding = container.bind<object>(type).toResolvedValue(build, [...dependencies]);
        if (lifetime === "singleton") binding.inSingletonScope();
        else binding.inTransientScope();
      }
    },
    bindInstance: (type, instance) => {
      if (container.isBound(type)) container.rebind(type).toConstantValue(instance);
      else container.bind(type).toConstantValue(instance);
    },
  };
}

function needleHarness(): DIAdapterHarness<NeedleScope> {
  const container = new NeedleContainer();
  const scoped: ((scope: NeedleContainer, closing: AsyncDisposableStack) => void)[] = [];
  // What is bound is built once for each container: what is to be new each time is built with `new`.
  const transient = new Map<unknown, () => object>();
  return {
    adapter: needleAdapter(container, (scope, closing) => scoped.forEach((bindScoped) => bindScoped(scope, closing))),
    bind: (type, { dependencies, lifetime }) => {
      const build = (): Closable =>
        new type(...dependencies.map((dependency) => transient.get(dependency)?.() ?? needleInject(dependency)));
      if (lifetime === "singleton") container.bind({ provide: type, useFactory: build });
      else {
        const adopt = (instance: Closable) => instance.dispose?.();
        scoped.push((scope, closing) => scope.bind({ provide: type, useFactory: () => closing.adopt(build(), adopt) }));
      }
      if (lifetime === "transient") transient.set(type, build);
    },
    bindInstance: (type, instance) => container.bind({ provide: type, useValue: instance }),
  };
}

const CASES = {
  awilixAdapter: diAdapterConformance(awilixHarness),
  inversifyAdapter: diAdapterConformance(inversifyHarness),
  needleAdapter: diAdapterConformance(needleHarness),
  tsyringeAdapter: diAdapterConformance(tsyringeHarness),
};

for (const [adapter, cases] of Object.entries(CASES)) {
  for (const { name, run, skip } of cases) {
    Deno.test({ name: `${adapter} ${name}`, ignore: skip, fn: run });
  }
}

class ReadUser extends Query<unknown> {}

class User {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

const TX = new CqToken<number>("TX");

/** A handler that its container gives the values of the dispatch. */
class ReadUserHandler {
  readonly #user: User;
  readonly #transaction: number;

  constructor(user: User, transaction: number) {
    this.#user = user;
    this.#transaction = transaction;
  }

  handle(_query: ReadUser): unknown {
    return `${this.#user.name} in ${this.#transaction}`;
  }
}

/** Each container, and how it builds the handler out of the values. */
const BUILDERS: Record<string, () => DIAdapter> = {
  awilixAdapter: () => {
    const names = new Map<unknown, string>([[User, "user"], [TX, "transaction"], [ReadUserHandler, "handler"]]);
    const container = createContainer<{ user: User; transaction: number }>({ strict: true });
    container.register("handler", asFunction(({ user, transaction }) => new ReadUserHandler(user, transaction)));
    return awilixAdapter(container, names) as DIAdapter;
  },
  inversifyAdapter: () => {
    const container = new InversifyContainer();
    container.bind(ReadUserHandler)
      .toResolvedValue((user: User, transaction: number) => new ReadUserHandler(user, transaction), [User, TX.name])
      .inTransientScope();
    return inversifyAdapter(container) as DIAdapter;
  },
  needleAdapter: () => {
    const build = () => new ReadUserHandler(needleInject(User), needleInject<number>(TX.name));
    return needleAdapter(
      new NeedleContainer(),
      (scope) => scope.bind({ provide: ReadUserHandler, useFactory: build }),
    ) as DIAdapter;
  },
  tsyringeAdapter: () => {
    const container = rootContainer.createChildContainer();
    container.register(ReadUserHandler, {
      useFactory: (scope) => new ReadUserHandler(scope.resolve(User), scope.resolve<number>(TX.name)),
    });
    return tsyringeAdapter(container) as DIAdapter;
  },
};

for (const [adapter, build] of Object.entries(BUILDERS)) {
  Deno.test(`${adapter} provides the values of a dispatch to its scope, those of middlewares too, and to no other`, async () => {
    const router = new MessageRouter(build());
    router.queryHandler(ReadUser)(ReadUserHandler);
    let transactions = 0;
    const queries = router.newQueryBus().use((_message, next, { values }) =>
      next(undefined, { values: values.with(TX, ++transactions) })
    );
    const read = (name: string) =>
      queries.dispatch(new ReadUser(), { values: new ContextValues().with(User, new User(name)) });

    assertEquals(await Promise.all([read("Ada"), read("Bob")]), ["Ada in 1", "Bob in 2"]);
    assertEquals(await read("Ada"), "Ada in 3");
  });
}

const PRINTED = [
  "transaction 1: order 1",
  "order 1 is a lamp",
  "transaction 1: closed",
  "placed 1",
  "transaction 2: order 2",
  "order 2 is a chair",
  "transaction 2: closed",
  "placed 2",
];

for (const name of ["awilix", "inversify", "needle_di", "tsyringe"]) {
  Deno.test(`examples/containers/${name}_example.ts injects a repository, a scoped value and RelatedEvents`, async () => {
    const lines: string[] = [];
    using _log = stub(console, "log", (line: string) => void lines.push(line));
    await import(`../../examples/containers/${name}_example.ts`);
    // The transactions are counted across the examples.
    const first = Number(/\d+/.exec(lines[0]!)![0]);
    const numbered = lines.map((line) => line.replace(/^transaction (\d+)/, (_, n) => `transaction ${n - first + 1}`));
    assertEquals(numbered, PRINTED);
  });
}
