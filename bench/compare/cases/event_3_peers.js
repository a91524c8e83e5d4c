// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Event, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";
import { EventBus, EventsHandler, startNest } from "../nest.js";
import { peer } from "../peer.js";

const { Mediator, NotificationData, notificationHandler } = await peer(
  "mediatr-ts",
);
const { default: Emittery } = await peer("emittery");
const { default: EventEmitter3 } = await peer("eventemitter3");

const handled = {
  cq: 0,
  emittery: 0,
  mediatr: 0,
  nest: 0,
  eventemitter3: 0,
};

class UserCreated extends Event {}
class CqFirst {
  async handle(_event) {
    handled.cq++;
  }
}
class CqSecond {
  async handle(_event) {
    handled.cq++;
  }
}
class CqThird {
  async handle(_event) {
    handled.cq++;
  }
}
const router = new MessageRouter();
for (const handler of [CqFirst, CqSecond, CqThird]) {
  router.eventHandler(UserCreated)(handler);
}
const events = router.newEventBus();

class EmitteryEvent {}
class EmitteryFirst {
  async handle(_event) {
    handled.emittery++;
  }
}
class EmitterySecond {
  async handle(_event) {
    handled.emittery++;
  }
}
class EmitteryThird {
  async handle(_event) {
    handled.emittery++;
  }
}
const emittery = new Emittery();
emittery.on("created", ({ data }) => new EmitteryFirst().handle(data));
emittery.on("created", ({ data }) => new EmitterySecond().handle(data));
emittery.on("created", ({ data }) => new EmitteryThird().handle(data));

class MediatrEvent extends NotificationData {}
class MediatrFirst {
  async handle(_event) {
    handled.mediatr++;
  }
}
class MediatrSecond {
  async handle(_event) {
    handled.mediatr++;
  }
}
class MediatrThird {
  async handle(_event) {
    handled.mediatr++;
  }
}
for (const handler of [MediatrFirst, MediatrSecond, MediatrThird]) {
  notificationHandler(MediatrEvent)(handler);
}
const mediator = new Mediator();

class NestEvent {}
class NestFirst {
  async handle(_event) {
    handled.nest++;
  }
}
class NestSecond {
  async handle(_event) {
    handled.nest++;
  }
}
class NestThird {
  async handle(_event) {
    handled.nest++;
  }
}
const nestHandlers = [NestFirst, NestSecond, NestThird];
for (const handler of nestHandlers) EventsHandler(NestEvent)(handler);
const nest = (await startNest(nestHandlers)).get(EventBus);

class EmitterEvent {}
class EmitterFirst {
  async handle(_event) {
    handled.eventemitter3++;
  }
}
class EmitterSecond {
  async handle(_event) {
    handled.eventemitter3++;
  }
}
class EmitterThird {
  async handle(_event) {
    handled.eventemitter3++;
  }
}
const emitter = new EventEmitter3();
emitter.on("created", (event) => new EmitterFirst().handle(event));
emitter.on("created", (event) => new EmitterSecond().handle(event));
emitter.on("created", (event) => new EmitterThird().handle(event));

await measure({
  cq: {
    run: () => events.dispatch(new UserCreated()),
    handled: () => handled.cq,
  },
  emittery: {
    run: () => emittery.emit("created", new EmitteryEvent()),
    handled: () => handled.emittery,
  },
  "mediatr-ts": {
    run: () => mediator.publish(new MediatrEvent()),
    handled: () => handled.mediatr,
  },
  "nest, not awaited": {
    run: () => nest.publish(new NestEvent()),
    handled: () => handled.nest,
    isUnawaited: true,
    hasOwnResult: true,
  },
  "EventEmitter3, not awaited": {
    run: () => emitter.emit("created", new EmitterEvent()),
    handled: () => handled.eventemitter3,
    isUnawaited: true,
    hasOwnResult: true,
  },
});
