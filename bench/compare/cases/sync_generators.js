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
  function* first() {
    yield;
  },
  function* second() {
    yield;
  },
  function* third() {
    yield;
  },
);

await measure({
  "hand-nested": { run: callHandNested, handled: () => handNested.handled },
  cq: { run: () => queries.dispatch(new FindUser()), handled: () => handled },
});
