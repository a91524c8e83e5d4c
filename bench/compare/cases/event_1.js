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

class UserCreated extends Event {}
class CqFirst {
  async handle(_event) {
    handled.cq++;
  }
}
const router = new MessageRouter();
for (const handler of [CqFirst]) router.eventHandler(UserCreated)(handler);
const events = router.newEventBus();

await measure({
  "Promise.all": {
    run: () => {
      const event = new DirectEvent();
      return Promise.all([new DirectFirst().handle(event)]);
    },
    handled: () => handled.direct,
    hasOwnResult: true,
  },
  cq: {
    run: () => events.dispatch(new UserCreated()),
    handled: () => handled.cq,
  },
});
