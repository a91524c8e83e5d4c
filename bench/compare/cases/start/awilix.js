const start = performance.now();
const { peer } = await import("../../peer.js");
const { asClass, createContainer } = await peer("awilix");

class CreateUserHandler {}
createContainer().register({ handler: asClass(CreateUserHandler) }).resolve(
  "handler",
);
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
