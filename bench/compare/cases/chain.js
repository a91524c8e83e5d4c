// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { measure } from "../measure.js";
import { chainSource, peer } from "../peer.js";

const { default: koaCompose } = await peer("koa-compose");
// Hono does not export it. It runs the middlewares of every application.
const { compose: honoCompose } = await peer(
  "./node_modules/hono/dist/compose.js",
);
const { compose } = await chainSource();

const handled = { cq: 0, koa: 0, hono: 0 };

class CqHandler {
  async handle(_message) {
    handled.cq++;
    return 1;
  }
}
const message = {};
const chain = compose([
  async function first(_message, next) {
    return await next();
  },
  async function second(_message, next) {
    return await next();
  },
  async function third(_message, next) {
    return await next();
  },
], (message) => new CqHandler().handle(message));

class KoaHandler {
  async handle(_context) {
    handled.koa++;
    return 1;
  }
}
const koa = koaCompose([
  async function first(_context, next) {
    return await next();
  },
  async function second(_context, next) {
    return await next();
  },
  async function third(_context, next) {
    return await next();
  },
]);
const koaHandle = (context) => new KoaHandler().handle(context);

class HonoHandler {
  async handle(_context) {
    handled.hono++;
    return 1;
  }
}
const hono = honoCompose([
  [[async function first(_context, next) {
    await next();
  }]],
  [[async function second(_context, next) {
    await next();
  }]],
  [[async function third(_context, next) {
    await next();
  }]],
  [[(context) => new HonoHandler().handle(context)]],
]);

await measure({
  cq: {
    run: () =>
      chain(message, {
        kind: "query",
        signal: undefined,
        metadata: message,
        handler: CqHandler,
      }, undefined),
    handled: () => handled.cq,
  },
  "koa-compose": {
    run: () => koa({ message }, koaHandle),
    handled: () => handled.koa,
  },
  "hono's compose": {
    run: () => hono({ req: { routeIndex: 0 }, finalized: false, res: undefined }),
    handled: () => handled.hono,
    hasOwnResult: true,
  },
});
