// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { MessageRouter, Query } from "@cq/core";
import { measure } from "../measure.js";
import { callHandNested, handNested } from "./hand_nested.js";

let handled = 0;

class FindUser extends Query {}
class FindUserHandler {
  async handle(_query) {
    handled++;
    return 1;
  }
}
const router = new MessageRouter();
router.queryHandler(FindUser)(FindUserHandler);
const queries = router.newQueryBus().use(
  async function first(_message, next) {
    return await next();
  },
  async function second(_message, next) {
    return await next();
  },
  async function third(_message, next) {
    return await next();
  },
);

await measure({
  "hand-nested": { run: callHandNested, handled: () => handNested.handled },
  cq: { run: () => queries.dispatch(new FindUser()), handled: () => handled },
});
