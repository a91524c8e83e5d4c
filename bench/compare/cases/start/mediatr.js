const start = performance.now();
const { peer } = await import("../../peer.js");
const { Mediator, RequestData, requestHandler } = await peer("mediatr-ts");

class CreateUser extends RequestData {}
class CreateUserHandler {
  handle(_request) {
    return Promise.resolve(1);
  }
}
requestHandler(CreateUser)(CreateUserHandler);
await new Mediator().send(new CreateUser());
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
