const start = performance.now();
const { CommandBus, CommandHandler, startNest } = await import("../../nest.js");

class CreateUser {}
class CreateUserHandler {
  execute(_command) {
    return Promise.resolve(1);
  }
}
CommandHandler(CreateUser)(CreateUserHandler);
const application = await startNest([CreateUserHandler]);
await application.get(CommandBus).execute(new CreateUser());
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
