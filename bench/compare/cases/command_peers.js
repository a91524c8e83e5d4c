// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { Command, MessageRouter } from "@cq/core";
import { measure } from "../measure.js";
import { CommandBus, CommandHandler, Injectable, Scope, startNest } from "../nest.js";
import { peer } from "../peer.js";

const { Mediator, RequestData, requestHandler } = await peer("mediatr-ts");
const handled = { cq: 0, nest: 0, request: 0, mediatr: 0 };

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

class RequestCommand {}
class RequestHandler {
  async execute(_command) {
    handled.request++;
    return 1;
  }
}
CommandHandler(RequestCommand)(RequestHandler);
Injectable({ scope: Scope.REQUEST })(RequestHandler);
const nest = (await startNest([NestHandler, RequestHandler])).get(CommandBus);

class MediatrCommand extends RequestData {}
class MediatrHandler {
  async handle(_command) {
    handled.mediatr++;
    return 1;
  }
}
requestHandler(MediatrCommand)(MediatrHandler);
const mediator = new Mediator();

await measure({
  cq: {
    run: () => commands.dispatch(new CreateUser()),
    handled: () => handled.cq,
  },
  nest: {
    run: () => nest.execute(new NestCommand()),
    handled: () => handled.nest,
  },
  "nest, request-scoped": {
    run: () => nest.execute(new RequestCommand()),
    handled: () => handled.request,
  },
  "mediatr-ts": {
    run: () => mediator.send(new MediatrCommand()),
    handled: () => handled.mediatr,
  },
});
