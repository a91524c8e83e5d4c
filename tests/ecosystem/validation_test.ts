import { assert, assertEquals, assertRejects } from "@std/assert";
import { Command, MessageRouter, type Middleware } from "@cq/core";
import { MessageValidationError, type SchemaFor, type StandardSchema, validate } from "@cq/core/middlewares";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

/** The names that are taken. Only an asynchronous check can find out. */
async function isFree(name: string): Promise<boolean> {
  await Promise.resolve();
  return name !== "Grace";
}

class CreateUser extends Command<object> {
  readonly name: string;
  readonly address: { readonly city: string };
  readonly tags: readonly string[];

  constructor(name: string, city: string, tags: readonly string[] = []) {
    super();
    this.name = name;
    this.address = { city };
    this.tags = tags;
  }

  greet(): string {
    return `Hello ${this.name}`;
  }
}

class CreateWithZod extends CreateUser {
  static readonly schema = z.object({
    name: z.string().trim().min(1, "It is empty"),
    address: z.object({ city: z.string().min(2, "It is too short") }),
    tags: z.array(z.string().min(1, "It is empty")),
  }) satisfies SchemaFor<CreateUser>;
}

class CreateWithValibot extends CreateUser {
  static readonly schema = v.object({
    name: v.pipe(v.string(), v.trim(), v.minLength(1, "It is empty")),
    address: v.object({ city: v.pipe(v.string(), v.minLength(2, "It is too short")) }),
    tags: v.array(v.pipe(v.string(), v.minLength(1, "It is empty"))),
  }) satisfies SchemaFor<CreateUser>;
}

class CreateWithArktype extends CreateUser {
  static readonly schema = type({
    name: type("string.trim").to("string >= 1"),
    address: { city: "string >= 2" },
    tags: "(string >= 1)[]",
  }) satisfies SchemaFor<CreateUser>;
}

const asyncZod = z.object({
  name: z.string().trim().refine(isFree, "It is taken"),
  address: z.object({ city: z.string() }),
  tags: z.array(z.string()),
});

const asyncValibot = v.objectAsync({
  name: v.pipeAsync(v.string(), v.trim(), v.checkAsync(isFree, "It is taken")),
  address: v.object({ city: v.string() }),
  tags: v.array(v.string()),
});

/** Handles a command with its bus, and returns what the handler got. */
async function handle(message: CreateUser, middleware: Middleware): Promise<CreateUser> {
  const commands = new MessageRouter().newCommandBus().use(middleware).subscribe(CreateUser, (command) => command);
  return await commands.dispatch(message) as CreateUser;
}

for (
  const [library, Create] of Object.entries({
    zod: CreateWithZod,
    valibot: CreateWithValibot,
    arktype: CreateWithArktype,
  })
) {
  Deno.test(`validate() gives the handler the output of a schema of ${library}`, async () => {
    const message = Object.assign(new Create("  Ada ", "London", ["admin"]), { extra: 1 });
    const handled = await handle(message, validate());

    assert(handled instanceof Create);
    assertEquals(handled.greet(), "Hello Ada");
    assertEquals([handled.address, handled.tags], [{ city: "London" }, ["admin"]]);
    assertEquals(message.name, "  Ada ");
  });
}

for (const [library, Create] of Object.entries({ zod: CreateWithZod, valibot: CreateWithValibot })) {
  Deno.test(`validate() rejects with all the issues that a schema of ${library} finds`, async () => {
    const error = await assertRejects(
      () => handle(new Create("  ", "L", ["admin", ""]), validate()),
      MessageValidationError,
    );

    assertEquals(error.issues, [
      { path: ["name"], message: "It is empty" },
      { path: ["address", "city"], message: "It is too short" },
      { path: ["tags", 1], message: "It is empty" },
    ]);
    assertEquals(
      error.message,
      `Cannot handle "${Create.name}": name: It is empty; address.city: It is too short; tags[1]: It is empty`,
    );
  });
}

