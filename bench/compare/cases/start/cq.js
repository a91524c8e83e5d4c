const start = performance.now();
const { Command, MessageRouter } = await import("@cq/core");

class CreateUser extends Command {}
class CreateUserHandler {
  handle(_command) {
    return 1;
  }
}
const router = new MessageRouter();
router.commandHandler(CreateUser)(CreateUserHandler);
await router.newCommandBus().dispatch(new CreateUser());
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
