import { MessageRouter, Query } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

// Each class has a different source: engines share what they learn of closures with the same source.
const make = (body) =>
  Array.from(
    { length: 10 },
    (_, i) => new Function("base", "handled", `// ${i}\n${body}`),
  );

const directMessages = make("return class {}").map((define) => new (define())());
const directHandlers = make(
  "return class { async handle(_query) { handled.direct++; return 1; } }",
)
  .map((define) => define(undefined, handled));
let directTurn = 0;

const messages = make("return class extends base {}").map((define) => new (define(Query))());
const handlers = make(
  "return class { async handle(_query) { handled.cq++; return 1; } }",
)
  .map((define) => define(undefined, handled));
const router = new MessageRouter();
messages.forEach((message, i) => router.queryHandler(message.constructor)(handlers[i]));
const queries = router.newQueryBus();
let turn = 0;

await measure({
  direct: {
    run: () => {
      const i = directTurn = (directTurn + 1) % 10;
      return new directHandlers[i]().handle(directMessages[i]);
    },
    handled: () => handled.direct,
  },
  cq: {
    run: () => queries.dispatch(messages[turn = (turn + 1) % 10]),
    handled: () => handled.cq,
  },
});
