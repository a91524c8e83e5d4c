// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Event, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

class DirectEvent {}
class DirectFirst {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectSecond {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectThird {
  async handle(_event) {
    handled.direct++;
  }
}

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

await measure({
  "Promise.all": {
    run: () => {
      const event = new DirectEvent();
      return Promise.all([
        new DirectFirst().handle(event),
        new DirectSecond().handle(event),
        new DirectThird().handle(event),
      ]);
    },
    handled: () => handled.direct,
    hasOwnResult: true,
  },
  cq: {
    run: () => events.dispatch(new UserCreated()),
    handled: () => handled.cq,
  },
});
