import { Container, Event, inject, MemoryQueue, MessageRouter, Query, RelatedEvents } from "@cq/core";
import { correlate, deduplicate, type StandardSchema, validate } from "@cq/core/middlewares";
import { queueConformance, recordingBus, type TestMessage } from "@cq/core/testing";
import { errorOf, type Scenario } from "./scenario.ts";

class FindUser extends Query<string> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

class UserFound extends Event {}

const schema: StandardSchema<{ name: string }> = {
  "~standard": {
    version: 1,
    validate: (value) => {
      const name = (value as FindUser).name.trim();
      return name === "" ? { issues: [{ path: ["name"], message: "It is empty" }] } : { value: { name } };
    },
  },
};

/** What the entry points beside the main one do. */
export const entryPointScenarios: readonly Scenario[] = [
  {
    name: "validate, deduplicate and correlate wrap a query",
    expected: ["Ada", "Ada", 1, true, 'MessageValidationError: Cannot handle "FindUser": name: It is empty'],
    run: async () => {
      const ids: unknown[] = [];
      const queries = new MessageRouter().newQueryBus()
        .use(
          correlate(),
          validate(FindUser, schema),
          deduplicate({ key: (message) => (message as FindUser).name, ttlMs: 60_000 }),
        )
        .subscribe(FindUser, ({ name }, { metadata }) => {
          ids.push(metadata.messageId);
          return name;
        });
      return [
        await queries.dispatch(new FindUser(" Ada ")),
        await queries.dispatch(new FindUser("Ada")),
        ids.length,
        // What an id is made of differs from one runtime to the next.
        /^[0-9a-f-]{16,}$/.test(String(ids[0])),
        await errorOf(() => queries.dispatch(new FindUser(" "))),
      ];
    },
  },
  {
    name: "a bus that records answers and tells what it was asked",
    expected: ["Grace", ["FindUser fulfilled"]],
    run: async () => {
      const queries = recordingBus(new MessageRouter().newQueryBus()).answer(FindUser, ({ name }) => name);
      const name = await queries.dispatch(new FindUser("Grace"));
      const { outcome } = await queries.next(FindUser);
      return [name, [`${queries.records[0]!.message.constructor.name} ${outcome.status}`]];
    },
  },
  {
    name: "the queue passes the conformance suite",
    expected: [],
    run: async () => {
      const make = () => new MemoryQueue<TestMessage>({ maxSize: 10, maxAttempts: 3 });
      const failures: string[] = [];
      const options = { order: true, redelivery: true, maxAttempts: 3, bounded: { maxSize: 10 }, volume: 1_000 };
      for (const { name, run, skip } of queueConformance(make, options)) {
        if (skip) continue;
        const error = await errorOf(run);
        if (error !== "no error") failures.push(`${name}: ${error}`);
      }
      return failures;
    },
  },
  {
    name: "related events outside of a command say what is wrong",
    expected:
      'ProviderNotFoundError: Cannot resolve "RelatedEvents": nothing is bound to it (Listening → RelatedEvents). A container ' +
      "has it only while it builds the handler of a command",
    run: () => {
      const router = new MessageRouter(new Container());
      class Listening {
        readonly related = inject(RelatedEvents);

        handle(_event: UserFound): void {}
      }
      router.eventHandler(UserFound)(Listening);
      return errorOf(async () => {
        try {
          await router.newEventBus().dispatch(new UserFound());
        } catch (error) {
          throw (error as AggregateError).errors[0];
        }
      });
    },
  },
];
