// Compiling this file is the test: if an assertion on types does not hold, or if the compiler accepts code that it
// should refuse, `deno test` fails before anything runs. Functions passed to `compiled` are never called.

import { assertEquals } from "@std/assert";
import {
  Command,
  type CommandBus,
  commandHandler,
  Event,
  type EventBus,
  eventHandler,
  type MessageKind,
  type MessageOf,
  MessageRouter,
  type MessageType,
  Query,
  type QueryBus,
  queryHandler,
  RelatedEvents,
  type ResultOf,
} from "@cq/core";
import {
  Check,
  Choose,
  compiled,
  CreateAdmin,
  Created,
  CreateUser,
  type Equal,
  FindAny,
  FindCount,
  FindName,
  Forget,
  ForgetAll,
  holds,
  NameUser,
  Plain,
  Save,
  Try,
  User,
} from "./support/typed_messages.ts";

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const router: MessageRouter;

Deno.test("Equal tells apart types that are assignable to each other", () => {
  holds<Equal<string, string>>();
  holds<Equal<Equal<string, "text">, false>>();
  holds<Equal<Equal<unknown, number>, false>>();
  // deno-lint-ignore no-explicit-any -- the type that is assignable to everything
  holds<Equal<Equal<any, number>, false>>();
  holds<Equal<Equal<void, undefined>, false>>();
  holds<Equal<Equal<[number], readonly [number]>, false>>();
});

Deno.test("CommandBus.dispatch() resolves to exactly the result of the command", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(CreateUser, () => 42);
  const result = await bus.dispatch(new CreateUser());
  holds<Equal<typeof result, number>>();
  assertEquals(result, 42);

  compiled(async () => {
    holds<Equal<ReturnType<typeof of<CreateUser>>, Promise<number>>>();
    const inherited = await commands.dispatch(new CreateAdmin());
    holds<Equal<typeof inherited, number>>();
    const nothing = await commands.dispatch(new Forget());
    holds<Equal<typeof nothing, void>>();
    const absent = await commands.dispatch(new ForgetAll());
    holds<Equal<typeof absent, undefined>>();
    const yes = await commands.dispatch(new Check());
    holds<Equal<typeof yes, boolean>>();
    const side = await commands.dispatch(new Choose());
    holds<Equal<typeof side, "left" | "right">>();
    const perhaps = await commands.dispatch(new Try());
    holds<Equal<typeof perhaps, number | undefined>>();

    function of<M extends Command<unknown>>(message: M): Promise<ResultOf<M>> {
      return commands.dispatch(message) as Promise<ResultOf<M>>;
    }
  });
});

Deno.test("QueryBus.dispatch() resolves to exactly the result of the query", async () => {
  const bus = new MessageRouter().newQueryBus().subscribe(FindName, () => undefined);
  const result = await bus.dispatch(new FindName());
  holds<Equal<typeof result, string | undefined>>();
  assertEquals(result, undefined);

  compiled(async () => {
    const count = await queries.dispatch(new FindCount());
    holds<Equal<typeof count, number>>();
  });
});

Deno.test("EventBus.dispatch() resolves to nothing", async () => {
  const bus = new MessageRouter().newEventBus().subscribe(Created, () => 42);
  const result = await bus.dispatch(new Created());
  holds<Equal<typeof result, void>>();
  assertEquals(result, undefined);

  compiled(() => holds<Equal<ReturnType<EventBus["dispatch"]>, Promise<void>>>());
});

Deno.test("Bus.dispatch() resolves to the result of a generic message as it was made", async () => {
  const bus = new MessageRouter().newCommandBus().subscribe(Save, ({ value }) => value);
  const date = await bus.dispatch(new Save(new Date(0)));
  holds<Equal<typeof date, Date>>();
  assertEquals(date, new Date(0));

  compiled(async () => {
    const numbers = await queries.dispatch(new FindAny(Number));
    holds<Equal<typeof numbers, readonly number[]>>();
    const either = await commands.dispatch(new Save<string | null>(null));
    holds<Equal<typeof either, string | null>>();
  });
});

Deno.test("Bus.dispatch() resolves to the union of the results of a union of messages", () => {
  compiled(async () => {
    const either = await commands.dispatch({} as CreateUser | NameUser);
    holds<Equal<typeof either, number | string>>();
    const one = await commands.dispatch({} as CreateUser | Forget);
    holds<Equal<typeof one, number | void>>();
    const found = await queries.dispatch({} as FindName | FindCount);
    holds<Equal<typeof found, string | number | undefined>>();
    const mixed = await commands.dispatch({} as CreateUser | Plain);
    holds<Equal<typeof mixed, unknown>>();
  });
});

