// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, Event, inject, MessageRouter, RelatedEvents } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

/** Five classes of one kind, each from a different source: engines share what they learn of equal sources. */
function five(body, scope = {}) {
  const names = Object.keys(scope);
  return Array.from(
    { length: 5 },
    (_, i) => new Function(...names, `// ${i}\n${body}`)(...Object.values(scope)),
  );
}
let turn = 0;
const nextOf = (types) => types[turn = (turn + 1) % 5];

// By hand.
class DirectEvent {}
class DirectMail {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectCount {
  async handle(_event) {
    handled.direct++;
  }
}
const directHandlers = five(
  "return class { constructor(events) { this.events = events; }" +
    " async handle(_command) { this.events.push(new DirectEvent()); return 1; } }",
  { DirectEvent },
);
const directTypes = five("return class {}").map((Message, i) => ({
  Message,
  Handler: directHandlers[i],
}));
async function directLog(message, next) {
  return await next(message);
}
async function directTime(message, next) {
  return await next(message);
}
async function byHand({ Message, Handler }) {
  const message = new Message();
  const events = [];
  const result = await directLog(
    message,
    () => directTime(message, () => new Handler(events).handle(message)),
  );
  await Promise.all(
    events.map((event) =>
      Promise.all([
        new DirectMail().handle(event),
        new DirectCount().handle(event),
      ])
    ),
  );
  return result;
}

// @cq/core.
class UserCreated extends Event {}
class Mail {
  async handle(_event) {
    handled.cq++;
  }
}
class Count {
  async handle(_event) {
    handled.cq++;
  }
}
const router = new MessageRouter();
const types = five("return class extends Command {}", { Command });
five(
  "return class { constructor(events = inject(RelatedEvents)) { this.events = events; }" +
    " async handle(_command) { this.events.add(new UserCreated()); return 1; } }",
  { inject, RelatedEvents, UserCreated },
).forEach((handler, i) => router.commandHandler(types[i])(handler));
router.eventHandler(UserCreated)(Mail);
router.eventHandler(UserCreated)(Count);
const commands = router.newCommandBus().use(
  async function log(_message, next) {
    return await next();
  },
  async function time(_message, next) {
    return await next();
  },
);

await measure({
  "by hand": {
    run: () => byHand(nextOf(directTypes)),
    handled: () => handled.direct,
  },
  cq: {
    run: () => commands.dispatch(new (nextOf(types))()),
    handled: () => handled.cq,
  },
});
