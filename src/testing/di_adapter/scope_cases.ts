import { caseFailure } from "../conformance_case.ts";
import { Composed, type DITestbed, TestCommand, TestEvent, TestQuery } from "./di_testbed.ts";
import { retry } from "../../middlewares/retry.ts";
import type { DICase } from "./di_case.ts";

/** What a scope shares, and when it ends. */
export const SCOPE_CASES: readonly DICase[] = [
  { name: "shares a scoped value within one run of a handler", feature: "scopes", test: sharesWithin },
  { name: "shares no scoped value between runs, even at the same time", feature: "scopes", test: keepsApart },
  { name: "opens a scope for each attempt of a retry", feature: "scopes", test: opensForAttempts },
  { name: "opens a scope for a query, and for each handler of an event", feature: "scopes", test: opensForAll },
  { name: "disposes scoped values once the handler has succeeded", feature: "disposal", test: disposesAfterSuccess },
  { name: "disposes scoped values once the handler has failed", feature: "disposal", test: disposesAfterFailure },
  {
    name: "keeps the scope of a command open until its related events have been handled",
    feature: "disposal",
    test: disposesAfterEvents,
  },
  { name: "disposes no singleton with a scope", feature: "disposal", test: sparesSingletons },
];

/** A value that records its disposal. */
abstract class Unit {
  disposed = false;

  dispose(): void {
    this.disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }
}

async function sharesWithin(testbed: DITestbed): Promise<void> {
  class UnitOfWork {}
  class Repository extends Composed {}
  testbed.bind(UnitOfWork, "scoped");
  testbed.bind(Repository, "transient", [UnitOfWork]);
  testbed.handle(TestCommand, [UnitOfWork, Repository, Repository], (built) => built);

  const built = await testbed.router.newCommandBus().dispatch(new TestCommand()) as [object, Composed, Composed];
  const units = new Set([built[0], built[1].built[0], built[2].built[0]]);
  if (units.size !== 1) {
    throw caseFailure("one scoped value for the handler and its dependencies", `there were ${units.size}`);
  }
}

async function keepsApart(testbed: DITestbed): Promise<void> {
  class UnitOfWork {}
  testbed.bind(UnitOfWork, "scoped");
  let arrived = 0;
  let open: () => void;
  const all = new Promise<void>((resolve) => open = resolve);
  testbed.handle(TestCommand, [UnitOfWork], async ([unit]) => {
    // All three run at the same time. Otherwise this case would wait for ever.
    if (++arrived === 3) open();
    await all;
    return unit;
  });

  const commands = testbed.router.newCommandBus();
  const dispatch = () => commands.dispatch(new TestCommand());
  const units = new Set(await Promise.all([dispatch(), dispatch(), dispatch()]));
  units.add(await dispatch());
  if (units.size !== 4) throw caseFailure("4 scoped values for 4 dispatches", `there were ${units.size}`);
}

async function opensForAttempts(testbed: DITestbed): Promise<void> {
  class UnitOfWork {}
  testbed.bind(UnitOfWork, "scoped");
  const units = new Set<unknown>();
  let attempt = 0;
  testbed.handle(TestCommand, [UnitOfWork], ([unit]) => {
    units.add(unit);
    if (++attempt < 3) throw new Error("again");
  });
  await testbed.router.newCommandBus().use(retry({ attempts: 3 })).dispatch(new TestCommand());
  if (units.size !== 3) throw caseFailure("3 scoped values for 3 attempts", `there were ${units.size}`);
}

async function opensForAll(testbed: DITestbed): Promise<void> {
  class UnitOfWork {}
  class Repository extends Composed {}
  testbed.bind(UnitOfWork, "scoped");
  testbed.bind(Repository, "transient", [UnitOfWork]);
  const units = new Set<unknown>();
  for (const type of [TestQuery, TestEvent, TestEvent]) {
    testbed.handle(type, [UnitOfWork, Repository], ([unit, repository]) => {
      units.add(unit);
      units.add(repository.built[0]);
    });
  }
  await testbed.router.newQueryBus().dispatch(new TestQuery());
  await testbed.router.newEventBus().dispatch(new TestEvent());
  if (units.size !== 3) {
    throw caseFailure("3 scoped values for a query and two handlers of an event", `there were ${units.size}`);
  }
}

async function disposesAfterSuccess(testbed: DITestbed): Promise<void> {
  class UnitOfWork extends Unit {}
  class Connection extends Unit {}
  testbed.bind(UnitOfWork, "scoped");
  testbed.bind(Connection, "scoped");
  for (const type of [TestCommand, TestQuery]) {
    testbed.handle(type, [UnitOfWork, Connection], async (units: Unit[]) => {
      await Promise.resolve();
      if (units.length !== 2) throw caseFailure("the handler to receive 2 scoped values", `it got ${units.length}`);
      if (units.some(({ disposed }) => disposed)) {
        throw caseFailure("scoped values to be open while the handler runs", "one was disposed");
      }
      return units;
    });
  }
  const ofCommand = await testbed.router.newCommandBus().dispatch(new TestCommand()) as Unit[];
  expectDisposed(ofCommand, "command");
  const ofQuery = await testbed.router.newQueryBus().dispatch(new TestQuery()) as Unit[];
  expectDisposed(ofQuery, "query");
}

function expectDisposed(units: Iterable<Unit>, kind: string): void {
  for (const unit of units) {
    if (unit.disposed) continue;
    throw caseFailure(
      `the scoped "${unit.constructor.name}" to be disposed when the ${kind} has ended`,
      "it was not",
    );
  }
}

async function disposesAfterFailure(testbed: DITestbed): Promise<void> {
  class UnitOfWork extends Unit {}
  testbed.bind(UnitOfWork, "scoped");
  const failure = new Error("the handler failed");
  const units: Unit[] = [];
  testbed.handle(TestCommand, [UnitOfWork], ([unit]) => {
    units.push(unit);
    throw failure;
  });
  try {
    await testbed.router.newCommandBus().dispatch(new TestCommand());
  } catch (error) {
    if (error !== failure) throw caseFailure("the error of the handler to come out", `it was ${String(error)}`);
    return expectDisposed(units, "command");
  }
  throw caseFailure("the dispatch to reject", "it resolved");
}

async function disposesAfterEvents(testbed: DITestbed): Promise<void> {
  class UnitOfWork extends Unit {}
  testbed.bind(UnitOfWork, "scoped");
  const units: Unit[] = [];
  testbed.handle(TestCommand, [UnitOfWork], ([unit], { events }) => {
    units.push(unit);
    events!.add(new TestEvent());
  });
  let wasDisposed: boolean | undefined;
  testbed.handle(TestEvent, [], () => wasDisposed = units[0]!.disposed);
  await testbed.router.newCommandBus().dispatch(new TestCommand());

  if (wasDisposed === undefined) throw caseFailure("the related event to be published", "its handler never ran");
  if (wasDisposed) throw caseFailure("the scope to be open while related events are handled", "it was disposed");
  expectDisposed(units, "command");
}

async function sparesSingletons(testbed: DITestbed): Promise<void> {
  class Pool extends Unit {}
  class UnitOfWork extends Unit {}
  testbed.bind(Pool, "singleton");
  testbed.bind(UnitOfWork, "scoped");
  testbed.handle(TestCommand, [Pool, UnitOfWork], (built) => built);
  const [pool] = await testbed.router.newCommandBus().dispatch(new TestCommand()) as Unit[];
  if (pool!.disposed) throw caseFailure("a singleton to outlive the scope", "it was disposed with it");
}
