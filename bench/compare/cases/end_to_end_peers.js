// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, Event, inject, MessageRouter, RelatedEvents } from "@cq/core";
import { measure } from "../measure.js";
import { CommandBus, CommandHandler, EventBus, EventsHandler, Inject, startNest } from "../nest.js";
import { peer } from "../peer.js";

const {
  Mediator,
  NotificationData,
  notificationHandler,
  pipelineBehavior,
  RequestData,
  requestHandler,
} = await peer(
  "mediatr-ts",
);
const handled = { cq: 0, nest: 0, mediatr: 0 };

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

// @nestjs/cqrs: it has no middlewares, and does not wait for the handlers of events.
class NestEvent {}
class NestMail {
  async handle(_event) {
    handled.nest++;
  }
}
class NestCount {
  async handle(_event) {
    handled.nest++;
  }
}
const nestTypes = five("return class {}");
const nestHandlers = five(
  "return class { constructor(events) { this.events = events; }" +
    " async execute(_command) { this.events.publish(new NestEvent()); return 1; } }",
  { NestEvent },
);
nestHandlers.forEach((handler, i) => {
  CommandHandler(nestTypes[i])(handler);
  Inject(EventBus)(handler, undefined, 0);
});
for (const handler of [NestMail, NestCount]) EventsHandler(NestEvent)(handler);
const nest = (await startNest([...nestHandlers, NestMail, NestCount])).get(
  CommandBus,
);

// mediatr-ts.
class MediatrEvent extends NotificationData {}
class MediatrMail {
  async handle(_event) {
    handled.mediatr++;
  }
}
class MediatrCount {
  async handle(_event) {
    handled.mediatr++;
  }
}
for (const handler of [MediatrMail, MediatrCount]) {
  notificationHandler(MediatrEvent)(handler);
}
class MediatrLog {
  async handle(_request, next) {
    return await next();
  }
}
class MediatrTime {
  async handle(_request, next) {
    return await next();
  }
}
for (const behavior of [MediatrLog, MediatrTime]) pipelineBehavior()(behavior);
const mediatrTypes = five("return class extends RequestData {}", {
  RequestData,
});
const publisher = { mediator: undefined };
five(
  "return class { async handle(_request)" +
    " { await publisher.mediator.publish(new MediatrEvent()); return 1; } }",
  { publisher, MediatrEvent },
).forEach((handler, i) => requestHandler(mediatrTypes[i])(handler));
const mediator = publisher.mediator = new Mediator();

await measure({
  cq: {
    run: () => commands.dispatch(new (nextOf(types))()),
    handled: () => handled.cq,
  },
  nest: {
    run: () => nest.execute(new (nextOf(nestTypes))()),
    handled: () => handled.nest,
    isUnawaited: true,
  },
  "mediatr-ts": {
    run: () => mediator.send(new (nextOf(mediatrTypes))()),
    handled: () => handled.mediatr,
  },
});
