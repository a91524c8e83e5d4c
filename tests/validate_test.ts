import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Command,
  type CommandBus,
  Event,
  EventDispatchError,
  MemoryQueue,
  MessageRouter,
  type MessageType,
  type Middleware,
  Pump,
  Query,
} from "@cq/core";
import { MessageValidationError, type SchemaIssue, type SchemaResult, validate } from "@cq/core/middlewares";

type Validate = (value: never) => SchemaResult | PromiseLike<SchemaResult>;

function schemaOf<Output>(validate: (value: never) => SchemaResult<Output> | PromiseLike<SchemaResult<Output>>) {
  return { "~standard": { version: 1, validate: validate as (value: unknown) => SchemaResult<Output> } } as const;
}

/** Accepts a name that is not empty, and trims it. */
function validateName({ name }: { name: string }): SchemaResult<{ name: string }> {
  const trimmed = name.trim();
  return trimmed === "" ? { issues: [{ message: "It is empty", path: ["name"] }] } : { value: { name: trimmed } };
}

class CreateUser extends Command<string> {
  static readonly schema = schemaOf(validateName);

  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  greet(): string {
    return `Hello ${this.name}`;
  }
}

class Rename extends Command<unknown> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** A bus whose handler returns the message that it gets. */
function echoBus(type: MessageType, middleware: Middleware): CommandBus {
  return new MessageRouter().newCommandBus().use(middleware).subscribe(
    type as MessageType<object>,
    (message) => message,
  );
}

/** The outcome of a message whose schema gives the result. */
function dispatchWith(validateIt: Validate): Promise<unknown> {
  const schema = schemaOf(validateIt as (value: never) => SchemaResult<Rename>);
  return echoBus(Rename, validate(Rename, schema)).dispatch<unknown>(new Rename("Ada") as object);
}

/** The message of the error for the issues. */
async function messageOf(issues: readonly SchemaIssue[]): Promise<string> {
  return (await assertRejects(() => dispatchWith(() => ({ issues })), MessageValidationError)).message;
}

// Where the schema comes from

Deno.test("validate() validates with the static schema of the message's class", async () => {
  const commands = new MessageRouter().newCommandBus().use(validate())
    .subscribe(CreateUser, ({ name }) => name);

  assertEquals(await commands.dispatch(new CreateUser("  Ada ")), "Ada");
  await assertRejects(() => commands.dispatch(new CreateUser(" ")), MessageValidationError);
});

Deno.test("validate() lets a message whose class has no schema pass unchanged", async () => {
  const message = new Rename("  Ada ");

  assertStrictEquals(await echoBus(Rename, validate()).dispatch(message), message);
});

Deno.test("validate() validates a derived class with the schema of its base", async () => {
  class CreateAdmin extends CreateUser {}
  const commands = new MessageRouter().newCommandBus().use(validate())
    .subscribe(CreateUser, (command) => `${command.constructor.name} ${command.name}`);

  assertEquals(await commands.dispatch(new CreateAdmin(" Ada ")), "CreateAdmin Ada");
});

Deno.test("validate() prefers the schema of a derived class to the schema of its base", async () => {
  class CreateAdmin extends CreateUser {
    static override readonly schema = schemaOf(({ name }: { name: string }) => ({ value: { name: `admin ${name}` } }));
  }
  const commands = new MessageRouter().newCommandBus().use(validate()).subscribe(CreateUser, ({ name }) => name);

  assertEquals(await commands.dispatch(new CreateAdmin("Ada")), "admin Ada");
});

Deno.test("validate() knows the class of a message that has data named constructor", async () => {
  class Odd extends Command<unknown> {
    static readonly schema = schemaOf(() => ({ issues: [{ message: "never" }] }));
  }
  const message = Object.assign(new Odd(), { constructor: "data" });

  const error = await assertRejects(() => echoBus(Odd, validate()).dispatch(message), MessageValidationError);

  assertEquals(error.message, 'Cannot handle "Odd": never');
  assertStrictEquals(error.messageType, Odd);
});

