// Compiling this file is the test: if an assertion on types does not hold, or if the compiler accepts code that it
// should refuse, `deno test` fails before anything runs. Functions passed to `compiled` are never called.

import { assertEquals, assertStrictEquals } from "@std/assert";
import * as core from "@cq/core";
import {
  Command,
  type CommandBus,
  type EventBus,
  type HandlerContext,
  InjectionToken,
  type Middleware,
  type Producer,
  type Pump,
  type QueryBus,
} from "@cq/core";
import * as all from "@cq/core/middlewares";
import {
  type AnyDisposable,
  type BackoffOptions,
  type CaptureErrorOptions,
  correlate,
  type CorrelationIds,
  deduplicate,
  type DeduplicatedResult,
  type DeduplicationStore,
  type ErrorFilter,
  type Inbox,
  MemoryDeduplicationStore,
  type MessageData,
  MessageValidationError,
  type Outbox,
  retry,
  type RetryOptions,
  type SchemaFor,
  type StandardSchema,
  type TimeoutOptions,
  trace,
  type Tracer,
  transaction,
  validate,
  type ValidationIssue,
} from "@cq/core/middlewares";

/** Whether two types are the same. Types that are assignable to each other may still differ. */
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

// The output of a schema

Deno.test("MessageData has the properties of a message, without its methods and without the brand of its base class", () => {
  holds<Equal<MessageData<CreateUser>, UserData>>();
  holds<Equal<MessageData<Plain>, { readonly id: 1 }>>();
  holds<Equal<MessageData<number>, number>>();
});

Deno.test("SchemaFor is a schema of the message's data", () => {
  holds<Equal<SchemaFor<CreateUser>, StandardSchema<MessageData<CreateUser>>>>();
});

Deno.test("validate() accepts a schema whose output fits the message", () => {
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
    // @ts-expect-error -- the name is not a string
    validate(CreateUser, schema<{ name: number; tags: string[] }>());
    // @ts-expect-error -- the nickname is not a string
    validate(CreateUser, schema<{ name: string; nickname: number; tags: string[] }>());
    // @ts-expect-error -- the rights are missing
    validate(CreateAdmin, schema<UserData>());
    // @ts-expect-error -- the output is unknown
    validate(CreateUser, schema<unknown>());
    // @ts-expect-error -- an output that is not an object
    validate(Plain, schema<string>());
  });
});

Deno.test("validate() refuses a class without a schema, and a value that is not a schema", () => {
  compiled(() => {
    // @ts-expect-error -- the schema is missing
    validate(CreateUser);
    // @ts-expect-error -- not a schema
    validate(CreateUser, { parse: () => new CreateUser("Ada") });
    // @ts-expect-error -- not a class
    validate("CreateUser", schema<UserData>());
  });
});

Deno.test("SchemaFor checks a class that keeps its schema itself", () => {
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

// The middlewares

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

Deno.test("@cq/core/middlewares has the middlewares of @cq/core too, and their types", () => {
  for (const name of ["captureError", "retry", "timeout", "using"] as const) assertStrictEquals(all[name], core[name]);

  holds<Equal<CaptureErrorOptions, core.CaptureErrorOptions>>();
  holds<Equal<RetryOptions, core.RetryOptions>>();
  holds<Equal<BackoffOptions, core.BackoffOptions>>();
  holds<Equal<TimeoutOptions, core.TimeoutOptions>>();
  holds<Equal<ErrorFilter, core.ErrorFilter>>();
  holds<Equal<AnyDisposable, core.AnyDisposable>>();
});

Deno.test("retry() needs no options, and accepts undefined for each of them", () => {
  compiled(() => {
    retry();
    retry({});
    retry({
      attempts: undefined,
      delay: undefined,
      factor: undefined,
      maxDelay: undefined,
      jitter: undefined,
      retryAfter: undefined,
      on: undefined,
    });
    // @ts-expect-error -- the former name of the factor
    retry({ backoff: 2 });
  });
});

Deno.test("trace() refuses a value that is not a tracer", () => {
  compiled(() => {
    // @ts-expect-error -- a tracer provider
    trace({ getTracer: () => tracer });
  });
});

Deno.test("correlate() accepts a function that makes ids from messages, which must be strings", () => {
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
    // @ts-expect-error -- a key that is not a string
    deduplicate({ key: () => 1, ttlMs: 1 });
    deduplicate({
      key: (message, { metadata }) => message instanceof Plain ? String(metadata.id) : undefined,
      ttlMs: 1,
    });
  });
});

