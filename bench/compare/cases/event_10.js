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
class DirectFourth {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectFifth {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectSixth {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectSeventh {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectEighth {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectNinth {
  async handle(_event) {
    handled.direct++;
  }
}
class DirectTenth {
  async handle(_event) {
    handled.direct++;
  }
}
const directHandlers = [
  DirectFirst,
  DirectSecond,
  DirectThird,
  DirectFourth,
  DirectFifth,
  DirectSixth,
  DirectSeventh,
  DirectEighth,
  DirectNinth,
  DirectTenth,
];

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
class CqFourth {
  async handle(_event) {
    handled.cq++;
  }
}
class CqFifth {
  async handle(_event) {
    handled.cq++;
  }
}
class CqSixth {
  async handle(_event) {
    handled.cq++;
  }
}
class CqSeventh {
  async handle(_event) {
    handled.cq++;
  }
}
class CqEighth {
  async handle(_event) {
    handled.cq++;
  }
}
class CqNinth {
  async handle(_event) {
    handled.cq++;
  }
}
class CqTenth {
  async handle(_event) {
    handled.cq++;
  }
}
const router = new MessageRouter();
for (
  const handler of [
    CqFirst,
    CqSecond,
    CqThird,
    CqFourth,
    CqFifth,
    CqSixth,
    CqSeventh,
    CqEighth,
    CqNinth,
    CqTenth,
  ]
) router.eventHandler(UserCreated)(handler);
const events = router.newEventBus();

await measure({
  "Promise.all": {
    run: () => {
      const event = new DirectEvent();
      return Promise.all([
        new DirectFirst().handle(event),
        new DirectSecond().handle(event),
        new DirectThird().handle(event),
        new DirectFourth().handle(event),
        new DirectFifth().handle(event),
        new DirectSixth().handle(event),
        new DirectSeventh().handle(event),
        new DirectEighth().handle(event),
        new DirectNinth().handle(event),
        new DirectTenth().handle(event),
      ]);
    },
    handled: () => handled.direct,
    hasOwnResult: true,
  },
  "Promise.all over a list": {
    run: () => {
      const event = new DirectEvent();
      return Promise.all(directHandlers.map((Handler) => new Handler().handle(event)));
    },
    handled: () => handled.direct,
    hasOwnResult: true,
  },
  cq: {
    run: () => events.dispatch(new UserCreated()),
    handled: () => handled.cq,
  },
});