Deno.test("validate() refuses a static schema that is not a schema, and does not let the message pass", async () => {
  class Odd extends Command<unknown> {
    static readonly schema = { type: "object" };
  }

  const error = await assertRejects(() => echoBus(Odd, validate()).dispatch(new Odd()), TypeError);

  assertEquals(
    error.message,
    'Cannot validate "Odd": its static property "schema" is an instance of "Object", which is not a Standard Schema. ' +
      "Rename the property, or give it a schema of a library that implements the interface",
  );
});

Deno.test("validate(Type, schema) validates messages of the class with the schema", async () => {
  const commands = new MessageRouter().newCommandBus().use(validate(Rename, schemaOf(validateName)))
    .subscribe(Rename, ({ name }) => name);

  assertEquals(await commands.dispatch(new Rename(" Ada ")), "Ada");
  await assertRejects(() => commands.dispatch(new Rename("")), MessageValidationError);
});

Deno.test("validate(Type, schema) validates messages of derived classes", async () => {
  class RenameTwice extends Rename {}
  const commands = new MessageRouter().newCommandBus().use(validate(Rename, schemaOf(validateName)))
    .subscribe(Rename, (command) => command instanceof RenameTwice && command.name);

  assertEquals(await commands.dispatch(new RenameTwice(" Ada ")), "Ada");
});

Deno.test("validate(Type, schema) lets messages of other classes pass, those with a static schema included", async () => {
  const commands = new MessageRouter().newCommandBus().use(validate(Rename, schemaOf(validateName)))
    .subscribe(CreateUser, ({ name }) => name);

  assertEquals(await commands.dispatch(new CreateUser(" ")), " ");
});

Deno.test("validate(Type, schema) lets messages of the base of the class pass", async () => {
  class RenameTwice extends Rename {}
  const message = new Rename(" ");

  assertStrictEquals(
    await echoBus(Rename, validate(RenameTwice, schemaOf(validateName))).dispatch(message),
    message,
  );
});

Deno.test("validate(Type, schema) validates with each of several schemas for one class in turn", async () => {
  const shout = schemaOf(({ name }: { name: string }) => ({ value: { name: `${name}!` } }));
  const commands = new MessageRouter().newCommandBus()
    .use(validate(Rename, schemaOf(validateName)), validate(Rename, shout))
    .subscribe(Rename, ({ name }) => name);

  assertEquals(await commands.dispatch(new Rename(" Ada ")), "Ada!");
});

Deno.test("validate(Type, schema) accepts a function that is a schema", async () => {
  const schema = Object.assign(() => {}, schemaOf(validateName));
  const commands = new MessageRouter().newCommandBus().use(validate(Rename, schema))
    .subscribe(Rename, ({ name }) => name);

  assertEquals(await commands.dispatch(new Rename(" Ada ")), "Ada");
});

for (const [name, value] of [["undefined", undefined], ["null", null], ["abc", "abc"]] as const) {
  Deno.test(`validate(Type, schema) refuses ${name} as a schema`, () => {
    const error = assertThrows(() => validate(Rename, value as never), TypeError);

    assertEquals(
      error.message,
      `Cannot validate "Rename" with "${name}": it is not a Standard Schema. ` +
        "Pass a schema of a library that implements the interface, such as zod, valibot or arktype",
    );
  });
}

Deno.test("validate(Type, schema) refuses an object that is not a schema", () => {
  const error = assertThrows(() => validate(Rename, { "~standard": {} } as never), TypeError);

  assertEquals(
    error.message,
    'Cannot validate "Rename" with an instance of "Object": it is not a Standard Schema. ' +
      "Pass a schema of a library that implements the interface, such as zod, valibot or arktype",
  );
});

// What the handler gets

Deno.test("validate() gives the schema the message itself", async () => {
  let seen: unknown;
  const message = new Rename("Ada");
  const schema = schemaOf((value: Rename) => {
    seen = value;
    return { value: { name: "" } };
  });

  await echoBus(Rename, validate(Rename, schema)).dispatch(message);

  assertStrictEquals(seen, message);
});

