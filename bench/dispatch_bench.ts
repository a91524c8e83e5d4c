/**
 * Compares a dispatch with the direct call of the handler. `deno bench` prints the ratio under each group.
 *
 * Every case builds a new handler for every message, and awaits its result.
 */
import { Command, Event, inject, MessageRouter, type Middleware, Query, RelatedEvents } from "@cq/core";

class FindUser extends Query<number> {}
class CreateUser extends Command<number> {}
class AnnounceUser extends Command<number> {}
class UserCreated extends Event {}

class FindUserHandler {
  handle(_query: FindUser): Promise<number> {
    return Promise.resolve(1);
  }
}

class CreateUserHandler {
  handle(_command: CreateUser): Promise<number> {
    return Promise.resolve(1);
  }
}

class AnnounceUserHandler {
  readonly #events: RelatedEvents;

  constructor(events = inject(RelatedEvents)) {
    this.#events = events;
  }

  handle(_command: AnnounceUser): Promise<number> {
    this.#events.add(new UserCreated());
    return Promise.resolve(1);
  }
}

class SendWelcomeMail {
  async handle(_event: UserCreated): Promise<void> {}
}

class CountUser {
  async handle(_event: UserCreated): Promise<void> {}
}

class WriteAuditLog {
  async handle(_event: UserCreated): Promise<void> {}
}

function newRouter(): MessageRouter {
  const router = new MessageRouter();
  router.queryHandler(FindUser)(FindUserHandler);
  router.commandHandler(CreateUser)(CreateUserHandler);
  router.commandHandler(AnnounceUser)(AnnounceUserHandler);
  for (const handler of [SendWelcomeMail, CountUser, WriteAuditLog]) router.eventHandler(UserCreated)(handler);
  return router;
}

const router = newRouter();
const queries = router.newQueryBus();
const commands = router.newCommandBus();
const events = router.newEventBus();

const query = new FindUser();
const command = new CreateUser();
const announcement = new AnnounceUser();
const event = new UserCreated();

const announce = () =>
  Promise.all([
    new SendWelcomeMail().handle(event),
    new CountUser().handle(event),
    new WriteAuditLog().handle(event),
  ]);

Deno.bench("direct call", { group: "query", baseline: true }, async () => {
  await new FindUserHandler().handle(query);
});
Deno.bench("QueryBus", { group: "query" }, async () => {
  await queries.dispatch(query);
});

Deno.bench("direct call", { group: "command", baseline: true }, async () => {
  await new CreateUserHandler().handle(command);
});
Deno.bench("CommandBus", { group: "command" }, async () => {
  await commands.dispatch(command);
});

Deno.bench("Promise.all", { group: "event of three handlers", baseline: true }, async () => {
  await announce();
});
Deno.bench("EventBus", { group: "event of three handlers" }, async () => {
  await events.dispatch(event);
});

Deno.bench("direct call, then Promise.all", { group: "command with a related event", baseline: true }, async () => {
  await new CreateUserHandler().handle(command);
  await announce();
});
Deno.bench("CommandBus", { group: "command with a related event" }, async () => {
  await commands.dispatch(announcement);
});

const passThrough = async (_message: object, next: () => Promise<unknown>) => await next();
const classic: Middleware = (message, next) => passThrough(message, next);
const withMiddlewares = newRouter().newQueryBus().use(classic, classic, classic);
const withGenerators = newRouter().newQueryBus().use(...Array.from({ length: 3 }, (): Middleware =>
  function* () {
    yield;
  }));

Deno.bench("nested functions", { group: "query with three middlewares", baseline: true }, async () => {
  await passThrough(
    query,
    () => passThrough(query, () => passThrough(query, () => new FindUserHandler().handle(query))),
  );
});
Deno.bench("QueryBus, classic", { group: "query with three middlewares" }, async () => {
  await withMiddlewares.dispatch(query);
});
Deno.bench("QueryBus, sync generators", { group: "query with three middlewares" }, async () => {
  await withGenerators.dispatch(query);
});
