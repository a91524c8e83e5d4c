import { CommandBus, Container, EventBus, MessageRouter, QueryBus } from "@cq/core";
import { validate } from "@cq/core/middlewares";
import { Background } from "./background.ts";
import { CreateUserHandler, GetUserHandler, ListUsersHandler, SendWelcomeMail } from "./handlers.ts";
import { Mailer } from "./mailer.ts";
import { CreateUser, GetUser, ListUsers, UserCreated } from "./messages.ts";
import { UserRepository } from "./user.ts";

export interface AppOptions {
  readonly users: UserRepository;
  readonly mailer: Mailer;
  /** Is told of errors that are nobody's fault but ours. */
  readonly report?: (error: unknown) => void;
}

/** What a web framework needs of the application. */
export interface App {
  readonly commands: CommandBus;
  readonly queries: QueryBus;
  readonly report: (error: unknown) => void;
  /** Waits for what is owed after the responses. */
  readonly idle: () => Promise<void>;
}

export function createApp({ users, mailer, report = console.error }: AppOptions): App {
  const background = new Background(report);
  const container = new Container()
    .bind(UserRepository, () => users)
    .bind(Mailer, () => mailer);
  const router = new MessageRouter(container);
  container
    .bind(CommandBus, () => router.newCommandBus().use(validate()))
    .bind(QueryBus, () => router.newQueryBus().use(validate()))
    .bind(EventBus, () => router.newEventBus().use(background.middleware));

  // Where there is one application in a process, its handlers are decorated: @router.commandHandler(CreateUser).
  router.commandHandler(CreateUser)(CreateUserHandler);
  router.queryHandler(GetUser)(GetUserHandler);
  router.queryHandler(ListUsers)(ListUsersHandler);
  router.eventHandler(UserCreated)(SendWelcomeMail);

  return {
    commands: container.get(CommandBus),
    queries: container.get(QueryBus),
    report,
    idle: () => background.idle(),
  };
}