Deno.test("validate() gives the handler an instance of the message's class, with its methods", async () => {
  const commands = new MessageRouter().newCommandBus().use(validate())
    .subscribe(CreateUser, (command) => `${command instanceof CreateUser} ${command.greet()}`);

  assertEquals(await commands.dispatch(new CreateUser(" Ada ")), "true Hello Ada");
});

Deno.test("validate() leaves the message of the caller unchanged", async () => {
  const message = new CreateUser(" Ada ");
  const commands = new MessageRouter().newCommandBus().use(validate()).subscribe(CreateUser, ({ name }) => name);

  await commands.dispatch(message);

  assertEquals(message.name, " Ada ");
});

Deno.test("validate() gives the handler no data that the schema has removed", async () => {
  const message = Object.assign(new CreateUser("Ada"), { isAdmin: true });
  const handled = await echoBus(CreateUser, validate()).dispatch<object>(message as object);

  assertEquals(Object.entries(handled), [["name", "Ada"]]);
});

Deno.test("validate() does not run the constructor of the message again", async () => {
  let constructed = 0;
  class Counted extends Command<unknown> {
    static readonly schema = schemaOf(() => ({ value: {} }));
    constructor() {
      super();
      constructed++;
    }
  }

  await echoBus(Counted, validate()).dispatch(new Counted());

  assertEquals(constructed, 1);
});

Deno.test("validate() passes on an instance of the class that the schema outputs", async () => {
  class Secret extends Command<unknown> {
    readonly #value: string;
    constructor(value: string) {
      super();
      this.#value = value;
    }
    reveal(): string {
      return this.#value;
    }
  }
  const made = new Secret("made by the schema");
  const commands = new MessageRouter().newCommandBus().use(validate(Secret, schemaOf(() => ({ value: made }))))
    .subscribe(Secret, (command) => `${command === made} ${command.reveal()}`);

  assertEquals(await commands.dispatch(new Secret("sent")), "true made by the schema");
});

Deno.test("validate() does not turn a key named __proto__ into a prototype", async () => {
  const output = JSON.parse('{ "__proto__": { "isAdmin": true }, "name": "Ada" }');
  const handled = await dispatchWith(() => ({ value: output })) as Rename & { isAdmin?: boolean };

  assertEquals(handled.isAdmin, undefined);
  assert(handled instanceof Rename);
});

Deno.test("validate() puts the output of a schema in the place of an accessor of the class", async () => {
  class Shout extends Command<unknown> {
    readonly name = "Ada";
    get loud(): string {
      return this.name.toUpperCase();
    }
  }
  const schema = schemaOf(() => ({ value: { name: "Grace" as const as never, loud: "from the schema" } }));
  const handled = await echoBus(Shout, validate(Shout, schema)).dispatch(new Shout()) as Shout;

  assertEquals([handled.name, handled.loud], ["Grace", "from the schema"]);
});

Deno.test("validate() passes on the output of a schema for a primitive", async () => {
  const handled: number[] = [];
  const queue = new MemoryQueue<number>({ maxSize: 1 });
  const pump = new Pump(queue, (value: number) => void handled.push(value))
    .use(validate(Number as unknown as MessageType<number>, schemaOf((value: number) => ({ value: value * 2 }))));
  await queue.send(21);
  queue.close();
  await pump.drain();

  assertEquals(handled, [42]);
});

for (const [name, output] of [["undefined", undefined], ["null", null], ["5", 5]] as const) {
  Deno.test(`validate() refuses a schema that outputs ${name} for an object`, async () => {
    const error = await assertRejects(() => dispatchWith(() => ({ value: output })), TypeError);

    assertEquals(
      error.message,
      `Cannot handle "Rename": the output of its schema is "${name}". ` +
        'It must be an object with the data of the message, or an instance of "Rename"',
    );
  });
}