Deno.test("Bus.dispatch() resolves to unknown for a plain message, unless the caller names the result", async () => {
  const bus = new MessageRouter().newQueryBus().subscribe(Plain, () => new User());
  const unnamed = await bus.dispatch(new Plain());
  holds<Equal<typeof unnamed, unknown>>();
  const named = await bus.dispatch<User>(new Plain());
  holds<Equal<typeof named, User>>();
  assertEquals(named.name, "Ada");

  compiled(async () => {
    const command = await commands.dispatch(new Plain());
    holds<Equal<typeof command, unknown>>();
    const user = await commands.dispatch<User>(new Plain());
    holds<Equal<typeof user, User>>();
    const perhaps = await commands.dispatch<User | undefined>(new Plain());
    holds<Equal<typeof perhaps, User | undefined>>();
    const nothing = await commands.dispatch<void>(new Plain());
    holds<Equal<typeof nothing, void>>();
    const unknown = await queries.dispatch<unknown>(new Plain());
    holds<Equal<typeof unknown, unknown>>();
  });
});

Deno.test("Bus.dispatch() never infers a result from where the value goes", () => {
  compiled(() => {
    // @ts-expect-error the result of a plain command is unknown
    const promise: Promise<User> = commands.dispatch(new Plain());
    return promise;
  });
  compiled(async () => {
    // @ts-expect-error the result of a plain query is unknown
    const user: User = await queries.dispatch(new Plain());
    return user;
  });
  // @ts-expect-error the result of a plain query is unknown
  compiled(async (): Promise<User> => await queries.dispatch(new Plain()));
  compiled(() => {
    const takeUser = (_user: Promise<User>) => {};
    // @ts-expect-error the result of a plain query is unknown
    takeUser(queries.dispatch(new Plain()));
  });
  compiled(async () => {
    // @ts-expect-error the command promises a number
    const text: string = await commands.dispatch(new CreateUser());
    return text;
  });
});

Deno.test("Bus.dispatch() refuses to name the result of a message that promises one", () => {
  // @ts-expect-error the command promises a number
  compiled(() => commands.dispatch<string>(new CreateUser()));
  // @ts-expect-error the caller cannot name even the result that the command promises
  compiled(() => commands.dispatch<number>(new CreateUser()));
  // @ts-expect-error the query promises a number
  compiled(() => queries.dispatch<string>(new FindCount()));
});

Deno.test("the command bus refuses queries and events", () => {
  compiled(() => commands.dispatch(new CreateUser()));
  // @ts-expect-error a query
  compiled(() => commands.dispatch(new FindName()));
  // @ts-expect-error an event
  compiled(() => commands.dispatch(new Created()));
  // @ts-expect-error one of the two is a query
  compiled(() => commands.dispatch({} as CreateUser | FindName));
  // @ts-expect-error a query
  compiled(() => commands.canHandle(new FindName()));
  // @ts-expect-error a query
  compiled(() => commands.subscribe(FindName, () => undefined));
  // @ts-expect-error an event
  compiled(() => commands.subscribe(Created, () => {}));
});

Deno.test("the query bus refuses commands and events", () => {
  compiled(() => queries.dispatch(new FindName()));
  // @ts-expect-error a command
  compiled(() => queries.dispatch(new CreateUser()));
  // @ts-expect-error a command without a field and a result
  compiled(() => queries.dispatch(new Forget()));
  // @ts-expect-error an event
  compiled(() => queries.dispatch(new Created()));
  // @ts-expect-error an event
  compiled(() => queries.canHandle(new Created()));
  // @ts-expect-error a command
  compiled(() => queries.subscribe(CreateUser, () => 42));
});

Deno.test("the event bus refuses commands and queries", () => {
  compiled(() => events.dispatch(new Created()));
  // @ts-expect-error a command
  compiled(() => events.dispatch(new CreateUser()));
  // @ts-expect-error a command without a field and a result
  compiled(() => events.dispatch(new Forget()));
  // @ts-expect-error a query
  compiled(() => events.dispatch(new FindName()));
  // @ts-expect-error a command
  compiled(() => events.canHandle(new Forget()));
  // @ts-expect-error a query
  compiled(() => events.subscribe(FindName, () => undefined));
  // @ts-expect-error the result of an event cannot be named
  compiled(() => events.dispatch<User>(new Plain()));
});

Deno.test("the decorators refuse messages of another kind", () => {
  compiled(() => [commandHandler(CreateUser), queryHandler(FindName), eventHandler(Created)]);
  // @ts-expect-error a query
  compiled(() => commandHandler(FindName));
  // @ts-expect-error an event
  compiled(() => commandHandler(Created));
  // @ts-expect-error a command
  compiled(() => queryHandler(CreateUser));
  // @ts-expect-error an event
  compiled(() => queryHandler(Created));
  // @ts-expect-error a command
  compiled(() => eventHandler(Forget));
  // @ts-expect-error a query
  compiled(() => eventHandler(FindName));
  // @ts-expect-error one of them is a query
  compiled(() => commandHandler([CreateUser, FindName]));
  // @ts-expect-error a command, on a router of one's own too
  compiled(() => router.queryHandler(CreateUser));
});