Deno.test("validate() rejects with all the issues that a schema of arktype finds", async () => {
  const message = new CreateWithArktype("  ", "L", ["admin", ""]);
  const error = await assertRejects(() => handle(message, validate()), MessageValidationError);

  assertEquals(error.issues, [
    { path: ["address", "city"], message: "address.city must be at least length 2 (was 1)" },
    { path: ["tags", 1], message: "tags[1] must be non-empty" },
    { path: ["name"], message: "name must be non-empty" },
  ]);
  assertEquals(
    error.message,
    'Cannot handle "CreateWithArktype": address.city must be at least length 2 (was 1); tags[1] must be non-empty; ' +
      "name must be non-empty",
  );
});

for (const [library, Create] of Object.entries({ zod: CreateWithZod, valibot: CreateWithValibot })) {
  Deno.test(`validate() gives the handler no data that a schema of ${library} does not know`, async () => {
    const message = Object.assign(new Create("Ada", "London"), { isAdmin: true });

    assertEquals(Object.keys(await handle(message, validate())).sort(), ["address", "name", "tags"]);
  });
}

for (
  const [library, middleware] of [
    ["zod", validate(CreateUser, asyncZod)],
    ["valibot", validate(CreateUser, asyncValibot)],
  ] as const
) {
  Deno.test(`validate() waits for an asynchronous schema of ${library}`, async () => {
    assertEquals((await handle(new CreateUser(" Ada ", "London"), middleware)).name, "Ada");

    const error = await assertRejects(
      () => handle(new CreateUser(" Grace ", "London"), middleware),
      MessageValidationError,
    );
    assertEquals(error.message, 'Cannot handle "CreateUser": name: It is taken');
  });
}

Deno.test("validate() passes on an instance of the class that a schema outputs", async () => {
  class Transfer extends Command<number> {
    readonly #amount: number;
    constructor(amount: number) {
      super();
      this.#amount = amount;
    }
    get amount(): number {
      return this.#amount;
    }
  }
  const schema = z.instanceof(Transfer).refine(({ amount }) => amount > 0, "The amount is too low")
    .transform(({ amount }) => new Transfer(Math.round(amount)));
  const commands = new MessageRouter().newCommandBus().use(validate(Transfer, schema))
    .subscribe(Transfer, ({ amount }) => amount);

  assertEquals(await commands.dispatch(new Transfer(4.6)), 5);
  const error = await assertRejects(() => commands.dispatch(new Transfer(0)), MessageValidationError);
  assertEquals(error.message, 'Cannot handle "Transfer": The amount is too low');
});

// What the compiler says

/** Takes code that is compiled and never called. */
function compiled(_code: () => unknown): void {}

Deno.test("validate() accepts every schema of the specification, and its own type fits the specification", () => {
  compiled(() => {
    const theirs = null as unknown as StandardSchemaV1<unknown, { name: string }>;
    const ours: StandardSchema<{ name: string }> = theirs;
    class Rename extends Command {
      readonly name: string = "";
    }
    validate(Rename, theirs);
    return ours;
  });
});

Deno.test("validate() refuses a schema whose output does not fit the message", () => {
  compiled(() => {
    // @ts-expect-error -- the name is missing
    validate(CreateUser, z.object({ address: z.object({ city: z.string() }), tags: z.array(z.string()) }));
    // @ts-expect-error -- the name is a number
    validate(CreateUser, v.object({ ...CreateWithValibot.schema.entries, name: v.number() }));
    // @ts-expect-error -- the name may be absent
    validate(CreateUser, type({ "name?": "string", address: { city: "string" }, tags: "string[]" }));
    // @ts-expect-error -- the input is right, and the output is wrong
    validate(CreateUser, CreateWithZod.schema.extend({ name: z.string().transform((name) => name.length) }));
    // @ts-expect-error -- in a class
    z.object({ name: z.string() }) satisfies SchemaFor<CreateUser>;
  });
});
