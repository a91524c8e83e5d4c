import { CommandBus } from "../../bus/command_bus.ts";
import { EventBus } from "../../bus/event_bus.ts";
import { QueryBus } from "../../bus/query_bus.ts";
import { RelatedEvents } from "../../related_events.ts";
import { MessageRouter } from "../../router.ts";
import { caseFailure } from "../conformance_case.ts";
import { Composed, type DITestbed, TestCommand, TestEvent, TestQuery } from "./di_testbed.ts";
import type { DICase } from "./di_case.ts";

/** What the core itself provides for injection. */
export const CORE_CASES: readonly DICase[] = [
  { name: "injects the related events of a command", feature: "relatedEvents", test: injectsRelatedEvents },
  {
    name: "injects the same related events into what the handler depends on",
    feature: "relatedEvents",
    test: injectsRelatedEventsBelow,
  },
  {
    name: "keeps the related events of commands apart that run at the same time",
    feature: "relatedEvents",
    test: mixesNoEvents,
  },
  { name: "injects the same buses everywhere", feature: "buses", test: injectsBuses },
  { name: "lets a bus win that was bound before the router was made", feature: "buses", test: letsEarlyBusWin },
  { name: "lets a bus win that was bound after the router was made", feature: "buses", test: letsLateBusWin },
  { name: "publishes related events on a bus that was bound later", feature: "buses", test: publishesOnLaterBus },
];

async function injectsRelatedEvents(testbed: DITestbed): Promise<void> {
  let published = 0;
  testbed.handle(TestEvent, [], () => published++);
  testbed.handle(TestCommand, [RelatedEvents], ([events], context) => {
    if (events !== context.events) throw caseFailure("the related events of the context", `got ${String(events)}`);
    events.add(new TestEvent(), new TestEvent());
  });
  await testbed.router.newCommandBus().dispatch(new TestCommand());
  if (published !== 2) throw caseFailure("2 related events to be published", `${published} were`);
}

async function injectsRelatedEventsBelow(testbed: DITestbed): Promise<void> {
  class Repository extends Composed {}
  testbed.bind(Repository, "transient", [RelatedEvents]);
  testbed.handle(TestCommand, [Repository, RelatedEvents], ([repository, events]) => repository.built[0] === events);
  const isSame = await testbed.router.newCommandBus().dispatch(new TestCommand());
  if (isSame !== true) throw caseFailure("handler and dependency to have the same related events", "they differ");
}

async function mixesNoEvents(testbed: DITestbed): Promise<void> {
  let arrived = 0;
  let open: () => void;
  const all = new Promise<void>((resolve) => open = resolve);
  testbed.handle(TestCommand, [RelatedEvents], async ([events], context) => {
    if (++arrived === 3) open();
    await all;
    return events === context.events ? events : undefined;
  });
  const commands = testbed.router.newCommandBus();
  const dispatch = () => commands.dispatch(new TestCommand());
  const results = new Set(await Promise.all([dispatch(), dispatch(), dispatch()]));
  results.delete(undefined);
  if (results.size !== 3) throw caseFailure("3 commands to have separate related events", `${results.size} had`);
}

async function injectsBuses(testbed: DITestbed): Promise<void> {
  testbed.handle(TestCommand, [CommandBus, QueryBus, EventBus], (built) => built);
  testbed.handle(TestQuery, [CommandBus, QueryBus, EventBus], (built) => built);
  const first = await testbed.router.newCommandBus().dispatch(new TestCommand()) as unknown[];
  const second = await testbed.router.newQueryBus().dispatch(new TestQuery()) as unknown[];

  for (const [index, type] of [CommandBus, QueryBus, EventBus].entries()) {
    const bus = first[index];
    if (!(bus instanceof type)) throw caseFailure(`a ${type.name} to be injected`, `it was ${String(bus)}`);
    if (bus !== second[index]) throw caseFailure(`the same ${type.name} everywhere`, "two handlers got different ones");
    if (bus !== await testbed.harness.adapter.lazy<object>(type)()) {
      throw caseFailure(`lazy to give the ${type.name} that is injected`, "it gave another one");
    }
  }
  // The injected bus has the handlers of the router.
  await (first[1] as QueryBus).dispatch(new TestQuery());
}

async function letsEarlyBusWin(testbed: DITestbed): Promise<void> {
  const bound = new MessageRouter().newQueryBus();
  testbed.harness.bindInstance(QueryBus, bound);
  await expectInjected(testbed, bound, "before the router was made");
}

async function letsLateBusWin(testbed: DITestbed): Promise<void> {
  const bound = testbed.router.newQueryBus();
  testbed.harness.bindInstance(QueryBus, bound);
  await expectInjected(testbed, bound, "after the router was made");
}

async function expectInjected(testbed: DITestbed, bound: QueryBus, when: string): Promise<void> {
  testbed.handle(TestCommand, [QueryBus], ([bus]) => bus === bound);
  const isBound = await testbed.router.newCommandBus().dispatch(new TestCommand());
  if (!isBound) throw caseFailure(`the query bus that was bound ${when} to be injected`, "it was another one");
}

async function publishesOnLaterBus(testbed: DITestbed): Promise<void> {
  let published = 0;
  testbed.handle(TestEvent, [], () => {});
  testbed.handle(TestCommand, [], (_built, { events }) => events!.add(new TestEvent()));
  const commands = testbed.router.newCommandBus();
  const later = testbed.router.newEventBus().use((_event, next) => {
    published++;
    return next();
  });
  testbed.harness.bindInstance(EventBus, later);
  await commands.dispatch(new TestCommand());
  if (published !== 1) throw caseFailure("the event bus that was bound last to be used", "it was not");
}