Deno.test("related events refuse commands and queries", () => {
  compiled(() => new RelatedEvents().add(new Created(), new Plain()));
  // @ts-expect-error a command
  compiled(() => new RelatedEvents().add(new CreateUser()));
  // @ts-expect-error a query
  compiled(() => new RelatedEvents().add(new FindName()));
});

Deno.test("the buses refuse a value that is not an object", () => {
  compiled(() => [queries.dispatch({}), queries.dispatch(new String("text"))]);
  // @ts-expect-error a string
  compiled(() => events.dispatch("text"));
  // @ts-expect-error a number
  compiled(() => commands.dispatch(1));
  // @ts-expect-error a bigint
  compiled(() => queries.dispatch(1n));
  // @ts-expect-error a symbol
  compiled(() => queries.dispatch(Symbol()));
  // @ts-expect-error a boolean
  compiled(() => queries.dispatch<boolean>(true));
  // @ts-expect-error the type of a primitive
  compiled(() => commands.subscribe(Number as unknown as MessageType<number>, () => {}));
  // @ts-expect-error null
  compiled(() => commands.dispatch(null));
  // @ts-expect-error undefined
  compiled(() => queries.dispatch(undefined));
  // @ts-expect-error perhaps undefined
  compiled(() => events.dispatch({} as Created | undefined));
  // @ts-expect-error no message at all
  compiled(() => commands.dispatch());
});

Deno.test("the buses refuse a value that is not a class to subscribe to", () => {
  // @ts-expect-error a name
  compiled(() => commands.subscribe("CreateUser", () => 42));
  // @ts-expect-error a message
  compiled(() => commands.subscribe(new CreateUser(), () => 42));
  // @ts-expect-error a name
  compiled(() => commandHandler("CreateUser"));
});

Deno.test("ResultOf, MessageOf and MessageType say what a message class says", () => {
  compiled(() => {
    holds<Equal<ResultOf<CreateUser>, number>>();
    holds<Equal<ResultOf<CreateAdmin>, number>>();
    holds<Equal<ResultOf<Forget>, void>>();
    holds<Equal<ResultOf<ForgetAll>, undefined>>();
    holds<Equal<ResultOf<Check>, boolean>>();
    holds<Equal<ResultOf<Save<Date>>, Date>>();
    holds<Equal<ResultOf<FindName>, string | undefined>>();
    holds<Equal<ResultOf<Created>, void>>();
    holds<Equal<ResultOf<Plain>, unknown>>();
    holds<Equal<ResultOf<string>, unknown>>();
    holds<Equal<ResultOf<CreateUser | NameUser>, number | string>>();
    holds<Equal<ResultOf<never>, never>>();
    holds<Equal<MessageOf<typeof CreateUser>, CreateUser>>();
    holds<Equal<MessageOf<readonly [typeof CreateUser, typeof NameUser]>, CreateUser | NameUser>>();
    holds<Equal<MessageKind, "command" | "query" | "event">>();
  });
  compiled((): MessageType<CreateUser>[] => [CreateUser, CreateAdmin]);
  compiled((): MessageType<Command<unknown>>[] => [Command, CreateUser, Save]);
  // @ts-expect-error another class
  compiled((): MessageType<CreateUser> => NameUser);
  // @ts-expect-error not a class
  compiled((): MessageType => () => 42);
});

Deno.test("the bases cannot be made, and they are not assignable to each other, even without a field", () => {
  class EmptyCommand extends Command {}
  class EmptyQuery extends Query<void> {}
  class EmptyEvent extends Event {}
  class Empty {}
  // @ts-expect-error abstract
  compiled(() => new Command());
  // @ts-expect-error abstract
  compiled(() => new Query<number>());
  // @ts-expect-error abstract
  compiled(() => new Event());
  // @ts-expect-error a query names its result
  compiled(() => class extends Query {});
  // @ts-expect-error a query is not a command
  compiled((): Command => new EmptyQuery());
  // @ts-expect-error an event is not a command
  compiled((): Command => new EmptyEvent());
  // @ts-expect-error a command is not an event
  compiled((): Event => new EmptyCommand());
  // @ts-expect-error an empty class is not a command
  compiled((): Command => new Empty());
  // @ts-expect-error a command with another result
  compiled((): Command<string> => new CreateUser());
  compiled((): Command<number | string> => new CreateUser());
});

Deno.test("a class and a promise are not messages", () => {
  // @ts-expect-error new is missing
  compiled(() => events.dispatch(Created));
  // @ts-expect-error await is missing
  compiled(() => events.dispatch(Promise.resolve(new Created())));
  // @ts-expect-error new is missing
  compiled(() => commands.dispatch(CreateUser));
  // @ts-expect-error new is missing
  compiled(() => new RelatedEvents().add(Created));
});
