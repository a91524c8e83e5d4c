const start = performance.now();
const { peer } = await import("../../peer.js");
await peer("reflect-metadata");
const { Container, injectable } = await peer("inversify");

class CreateUserHandler {}
injectable()(CreateUserHandler);
const container = new Container();
container.bind(CreateUserHandler).toSelf();
container.get(CreateUserHandler);
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
