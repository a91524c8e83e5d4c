// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

class DirectCommand {}
class DirectHandler {
  async handle(_command) {
    handled.direct++;
    return 1;
  }
}

class CreateUser extends Command {}
class CreateUserHandler {
  async handle(_command) {
    handled.cq++;
    return 1;
  }
}
const router = new MessageRouter();
router.commandHandler(CreateUser)(CreateUserHandler);
const commands = router.newCommandBus();

await measure({
  direct: {
    run: () => new DirectHandler().handle(new DirectCommand()),
    handled: () => handled.direct,
  },
  cq: {
    run: () => commands.dispatch(new CreateUser()),
    handled: () => handled.cq,
  },
});
