// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";
import { CommandBus, CommandHandler, startNest } from "../nest.js";

const IN_FLIGHT = 64;
const handled = { cq: 0, nest: 0 };

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

class NestCommand {}
class NestHandler {
  async execute(_command) {
    handled.nest++;
    return 1;
  }
}
CommandHandler(NestCommand)(NestHandler);
const nest = (await startNest([NestHandler])).get(CommandBus);

await measure({
  cq: {
    run: () => {
      const flights = [];
      for (let i = 0; i < IN_FLIGHT; i++) {
        flights.push(commands.dispatch(new CreateUser()));
      }
      return Promise.all(flights);
    },
    handled: () => handled.cq,
    perRun: IN_FLIGHT,
  },
  nest: {
    run: () => {
      const flights = [];
      for (let i = 0; i < IN_FLIGHT; i++) {
        flights.push(nest.execute(new NestCommand()));
      }
      return Promise.all(flights);
    },
    handled: () => handled.nest,
    perRun: IN_FLIGHT,
  },
});
