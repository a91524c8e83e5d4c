// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, Event, inject, MessageRouter, RelatedEvents } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

class DirectCommand {}
class DirectEvent {}
class DirectHandler {
  constructor(events) {
    this.events = events;
  }

  async handle(_command) {
    this.events.push(new DirectEvent());
    return 1;
  }
}
class DirectEventHandler {
  async handle(_event) {
    handled.direct++;
  }
}
async function byHand(command) {
  const events = [];
  const result = await new DirectHandler(events).handle(command);
  await Promise.all(
    events.map((event) => new DirectEventHandler().handle(event)),
  );
  return result;
}

class CreateUser extends Command {}
class UserCreated extends Event {}
class CreateUserHandler {
  constructor(events = inject(RelatedEvents)) {
    this.events = events;
  }

  async handle(_command) {
    this.events.add(new UserCreated());
    return 1;
  }
}
class UserCreatedHandler {
  async handle(_event) {
    handled.cq++;
  }
}
const router = new MessageRouter();
router.commandHandler(CreateUser)(CreateUserHandler);
router.eventHandler(UserCreated)(UserCreatedHandler);
const commands = router.newCommandBus();

await measure({
  "by hand": {
    run: () => byHand(new DirectCommand()),
    handled: () => handled.direct,
  },
  cq: {
    run: () => commands.dispatch(new CreateUser()),
    handled: () => handled.cq,
  },
});
