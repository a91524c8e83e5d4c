/** A command that has consequences: its handler injects a repository, and adds an event for others to handle. */
import {
  Command,
  CommandBus,
  commandHandler,
  container,
  Event,
  eventHandler,
  inject,
  Query,
  QueryBus,
  queryHandler,
  RelatedEvents,
} from "@cq/core";

abstract class UserRepository {
  abstract add(name: string): number;
  abstract count(): number;
}

class MemoryUserRepository extends UserRepository {
  readonly #names: string[] = [];

  add(name: string): number {
    return this.#names.push(name);
  }

  count(): number {
    return this.#names.length;
  }
}

container.bind(UserRepository, () => new MemoryUserRepository());

class CreateUser extends Command<number> {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

class CountUsers extends Query<number> {}

class UserCreated extends Event {
  readonly id: number;
  readonly name: string;

  constructor(id: number, name: string) {
    super();
    this.id = id;
    this.name = name;
  }
}

@commandHandler(CreateUser)
export class CreateUserHandler {
  readonly #users: UserRepository;
  readonly #events: RelatedEvents;

  constructor(users = inject(UserRepository), events = inject(RelatedEvents)) {
    this.#users = users;
    this.#events = events;
  }

  handle({ name }: CreateUser): number {
    if (name === "") throw new Error("A user needs a name");
    const id = this.#users.add(name);
    this.#events.add(new UserCreated(id, name));
    console.log(`Handler: stored ${name}, the event waits until the command has succeeded`);
    return id;
  }
}

@queryHandler(CountUsers)
export class CountUsersHandler {
  readonly #users = inject(UserRepository);

  handle(_query: CountUsers): number {
    return this.#users.count();
  }
}

@eventHandler(UserCreated)
export class SendWelcomeMail {
  handle({ name }: UserCreated): void {
    console.log(`Event: a welcome mail to ${name}`);
  }
}

@eventHandler(UserCreated, { failSilently: true })
export class UpdateStatistics {
  handle({ id }: UserCreated): void {
    console.log(`Event: the statistics of user ${id} are out of order, and nobody minds`);
    throw new Error("The statistics are out of order");
  }
}

const commands = container.get(CommandBus);
const queries = container.get(QueryBus);

const id = await commands.dispatch(new CreateUser("Ada"));
console.log(`Created user ${id}, now there are ${await queries.dispatch(new CountUsers())}`);

try {
  await commands.dispatch(new CreateUser(""));
} catch (error) {
  console.log(`Failed, so no event was published: ${(error as Error).message}`);
}