Deno.test("validate() accepts a result whose issues are undefined", async () => {
  assertEquals(await dispatchWith(() => ({ value: { name: "Grace" }, issues: undefined })), new Rename("Grace"));
});

// The error

Deno.test("MessageValidationError has the class of the message, and each issue with its path and its message", async () => {
  const issues = [
    { message: "It is empty", path: ["name"] },
    { message: "Not a number", path: ["items", 0, { key: "price" }] },
    { message: "The passwords differ" },
  ];
  const error = await assertRejects(() => dispatchWith(() => ({ issues })), MessageValidationError);

  assertEquals(error.name, "MessageValidationError");
  assertStrictEquals(error.messageType, Rename);
  assertEquals(error.issues, [
    { path: ["name"], message: "It is empty" },
    { path: ["items", 0, "price"], message: "Not a number" },
    { path: [], message: "The passwords differ" },
  ]);
  assertEquals(
    error.message,
    'Cannot handle "Rename": name: It is empty; items[0].price: Not a number; The passwords differ',
  );
});

Deno.test("MessageValidationError writes a path as code would", async () => {
  assertEquals(
    await messageOf([{ message: "wrong", path: ["größe", "first name", Symbol("s"), 7, "a'\"b", "_x", "$y", "1st"] }]),
    'Cannot handle "Rename": größe["first name"][Symbol(s)][7]["a\'\\"b"]._x.$y["1st"]: wrong',
  );
});

Deno.test("MessageValidationError does not repeat a path that the issue's message begins with", async () => {
  assertEquals(
    await messageOf([{ message: "items[0].price must be a number", path: ["items", 0, "price"] }]),
    'Cannot handle "Rename": items[0].price must be a number',
  );
});

Deno.test("MessageValidationError holds plain arrays, even if the schema's lists have a class of their own", async () => {
  class Path extends Array<PropertyKey> {}
  class Issues extends Array<SchemaIssue> {}
  const issues = Issues.of({ message: "It is empty", path: Path.of("name") });

  const error = await assertRejects(() => dispatchWith(() => ({ issues })), MessageValidationError);

  assertEquals(error.issues, [{ path: ["name"], message: "It is empty" }]);
});

Deno.test("MessageValidationError says that the message is not valid if the schema gives no issues", async () => {
  assertEquals(await messageOf([]), 'Cannot handle "Rename": it is not valid');
});

// What does not run

Deno.test("validate() builds no handler for a message that does not fit", async () => {
  const router = new MessageRouter();
  const log: string[] = [];
  @router.commandHandler(CreateUser)
  class _CreateUserHandler {
    constructor() {
      log.push("built");
    }
    handle(_command: CreateUser): string {
      log.push("handled");
      return "";
    }
  }
  const commands = router.newCommandBus().use(validate());

  await assertRejects(() => commands.dispatch(new CreateUser(" ")), MessageValidationError);
  assertEquals(log, []);
});

Deno.test("validate() runs no middleware behind it for a message that does not fit", async () => {
  const log: string[] = [];
  const commands = echoBus(CreateUser, validate()).use((_message, next) => {
    log.push("behind");
    return next();
  });

  await assertRejects(() => commands.dispatch(new CreateUser(" ")), MessageValidationError);
  assertEquals(log, []);
});

Deno.test("validate() adds no wait if the schema is synchronous", async () => {
  const log: string[] = [];
  const commands = new MessageRouter().newCommandBus().use(validate())
    .subscribe(CreateUser, ({ name }) => {
      log.push("handled");
      return name;
    });

  const dispatched = commands.dispatch(new CreateUser("Ada"));
  log.push("dispatched");
  await dispatched;

  assertEquals(log, ["handled", "dispatched"]);
});

Deno.test("validate() waits for a schema that is asynchronous", async () => {
  const { promise, resolve } = Promise.withResolvers<SchemaResult>();
  const log: string[] = [];

  const dispatched = dispatchWith(() => promise).then((message) => log.push((message as Rename).name));
  log.push("validating");
  resolve({ value: { name: "Grace" } });
  await dispatched;

  assertEquals(log, ["validating", "Grace"]);
});

