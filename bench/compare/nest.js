import { peer } from "./peer.js";

await peer("reflect-metadata");
export const { Inject, Injectable, Module, Scope } = await peer(
  "@nestjs/common",
);
export const {
  CommandBus,
  CommandHandler,
  CqrsModule,
  EventBus,
  EventsHandler,
} = await peer("@nestjs/cqrs");
const { NestFactory } = await peer("@nestjs/core");

/**
 * Starts an application with `@nestjs/cqrs`, as its documentation does: `CqrsModule.forRoot()`, and the handlers among
 * the providers. Decorators are called as functions, as a compiler would do it.
 *
 * @param {readonly object[]} providers The handlers.
 * @returns {Promise<any>} The application.
 */
export async function startNest(providers) {
  class AppModule {}
  Module({ imports: [CqrsModule.forRoot()], providers })(AppModule);
  return await NestFactory.createApplicationContext(AppModule, {
    logger: false,
  });
}
