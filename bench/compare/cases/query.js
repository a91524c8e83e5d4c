// deno-lint-ignore-file require-await -- a handler of an application is async and awaits something
import { MessageRouter, Query } from "@cq/core";
import { measure } from "../measure.js";

const handled = { direct: 0, cq: 0 };

class DirectQuery {}
class DirectHandler {
  async handle(_query) {
    handled.direct++;
    return 1;
  }
}

class FindUser extends Query {}
class FindUserHandler {
  async handle(_query) {
    handled.cq++;
    return 1;
  }
}
const router = new MessageRouter();
router.queryHandler(FindUser)(FindUserHandler);
const queries = router.newQueryBus();

await measure({
  direct: {
    run: () => new DirectHandler().handle(new DirectQuery()),
    handled: () => handled.direct,
  },
  cq: {
    run: () => queries.dispatch(new FindUser()),
    handled: () => handled.cq,
  },
});