Deno.test("DeduplicationStore may return values or promises", () => {
  const outcome: DeduplicatedResult = { result: 1 };
  const stores: DeduplicationStore[] = [
    new MemoryDeduplicationStore(),
    { acquire: () => ({ status: "completed", outcome }), complete: () => true, release: () => {} },
    {
      acquire: () => Promise.resolve({ status: "acquired", token: "1" }),
      complete: () => Promise.resolve(true),
      release: () => Promise.resolve(),
    },
  ];

  assertEquals(stores.length, 3);
});

Deno.test("MessageValidationError has the issues, which cannot be replaced", () => {
  const error = new MessageValidationError(Plain, []);

  holds<Equal<typeof error.issues, readonly ValidationIssue[]>>();
  holds<Equal<ValidationIssue["path"], readonly PropertyKey[]>>();
  compiled(() => {
    // @ts-expect-error -- not to be replaced
    error.issues = [];
  });
  assertEquals(error instanceof Error, true);
});

interface Sql {
  unsafe(text: string): Promise<unknown[]>;
}

declare const sql: GenericClient;
declare const queue: Outbox<Sql> & Inbox<Sql>;
declare const other: Outbox<{ other: true }>;

/** As a client that infers the result of the callback. */
interface GenericClient {
  begin<T>(work: (sql: Sql) => T | Promise<T>): Promise<T extends unknown[] ? never : T>;
  transaction<T>(work: (sql: Sql) => Promise<T>, config?: { isolation: string }): Promise<T>;
}

Deno.test("transaction() infers the transaction from the token", () => {
  compiled(() => {
    const SQL = new InjectionToken<Sql>("SQL");
    abstract class Unit {
      abstract save(): void;
    }
    const middleware = transaction(SQL, (work) => sql.begin(work));
    holds<Equal<typeof middleware, Middleware>>();
    for (const target of [commands, queries, events, pump]) target.use(middleware);

    transaction(SQL, (work) => sql.transaction(work, { isolation: "serializable" }));
    transaction(SQL, (work) => sql.transaction(async (tx) => await work(tx)));
    transaction(Unit, (work) => work({ save() {} }));
    transaction(Unit, (work) =>
      work(
        new class extends Unit {
          override save(): void {}
        }(),
      ));
    // @ts-expect-error -- the function is given another transaction
    transaction(Unit, (work) => sql.begin(work));
    // @ts-expect-error -- it gives no promise
    transaction(SQL, () => {});
    // @ts-expect-error -- not a token
    transaction("SQL", (work) => work({}));
  });
});

Deno.test("transaction() takes queues of any messages as its outbox, whose transaction is that of the token", () => {
  compiled(() => {
    const SQL = new InjectionToken<Sql>("SQL");
    const begin = (work: (tx: Sql) => Promise<void>) => sql.begin(work);
    const typed = { within: (_sql: Sql): Producer<Plain> => ({ send: (_message: Plain) => Promise.resolve() }) };

    transaction(SQL, begin, { outbox: queue, inbox: queue });
    transaction(SQL, begin, { outbox: typed });
    // @ts-expect-error -- so is the one that a function chooses
    transaction(SQL, begin, { outbox: () => other });
    transaction(SQL, begin, { outbox: undefined, inbox: undefined });
    transaction(SQL, begin, { outbox: (event) => event instanceof Plain ? typed : undefined });
    // @ts-expect-error -- the outbox is of another transaction
    transaction(SQL, begin, { outbox: other });
    // @ts-expect-error -- an outbox is not an inbox
    transaction(SQL, begin, { inbox: typed });
  });
});
