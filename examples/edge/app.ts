/**
 * The application. It knows HTTP, and nothing of the platform that it runs on: what differs from one to the next is
 * handed to it.
 *
 * @module
 */

import {
  Command,
  CommandBus,
  Container,
  defer,
  Event,
  EventBus,
  type HandlerContext,
  inject,
  InjectionToken,
  MessageRouter,
} from "@cq/core";

/** Sends a mail. */
export type SendMail = (mail: { readonly to: string; readonly subject: string }) => Promise<void>;

/** Keeps the platform awake until the work is done, though the request has been answered. */
export type WaitUntil = (work: Promise<unknown>) => void;

/** Answers a request. */
export type App = (request: Request, waitUntil: WaitUntil) => Promise<Response>;

const SEND_MAIL = new InjectionToken<SendMail>("SEND_MAIL");

class CreateUser extends Command<string> {
  readonly name: string;
  readonly email: string;

  constructor(name: string, email: string) {
    super();
    this.name = name;
    this.email = email;
  }
}

class UserCreated extends Event {
  readonly name: string;
  readonly email: string;

  constructor(name: string, email: string) {
    super();
    this.name = name;
    this.email = email;
  }
}

class CreateUserHandler {
  handle(_command: CreateUser, { signal }: HandlerContext): string {
    signal?.throwIfAborted(); // and hand it to the database
    return crypto.randomUUID(); // persist the user, return its id
  }
}

class SendWelcomeMail {
  readonly #send = inject(SEND_MAIL);

  async handle({ name, email }: UserCreated): Promise<void> {
    await this.#send({ to: email, subject: `Welcome, ${name}` });
  }
}

/**
 * Puts the application together, once for all requests.
 *
 * @param sendMail How this platform sends mails.
 * @returns The application.
 */
export function createApp(sendMail: SendMail): App {
  const container = new Container().bind(SEND_MAIL, () => sendMail);
  const router = new MessageRouter(container);
  // Called as functions, the decorators ask nothing of the bundler.
  router.commandHandler(CreateUser)(CreateUserHandler);
  router.eventHandler(UserCreated)(SendWelcomeMail);
  const commands = container.get(CommandBus);
  const events = container.get(EventBus);

  return async (request, waitUntil) => {
    if (request.method !== "POST" || new URL(request.url).pathname !== "/users") {
      return new Response("Not found", { status: 404 });
    }
    const { name, email } = await request.json();
    const id = await commands.dispatch(new CreateUser(name, email), { signal: request.signal });
    // The answer does not wait for the mail. Without the signal of the request: the mail is owed, whoever hangs up.
    defer(events, waitUntil).dispatch(new UserCreated(name, email));
    return Response.json({ id }, { status: 201, headers: { location: `/users/${id}` } });
  };
}
