import { CommandBus } from "../../bus/command_bus.ts";
import { EventBus } from "../../bus/event_bus.ts";
import { QueryBus } from "../../bus/query_bus.ts";
import { RelatedEvents } from "../../related_events.ts";
import { MessageRouter } from "../../router.ts";
import { brokenPromise } from "../conformance_case.ts";
import { Composed, type DITrial, TestCommand, TestEvent, TestQuery } from "../di_trial.ts";
import type { DICase } from "./di_case.ts";

/** What the core itself offers to be injected. */
export const CORE_CASES: readonly DICase[] = [
  { name: "injects the related events of a command", feature: "relatedEvents", test: injectsRelatedEvents },
  {
    name: "injects the same related events into what the handler depends on",
    feature: "relatedEvents",
    test: injectsRelatedEventsBelow,
  },
  {
    name: "mixes no related events of commands that run at the same time",
    feature: "relatedEvents",
    test: mixesNoEvents,
  },
  { name: "injects the buses, the same ones for everybody", feature: "buses", test: injectsBuses },
  { name: "lets a bus win that was bound before the router was made", feature: "buses", test: letsEarlyBusWin },
  { name: "lets a bus win that was bound after the router was made", feature: "buses", test: letsLateBusWin },
  { name: "publishes related events on a bus that was bound later", feature: "buses", test: publishesOnLaterBus },
];

async function injectsRelatedEvents(trial: DITrial): Promise<void> {
  let published = 0;
  trial.handle(TestEvent, [], () => published++);
  trial.handle(TestCommand, [RelatedEvents], ([events], context) => {
    if (events !== context.events) throw brokenPromise("the related events of the context", `got ${String(events)}`);
    events.add(new TestEvent(), new TestEvent());
  });
  await trial.router.newCommandBus().dispatch(new TestCommand());
  if (published !== 2) throw brokenPromise("2 related events to be published", `${published} were`);
}

async function injectsRelatedEventsBelow(trial: DITrial): Promise<void> {
  class Repository extends Composed {}
  trial.bind(Repository, "transient", [RelatedEvents]);
  trial.handle(TestCommand, [Repository, RelatedEvents], ([repository, events]) => repository.built[0] === events);
  const isSame = await trial.router.newCommandBus().dispatch(new TestCommand());
  if (isSame !== true) throw brokenPromise("handler and dependency to have the same related events", "they differ");
}

async function mixesNoEvents(trial: DITrial): Promise<void> {
  let arrived = 0;
  let open: () => void;
  const all = new Promise<void>((resolve) => open = resolve);
  trial.handle(TestCommand, [RelatedEvents], async ([events], context) => {
    if (++arrived === 3) open();
    await all;
    return events === context.events ? events : undefined;
  });
  const commands = trial.router.newCommandBus();
  const dispatch = () => commands.dispatch(new TestCommand());
  const results = new Set(await Promise.all([dispatch(), dispatch(), dispatch()]));
  results.delete(undefined);
  if (results.size !== 3) throw brokenPromise("3 commands to have related events of their own", `${results.size} had`);
}

async function injectsBuses(trial: DITrial): Promise<void> {
  trial.handle(TestCommand, [CommandBus, QueryBus, EventBus], (built) => built);
  trial.handle(TestQuery, [CommandBus, QueryBus, EventBus], (built) => built);
  const first = await trial.router.newCommandBus().dispatch(new TestCommand()) as unknown[];
  const second = await trial.router.newQueryBus().dispatch(new TestQuery()) as unknown[];

  for (const [index, type] of [CommandBus, QueryBus, EventBus].entries()) {
    const bus = first[index];
    if (!(bus instanceof type)) throw brokenPromise(`a ${type.name} to be injected`, `it was ${String(bus)}`);
    if (bus !== second[index]) throw brokenPromise(`one ${type.name} for everybody`, "two handlers got two");
    if (bus !== await trial.harness.adapter.lazy<object>(type)()) {
      throw brokenPromise(`lazy to give the ${type.name} that is injected`, "it gave another one");
    }
  }
  // The handlers of the router are on the other end.
  await (first[1] as QueryBus).dispatch(new TestQuery());
}

async function letsEarlyBusWin(trial: DITrial): Promise<void> {
  const bound = new MessageRouter().newQueryBus();
  trial.harness.bindInstance(QueryBus, bound);
  await expectInjected(trial, bound, "before the router was made");
}

async function letsLateBusWin(trial: DITrial): Promise<void> {
  const bound = trial.router.newQueryBus();
  trial.harness.bindInstance(QueryBus, bound);
  await expectInjected(trial, bound, "after the router was made");
}

async function expectInjected(trial: DITrial, bound: QueryBus, when: string): Promise<void> {
  trial.handle(TestCommand, [QueryBus], ([bus]) => bus === bound);
  const isBound = await trial.router.newCommandBus().dispatch(new TestCommand());
  if (!isBound) throw brokenPromise(`the query bus that was bound ${when} to be injected`, "it was another one");
}

async function publishesOnLaterBus(trial: DITrial): Promise<void> {
  let published = 0;
  trial.handle(TestEvent, [], () => {});
  trial.handle(TestCommand, [], (_built, { events }) => events!.add(new TestEvent()));
  const commands = trial.router.newCommandBus();
  const later = trial.router.newEventBus().use((_event, next) => {
    published++;
    return next();
  });
  trial.harness.bindInstance(EventBus, later);
  await commands.dispatch(new TestCommand());
  if (published !== 1) throw brokenPromise("the event bus that was bound last to be used", "it was not");
}
