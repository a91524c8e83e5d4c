/** Messages that are validated by a schema of zod before a handler is built: those of any Standard Schema would do. */
import { Command, MessageRouter, Query } from "@cq/core";
import { MessageValidationError, type SchemaFor, validate } from "@cq/core/middlewares";
import { z } from "zod";

class CreateUser extends Command<string> {
  /** The schema belongs to the message. The compiler checks that its output fits. */
  static readonly schema = z.object({
    name: z.string().trim().min(1, "A user needs a name"),
    email: z.email("This is not an address").toLowerCase(),
  }) satisfies SchemaFor<CreateUser>;

  readonly name: string;
  readonly email: string;

  constructor(name: string, email: string) {
    super();
    this.name = name;
    this.email = email;
  }
}

class FindUser extends Query<string> {
  readonly id: number;

  constructor(id: number) {
    super();
    this.id = id;
  }
}

const router = new MessageRouter();

@router.commandHandler(CreateUser)
export class CreateUserHandler {
  handle({ name, email }: CreateUser): string {
    return `${name} <${email}>`;
  }
}

@router.queryHandler(FindUser)
export class FindUserHandler {
  handle({ id }: FindUser): string {
    return `user ${id}`;
  }
}

const commands = router.newCommandBus().use(validate());
// A message that should not know its schema: it is given where the bus is put together.
const queries = router.newQueryBus().use(validate(FindUser, z.object({ id: z.int().positive("An id is positive") })));

console.log(`Created: ${await commands.dispatch(new CreateUser("  Ada ", "Ada@Example.com"))}`);
console.log(`Found: ${await queries.dispatch(new FindUser(7))}`);

for (const attempt of [() => commands.dispatch(new CreateUser(" ", "ada")), () => queries.dispatch(new FindUser(-1))]) {
  try {
    await attempt();
  } catch (error) {
    if (!(error instanceof MessageValidationError)) throw error;
    console.log(error.message);
    for (const { path, message } of error.issues) console.log(`  ${path.join(".")}: ${message}`);
  }
}
