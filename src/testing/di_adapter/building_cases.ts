import { caseFailure } from "../conformance_case.ts";
import { Composed, type DITestbed, TestCommand, TestQuery } from "./di_testbed.ts";
import type { DICase } from "./di_case.ts";

/** How handlers are built, and when. */
export const BUILDING_CASES: readonly DICase[] = [
  { name: "builds a handler with its dependencies, and their dependencies", test: buildsDependencies },
  { name: "builds a new handler for each dispatch", test: buildsAnew },
  { name: "shares a singleton everywhere, and never shares a transient value", test: keepsLifetimes },
  { name: "builds nothing before it is needed", test: isLazy },
  { name: "names what is not bound in the error of the dispatch", test: namesMissing },
  { name: "goes on after a handler could not be built", test: recovers },
];

async function buildsDependencies(testbed: DITestbed): Promise<void> {
  class Clock {}
  class Repository extends Composed {}
  testbed.bind(Clock, "singleton");
  testbed.bind(Repository, "singleton", [Clock]);
  testbed.handle(TestCommand, [Repository, Clock], (built) => built);

  const [repository, clock] = await testbed.router.newCommandBus().dispatch(new TestCommand()) as Composed[];
  expectInstance(repository, Repository, "the first argument of the handler's constructor");
  expectInstance(clock, Clock, "the second argument of the handler's constructor");
  expectInstance(repository!.built[0], Clock, "the argument of its dependency's constructor");
}

function expectInstance(value: unknown, type: typeof Composed | (new () => object), what: string): void {
  if (!(value instanceof type)) throw caseFailure(`${what} to be a ${type.name}`, `it was ${String(value)}`);
}

async function buildsAnew(testbed: DITestbed): Promise<void> {
  const handlers = new Set<unknown>();
  testbed.handle(TestQuery, [], (_built, { self }) => handlers.add(self));
  const queries = testbed.router.newQueryBus();
  for (let time = 0; time < 3; time++) await queries.dispatch(new TestQuery());
  await Promise.all([queries.dispatch(new TestQuery()), queries.dispatch(new TestQuery())]);
  if (handlers.size !== 5) throw caseFailure("5 handlers for 5 dispatches", `there were ${handlers.size}`);
}

async function keepsLifetimes(testbed: DITestbed): Promise<void> {
  class Shared {}
  class Fresh {}
  const built = { shared: new Set<unknown>(), fresh: new Set<unknown>() };
  testbed.bind(Shared, "singleton");
  testbed.bind(Fresh, "transient");
  for (const type of [TestCommand, TestQuery]) {
    testbed.handle(type, [Shared, Fresh, Fresh], ([shared, ...fresh]) => {
      built.shared.add(shared);
      for (const one of fresh) built.fresh.add(one);
    });
  }
  const commands = testbed.router.newCommandBus();
  await commands.dispatch(new TestCommand());
  await commands.dispatch(new TestCommand());
  await testbed.router.newQueryBus().dispatch(new TestQuery());

  const { shared, fresh } = built;
  if (shared.size !== 1) throw caseFailure("one singleton for 3 dispatches", `there were ${shared.size}`);
  if (fresh.size !== 6) throw caseFailure("6 transient values, 2 for each dispatch", `there were ${fresh.size}`);
}

async function isLazy(testbed: DITestbed): Promise<void> {
  let count = 0;
  class Expensive {
    constructor() {
      count++;
    }
  }
  const resolve = testbed.harness.adapter.lazy(Expensive);
  // A later binding counts too: an application is configured in any order.
  testbed.bind(Expensive, "singleton");
  testbed.handle(TestQuery, [Expensive], ([expensive]) => expensive);
  const queries = testbed.router.newQueryBus();
  if (count > 0) throw caseFailure("nothing to be built before the first dispatch", `${count} instances were`);

  const injected = await queries.dispatch(new TestQuery());
  const resolved = await resolve();
  if (!(resolved instanceof Expensive)) throw caseFailure("lazy to give an instance", `it gave ${String(resolved)}`);
  if (resolved !== injected) throw caseFailure("lazy to give the singleton", "it gave another instance");
}

async function namesMissing(testbed: DITestbed): Promise<void> {
  // Because of the parameter, a container that builds unbound classes cannot build this one.
  class MissingRepository extends Composed {
    constructor(connection: string) {
      super(connection);
    }
  }
  const error = await failureOf(() => {
    testbed.handle(TestCommand, [MissingRepository], () => {});
    return testbed.router.newCommandBus().dispatch(new TestCommand());
  });
  const text = wordsOf(error);
  if (!text.includes("MissingRepository")) {
    throw caseFailure('the error to name "MissingRepository", which is not bound', `it says "${text}"`);
  }
}

async function failureOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw caseFailure("the dispatch to reject, since a dependency is missing", "it resolved");
}

/** The text of an error, and of its causes. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const others = [error.cause, ...error instanceof AggregateError ? error.errors : []];
  return [error.message, ...others.filter((other) => other !== undefined).map(wordsOf)].join(": ");
}

async function recovers(testbed: DITestbed): Promise<void> {
  let isDown = true;
  class Connection {
    constructor() {
      if (isDown) throw new Error("the database is down");
    }
  }
  testbed.bind(Connection, "transient");
  testbed.handle(TestQuery, [Connection], () => "answer");
  const queries = testbed.router.newQueryBus();

  const text = wordsOf(await failureOf(() => queries.dispatch(new TestQuery())));
  if (!text.includes("the database is down")) {
    throw caseFailure('the error of the constructor, "the database is down", to come out', `it says "${text}"`);
  }
  isDown = false;
  await queries.dispatch(new TestQuery());
}