Deno.test("validate() rejects with the issues of a schema that is asynchronous", async () => {
  const error = await assertRejects(
    () => dispatchWith(() => Promise.resolve({ issues: [{ message: "It is taken", path: ["name"] }] })),
    MessageValidationError,
  );

  assertEquals(error.message, 'Cannot handle "Rename": name: It is taken');
});

Deno.test("validate() waits for a schema whose promise is of another kind", async () => {
  const thenable = {
    then: (resolve: (result: SchemaResult) => void) => resolve({ value: { name: "Grace" } }),
  } as PromiseLike<SchemaResult>;

  assertEquals(await dispatchWith(() => thenable), new Rename("Grace"));
});

Deno.test("validate() lets out the error of a schema", async () => {
  const error = new RangeError("no database");

  assertStrictEquals(
    await assertRejects(() =>
      dispatchWith(() => {
        throw error;
      })
    ),
    error,
  );
  assertStrictEquals(await assertRejects(() => dispatchWith(() => Promise.reject(error))), error);
});

Deno.test("validate() starts no handler if the signal has fired while the schema was validating", async () => {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<SchemaResult<{ name: string }>>();
  let isHandled = false;
  const commands = new MessageRouter().newCommandBus().use(validate(Rename, schemaOf(() => promise)))
    .subscribe(Rename, () => isHandled = true);

  const dispatched = commands.dispatch(new Rename("Ada"), { signal: controller.signal });
  controller.abort(new RangeError("hung up"));
  resolve({ value: { name: "Grace" } });

  await assertRejects(() => dispatched, RangeError, "hung up");
  assertEquals(isHandled, false);
});

// The other carriers

Deno.test("validate() works on the query bus", async () => {
  class FindUser extends Query<string> {
    static readonly schema = schemaOf(validateName);
    readonly name = " Ada ";
  }
  const queries = new MessageRouter().newQueryBus().use(validate()).subscribe(FindUser, ({ name }) => name);

  assertEquals(await queries.dispatch(new FindUser()), "Ada");
});

Deno.test("validate() on the event bus validates for each handler, and fails for each", async () => {
  class UserCreated extends Event {
    static readonly schema = schemaOf(validateName);
    readonly name: string;
    constructor(name: string) {
      super();
      this.name = name;
    }
  }
  const seen: string[] = [];
  const events = new MessageRouter().newEventBus().use(validate())
    .subscribe(UserCreated, ({ name }) => seen.push(`one ${name}`))
    .subscribe(UserCreated, ({ name }) => seen.push(`two ${name}`));

  await events.dispatch(new UserCreated(" Ada "));
  const error = await assertRejects(() => events.dispatch(new UserCreated(" ")), EventDispatchError);

  assertEquals(seen, ["one Ada", "two Ada"]);
  assertEquals(error.errors.map((each) => each instanceof MessageValidationError), [true, true]);
});

Deno.test("validate() on a pump lets values without a class pass", async () => {
  const seen: unknown[] = [];
  const messages = [Object.create(null), null, undefined, 5, "text"];
  const queue = new MemoryQueue<unknown>({ maxSize: 10 });
  for (const message of messages) await queue.send(message);
  queue.close();

  await new Pump(queue, (message) => seen.push(message)).use(validate()).drain();

  assertEquals(seen.length, messages.length);
});

Deno.test("validate(Object, schema) on a pump lets values without a class pass", async () => {
  const seen: unknown[] = [];
  const queue = new MemoryQueue<unknown>({ maxSize: 10 });
  for (const message of [Object.create(null), null, undefined]) await queue.send(message);
  queue.close();
  const refusing = schemaOf<object>(() => ({ issues: [{ message: "It is refused" }] }));

  await new Pump(queue, (message) => seen.push(message)).use(validate(Object, refusing)).drain();

  assertEquals(seen.length, 3);
});
