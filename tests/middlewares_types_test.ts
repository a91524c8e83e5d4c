// Compiling this file is the test: where an assertion on types does not hold, or where the compiler accepts what it
// should refuse, `deno test` fails before anything runs. What is passed to `compiled` is never called.

import { assertEquals } from "@std/assert";
import {
  Command,
  type CommandBus,
  type EventBus,
  type HandlerContext,
  type Middleware,
  type Pump,
  type QueryBus,
} from "@cq/core";
import {
  correlate,
  type CorrelationIds,
  deduplicate,
  type DeduplicatedResult,
  type DeduplicationStore,
  MemoryDeduplicationStore,
  type MessageData,
  MessageValidationError,
  type SchemaFor,
  type StandardSchema,
  trace,
  type Tracer,
  validate,
  type ValidationIssue,
} from "@cq/core/middlewares";

/** Whether two types are the same, which is more than that each is assignable to the other. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles where the type is `true`. */
function holds<T extends true>(this: T | void): void {}

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

declare const commands: CommandBus;
declare const queries: QueryBus;
declare const events: EventBus;
declare const pump: Pump<object>;
declare const tracer: Tracer;

class CreateUser extends Command<number> {
  readonly name: string;
  nickname?: string;
  readonly tags: readonly string[] = [];

  constructor(name: string) {
    super();
    this.name = name;
  }

  greet(): string {
    return `Hello ${this.name}`;
  }
}

class CreateAdmin extends CreateUser {
  readonly rights = ["all"];
}

class Ping extends Command {}

class Plain {
  readonly id = 1;
}

declare function schema<Output>(): StandardSchema<Output>;

type UserData = { readonly name: string; nickname?: string; readonly tags: readonly string[] };

// What a schema has to put out

Deno.test("MessageData is what a message holds, without its methods and without what the compiler alone knows", () => {
  holds<Equal<MessageData<CreateUser>, UserData>>();
  holds<Equal<MessageData<Plain>, { readonly id: 1 }>>();
  holds<Equal<MessageData<number>, number>>();
});

Deno.test("SchemaFor is a schema of the message's data", () => {
  holds<Equal<SchemaFor<CreateUser>, StandardSchema<MessageData<CreateUser>>>>();
});

Deno.test("validate() takes a schema whose output fits the message", () => {
  compiled(() => [
    validate(),
    validate(CreateUser, schema<UserData>()),
    validate(CreateUser, schema<{ name: string; nickname: string; tags: string[] }>()),
    validate(CreateUser, schema<UserData & { more: number }>()),
    validate(CreateUser, schema<CreateUser>()),
    validate(CreateUser, schema<CreateAdmin>()),
    validate(CreateUser, schema<never>()),
    validate(Ping, schema<Record<never, never>>()),
    validate(Plain, schema<{ id: 1 }>()),
  ]);
});

Deno.test("validate() refuses a schema whose output does not fit the message", () => {
  compiled(() => {
    // @ts-expect-error -- the tags are missing
    validate(CreateUser, schema<{ name: string }>());
    // @ts-expect-error -- the name may be absent
    validate(CreateUser, schema<{ name?: string; tags: string[] }>());
    // @ts-expect-error -- the name is no string
    validate(CreateUser, schema<{ name: number; tags: string[] }>());
    // @ts-expect-error -- the nickname is no string
    validate(CreateUser, schema<{ name: string; nickname: number; tags: string[] }>());
    // @ts-expect-error -- the rights are missing
    validate(CreateAdmin, schema<UserData>());
    // @ts-expect-error -- nothing is known of the output
    validate(CreateUser, schema<unknown>());
    // @ts-expect-error -- an output that is no object
    validate(Plain, schema<string>());
  });
});

Deno.test("validate() refuses a class without a schema, and what is no schema", () => {
  compiled(() => {
    // @ts-expect-error -- the schema is missing
    validate(CreateUser);
    // @ts-expect-error -- no schema
    validate(CreateUser, { parse: () => new CreateUser("Ada") });
    // @ts-expect-error -- no class
    validate("CreateUser", schema<UserData>());
  });
});

Deno.test("SchemaFor has a class checked that keeps its schema itself", () => {
  compiled(() => {
    class Right extends Command {
      static readonly schema = schema<{ name: string }>() satisfies SchemaFor<Right>;
      readonly name: string = "";
    }
    class Wrong extends Command {
      // @ts-expect-error -- the name is a number
      static readonly schema = schema<{ name: number }>() satisfies SchemaFor<Wrong>;
      readonly name: string = "";
    }
    return [Right, Wrong];
  });
});

// What they are

Deno.test("Each of the middlewares fits each of the buses, and the pump", () => {
  const options = { key: () => "", ttlMs: 1 };
  compiled(() => {
    const middlewares = [validate(), trace(tracer), correlate(), deduplicate(options)];
    holds<Equal<typeof middlewares, Middleware[]>>();
    return [
      commands.use(...middlewares),
      queries.use(...middlewares),
      events.use(...middlewares),
      pump.use(...middlewares),
    ];
  });
});

Deno.test("trace() refuses what is no tracer", () => {
  compiled(() => {
    // @ts-expect-error -- a tracer provider
    trace({ getTracer: () => tracer });
  });
});

Deno.test("correlate() takes a function that makes ids of messages, which are strings", () => {
  compiled(() => {
    correlate({ createId: () => "id" });
    correlate({ createId: (message) => message.constructor.name });
    // @ts-expect-error -- a number
    correlate({ createId: () => 1 });
    return ({ metadata }: HandlerContext) => metadata as Partial<CorrelationIds>;
  });
});

Deno.test("deduplicate() needs a key and a time", () => {
  compiled(() => {
    // @ts-expect-error -- no time
    deduplicate({ key: () => "key" });
    // @ts-expect-error -- no key
    deduplicate({ ttlMs: 1 });
    // @ts-expect-error -- a key that is no string
    deduplicate({ key: () => 1, ttlMs: 1 });
    deduplicate({
      key: (message, { metadata }) => message instanceof Plain ? String(metadata.id) : undefined,
      ttlMs: 1,
    });
  });
});

Deno.test("DeduplicationStore may answer at once, or through promises", () => {
  const outcome: DeduplicatedResult = { result: 1 };
  const stores: DeduplicationStore[] = [
    new MemoryDeduplicationStore(),
    { get: () => undefined, set: () => {} },
    { get: () => Promise.resolve(outcome), set: () => Promise.resolve() },
  ];

  assertEquals(stores.length, 3);
});

Deno.test("MessageValidationError tells the class and the issues", () => {
  const error = new MessageValidationError(Plain, []);

  holds<Equal<typeof error.issues, readonly ValidationIssue[]>>();
  holds<Equal<ValidationIssue["path"], readonly PropertyKey[]>>();
  compiled(() => {
    // @ts-expect-error -- not to be replaced
    error.issues = [];
  });
  assertEquals(error instanceof Error, true);
});
