/** A command, its handler, and the bus that brings them together. */
import { Command, CommandBus, commandHandler, container } from "@cq/core";

class CreateUser extends Command<number> {
  readonly name: string;
  readonly email: string;

  constructor(name: string, email: string) {
    super();
    this.name = name;
    this.email = email;
  }
}

@commandHandler(CreateUser)
export class CreateUserHandler {
  async handle(_command: CreateUser): Promise<number> {
    return await Promise.resolve(42); // persist the user, return its id
  }
}

const userId = await container.get(CommandBus).dispatch(new CreateUser("Ada", "ada@example.com")); // number

console.log(`Created user ${userId}`);
